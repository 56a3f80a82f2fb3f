"""What every recipe of docs/gateways.md must do: the cases of `.ci/gateways.py`."""

import base64
import hashlib
import http.client
import json
import re
import socket
import time

from gateway_world import call, expect, raw

REFUSED_WITHIN = 4  # seconds: the recipes' limit of 2, and some for a busy machine
UNKNOWN = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7"  # well-formed and never issued
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
REQUIRED = "?scope=reports:read"  # of what is below /reports/
PLAIN = {"nginx": "/api/v1/verify?refusals=403"}  # what Latchkey is asked for, where that is not its path alone
CLAIMS = ("x-api-key-id", "x-api-key-owner", "x-api-key-environment")
FORGED = [
    ("X-Api-Key-Id", "forged"), ("x-api-key-OWNER", "forged"), ("X-API-KEY-ENVIRONMENT", "forged"), ("X-Api-Key-Scopes", "forged"),
]
UNDERSCORES = [("X_Api_Key_Id", "forged"), ("x-api_key-owner", "forged")]
PREFLIGHT = [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST")]
WEBSOCKET = [
    ("Connection", "Upgrade"), ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]


def _means(target):
    """The path that a service may read in a target, whose `%2F` is no slash."""
    path = re.sub(r"^http://[^/]*", "", target).split("?")[0].split("#")[0]
    parts = []
    for part in path.split("/"):
        part = re.sub("%(?!2f)([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), part, flags=re.IGNORECASE)
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


class Cases:
    """One gateway between a client and the service. Each public method is a case."""

    def __init__(self, gateway, port, latchkey, service, relay):
        self.gateway, self.name, self.port = gateway, gateway.name, port
        self.latchkey, self.service, self.relay = latchkey, service, relay

    def all(self):
        for name, case in vars(Cases).items():
            if name[0] == "_" or name == "all":
                continue
            case(self)
            print(f"{self.name}: {name.replace('_', ' ')}", flush=True)

    def _get(self, headers, path="/", method="GET", body=b"", source="127.0.0.1"):
        return call(self.port, method, path, headers, body, source)

    def _key(self):
        return ("x-api-key", self.latchkey.issue()["key"])

    def _passes(self, headers, **request):
        status, _, body = self._get(headers, **request)
        expect(status == 200, f"{self.name}: a good key was answered with {status}", request, body)
        return json.loads(body)

    def _claims(self, told):
        return [name for name, _ in told if name.replace("_", "-").startswith("x-api-key")]

    def _sentence(self, body, *seen):
        try:
            expect(list(json.loads(body)) == ["error"], f"{self.name}: not one sentence", body, *seen)
        except ValueError:
            expect(False, f"{self.name}: not JSON", body, *seen)

    def a_good_key_passes_and_the_service_learns_whose_it_is(self):
        key = self.latchkey.issue()["key"]
        _, own, _ = self.latchkey.verify([("x-api-key", key)])
        for presented in (("X-API-Key", key), ("Authorization", f"Bearer {key}")):
            for hop in ("keep-alive", "close", "X-Api-Key-Owner, X-Api-Key-Id"):
                sent = [presented, *FORGED, ("Connection", hop), ("X-Other", "kept")]
                told = self._passes(sent)["headers"]
                for name in CLAIMS:
                    seen = [value for found, value in told if found == name]
                    expect(seen == [own[name]], f"{self.name}: the service saw {name} as {seen}", hop)
                expect(["x-other", "kept"] in told, f"{self.name}: other headers are lost", told)
                expect(key not in str(told), f"{self.name}: the key was handed on", told)
        if self.gateway.drops_underscores:
            told = self._passes([("x-api-key", key), *UNDERSCORES])["headers"]
            expect(sorted(self._claims(told)) == sorted(CLAIMS), f"{self.name}: passed a name with _", told)

    def the_request_itself_passes_whole(self):
        headers = [self._key()]
        body = bytes(range(256)) * (8 << 12)
        for sent, length in ((body, "told"), ((body[i : i + 65536] for i in range(0, len(body), 65536)), "chunked")):
            told = self._passes(headers, method="POST", path="/a%2Fb?c=d", body=sent)
            seen = told["method"], told["path"], told["digest"]
            asked = "POST", "/a%2Fb?c=d", hashlib.sha256(body).hexdigest()
            expect(seen == asked, f"{self.name}: the service saw {seen}", length)
        for method in ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
            status, _, body = self._get(headers, method=method)
            expect(status == 200, f"{self.name}: {method} was answered with {status}")
            expect(method == "HEAD" or json.loads(body)["method"] == method, f"{self.name}: not {method}")

    def refusals_are_latchkeys_own(self):
        good, revoked = self.latchkey.issue(), self.latchkey.issue()
        revoked_header = ("x-api-key", revoked["key"])
        self._passes([revoked_header])
        self.latchkey.revoke(revoked)
        before = self.service.requests
        for headers in (
            [revoked_header],
            [("Authorization", f"Bearer {revoked['key']}")],
            [],
            FORGED,
            [("x-api-key", "")],
            [("x-api-key", "no key")],
            [("x-api-key", UNKNOWN)],
            [("Authorization", "Basic eDp5")],
            [("Authorization", f"Bearer {UNKNOWN}")],
            [("x-api-key", UNKNOWN), ("Authorization", f"Bearer {good['key']}")],
            [("x-api-key", good["key"]), ("x-api-key", UNKNOWN)],
            [("x-api-key", UNKNOWN), ("x-api-key", good["key"])],
            [("x-api-key", good["key"]), ("x-api-key", good["key"])],
        ):
            own = self.latchkey.verify(headers)
            ours = self._get(headers, method="POST", body=b"x" * (1 << 20))
            expect(own[0] == 401, f"Latchkey answered {own[0]}", headers)
            self._same(own, ours, headers)
        expect(self.service.requests == before, f"{self.name}: a refused request reached the service")

    def _same(self, own, ours, *seen):
        for kind, latchkeys, gateways in zip(("status", "body"), (own[0], own[2]), (ours[0], ours[2])):
            expect(latchkeys == gateways, f"{self.name}: another {kind}", latchkeys, gateways, *seen)
        for name in ("WWW-Authenticate", "Content-Type", "X-Error-Code", "X-Api-Key-Refusal"):
            pair = own[1].get_all(name), ours[1].get_all(name)
            expect(pair[0] == pair[1], f"{self.name}: another {name}", *pair, *seen)

    def a_location_needs_a_scope(self):
        for scopes in (None, ["*"], ["reports:*"], ["docs:read", "reports:read"]):
            key = ("x-api-key", self.latchkey.issue(scopes=scopes)["key"])
            for path in ("/", "/reports/1", "/reports/a/b?c=d"):
                told = self._passes([key], path=path)
                expect(told["path"] == path, f"{self.name}: the service saw {told['path']}")
        before = self.service.requests
        for scopes in ([], ["docs:read"], ["reports", "reports:readers"]):
            headers = [("x-api-key", self.latchkey.issue(scopes=scopes)["key"])]
            own = self.latchkey.verify(headers, REQUIRED)
            expect(own[0] == 403, f"Latchkey answered {own[0]}", scopes)
            for method in ("GET", "POST", "DELETE"):
                self._same(own, self._get(headers, path="/reports/1", method=method), scopes, method)
            expect(self.service.requests == before, f"{self.name}: a refused request reached the service", scopes)
            self._passes(headers)
            before = self.service.requests
        self._same(self.latchkey.verify([]), self._get([], path="/reports/1"))

    def no_client_talks_itself_out_of_a_requirement(self):
        key = ("x-api-key", self.latchkey.issue(scopes=["docs:read"])["key"])
        before = self.service.requests
        for header in (
            None, ("X-Latchkey-Require", "docs:read"), ("X-Latchkey-Require", ""), ("x-latchkey-REQUIRE", "*"),
            ("Connection", "close, X-Latchkey-Require"), ("X-Api-Key-Scopes", "reports:read"), ("X-Original-URL", "/"),
            ("X-Forwarded-Uri", "/"), ("X-Original-URI", "/"), ("X-HTTP-Method-Override", "OPTIONS"),
        ):
            for query in ("", "?scope=docs:read", "?scope=", "?scope=*", "?a=%23/"):
                headers = [key, header] if header else [key]
                status, _, body = self._get(headers, path=f"/reports/1{query}")
                expect(status == 403, f"{self.name}: answered {status}", header, query, body)
        expect(self.service.requests == before, f"{self.name}: a refused request reached the service")
        for required in ("no:such", "", "*", "docs:read"):
            told = self._passes([key, ("X-Latchkey-Require", required)])
            kept = [name for name, _ in told["headers"] if name == "x-latchkey-require"]
            expect(not kept, f"{self.name}: a client's X-Latchkey-Require reached the service")

    def no_spelling_of_a_path_goes_round_a_requirement(self):
        name, key = "x-api-key", self.latchkey.issue(scopes=["docs:read"])["key"]
        for path in (
            "/reports/1", "//reports/1", "/./reports/1", "/a/../reports/1", "/%72eports/1", "/%2e/reports/1", "/reports//1",
            "/a/%2e%2e/reports/1", "/a/.%2e/reports/1", "/reports/./1", "/reports/../reports/1", "///reports///1", "/%72%65ports/1",
            "/a/b/../../reports/1", "/reports/%31", "http://a/reports/1", "http://a//reports/1", "/reports/1?a=/../../", "/..//reports/1",
        ):
            self.service.paths.clear()
            head = f"GET {path} HTTP/1.1\r\nHost: a\r\n{name}: {key}\r\nConnection: close\r\n\r\n"
            status = raw(self.port, head.encode())
            around = [seen for seen in self.service.paths if _means(seen).startswith("/reports/")]
            expect(not around, f"{self.name}: {path} came to the service as {around}", status)

    def a_key_works_from_its_networks_alone(self):
        outside = [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1")]
        key = ("x-api-key", self.latchkey.issue(allowedNetworks=["127.0.0.5", "192.0.2.0/24"])["key"])
        self._passes([key, *outside], source="127.0.0.5")
        before = self.service.requests
        own = self.latchkey.verify([key])
        expect(own[0] == 403, f"Latchkey answered {own[0]}")
        for claimed in ([], outside, [("X-Forwarded-For", "127.0.0.5")], [("X-Real-IP", "192.0.2.1")]):
            self._same(own, self._get([key, *claimed], source="127.0.0.6"), claimed)
        expect(self.service.requests == before, f"{self.name}: a refused request reached the service")

    def a_full_budget_is_429(self):
        month = [{"limit": 3, "every": "month"}]
        for budgets, waits in (({"credits": 3}, False), ({"limits": month}, True)):
            key = ("x-api-key", self.latchkey.issue(**budgets)["key"])
            for _ in range(3):
                self._passes([key])
            own, before = self.latchkey.verify([key]), self.service.requests
            expect(own[0] == 429, f"Latchkey answered {own[0]}", budgets)
            for header in (None, ("X-Latchkey-Cost", "0")):
                for query in ("", "?cost=0", "?refusals=403", "?refusals=429"):
                    ours = self._get([key, header] if header else [key], path=f"/{query}")
                    self._same(own, ours, budgets, header, query)
                    told = ours[1]["Retry-After"]
                    expect((told is not None) == waits, f"{self.name}: Retry-After {told}", budgets)
            expect(self.service.requests == before, f"{self.name}: a refused request reached the service", budgets)

    def a_location_has_a_cost(self):
        key = ("x-api-key", self.latchkey.issue(credits=7)["key"])
        for path, passes in (("/reports/1", True), ("/reports/1", False), ("/", True), ("/reports/1", False), ("/", True), ("/", False)):
            before = self.service.requests
            status, _, body = self._get([key], path=path)
            expect(status == (200 if passes else 429), f"{self.name}: {path} was answered with {status}", body)
            expect(self.service.requests == before + passes, f"{self.name}: a refused request reached the service")

    def no_client_makes_a_request_cheaper_or_dearer(self):
        for sent in (("X-Latchkey-Cost", "0"), ("x-latchkey-COST", "1000"), ("X-Latchkey-Cost", "many"), ("Connection", "close, X-Latchkey-Cost")):
            for query in ("", "?cost=0", "?cost=1000", "?cost=0&refusals=403", "?cost=many&refusals=429"):
                key = ("x-api-key", self.latchkey.issue(credits=6)["key"])
                for path in ("/", "/reports/1"):
                    told = self._passes([key, sent], path=path + query)
                    kept = [name for name, _ in told["headers"] if name == "x-latchkey-cost"]
                    expect(not kept, f"{self.name}: X-Latchkey-Cost reached the service", sent)
                for path in ("/", "/reports/1"):
                    status, headers, body = self._get([key, sent], path=path + query)
                    refused = status, headers["X-Api-Key-Refusal"]
                    expect(refused == (429, "credits"), f"{self.name}: answered {refused}", path, sent, query, body)

    def answers_say_how_far_a_key_is_from_its_limits(self):
        limited, free = self.latchkey.issue(limits=[{"limit": 1000, "every": "month"}, {"limit": 100, "every": "day"}]), self._key()
        names = ("RateLimit-Policy", "RateLimit")
        for path, status, day, month in (("/", 200, 99, 999), ("/404", 404, 98, 998), ("/reports/1", 200, 93, 993)):
            seen, headers, body = self._get([("x-api-key", limited["key"])], path=path)
            expect(seen == status, f"{self.name}: {path} was answered with {seen}", body)
            told = [headers.get_all(name) for name in names]
            if not self.gateway.shows_limits:
                expect(told == [None, None], f"{self.name}: it hands limits on, and its recipe does not say so", told)
                continue
            expect(all(told) and [len(lines) for lines in told] == [1, 1], f"{self.name}: told {told}", path)
            policies, states = (lines[0].split(", ") for lines in told)
            expect('"day";q=100;w=86400' in policies and len(policies) == 2, f"{self.name}: told {policies}")
            left = {name: int(r) for name, r in re.findall(r'"(\w+)";r=(\d+);t=\d+', ", ".join(states))}
            expect(left == {"day": day, "month": month}, f"{self.name}: told {states}", path)
        for headers in ([free], [("x-api-key", UNKNOWN)], []):
            told = [self._get(headers)[1][name] for name in names]
            expect(told == [None, None], f"{self.name}: told {told} of no limits")

    def a_late_answer_is_charged_once(self):
        key = ("x-api-key", self.latchkey.issue(credits=9)["key"])
        self._passes([key])
        self.relay.targets.clear()
        self.relay.delay = 1.2
        try:
            self._passes([key])
        finally:
            self.relay.delay = 0
        asked = len(self.relay.targets)
        expect(asked == 1, f"{self.name}: Latchkey was asked {asked} times about one request")

    def the_services_own_answers_pass(self):
        headers = [self._key()]
        for status in (204, 401, 403, 404, 500, 502, 503):
            seen, answered, body = self._get(headers, path=f"/{status}")
            own = status == 204 or b'"path"' in body
            expect(seen == status and own, f"{self.name}: {status} became {seen}", body)
            expect(answered["Retry-After"] is None, f"{self.name}: {status} gained Retry-After")

    def what_a_client_asks_for_never_reaches_the_verification(self):
        name, key = self._key()
        for query in ("cost=0", "scope=", "scope=*", "refusals=403", "cost=0&scope=a&refusals=403"):
            for path in ("/", "/a/b", "/api/v1/verify"):
                self.relay.targets.clear()
                told = self._passes([(name, key)], path=f"{path}?{query}")
                expect(told["path"] == f"{path}?{query}", f"{self.name}: the service saw {told['path']}")
                self._asked_plainly(path, query)
        self.relay.targets.clear()
        host = f"127.0.0.1:{self.port}"
        for target in (f"http://{host}?cost=0", f"http://{host}/?cost=0", "/?a=b?cost=0", "/%3Fcost=0", "//?cost=0"):
            raw(self.port, f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{name}: {key}\r\nConnection: close\r\n\r\n".encode())
            self._asked_plainly(target)

    def _asked_plainly(self, *seen):
        strange = [target for target in self.relay.targets if target != PLAIN.get(self.gateway.section, "/api/v1/verify")]
        expect(not strange, f"{self.name}: Latchkey was asked for {strange}", *seen)

    def no_spelling_of_a_path_is_a_way_round(self):
        name, key = self._key()
        paths = (
            "//", "/.", "/..", "/../", "/a/../b", "/%2e%2e/a", "/..%2fa", "/a%00b", "/;a=b", "/a//b", "/\\a", "*",
            "/_latchkey", "/_latchkey/", "/_too_long", "/_too_large", "/@refused", "/unavailable", "/api/v1/verify", "/api/v1/verify/../../x",
            "/healthz", "/.well-known/x", "/?x=/open", "http://example.com/", "http://example.com",
        )
        before = self.service.requests
        for path in paths:
            for method in ("GET", "POST", "OPTIONS", "TRACE", "PROPFIND"):
                head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nX-Original-URL: /open\r\nX-HTTP-Method-Override: OPTIONS\r\n"
                status = raw(self.port, f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
                own = (method, path) == ("OPTIONS", "*")  # about the gateway itself
                refused = status is None or 400 <= status < 500 or own
                expect(refused, f"{self.name}: {method} {path} without a key: {status}")
        expect(self.service.requests == before, f"{self.name}: a request without a key reached the service")
        for path in paths:
            head = f"GET {path} HTTP/1.1\r\nHost: a\r\n{name}: {key}\r\nConnection: close\r\n\r\n"
            status = raw(self.port, head.encode())
            expect(status is None or status < 500, f"{self.name}: {path} with a key: {status}")

    def a_large_head_passes_or_is_refused_and_nothing_breaks(self):
        key = self._key()
        for size in range(12 << 10, 20 << 10, 512):
            pads = [(f"X-Pad-{i}", "x" * 2000) for i in range(size // 2000)]
            self._fits_or_is_refused(f"headers of {size} bytes", [key, *pads, ("X-Pad", "x" * (size % 2000))])
        for size in (6000, 7500, 9000, 18_000):
            self._fits_or_is_refused(f"a header of {size} bytes", [key, ("X-Pad", "x" * size)])
            self._fits_or_is_refused(f"an address of {size} bytes", [key], "/" + "a" * size)
            self._fits_or_is_refused(f"a query of {size} bytes", [key], "/?" + "a" * size)
            self._fits_or_is_refused(f"a cookie of {size} bytes", [key, ("Cookie", "a=" + "x" * size)])
        for size in (9000, 18_000):
            before = self.service.requests
            status, _, body = self._get([("x-api-key", "x" * size)])
            expect(400 <= status < 500, f"{self.name}: a key of {size} bytes: {status}", body)
            expect(self.service.requests == before, f"{self.name}: a key of {size} bytes reached the service")
        for size in (40 << 10, 90 << 10):  # the gateway's own words
            status, _, body = self._get([key, *[(f"X-Pad-{i}", "x" * 2000) for i in range(size // 2000)]])
            expect(status in (200, 400, 431), f"{self.name}: headers of {size} bytes: {status}", body)
        self._passes([key])

    def _fits_or_is_refused(self, what, headers, path="/"):
        try:
            status, _, body = self._get(headers, path)
        except (http.client.HTTPException, ConnectionError) as error:
            raise SystemExit(f"gateways: {self.name}: {what}: {error!r}") from error
        expect(status in (200, 400, 414, 431), f"{self.name}: {what}: {status}", body)
        if status != 200 and self.gateway.tells_too_large:
            self._sentence(body, what, status)

    def a_websocket_opens_with_a_good_key_alone(self):
        name, key = self._key()
        revoked = self.latchkey.issue()
        self.latchkey.revoke(revoked)
        before = self.service.requests
        for headers in ([], [("x-api-key", revoked["key"])], [("x-api-key", key), ("x-api-key", key)]):
            status, _, _ = self._get([*WEBSOCKET, *headers])
            expect(status == 401, f"{self.name}: a WebSocket without a good key: {status}", headers)
        expect(self.service.requests == before, f"{self.name}: a refused WebSocket reached the service")
        lines = "".join(f"{name}: {value}\r\n" for name, value in [*WEBSOCKET, *FORGED, (name, key)])
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(f"GET /socket HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
            came = connection.makefile("rb")
            status = came.readline()
            while came.readline().strip():
                pass
            expect(b" 101 " in status, f"{self.name}: a WebSocket with a good key: {status}")
            told = json.loads(came.readline())
            expect(sorted(self._claims(told)) == sorted(CLAIMS), f"{self.name}: the WebSocket's head", told)
            expect("forged" not in str(told) and key not in str(told), f"{self.name}: the WebSocket's head", told)
            for frame in (b"\x81\x85\x00\x00\x00\x00hello\n", b"\x00\xff\n"):
                connection.sendall(frame)
                expect(came.readline() == frame, f"{self.name}: a frame did not pass")

    def a_preflight_needs_no_key_and_brings_no_claim(self):
        self.relay.targets.clear()
        key = self._key()
        for headers in ([], FORGED, [key, *FORGED], [("x-api-key", UNKNOWN)]):
            told = self._passes([*PREFLIGHT, *headers], method="OPTIONS", path="/reports/1")
            expect(told["method"] == "OPTIONS", f"{self.name}: a preflight came as {told['method']}")
            expect(not self._claims(told["headers"]), f"{self.name}: a preflight brought", told["headers"])
            expect(["origin", PREFLIGHT[0][1]] in told["headers"], f"{self.name}: a preflight lost Origin", told)
        expect(not self.relay.targets, f"{self.name}: Latchkey was asked about a preflight")
        before = self.service.requests
        for method, headers in (
            ("OPTIONS", []), ("OPTIONS", PREFLIGHT[:1]), ("OPTIONS", PREFLIGHT[1:]), ("GET", PREFLIGHT),
            ("POST", [*PREFLIGHT, ("X-HTTP-Method-Override", "OPTIONS")]),
        ):
            status, _, _ = self._get(headers, method=method)
            expect(status == 401, f"{self.name}: {method} that is no preflight: {status}", headers)
        expect(self.service.requests == before, f"{self.name}: what is no preflight reached the service")

    def connections_to_latchkey_are_kept(self):
        headers = [self._key()]
        self._passes(headers)
        before = self.relay.connections
        for _ in range(50):
            self._passes(headers)
        made = self.relay.connections - before
        expect(made <= 2, f"{self.name}: made {made} connections for 50 requests")

    def without_latchkey_nothing_passes(self):
        headers = [self._key()]
        before = self.service.requests
        for how, cause in (("hangs", b""), ("can't vouch", UNAVAILABLE)):
            self.relay.instead = cause
            self._refused_for_now(how, headers)
        self.relay.instead = None
        self.relay.cut()
        self._refused_for_now("is down", headers)
        expect(self.service.requests == before, f"{self.name}: a request passed without Latchkey")
        self.relay.listen()
        self._passes(headers)

    def _refused_for_now(self, how, headers):
        for presented in ([*headers, *FORGED], []):
            began = time.monotonic()
            status, answered, body = self._get(presented, method="POST", body=b"x" * 1000)
            took = time.monotonic() - began
            print(f"{self.name}: Latchkey {how}: {status} after {took:.2f} s")
            told = status, answered["Retry-After"]
            expect(told == (503, "1"), f"{self.name}: Latchkey {how}, answered {told}", body)
            expect(took < REFUSED_WITHIN, f"{self.name}: Latchkey {how}, took {took:.1f} s")
            if self.gateway.tells_unavailable and how != "can't vouch":
                self._sentence(body, how)
