"""Calls of people who are signed in, each against its last statement alone."""

import json
import os
import shutil
import sqlite3
import time
import urllib.request
import uuid
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path

from bench import Bench, compared
from load import Load, Unexpected, pgbench, wrk

PEOPLE = 64
BATCHES = count(time.time_ns() // 10**6 >> 16)  # the first 32 bits of today's ids of version 7, and on
LISTED = 20  # keys of each person
REVOCABLE = 16_000  # keys for each second of revoking, more than are revoked
CREATE = '/api/v1/api-keys\t{}\t{{"name":"bench"}}'
COLUMNS = ("id, owner, name, prefix, environment, digest, pepper_id, created_at, expires_at, disabled_at, "
           "revoked_at, replaced_by, version")
EVENT_COLUMNS = ("id, at, owner, action, key_id, replaced_by, actor, address, user_agent, request_id, "
                 "key_name, key_prefix, changes")

# The statements that the server sends, with all that the triggers add. Arguments that pgbench can't
# hand over are made from `n`, which counts the transactions: {owner}, {session}, {id}. An event has
# the id of its key.
COUNT = r"""
\set i :i + 1
\set n :client_id + 8 * :i
"""
EVENT = f"""
    insert into audit_events ({EVENT_COLUMNS})
    select {{id}}, now(), {{owner}}, 'key.created', {{id}}, null, {{owner}}, '127.0.0.1', null, '0123456789abcdef-1',
        'bench', 'sk_live_abcd', null
"""
INSERT = f"""
with place as (
    insert into key_owners as mine (owner, held) select {{owner}}, 1 where 1000000 > 0
    on conflict (owner) do update set held = mine.held + 1 where mine.held < 1000000 and mine.closed_at is null
    returning owner
), event as ({EVENT} from place)
insert into api_keys ({COLUMNS})
select {{id}}, owner, 'bench', 'sk_live_abcd', 'live', sha256({{id}}::text::bytea), 1, now(),
    null, null, null, null, 1 from place;
"""
SESSION = """
select sessions.digest, pepper_id, account_id, account_version, sessions.created_at, last_seen_at,
    id, email, password_hash, accounts.created_at, disabled_at, version
from sessions join accounts on accounts.id = account_id where sessions.digest = {session} limit 1;
"""
LIST = f"""
select {COLUMNS}, (select used_at from last_uses where key_id = api_keys.id limit 1)
from api_keys where revoked_at is null and owner = {{owner}} order by created_at desc, id desc;
"""
REVOKE = f"""
with found as (
    select name, prefix from api_keys where id = {{id}} and owner = {{owner}} and revoked_at is null for update
), event as ({EVENT} from found returning at)
update api_keys as key set revoked_at = event.at, version = key.version + 1
from event where key.id = {{id}} returning latest_change;
"""

# What the server tells SQLite's writer.
PRAGMAS = """
pragma journal_mode = wal; pragma busy_timeout = 5000; pragma foreign_keys = on; pragma trusted_schema = off;
pragma temp_store = memory; pragma secure_delete = fast; pragma synchronous = full; pragma fullfsync = on;
pragma checkpoint_fullfsync = on; pragma cache_size = -16384; pragma journal_size_limit = 67108864;
"""
SQLITE_PLACE = """
insert into key_owners (owner, held) values (?, 1) on conflict (owner)
do update set held = key_owners.held + 1 where held < 1000000 and closed_at is null
"""
SQLITE_INSERT = f"""
insert into api_keys ({COLUMNS})
values (?, ?, 'bench', 'sk_live_abcd', 'live', ?, 1, ?, null, null, null, null, 1)
"""
SQLITE_EVENT = f"""
insert into audit_events ({EVENT_COLUMNS})
values (?1, ?2, ?3, 'key.created', ?1, null, ?3, '127.0.0.1', null, '0123456789abcdef-1',
    'bench', 'sk_live_abcd', null)
"""


class Calls:
    """The same call on both sides: to a server of Postgres, and to Postgres."""

    def __init__(self, bench: Bench, port: int):
        self.bench, self.port, self.ask = bench, port, bench.postgres.ask
        self.people = sign_up(port, PEOPLE)
        owners = ",".join(f"'{owner}'" for owner in self.people)
        self.owners = f"(array[{owners}])"
        sessions = self.ask(f"select digest from sessions where account_id in ({owners})")
        self.sessions = "(array[" + ",".join(f"'{digest}'::bytea" for digest, in sessions) + "])"

    def alone(self, statements: str, ids: str = "") -> Load:
        turn = f"[1 + :n::int % {PEOPLE}]"
        filled = statements.format(owner=self.owners + turn, session=self.sessions + turn, id=numbered(ids, ":n::int"))
        return pgbench(self.bench.postgres.url, COUNT + filled, self.bench.options.seconds)

    def over_http(self, lines: list[str]) -> Load:
        return wrk("calls.lua", self.port, self.bench.options.seconds, CALLS=self.bench.file("calls", lines))

    def add_keys(self, number: int, ids: str) -> None:
        """To each person in turn."""
        self.ask(f"""
            insert into api_keys (id, owner, name, prefix, environment, digest, pepper_id, created_at, version)
            select {numbered(ids, "n")}, {self.owners}[1 + n % {PEOPLE}], 'bench', 'sk_live_abcd', 'live',
                sha256({numbered(ids, "n")}::text::bytea), 1, now(), 1 from generate_series(0, {number} - 1) n;
            insert into key_owners (owner, held) select owner, {number // PEOPLE} from unnest({self.owners}) owner
            on conflict (owner) do update set held = key_owners.held + excluded.held""")

    def revokes_alone(self) -> Load:
        ids, keys = self.revocable()
        return self.all_revoked(self.alone(REVOKE, ids), ids, keys)

    def revokes(self) -> Load:
        ids, keys = self.revocable()
        sessions = list(self.people.values())
        load = self.over_http([f"DELETE\t/api/v1/api-keys/{ids}{number:012x}\t{sessions[number % PEOPLE]}"
                               for number in range(keys)])
        return self.all_revoked(load, ids, keys)

    def revocable(self) -> tuple[str, int]:
        """New keys, more than are revoked."""
        ids, keys = new_ids(), REVOCABLE * self.bench.options.seconds // PEOPLE * PEOPLE
        self.add_keys(keys, ids)
        return ids, keys

    def all_revoked(self, load: Load, ids: str, keys: int) -> Load:
        """It would be faster at revoking what is missing or revoked."""
        revoked = self.count_revoked(ids, keys)
        if not load.requests <= revoked < keys:
            raise Unexpected(f"of {keys}, {load.requests} should be revoked: {revoked}")
        return load

    def count_revoked(self, ids: str, number: int) -> int:
        first, last = f"{ids}{0:012x}", f"{ids}{number:012x}"
        [[count]] = self.ask(f"select count(revoked_at) from api_keys where id between '{first}' and '{last}'")
        return int(count)


def numbered(ids: str, number: str) -> str:
    """As the server's, later ids are greater."""
    return f"('{ids}' || lpad(to_hex({number}), 12, '0'))::uuid"


def new_ids() -> str:
    """All but the last group, which is the number."""
    return f"{next(BATCHES):08x}-0000-7000-8000-"


def sign_up(port: int, number: int) -> dict[str, str]:
    """People's ids and session tokens."""
    people = {}
    for _ in range(number):
        body = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/auth/sign-up", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            people[json.load(answer)["id"]] = answer.headers["Set-Cookie"].split(";")[0].split("=")[1]
    return people


def calls_postgres(bench: Bench):
    settings = {"DATABASE_URL": bench.postgres.url, "LATCHKEY_MAX_KEYS_PER_OWNER": "1000000"}
    with bench.latchkey(**settings) as latchkey:
        calls = Calls(bench, latchkey.port)
        yield from listing(bench, calls)
        yield creating(bench, calls)
        yield revoking(bench, calls)


def listing(bench: Bench, calls: Calls):
    calls.add_keys(LISTED * PEOPLE, new_ids())
    lines = [f"GET\t/api/v1/api-keys\t{session}" for session in calls.people.values()]
    baselines = [partial(calls.alone, statements) for statements in (LIST, SESSION + LIST)]
    rounds = bench.rounds(*baselines, partial(calls.over_http, lines))
    against_list, against_both = [(a, c) for a, _, c in rounds], [(b, c) for _, b, c in rounds]
    yield compared(f"list {LISTED} keys, Postgres", "per_second", against_list, least=0.6)
    yield compared("the same, against the look-up of the session too", "per_second", against_both)


def creating(bench: Bench, calls: Calls):
    lines = [f"POST\t{CREATE.format(session)}" for session in calls.people.values()]
    rounds = bench.rounds(lambda: calls.alone(INSERT, new_ids()), partial(calls.over_http, lines))
    return compared("create, Postgres", "per_second", rounds, least=0.6)


def revoking(bench: Bench, calls: Calls):
    rounds = bench.rounds(calls.revokes_alone, calls.revokes)
    return compared("revoke, Postgres", "per_second", rounds, least=0.6)


def creates_sqlite(bench: Bench):
    copy = bench.folder / "copy"
    shutil.copytree(bench.sqlite, copy)
    settings = {"LATCHKEY_DATA_DIR": str(bench.sqlite), "LATCHKEY_MAX_KEYS_PER_OWNER": "1000000"}
    with bench.latchkey(**settings) as latchkey:
        people = sign_up(latchkey.port, 32)
        lines = bench.file("calls", (f"POST\t{CREATE.format(session)}" for session in people.values()))
        rounds = bench.rounds(partial(insert_alone, copy / "latchkey.db", list(people), bench.options.seconds),
                              partial(wrk, "calls.lua", latchkey.port, bench.options.seconds, 32, CALLS=lines))
    yield compared("create, SQLite, 32 connections", "per_second", rounds, least=0.6)


def insert_alone(database: Path, owners: list[str], seconds: int) -> Load:
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.executescript(PRAGMAS)
        began, done = time.monotonic(), 0
        while (lasted := time.monotonic() - began) < seconds:
            owner, now = owners[done % len(owners)], time.time_ns() // 10**6
            db.execute("begin immediate")
            db.execute(SQLITE_PLACE, [owner])
            id = now.to_bytes(6) + b"\x70\0\x80" + os.urandom(7)
            db.execute(SQLITE_INSERT, [id, owner, os.urandom(32), now])
            db.execute(SQLITE_EVENT, [id, now, owner])
            db.execute("commit")
            done += 1
    return Load(done, done / lasted)
