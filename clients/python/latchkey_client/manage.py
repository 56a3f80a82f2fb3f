"""Management calls: a backend manages keys for its own users, by a management token."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote, urlencode

from ._http import Address, NoAnswer, Peer

Json = dict[str, Any]

_LONGEST = 16 * 1024 * 1024


class ManageError(Exception):
    """Latchkey refused a call. `status` and `code` are for programs (`code` is its `X-Error-Code`), the text for people.

    The status is 0 where nobody answered: a change may have been made or not.
    """

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(f"{status} {code}: {text}")
        self.status, self.code = status, code


class Manage:
    """The keys of all owners that the token may act for. For any number of threads.

    Members and parameters have the API's own names (`createdBy`, `expiresAt`, …), times are RFC 3339 text, and what is
    None in a filter is left out. ManageError where Latchkey refuses. ValueError for an address or a token that is none.
    """

    def __init__(self, url: str, token: str, timeout: float = 10.0) -> None:
        if not re.fullmatch(r"lk_admin_[0-9A-Za-z]{38}", token):
            raise ValueError("this is no management token")
        self._peer, self._token, self._timeout = Peer(Address.parse(url), _LONGEST), token, timeout

    def list_keys(self, owner: str, **filters: Any) -> list[Json]:
        """The owner's keys, newest first. `status="revoked"`: those revoked lately."""
        return cast(list[Json], self._call("GET", _owner(owner, "api-keys"), filters))

    def create_key(self, owner: str, **members: Any) -> Json:
        """Needs `name`. With `rotate_key` the only answer that ever holds a `key`."""
        return cast(Json, self._call("POST", _owner(owner, "api-keys"), None, members))

    def get_key(self, owner: str, key_id: str) -> Json:
        return cast(Json, self._call("GET", _owner(owner, "api-keys", key_id)))

    def change_key(self, owner: str, key_id: str, **members: Any) -> Json:
        """Strict: when it returns, every instance behaves accordingly. So do `rotate_key` and both revokes."""
        return cast(Json, self._call("PATCH", _owner(owner, "api-keys", key_id), None, members))

    def rotate_key(self, owner: str, key_id: str, **members: Any) -> Json:
        return cast(Json, self._call("POST", _owner(owner, "api-keys", key_id, "rotate"), None, members))

    def add_credits(self, owner: str, key_id: str, add: int | None) -> Json:
        """Adds credits to those of a key, or takes them where the number is negative; None: they are not counted any more."""
        return cast(Json, self._call("POST", _owner(owner, "api-keys", key_id, "credits"), None, {"add": add}))

    def revoke_key(self, owner: str, key_id: str) -> None:
        self._call("DELETE", _owner(owner, "api-keys", key_id))

    def revoke_keys(self, owner: str | None = None, created_by: str | None = None) -> list[str]:
        """All keys of an owner, or all that somebody made, or both conditions. The ids of those that were revoked."""
        wanted = {"owner": owner, "createdBy": created_by}
        body = {name: value for name, value in wanted.items() if value is not None}
        return cast(list[str], self._call("POST", "api-keys/revoke", None, body)["revoked"])

    def keys(self, **filters: Any) -> Iterator[Json]:
        """Keys over all owners, newest first, page by page; `limit` is the size of a page."""
        while True:
            page = self._call("GET", "api-keys", filters)
            yield from page["items"]
            if page["next"] is None:
                return
            filters["after"] = page["next"]

    def owner(self, owner: str) -> Json:
        return cast(Json, self._call("GET", _owner(owner)))

    def set_owner(self, owner: str, *, maxKeys: int | None, suspended: bool, **members: Any) -> Json:
        """`maxKeys` None: the setting of the installation."""
        body = {"maxKeys": maxKeys, "suspended": suspended, **members}
        return cast(Json, self._call("PUT", _owner(owner), None, body))

    def add_owner_credits(self, owner: str, add: int | None) -> Json:
        """The same for the credits that all keys of an owner share."""
        return cast(Json, self._call("POST", _owner(owner, "credits"), None, {"add": add}))

    def scopes(self) -> list[Json]:
        """The catalogue of scopes that keys may be given; empty where every scope may be."""
        return cast("list[Json]", self._call("GET", "scopes"))

    def audit_events(self, **filters: Any) -> Iterator[Json]:
        """Events over all owners, newest first, page by page; `limit` is the size of a page."""
        while True:
            events = self._call("GET", "audit-events", filters)
            if not events:
                return
            yield from events
            filters["before"] = events[-1]["id"]

    def _call(self, method: str, path: str, query: Json | None = None, body: Json | None = None) -> Any:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"/api/v1/admin/{path}" + (f"?{urlencode(given)}" if given else "")
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        sent = None if body is None else json.dumps(body).encode()
        try:
            answer = self._peer.ask(time.monotonic() + self._timeout, method, target, headers, sent)
            told = json.loads(answer.body)
            if 200 <= answer.status < 300:
                return told
            code, text = answer.headers["x-error-code"], str(told["error"])
        except NoAnswer as cause:
            raise ManageError(0, "unreachable", f"no answer ({cause})") from None
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ManageError(answer.status, "unknown", "this is not what Latchkey answers") from None
        raise ManageError(answer.status, code, text.replace(self._token, "…"))


def _owner(*parts: str) -> str:
    """A path below `owners`. Dots are encoded too, so that none is taken for a folder."""
    return "/".join(["owners", *(quote(part, safe="").replace(".", "%2E") for part in parts)])
