"""For Flask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec

from flask import Response, current_app, g, make_response, request
from flask.typing import ResponseReturnValue

from ._client import Latchkey, Refused, expect_cost

P = ParamSpec("P")


def require_key(
    latchkey: Latchkey, *, scope: str | Iterable[str] = (), cost: int = 1
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, Response]]:
    """A decorator, below `@app.route`: the view runs for a good key alone, whose `Verified` is `flask.g.api_key`."""
    expect_cost(cost)
    scopes = scope if isinstance(scope, str) else tuple(scope)

    def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            result = latchkey.verify(request.headers, scope=scopes, cost=cost, address=request.remote_addr)
            if isinstance(result, Refused):
                return Response(result.body, result.status, result.headers, content_type="application/json")
            g.api_key = result
            response = make_response(current_app.ensure_sync(view)(*args, **kwargs))
            response.headers.update(result.headers)
            return response

        return guarded

    return decorate
