"""The table of clients/cases.json through each framework."""

import asyncio
import json
import re
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from latchkey import TABLE, Imposter, Server, nobody, raw_get
from services import FRAMEWORKS, LOG

import latchkey_client.django
import latchkey_client.fastapi
import latchkey_client.flask
from latchkey_client import AsyncLatchkey, Latchkey, NoCredits, RateLimited


class EachFrameworkAnswersAsTheTableSays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stderr, sys.stderr = sys.stderr, LOG
        cls.server = Server()
        with ThreadPoolExecutor() as pool:
            made = pool.map(lambda item: (item[0], cls.server.make_key(**item[1])), TABLE["keys"].items())
            cls.keys = dict(made)
        cls.upstreams = {name: cls.upstream(script) for name, script in TABLE["upstreams"].items()}

    @classmethod
    def tearDownClass(cls):
        sys.stderr = cls.stderr
        cls.server.stop()

    @classmethod
    def upstream(cls, script):
        if isinstance(script, list):
            return Imposter([cls.filled(step) if isinstance(step, str) else step for step in script]).url
        return cls.server.url if script == "the binary" else nobody()

    @classmethod
    def filled(cls, text):
        def value(found):
            name, _, member = found[1].partition(".")
            fixed = {"latchkey": cls.server.url, "long": "a" * 3000}
            return fixed.get(name) or cls.keys[name][member or "text"]

        return re.sub(r"\{([a-z]+(?:\.\w+)?)\}", value, text)

    def check(self, ports, case):
        service, headers = ports[case.get("upstream", "latchkey"), case.get("cost", 1)], self.headers(case)
        for _ in range(case.get("times", 1)):
            self.check_once(service, headers, case["expect"])

    def headers(self, case):
        return [(name, self.filled(value)) for name, value in case["headers"]]

    def check_once(self, port, headers, expect):
        began = time.monotonic()
        status, told, body = raw_get(port, headers)
        self.assertLess(time.monotonic() - began, 10)
        for key in self.keys.values():
            self.assertNotIn(key["text"], f"{told} {body!r}")
        if isinstance(expect, dict):
            key = self.keys[expect["key"]]
            expect = {"status": 200, "headers": expect.get("headers", {}), "body": {
                "keyId": key["keyId"], "owner": key["ownerId"], "name": key["name"], "environment": key["environment"],
            }}
        else:
            expect = TABLE["answers"][expect]
        self.assertEqual((status, json.loads(body)), (expect["status"], expect["body"]))
        self.assertTrue(told["content-type"].startswith("application/json"))
        for name, value in expect["headers"].items():
            found = told.get(name)
            self.assertEqual(found is not None if value is True else found, value, name)

    def run_table(self, serve):
        asked = {(case.get("upstream", "latchkey"), case.get("cost", 1)) for case in TABLE["cases"]}
        ports = {(name, cost): serve(self.upstreams[name], cost=cost) for name, cost in asked}
        with ThreadPoolExecutor(8) as pool:
            runs = [(case, pool.submit(self.check, ports, case)) for case in TABLE["cases"]]
        for case, run in runs:
            with self.subTest(case["name"]):
                run.result()
        for key in self.keys.values():
            self.assertNotIn(key["text"], LOG.getvalue())
        self.assertIn("refused a request with 503", LOG.getvalue())

    def test_the_client_says_which_budget_is_empty(self):
        kinds = {"rate": RateLimited, "credits": NoCredits}
        for case in TABLE["cases"]:
            over = TABLE["answers"].get(str(case["expect"]), {}).get("over")
            if not over:
                continue
            for verify in (Latchkey.verify, lambda *asked, **more: asyncio.run(AsyncLatchkey.verify(*asked, **more))):
                make = Latchkey if verify is Latchkey.verify else AsyncLatchkey
                latchkey = make(self.upstreams[case.get("upstream", "latchkey")])
                refused = verify(latchkey, self.headers(case), cost=case.get("cost", 1))
                with self.subTest(case["name"]):
                    self.assertIs(type(refused), kinds[over])
                    if over == "rate":
                        self.assertEqual(str(refused.retry_after), refused.headers["Retry-After"])

    def test_a_cost_that_is_none_is_refused_before_anybody_is_asked(self):
        imposter, key = Imposter([]), self.keys["none"]["text"]
        for cost in TABLE["costs"]["taken"]:
            self.assertIsInstance(Latchkey(self.server.url).verify(key, cost=cost), NoCredits)
        for cost in [*TABLE["costs"]["refused"], 1.0, "5", None, True]:
            with self.subTest(cost=cost):
                self.assertRaises(ValueError, Latchkey(imposter.url).verify, key, cost=cost)
                with self.assertRaises(ValueError):
                    asyncio.run(AsyncLatchkey(imposter.url).verify(key, cost=cost))
                for require_key in (latchkey_client.django.require_key, latchkey_client.flask.require_key):
                    self.assertRaises(ValueError, require_key, Latchkey(imposter.url), cost=cost)
                latchkey = AsyncLatchkey(imposter.url)
                self.assertRaises(ValueError, latchkey_client.fastapi.require_key, latchkey, cost=cost)
        self.assertEqual(imposter.requests, [])


for framework in FRAMEWORKS:
    name = f"test_{framework.__name__}"
    setattr(EachFrameworkAnswersAsTheTableSays, name, lambda self, serve=framework: self.run_table(serve))
