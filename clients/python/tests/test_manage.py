import json
import subprocess
import unittest

from latchkey import BINARY, Imposter, Server, nobody
from test_client import answer, targets

from latchkey_client import Latchkey
from latchkey_client.manage import Manage, ManageError

TOKEN = "lk_admin_" + "0" * 38


class Management(unittest.TestCase):
    def test_goes_on_to_the_next_page(self):
        pages = [{"items": [{"id": 1}, {"id": 2}], "next": "c/2"}, {"items": [{"id": 3}], "next": None}]
        imposter = Imposter(answer(pages[0]))
        keys = Manage(imposter.url, TOKEN).keys(owner="org 1", status=None)
        first = [next(keys), next(keys)]
        imposter.script = answer(pages[1])
        self.assertEqual([key["id"] for key in [*first, *keys]], [1, 2, 3])
        below = "/api/v1/admin/api-keys?owner=org+1"
        self.assertEqual(targets(imposter.requests), [below, f"{below}&after=c%2F2"])

    def test_keeps_an_owner_within_its_part_of_the_path(self):
        imposter = Imposter(answer({}))
        for owner in ["a/b", "..", "a?b#c%", "auth0|5"]:
            Manage(imposter.url, TOKEN).owner(owner)
        owners = ["a%2Fb", "%2E%2E", "a%3Fb%23c%25", "auth0%7C5"]
        self.assertEqual(targets(imposter.requests), [f"/api/v1/admin/owners/{owner}" for owner in owners])

    def test_says_why_a_call_was_refused_and_never_the_token(self):
        refusal = answer({"error": f"No {TOKEN}"}, "403 Forbidden", "X-Error-Code: missing_right\r\n")
        for script, status, code in [
            (refusal, 403, "missing_right"),
            (answer({"error": "a"}, "502 Bad Gateway"), 502, "unknown"),
            (answer(TOKEN), 200, "unknown"),
            ([TOKEN], 0, "unreachable"),
        ]:
            manage = Manage(Imposter(script).url, TOKEN)
            with self.assertRaises(ManageError) as refused:
                manage.revoke_key("ada", "k")
            self.assertEqual((refused.exception.status, refused.exception.code), (status, code))
            self.assertNotIn(TOKEN, f"{refused.exception!r} {manage!r}")
        with self.assertRaises(ManageError):
            Manage(nobody(), TOKEN).owner("ada")
        for text in ["", TOKEN + "\r\n", "sk_live_x"]:
            with self.assertRaises(ValueError) as refused:
                Manage(nobody(), text)
            self.assertNotIn("sk_live_x", str(refused.exception))

    def test_makes_no_change_twice(self):
        imposter = Imposter(answer({"id": "k"}), keeps=True)
        manage = Manage(imposter.url, TOKEN)
        manage.create_key("ada", name="a")
        imposter.script = [None]
        with self.assertRaises(ManageError):
            manage.create_key("ada", name="b")
        self.assertEqual(len(imposter.requests), 2)


