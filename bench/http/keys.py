"""Keys for the benches: texts, digests and rows, the same ones at each run."""

import base64
import hashlib
import hmac
import pathlib
import random
import string
import subprocess
import uuid
import zlib

PEPPER = b"k" * 32
PEPPERS = "1:" + base64.b64encode(PEPPER).decode()
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
OWNERS = 20_000
CREATED_MS = 1_767_225_600_000


def text(body: str) -> str:
    """The body of a key with its checksum."""
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = ALPHABET[digit] + digits
    return body + digits


class Keys:
    """`count` keys, named by ten bytes and owned by UUIDs."""

    def __init__(self, count: int):
        dice = random.Random(count)
        self.owners = [str(uuid.UUID(int=dice.getrandbits(128))) for _ in range(OWNERS)]
        self.rows = []
        signing = hmac.new(PEPPER, digestmod=hashlib.sha256)
        for number in range(count):
            key = text("sk_live_" + "".join(dice.choices(ALPHABET, k=32)))
            state = signing.copy()
            state.update(key.encode())
            key_id = uuid.UUID(int=((CREATED_MS + number) << 80) | 7 << 76 | 2 << 62 | dice.getrandbits(62))
            self.rows.append((key, state.digest(), str(key_id), self.owners[number % OWNERS], f"key{number % 10**7:07}"))

    def texts(self, count: int) -> list[str]:
        """`count` of the keys, evenly spread."""
        return [row[0] for row in self.rows[::len(self.rows) // count][:count]]

    def write_table(self, path: pathlib.Path) -> None:
        """What the best server keeps in its map."""
        with path.open("w") as out:
            for key, digest, key_id, owner, name in self.rows:
                out.write(f"{digest.hex()}\t{key_id}\t{owner}\t{name}\t{key[:12]}\n")

    def load_postgres(self, url: str) -> None:
        """Into the tables that `latchkey migrate` has made."""
        copy = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", url, "--command",
                "copy api_keys (id, owner, name, prefix, environment, digest, pepper_id, created_at, version) from stdin"]
        with subprocess.Popen(copy, stdin=subprocess.PIPE, text=True) as psql:
            for key, digest, key_id, owner, name in self.rows:
                psql.stdin.write(f"{key_id}\t{owner}\t{name}\t{key[:12]}\tlive\t\\\\x{digest.hex()}\t1\t2026-01-01\t1\n")
        held = "insert into key_owners (owner, held) select owner, count(*) from api_keys group by owner"
        for statement in (held, "vacuum analyze"):
            subprocess.run(["psql", "--quiet", "--set=ON_ERROR_STOP=1", url, "--command", statement], check=True)

    def load_sqlite(self, path: pathlib.Path) -> None:
        """Into the tables that `latchkey migrate` has made."""
        import sqlite3
        with sqlite3.connect(path) as db:
            db.executemany(
                "insert into api_keys (id, owner, name, prefix, environment, digest, pepper_id, created_at, version)"
                " values (?, ?, ?, ?, 'live', ?, 1, ?, 1)",
                ((uuid.UUID(key_id).bytes, owner, name, key[:12], digest, CREATED_MS)
                 for key, digest, key_id, owner, name in self.rows))
            db.execute("insert into key_owners (owner, held) select owner, count(*) from api_keys group by owner")
        db.close()
