"""A shop on FastAPI.  uvicorn fastapi_shop:app --port 8001        (SESSION_STORE=redis://127.0.0.1/0)"""

import os

from fastapi import FastAPI, Request

from steelyard.sessions import SessionMiddleware

app = FastAPI()
app.add_middleware(
    SessionMiddleware,
    store=os.environ.get("SESSION_STORE", "sqlite:///sessions.db"),
    insecure=True,  # plain HTTP, for development only
)


@app.post("/login/{user}")
async def login(request: Request, user: str) -> dict[str, str]:
    request.session.login(user)
    return {"user": user}


@app.post("/basket/{article}")
async def put(request: Request, article: str) -> dict[str, object]:
    request.session.setdefault("basket", []).append(article)
    return {"user": request.session.principal, "basket": request.session["basket"]}
