"""For FastAPI and Starlette."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated

from fastapi import FastAPI, HTTPException, Request, Response, Security
from fastapi.security import APIKeyHeader

from ._client import AsyncLatchkey, Refused, Verified, expect_cost

_documented = APIKeyHeader(name="x-api-key", auto_error=False)


class KeyRefused(HTTPException):
    """Raised by the dependency. Without `install` FastAPI answers `{"detail": …}`, with the right status."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.status, refused.error, dict(refused.headers))
        self.refused = refused


def install(app: FastAPI) -> None:
    """Refusals of this app get Latchkey's body, `{"error": …}`."""

    async def answer(_request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, KeyRefused)
        refused = refusal.refused
        return Response(refused.body, refused.status, refused.headers, "application/json")

    app.add_exception_handler(KeyRefused, answer)


def require_key(
    latchkey: AsyncLatchkey, *, scope: str | Iterable[str] = (), cost: int = 1
) -> Callable[..., Awaitable[Verified]]:
    """A dependency that gives the `Verified` of a good key, and otherwise ends the request. Make it once and share it:
    FastAPI asks each dependency once a request."""
    expect_cost(cost)
    scopes = scope if isinstance(scope, str) else tuple(scope)

    async def key(
        request: Request, response: Response, _documented: Annotated[str | None, Security(_documented)] = None
    ) -> Verified:
        peer = request.client.host if request.client else None
        result = await latchkey.verify(request.headers, scope=scopes, cost=cost, address=peer)
        if isinstance(result, Refused):
            raise KeyRefused(result)
        response.headers.update(result.headers)
        return result

    return key
