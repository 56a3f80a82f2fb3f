from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from ._http import Address, Answer, NoAnswer, Peer

_log = logging.getLogger("latchkey_client")

_LONGEST = 16 * 1024
_CHALLENGE = 'ApiKey realm="api", Bearer realm="api"'
_LIMITS = ("RateLimit-Policy", "RateLimit")
_PASSED_ON = ("WWW-Authenticate", "Retry-After", *_LIMITS, "X-Api-Key-Refusal", "X-Error-Code", "X-Request-Id")


class _Items(Protocol):
    def items(self) -> Iterable[tuple[Any, Any]]: ...


Headers = _Items | Iterable[tuple[Any, Any]]
"""The headers of a request: pairs, or anything whose `items()` gives each line as a pair, repeated names too."""


@dataclass(frozen=True)
class Verified:
    """A good key, as Latchkey describes it."""

    key_id: str
    owner_id: str
    name: str
    key_prefix: str
    environment: str
    expires_at: datetime | None
    scopes: tuple[str, ...] | None = None
    """None: the key is not restricted."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """`RateLimit` and `RateLimit-Policy`, where the key has limits."""

    def require(self, requirement: str) -> Refused | None:
        """What to answer where the key lacks a scope, or each of several: "docs:read|admin". None: it has one.

        ValueError where the text is no requirement: scopes joined by "|", without "*".
        """
        wanted = requirement.split("|")
        if not all(len(scope) <= 64 and _SCOPE.fullmatch(scope) for scope in wanted):
            raise ValueError(f"not a requirement: {requirement!r}")
        if self.scopes is None or any(_covers(grant, scope) for grant in self.scopes for scope in wanted):
            return None
        challenge = f'Bearer error="insufficient_scope", scope="{requirement}"'
        named = {"WWW-Authenticate": challenge, "X-Api-Key-Refusal": "scope", "X-Error-Code": "insufficient_scope"}
        return Refused(403, "Insufficient scope", named)


@dataclass(frozen=True)
class Refused:
    """What to answer in place of the service: status, headers, and the body `{"error": …}`."""

    status: int
    error: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return json.dumps({"error": self.error}, ensure_ascii=False).encode()


@dataclass(frozen=True)
class RateLimited(Refused):
    """A limit of the key, or of its owner, is used up. Nothing was charged."""

    @property
    def retry_after(self) -> int:
        """In how many seconds there is room again."""
        told = self.headers.get("Retry-After", "")
        return int(told) if told.isdecimal() else 1


@dataclass(frozen=True)
class NoCredits(Refused):
    """Too few credits of the key, or of its owner, are left. Nothing was charged."""


_BY_REFUSAL = {"rate": RateLimited, "credits": NoCredits}
_SCOPE = re.compile(r"[a-z0-9_.-]+(:[a-z0-9_.-]+)*")


def _covers(grant: str, scope: str) -> bool:
    return scope.startswith(grant[:-1]) if grant.endswith("*") else grant == scope


_KEY_REQUIRED = Refused(401, "API key required", {"WWW-Authenticate": _CHALLENGE, "X-Error-Code": "key_required"})
_INVALID_KEY = Refused(401, "Invalid API key", {"WWW-Authenticate": _CHALLENGE, "X-Error-Code": "invalid_key"})
_UNAVAILABLE = Refused(
    503, "Temporarily unavailable; try again shortly", {"Retry-After": "1", "X-Error-Code": "unavailable"}
)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _lines(headers: Headers) -> list[tuple[str, str]]:
    pairs: Iterable[tuple[Any, Any]] = headers.items() if hasattr(headers, "items") else headers
    return [(_text(name).lower(), _text(value)) for name, value in pairs]


def _presented(lines: list[tuple[str, str]]) -> str:
    """The key; empty where there is none. "-" stands for a text that can't be told."""

    def only(wanted: str) -> str:
        values = [value for name, value in lines if name == wanted]
        return "-" if len(values) > 1 else "".join(values).strip(" \t")

    key = only("x-api-key")
    if key:
        return key
    scheme, *token = re.split("[ \t]+", only("authorization"), maxsplit=1)
    if scheme.lower() == "bearer":
        return "".join(token)
    return "-" if scheme and not token else ""


class _Question(NamedTuple):
    key: str
    target: str
    headers: dict[str, str]
    scoped: bool


def expect_cost(cost: int) -> None:
    """ValueError for what is no cost of a call."""
    if type(cost) is not int or not 0 <= cost <= 1_000_000:
        raise ValueError(f"a cost must be an int from 0 to 1000000, not {cost!r}")


def _question(
    presented: Headers | str, scope: str | Iterable[str], cost: int, address: str | None
) -> _Question | Refused:
    expect_cost(cost)
    lines = [] if isinstance(presented, str) else _lines(presented)
    key = presented.strip(" \t") if isinstance(presented, str) else _presented(lines)
    if not key:
        return _KEY_REQUIRED
    # No key is of another form. Servers join repeated headers by a comma.
    if not re.fullmatch(r"[!-+\--~]{2,256}", key):
        return _INVALID_KEY
    scopes = [scope] if isinstance(scope, str) else list(scope)
    query = urlencode([("scope", each) for each in scopes] + ([("cost", cost)] if cost != 1 else []))
    # As a proxy does. What is no address is refused where a key has networks, which is right for one not known.
    hops = [value for name, value in lines if name == "x-forwarded-for"] + [address or "unknown"]
    forwarded = ", ".join(hop if hop.isascii() and hop.isprintable() else "unknown" for hop in hops)
    headers = {"X-Api-Key": key, "X-Forwarded-For": forwarded}
    return _Question(key, "/api/v1/verify" + (f"?{query}" if query else ""), headers, bool(scopes))