class OnTheRealLatchkey(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.known = subprocess.run([BINARY, "openapi"], capture_output=True, text=True, check=True).stdout
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.latchkey = Latchkey(cls.server.url)

    def backend(self, *needed):
        """The calls by a token of its own, for owners that begin with org_."""
        for text in ["/api/v1/admin/owners/{owner}/api-keys", *needed]:
            if text not in self.known:
                self.skipTest(f"this Latchkey does not know {text}")
        command = [BINARY, "token", "create", "--name", "backend", "--owners", "org_*"]
        allowed = ["--allow", "keys:write,audit:read,owners:write"]
        made = subprocess.run([*command, *allowed], env=self.server.environment, capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        return Manage(self.server.url, made.stdout.strip())

    def test_a_backend_manages_the_keys_of_its_users(self):
        manage, owner = self.backend(), "org_1/ada.b"
        made = manage.create_key(owner, name="Production")
        self.assertEqual(self.latchkey.verify(made["key"]).owner_id, owner)
        self.assertEqual(manage.get_key(owner, made["id"])["name"], "Production")
        self.assertEqual([key["id"] for key in manage.list_keys(owner)], [made["id"]])

        self.assertEqual(manage.change_key(owner, made["id"], enabled=False)["enabled"], False)
        self.assertEqual(self.latchkey.verify(made["key"]).status, 401)
        manage.change_key(owner, made["id"], enabled=True)
        rotated = manage.rotate_key(owner, made["id"], overlapSeconds=0)
        self.assertEqual(rotated["replaces"], made["id"])
        self.assertEqual(self.latchkey.verify(made["key"]).status, 401)
        self.assertEqual(self.latchkey.verify(rotated["key"]).key_id, rotated["id"])
        manage.revoke_key(owner, rotated["id"])
        self.assertEqual(self.latchkey.verify(rotated["key"]).status, 401)
        self.assertEqual({key["id"] for key in manage.list_keys(owner, status="revoked")}, {made["id"], rotated["id"]})
        with self.assertRaises(ManageError) as refused:
            manage.revoke_key(owner, rotated["id"])
        self.assertEqual((refused.exception.status, refused.exception.code), (404, "key_not_found"))

    def test_a_key_tells_its_metadata(self):
        bodies = json.loads(self.known)["components"]["schemas"]
        for kind in ("Create", "Verified"):
            if not any('"metadata"' in json.dumps(body) for name, body in bodies.items() if name.startswith(kind)):
                self.skipTest(f"this Latchkey knows no metadata in {kind}…")
        made = self.backend().create_key("org_5", name="a", metadata={"plan": "pro"})
        self.assertEqual(self.latchkey.verify(made["key"]).metadata, {"plan": "pro"})

    def test_all_keys_are_found_and_those_of_a_leaver_revoked(self):
        manage = self.backend("/api/v1/admin/api-keys/revoke", "/api/v1/admin/audit-events")
        made = [manage.create_key(f"org_2{number % 2}", name="a", createdBy="bob") for number in range(5)]
        self.assertEqual(manage.get_key("org_20", made[0]["id"])["createdBy"], "bob")
        found = [key["id"] for key in manage.keys(createdBy="bob", limit=2)]
        self.assertEqual(found, [key["id"] for key in reversed(made)])
        self.assertEqual(set(manage.revoke_keys(created_by="bob")), set(found))
        for key in made:
            self.assertEqual(self.latchkey.verify(key["key"]).status, 401)
        self.assertEqual(manage.scopes(), [])
        events = list(manage.audit_events(owner="org_20", limit=2))
        self.assertEqual([event["action"] for event in events], ["keys.revoked"] + ["key.created"] * 3)

    def test_an_owner_is_suspended_and_comes_back(self):
        manage = self.backend('"/api/v1/admin/owners/{owner}"')
        key = manage.create_key("org_3", name="a")["key"]
        manage.set_owner("org_3", maxKeys=5, suspended=True)
        self.assertEqual(self.latchkey.verify(key).status, 401)
        manage.set_owner("org_3", maxKeys=None, suspended=False)
        self.assertEqual(self.latchkey.verify(key).owner_id, "org_3")
        self.assertEqual(manage.owner("org_3")["keys"], 1)

    def test_limits_and_credits_are_set_and_shown(self):
        manage = self.backend('"/api/v1/admin/owners/{owner}/credits"')
        daily = [{"limit": 7, "every": "day"}]
        made = manage.create_key("org_6", name="a", limits=daily, credits=5)["id"]
        self.assertEqual(manage.add_credits("org_6", made, -2)["credits"], 3)
        self.assertEqual(manage.change_key("org_6", made, limits=None)["limits"], None)
        owner = manage.set_owner("org_6", maxKeys=None, suspended=False, limits=daily)
        self.assertEqual((owner["limits"], owner["credits"]), (daily, None))
        self.assertEqual(manage.add_owner_credits("org_6", 9)["credits"], 9)
        self.assertEqual(manage.add_owner_credits("org_6", None)["credits"], None)
        with self.assertRaises(ManageError) as refused:
            manage.add_credits("org_6", made, -4)
        self.assertEqual((refused.exception.status, refused.exception.code), (409, "conflict"))

    def test_a_token_keeps_to_its_owners(self):
        with self.assertRaises(ManageError) as refused:
            self.backend().list_keys("other")
        self.assertEqual((refused.exception.status, refused.exception.code), (403, "owner_not_allowed"))

    def test_an_owner_may_have_any_visible_name(self):
        manage = self.backend()
        for owner in ["org_a/b", "org_..", "org_/../x", "org_a?b#c%41", "org_%2F", "org_auth0|5"]:
            made = manage.create_key(owner, name="a")
            self.assertEqual(self.latchkey.verify(made["key"]).owner_id, owner)
