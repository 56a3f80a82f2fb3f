import asyncio
import json
import multiprocessing
import time
import unittest
from datetime import datetime, timezone

from latchkey import SCOPES, TABLE, Imposter, Server, nobody, raw_get
from services import FRAMEWORKS, rest_framework

from latchkey_client import AsyncLatchkey, Latchkey, Verified

KEY = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7"
TOLD = {
    "keyId": "k",
    "ownerId": "ada",
    "name": "a",
    "keyPrefix": "sk_live_0123",
    "environment": "live",
    "expiresAt": "2099-01-01T00:00:00.123Z",
}


def answer(body, status="200 OK", headers=""):
    text = body if isinstance(body, str) else json.dumps(body)
    return [f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(text)}\r\n\r\n{text}"]


def each_way(url, timeout=2.0):
    """Both ways to ask; each may be asked again and again."""
    latchkey, loop = AsyncLatchkey(url, timeout), asyncio.new_event_loop()
    yield "AsyncLatchkey", lambda *given, **asked: loop.run_until_complete(latchkey.verify(*given, **asked))
    loop.close()
    yield "Latchkey", Latchkey(url, timeout).verify


def targets(requests):
    return [head.split(" ")[1] for head in requests]


class AClient(unittest.TestCase):
    def test_says_what_latchkey_says_of_a_good_key(self):
        more = {"scopes": ["a", "b:*"], "metadata": {"plan": "pro"}}
        limits = {"RateLimit-Policy": '"minute";q=100;w=60', "RateLimit": '"minute";r=42;t=18'}
        lines = "".join(f"{name}: {value}\r\n" for name, value in limits.items())
        for way, verify in each_way(Imposter(answer(TOLD | more, headers=lines)).url):
            expires_at = datetime(2099, 1, 1, 0, 0, 0, 123000, timezone.utc)
            told = Verified("k", "ada", "a", "sk_live_0123", "live", expires_at, ("a", "b:*"), {"plan": "pro"}, limits)
            self.assertEqual(verify(KEY), told, way)

    def test_hands_the_limits_of_a_good_key_on(self):
        url = Imposter(answer(TOLD, headers='RateLimit: "minute";r=42;t=18\r\n')).url
        for serve in FRAMEWORKS:
            status, headers, _ = raw_get(serve(url), [("x-api-key", KEY)])
            self.assertEqual((status, headers.get("ratelimit")), (200, '"minute";r=42;t=18'), serve)

    def test_in_rest_framework_may_leave_a_request_without_a_key_to_others(self):
        port = rest_framework(Imposter(answer(TOLD)).url, required=False)
        status, headers, body = raw_get(port, [])
        self.assertEqual((status, headers["www-authenticate"].split()[0]), (401, "ApiKey"))
        self.assertIn(b"credentials were not provided", body)
        self.assertEqual(raw_get(port, [("x-api-key", "x")])[0], 401)
        self.assertEqual(raw_get(port, [("x-api-key", KEY)])[0], 200)

    def test_takes_headers_in_many_forms(self):
        latchkey = Latchkey(Imposter(answer(TOLD)).url)
        for good in (KEY, {"X-API-Key": KEY}, [("authorization", f"Bearer {KEY}")], [(b"x-api-key", KEY.encode())]):
            self.assertIsInstance(latchkey.verify(good), Verified)
        for bad in (f"{KEY} ,", "é", [(b"x-api-key", KEY.encode()), (b"X-Api-Key", b"")]):
            self.assertEqual(latchkey.verify(bad).error, "Invalid API key")
        for none in ("", " ", {}, []):
            self.assertEqual(latchkey.verify(none).error, "API key required")

    def test_asks_for_scopes_and_cost(self):
        imposter = Imposter(answer(TOLD | {"scopes": None}))
        for way, verify in each_way(imposter.url):
            for asked, expected in [
                ({}, ""),
                ({"scope": "docs:read"}, "?scope=docs%3Aread"),
                ({"scope": ["a|b", "c"], "cost": 5}, "?scope=a%7Cb&scope=c&cost=5"),
                ({"cost": 0}, "?cost=0"),
            ]:
                self.assertIsInstance(verify(KEY, **asked), Verified)
                self.assertEqual(targets(imposter.requests)[-1], "/api/v1/verify" + expected, way)

    def test_believes_no_latchkey_that_has_not_judged_scopes(self):
        for way, verify in each_way(Imposter(answer(TOLD)).url):
            self.assertEqual(verify(KEY, scope="docs:read").status, 503, way)

    def test_says_what_a_key_lacks(self):
        for case in SCOPES:
            scopes = None if case["scopes"] is None else tuple(case["scopes"])
            verified = Verified("k", "ada", "a", "sk_live_0123", "live", None, scopes)
            requirement = case["requirement"]
            with self.subTest(**case):
                if case["met"] is None:
                    self.assertRaises(ValueError, verified.require, requirement)
                elif case["met"]:
                    self.assertIsNone(verified.require(requirement))
                else:
                    refused = verified.require(requirement)
                    self.assertEqual((refused.status, refused.body), (403, b'{"error": "Insufficient scope"}'))
                    challenge = f'Bearer error="insufficient_scope", scope="{requirement}"'
                    self.assertEqual(refused.headers["WWW-Authenticate"], challenge)

    def test_says_from_where_the_client_calls(self):
        imposter = Imposter(answer(TOLD))
        sent = [("x-api-key", KEY), ("X-Forwarded-For", "203.0.113.9"), ("x-forwarded-for", "10.0.0.1")]
        for way, verify in each_way(imposter.url):
            for headers, address, expected in [
                (KEY, None, "unknown"),
                (KEY, "203.0.113.9", "203.0.113.9"),
                (sent, "10.0.0.2", "203.0.113.9, 10.0.0.1, 10.0.0.2"),
                ([("x-api-key", KEY), ("x-forwarded-for", "é\r\nA: b")], "::1", "unknown, ::1"),
            ]:
                verify(headers, address=address)
                self.assertIn(f"x-forwarded-for: {expected}\r\n", imposter.requests.pop().lower(), way)

    def test_keeps_its_connection(self):
        imposter = Imposter(answer(TOLD), keeps=True)
        for ways, (way, verify) in enumerate(each_way(imposter.url), 1):
            for _ in range(10):
                self.assertIsInstance(verify(KEY), Verified, way)
            self.assertEqual((len(imposter.requests), imposter.connections), (10 * ways, ways), way)

    def test_asks_again_where_a_kept_connection_was_closed(self):
        # It closes after each answer, without saying so.
        for way, verify in each_way(Imposter(answer(TOLD)).url):
            for _ in range(10):
                self.assertIsInstance(verify(KEY), Verified, way)

    def test_in_a_forked_process_has_connections_of_its_own(self):
        imposter = Imposter(answer(TOLD), keeps=True)
        latchkey = Latchkey(imposter.url)
        self.assertIsInstance(latchkey.verify(KEY), Verified)
        child = multiprocessing.get_context("fork").Process(target=latchkey.verify, args=[KEY])
        child.start()
        child.join()
        self.assertIsInstance(latchkey.verify(KEY), Verified)
        self.assertEqual((len(imposter.requests), imposter.connections), (3, 2))

    def test_lets_no_call_wait_longer_for_a_thread(self):
        async def at_once(latchkey):
            return await asyncio.gather(*(latchkey.verify(KEY) for _ in range(100)))

        latchkey, began = AsyncLatchkey(Imposter([5000]).url, timeout=0.5), time.monotonic()
        with self.assertLogs("latchkey_client") as logs:
            self.assertEqual({refused.status for refused in asyncio.run(at_once(latchkey))}, {503})
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertEqual(len(logs.output), 100)

    def test_works_in_one_event_loop_after_another(self):
        latchkey = AsyncLatchkey(Imposter(answer(TOLD), keeps=True).url)
        for _ in range(3):
            self.assertIsInstance(asyncio.run(latchkey.verify(KEY)), Verified)

    def test_does_not_read_an_answer_without_end(self):
        starts = [
            ["HTTP/1.1 200 OK\r\n", *["X-More: and more\r\n"] * 200_000],
            ["HTTP/1.1 200 OK\r\nX-Long: ", *["x" * 1024] * 10_000],
            ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *["10\r\n0123456789abcdef\r\n"] * 200_000],
            ["HTTP/1.1 200 OK\r\n\r\n", *[" " * 1024] * 10_000],
            ["HTTP/1.1 100 Continue\r\n\r\n"] * 200_000,
            ["HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n{}", 5000],
            ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}", 5000],
        ]
        for script in starts:
            for way, verify in each_way(Imposter(script).url, timeout=0.5):
                began = time.monotonic()
                self.assertEqual(verify(KEY).status, 503, (script[0], way))
                self.assertLess(time.monotonic() - began, 1.5, (script[0], way))

    def test_repeats_no_key_and_nothing_that_was_received(self):
        with self.assertLogs("latchkey_client") as logs:
            for script in [
                [f"{KEY}\r\n\r\n"],
                [f"HTTP/1.1 {KEY}\r\n\r\n"],
                [f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n"],
                answer(f'"{KEY}"'),
                answer(TOLD | {"name": KEY}),
                answer({"error": KEY}, "403 Forbidden", "X-Api-Key-Refusal: scope\r\n"),
                answer({"error": "a"}, "403 Forbidden", f"X-Api-Key-Refusal: {KEY}\r\n"),
                answer(TOLD | {"expiresAt": 7}),
                answer("[" * 10_000),
            ]:
                for way, verify in each_way(Imposter(script).url):
                    refused = verify(KEY)
                    self.assertEqual((refused.status, refused.headers["Retry-After"]), (503, "1"), (script, way))
                    self.assertNotIn(KEY, repr(refused))
        self.assertEqual(len(logs.output), 18)
        self.assertNotIn(KEY, "".join(logs.output))
        self.assertNotIn("0123456789", repr(Latchkey(nobody()).__dict__))

    def test_refuses_what_is_no_address(self):
        for url in ["", "127.0.0.1:8080", "/api", "ftp://127.0.0.1", "http://", "http://a:b@127.0.0.1",
                    "http://127.0.0.1/?a=b", "http://127.0.0.1/#a", "http://127.0.0.1:x", "http://127.0.0.1\r\n"]:
            for make in (Latchkey, AsyncLatchkey):
                with self.assertRaises(ValueError):
                    make(url)

    def test_may_find_latchkey_below_a_path(self):
        imposter = Imposter(answer(TOLD))
        for _, verify in each_way(imposter.url + "/keys/"):
            self.assertIsInstance(verify(KEY), Verified)
        self.assertEqual(set(targets(imposter.requests)), {"/keys/api/v1/verify"})


class BesideTheRealLatchkey(unittest.TestCase):
    def test_asks_by_its_unix_socket(self):
        server = Server()
        self.addCleanup(server.stop)
        key = server.make_key("a")
        for way, verify in each_way(server.socket):
            for _ in range(3):
                self.assertEqual(verify(key["text"]).key_id, key["keyId"], way)
            self.assertEqual(verify(KEY).status, 401, way)
        networks = {"allowedNetworks": ["203.0.113.0/24"]}
        server.call("PATCH", f"/api/v1/api-keys/{key['keyId']}", networks)
        for way, verify in each_way(server.socket):
            for address, status in [("203.0.113.9", None), ("198.51.100.1", 403), (None, 403)]:
                result = verify(key["text"], address=address)
                self.assertEqual(getattr(result, "status", None), status, (way, address))
        self.assertEqual(Latchkey("unix:/nowhere/latchkey.sock").verify(KEY).status, 503)
        for url in ("unix:", "unix:latchkey.sock", "unix:@latchkey"):
            self.assertRaises(ValueError, Latchkey, url)

    def test_a_key_is_refused_from_the_moment_its_revoke_is_answered(self):
        server = Server()
        self.addCleanup(server.stop)
        for way, verify in each_way(server.url):
            for number in range(20):
                key = server.make_key(f"{way} {number}")
                self.assertEqual(verify(key["text"]).key_id, key["keyId"])
                server.call("DELETE", f"/api/v1/api-keys/{key['keyId']}")
                self.assertEqual(verify(key["text"]).status, 401, way)
