"""For Django, under WSGI or ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from ._client import Latchkey, Refused, Verified, expect_cost

View = Callable[..., HttpResponse]


def verify(latchkey: Latchkey, request: HttpRequest, **asked: Any) -> Verified | Refused:
    """What Latchkey says of the key of a request; `scope` and `cost` as in `Latchkey.verify`."""
    return latchkey.verify(request.headers, address=request.META.get("REMOTE_ADDR"), **asked)


def require_key(latchkey: Latchkey, *, scope: str | Iterable[str] = (), cost: int = 1) -> Callable[[View], View]:
    """A decorator of views that are not async: one runs for a good key alone, whose `Verified` is `request.api_key`."""
    expect_cost(cost)
    scopes = scope if isinstance(scope, str) else tuple(scope)

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            result = verify(latchkey, request, scope=scopes, cost=cost)
            if isinstance(result, Refused):
                return HttpResponse(result.body, "application/json", result.status, headers=dict(result.headers))
            request.api_key = result
            response = view(request, *args, **kwargs)
            for name, value in result.headers.items():
                response[name] = value
            return response

        return guarded

    return decorate


class LatchkeyMiddleware:
    """Asks for a key where the path begins with one of `paths`. Give these members in a class of your own, and name
    that class in `MIDDLEWARE`."""

    latchkey: Latchkey
    paths: Sequence[str]
    cost = 1
    """Of each such request."""

    def __init__(self, get_response: View) -> None:
        self._open, self._guarded = get_response, require_key(self.latchkey, cost=self.cost)(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        guarded = request.path_info.startswith(tuple(self.paths))
        return self._guarded(request) if guarded else self._open(request)