def _read(answer: Answer, question: _Question) -> Verified | Refused:
    """NoAnswer where it is not what Latchkey says of this key."""
    status, headers, body = answer
    passed = {name: headers[name.lower()] for name in _PASSED_ON if name.lower() in headers}
    challenged = headers.get("www-authenticate", "").startswith("ApiKey ")
    refused = (status == 401 and challenged) or (status in (403, 429) and "x-api-key-refusal" in headers)
    if status != 200 and not refused:
        raise NoAnswer(f"answered {status}, which is not what Latchkey says of a key")
    try:
        told = json.loads(body)
        if refused:
            kind = _BY_REFUSAL.get(passed.get("X-Api-Key-Refusal", ""), Refused)
            result: Verified | Refused = kind(status, _member(told, "error", str), passed)
        else:
            result = _verified(told, question, {name: passed[name] for name in _LIMITS if name in passed})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NoAnswer(f"answered {status} with a body that is not one of Latchkey's") from None
    if question.key in repr(result):
        raise NoAnswer("the answer repeats the key")
    return result


def _member(told: Any, name: str, kind: type) -> Any:
    value = told[name]
    if not isinstance(value, kind) or value == "":
        raise TypeError
    return value


def _verified(told: Any, question: _Question, limits: dict[str, str]) -> Verified:
    # An answer that was cached or mixed up on its way must not lend its owner to another key.
    if not question.key.startswith(_member(told, "keyPrefix", str)):
        raise NoAnswer("the answer is about another key")
    expires_at = told["expiresAt"]
    # A Latchkey that knows no scopes has not judged them.
    scopes = told["scopes"] if question.scoped else told.get("scopes")
    if scopes is not None and not (isinstance(scopes, list) and all(isinstance(each, str) for each in scopes)):
        raise TypeError
    return Verified(
        key_id=_member(told, "keyId", str),
        owner_id=_member(told, "ownerId", str),
        name=_member(told, "name", str),
        key_prefix=told["keyPrefix"],
        environment=_member(told, "environment", str),
        expires_at=None if expires_at is None else datetime.fromisoformat(expires_at.replace("Z", "+00:00")),
        scopes=None if scopes is None else tuple(scopes),
        metadata=_member(told, "metadata", dict) if "metadata" in told else {},
        headers=limits,
    )


class Latchkey:
    """The Latchkey at `url`, such as http://127.0.0.1:8080; it may have a path. unix:/run/latchkey/latchkey.sock is one on the
    same machine, by its Unix socket. For any number of threads.

    Keys travel to it as they are: over a network that is not your own use https. After `timeout` seconds a key
    counts as not verified. ValueError for what is not such a URL.
    """

    def __init__(self, url: str, timeout: float = 2.0) -> None:
        self._peer, self._timeout = Peer(Address.parse(url), _LONGEST), timeout

    def verify(
        self,
        headers_or_key: Headers | str,
        *,
        scope: str | Iterable[str] = (),
        cost: int = 1,
        address: str | None = None,
    ) -> Verified | Refused:
        """Whether the key of a request is good, and allows what is asked of it; never an exception for what the
        client sent or Latchkey does. Where a budget has no room the answer is `RateLimited` or `NoCredits`.

        `scope`: one requirement or several, which must all be met; one may name alternatives: "docs:read|docs:write".
        `cost`: what the call takes from the budgets of the key and its owner: 0 to 1,000,000; 0 asks whether there is any
        room. ValueError for another. `address`: the client's, as your service
        knows it, for keys with allowed networks; an `X-Forwarded-For` of the request goes before it. Without an
        address such keys are refused.
        """
        question = _question(headers_or_key, scope, cost, address)
        if isinstance(question, Refused):
            return question
        return self._ask(question, time.monotonic() + self._timeout)

    def _ask(self, question: _Question, deadline: float) -> Verified | Refused:
        try:
            return _read(self._peer.ask(deadline, "GET", question.target, question.headers), question)
        except NoAnswer as cause:
            _log.error("refused a request with 503: Latchkey: %s", cause)
            return _UNAVAILABLE


class AsyncLatchkey:
    """The same for asyncio, in up to 32 threads of its own. The time that a call waits for a thread counts."""

    def __init__(self, url: str, timeout: float = 2.0) -> None:
        self._latchkey, self._timeout = Latchkey(url), timeout
        self._threads = ThreadPoolExecutor(32, "latchkey")

    async def verify(
        self,
        headers_or_key: Headers | str,
        *,
        scope: str | Iterable[str] = (),
        cost: int = 1,
        address: str | None = None,
    ) -> Verified | Refused:
        """As `Latchkey.verify`."""
        question = _question(headers_or_key, scope, cost, address)
        if isinstance(question, Refused):
            return question
        deadline = time.monotonic() + self._timeout
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._latchkey._ask, question, deadline)
