"""The table of clients/cases.json through each framework."""

import json
import re
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from latchkey import TABLE, Imposter, Server, nobody, raw_get
from services import FRAMEWORKS, LOG


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
        headers = [(name, self.filled(value)) for name, value in case["headers"]]
        began = time.monotonic()
        status, told, body = raw_get(ports[case.get("upstream", "latchkey")], headers)
        self.assertLess(time.monotonic() - began, 10)
        for key in self.keys.values():
            self.assertNotIn(key["text"], f"{told} {body!r}")
        expect = case["expect"]
        if isinstance(expect, dict):
            key = self.keys[expect["key"]]
            expect = {"status": 200, "headers": {}, "body": {
                "keyId": key["keyId"], "owner": key["ownerId"], "name": key["name"], "environment": key["environment"],
            }}
        else:
            expect = TABLE["answers"][expect]
        self.assertEqual((status, json.loads(body)), (expect["status"], expect["body"]))
        self.assertTrue(told["content-type"].startswith("application/json"))
        self.assertEqual({name: told.get(name) for name in expect["headers"]}, expect["headers"])

    def run_table(self, serve):
        ports = {name: serve(url) for name, url in self.upstreams.items()}
        with ThreadPoolExecutor(8) as pool:
            runs = [(case, pool.submit(self.check, ports, case)) for case in TABLE["cases"]]
        for case, run in runs:
            with self.subTest(case["name"]):
                run.result()
        for key in self.keys.values():
            self.assertNotIn(key["text"], LOG.getvalue())
        self.assertIn("refused a request with 503", LOG.getvalue())


for framework in FRAMEWORKS:
    name = f"test_{framework.__name__}"
    setattr(EachFrameworkAnswersAsTheTableSays, name, lambda self, serve=framework: self.run_table(serve))
