"""A shop on Django, in one file.  python django_shop.py runserver 8001        (SESSION_STORE=redis://127.0.0.1/0)"""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    DEBUG=True,
    SECRET_KEY="only for development",
    ROOT_URLCONF=__name__,
    SESSION_ENGINE="steelyard.sessions.django",
    SESSION_STORE=os.environ.get("SESSION_STORE", "sqlite:///sessions.db"),
    MIDDLEWARE=["steelyard.sessions.django.SessionMiddleware"],
)


def put(request: HttpRequest, article: str) -> JsonResponse:
    request.session.setdefault("basket", []).append(article)
    return JsonResponse({"basket": request.session["basket"]})


urlpatterns = [path("basket/<article>", put)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
