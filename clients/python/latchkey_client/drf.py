"""For Django REST framework."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rest_framework import views
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from ._client import Latchkey, Refused, Verified
from .django import verify


class KeyRefused(APIException):  # type: ignore[misc]
    """Answered with Latchkey's status and body. Its other headers come with `exception_handler`."""

    def __init__(self, refused: Refused) -> None:
        super().__init__({"error": refused.error})
        self.status_code = refused.status
        self.headers = refused.headers
        # DRF's own handler makes headers of these two.
        if "WWW-Authenticate" in refused.headers:
            self.auth_header = refused.headers["WWW-Authenticate"]
        if refused.headers.get("Retry-After", "").isdecimal():
            self.wait = int(refused.headers["Retry-After"])


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """For the setting `EXCEPTION_HANDLER` of `REST_FRAMEWORK`."""
    response = views.exception_handler(error, context)
    if isinstance(error, KeyRefused) and response is not None:
        for name, value in error.headers.items():
            response[name] = value
    return response


@dataclass(frozen=True)
class KeyUser:
    """`request.user` of a request with a good key."""

    pk: str
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True


class LatchkeyAuthentication(BaseAuthentication):  # type: ignore[misc]
    """A good key gives `request.user`, whose `pk` is the owner, and `request.auth`, the `Verified`. Give `latchkey` in
    a class of your own, and what its views ask of a key."""

    latchkey: Latchkey
    scope: str | Iterable[str] = ()
    cost = 1
    required = True
    """Set to False, a request without a key goes to the next authentication class."""

    def authenticate(self, request: Request) -> tuple[KeyUser, Verified] | None:
        result = verify(self.latchkey, request._request, scope=self.scope, cost=self.cost)
        if isinstance(result, Verified):
            return KeyUser(result.owner_id), result
        if result.headers.get("X-Error-Code") == "key_required" and not self.required:
            return None
        raise KeyRefused(result)

    def authenticate_header(self, _request: Request) -> str:
        """Without it DRF answers 403 where 401 is right."""
        return 'ApiKey realm="api", Bearer realm="api"'


class LimitHeaders(views.APIView):  # type: ignore[misc]
    """A view whose answers to a good key carry `RateLimit` and `RateLimit-Policy`, where the key has limits."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        finalized = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(getattr(request, "auth", None), Verified):
            for name, value in request.auth.headers.items():
                finalized[name] = value
        return finalized
