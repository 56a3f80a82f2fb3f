"""Calls of a session: a JWT of another system against a cookie of our own."""

import base64
import json
import subprocess
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

from bench import Bench, compared
from calls import PEOPLE, sign_up

ISSUER, AUDIENCE = "https://id.example", "https://keys.example"


def jwt_sessions(bench: Bench):
    """Each person lists one key, by either."""
    key, public = bench.folder / "issuer.pem", bench.folder / "issuer.pub.pem"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    openssl("ec", "-in", key, "-pubout", "-out", public)
    data = bench.folder / "sessions"
    data.mkdir()
    settings = {"LATCHKEY_DATA_DIR": str(data), "LATCHKEY_JWT_ISSUER": ISSUER, "LATCHKEY_JWT_AUDIENCE": AUDIENCE,
                "LATCHKEY_JWT_KEYS": str(public)}
    with bench.latchkey(**settings) as latchkey:
        people = sign_up(latchkey.port, PEOPLE)
        for session in people.values():
            create(latchkey.port, session)
        tokens = [token(key, owner) for owner in people]
        sides = [partial(bench.calls, latchkey, bench.file(name, lists(sessions)))
                 for name, sessions in (("cookies", people.values()), ("jwts", tokens))]
        rounds = bench.rounds(*sides, warm=True)
    yield compared("list keys, session by ES256 JWT against our own: CPU a request", "cpu", rounds, most=1.5)


def lists(sessions: Iterable[str]) -> list[str]:
    return [f"GET\t/api/v1/api-keys\t{session}" for session in sessions]


def create(port: int, session: str) -> None:
    headers = {"Content-Type": "application/json", "Cookie": f"session={session}"}
    urlopen(Request(f"http://127.0.0.1:{port}/api/v1/api-keys", b'{"name":"bench"}', headers)).close()


def token(key: Path, owner: str) -> str:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": owner, "exp": int(time.time()) + 3600}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "JWT"}, claims))
    return f"{signed}.{encoded(raw(openssl('dgst', '-sha256', '-sign', key, input=signed.encode())))}"


def raw(der: bytes) -> bytes:
    """The two numbers of an ECDSA signature, of 32 bytes each, as JWS has them (RFC 7518, 3.4)."""
    first = 4 + der[3]
    return b"".join(number[-32:].rjust(32, b"\0") for number in (der[4:first], der[first + 2:]))


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def openssl(*arguments, input: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, input=input).stdout
