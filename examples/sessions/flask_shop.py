"""A shop on Flask.  flask --app flask_shop run --port 8001        (SESSION_STORE=redis://127.0.0.1/0)"""

import os

from flask import Flask, session

from steelyard.sessions.flask import Sessions

app = Flask(__name__)
app.config["SESSION_STORE"] = os.environ.get("SESSION_STORE", "sqlite:///sessions.db")
app.config["SESSION_INSECURE"] = True  # plain HTTP, for development only
Sessions(app)


@app.post("/login/<user>")
def login(user: str) -> dict[str, str]:
    session.login(user)
    return {"user": user}


@app.post("/basket/<article>")
def put(article: str) -> dict[str, object]:
    session.setdefault("basket", []).append(article)
    return {"user": session.principal, "basket": session["basket"]}
