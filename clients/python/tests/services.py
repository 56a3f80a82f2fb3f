"""The service under test of clients/README.md, in each framework, on its own server. `serve(url)` gives its port."""

import asyncio
import io
import itertools
import logging
import socket
import threading
import time

import django
import uvicorn
from django.conf import settings
from fastapi import Depends, FastAPI
from flask import Flask, g
from werkzeug.serving import make_server

from latchkey_client import AsyncLatchkey, Latchkey, Verified

LOG = io.StringIO()
logging.basicConfig(stream=LOG, level=logging.DEBUG)

settings.configure(
    LOGGING_CONFIG=None,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[f"{__name__}.chosen_middleware"],
    REST_FRAMEWORK={
        "UNAUTHENTICATED_USER": None,
        "EXCEPTION_HANDLER": "latchkey_client.drf.exception_handler",
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)
django.setup()

from django.http import JsonResponse  # noqa: E402
from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402

import latchkey_client.fastapi  # noqa: E402
import latchkey_client.flask  # noqa: E402
from latchkey_client.django import LatchkeyMiddleware, require_key  # noqa: E402
from latchkey_client.drf import LatchkeyAuthentication, LimitHeaders  # noqa: E402


def told(key: Verified):
    return {"keyId": key.key_id, "owner": key.owner_id, "name": key.name, "environment": key.environment}


def _wsgi(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def _asgi(app):
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return listener.getsockname()[1]


def fastapi(url, cost=1):
    require_key = latchkey_client.fastapi.require_key(AsyncLatchkey(url), cost=cost)
    app = FastAPI()
    latchkey_client.fastapi.install(app)

    @app.get("/")
    async def service(key: Verified = Depends(require_key)):
        return told(key)

    return _asgi(app)


def flask(url, cost=1):
    app = Flask("service")

    @app.route("/")
    @latchkey_client.flask.require_key(Latchkey(url), cost=cost)
    def service():
        return told(g.api_key)

    return _wsgi(app)


_numbers = itertools.count()
_middleware = None
urlpatterns = []


def chosen_middleware(get_response):
    return _middleware(get_response) if _middleware else get_response


def _django(view, handler=WSGIHandler, middleware=None):
    """Django has one table of paths; each service gets a path of its own in it, and a server that adds the path."""
    global _middleware
    base = f"/{next(_numbers)}/"
    urlpatterns.append(path(base[1:], view))
    _middleware = middleware and type("Chosen", (LatchkeyMiddleware,), {**middleware, "paths": [base]})
    app = handler()
    if handler is WSGIHandler:
        return _wsgi(lambda environ, start: app({**environ, "PATH_INFO": base}, start))

    async def below(scope, receive, send):
        await app({**scope, "path": base}, receive, send)

    return _asgi(below)


def _plain(request):
    return JsonResponse(told(request.api_key))


def django_decorator(url, cost=1):
    return _django(require_key(Latchkey(url), cost=cost)(_plain))


def django_middleware(url, cost=1):
    return _django(_plain, middleware={"latchkey": Latchkey(url), "cost": cost})


def django_middleware_asgi(url, cost=1):
    return _django(_plain, ASGIHandler, {"latchkey": Latchkey(url), "cost": cost})


def rest_framework(url, **members):
    authentication = type("Chosen", (LatchkeyAuthentication,), {"latchkey": Latchkey(url), **members})

    class Service(LimitHeaders):
        authentication_classes = [authentication]
        permission_classes = [IsAuthenticated]

        def get(self, request):
            assert request.user.pk == request.auth.owner_id
            return Response(told(request.auth))

    return _django(Service.as_view())


FRAMEWORKS = [
    fastapi,
    flask,
    django_decorator,
    django_middleware,
    django_middleware_asgi,
    rest_framework,
]
