"""Holds a server to what other libraries sign: each token of a table is a session, or is refused.

    check.py path/to/latchkey directory
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

BINARY, WORK = Path(sys.argv[1]), Path(sys.argv[2])
ISSUER, AUDIENCE, SECRET = "https://id.example.com", "latchkey", "a secret that two services share"
NOW = int(time.time())
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 600}


def new_keys():
    """Keys by name, and the algorithms of each."""
    return {
        "rsa": (rsa.generate_private_key(65537, 2048), ["RS256", "PS256"]),
        "p256": (ec.generate_private_key(ec.SECP256R1()), ["ES256"]),
        "ed": (ed25519.Ed25519PrivateKey.generate(), ["EdDSA"]),
    }


def jwk_of(kid, key):
    kinds = {"rsa": RSAAlgorithm, "p256": ECAlgorithm, "ed": OKPAlgorithm}
    return {**json.loads(kinds[kid].to_jwk(key)), "kid": kid}


def pem_of(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


KEYS, STRANGERS = new_keys(), new_keys()
JWKS = json.dumps({"keys": [jwk_of(kid, key.public_key()) for kid, (key, _) in KEYS.items()]})


def encode(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def forged(header, claims, sign):
    """A token that no library would make: `sign` gives the signature of the message."""
    as_text = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    message = ".".join(encode(part.encode()) for part in as_text)
    return f"{message}.{encode(sign(message.encode()))}"


def hs256(secret):
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def good_by_pyjwt(kid, algorithm, **claims):
    return jwt.encode({**CLAIMS, **claims}, KEYS[kid][0], algorithm, headers={"kid": kid})


def by_jose(wanted):
    private = {kid: jwk_of(kid, key) for kid, (key, _) in KEYS.items()}
    asked = {"keys": {**private, "secret": SECRET}, "tokens": [
        {"kid": kid, "header": header, "claims": claims} for kid, header, claims in wanted]}
    node = subprocess.run(
        ["node", Path(__file__).with_name("mint.mjs")], input=json.dumps(asked), text=True,
        check=True, stdout=subprocess.PIPE)
    return json.loads(node.stdout)


def good_tokens():
    for kid, (_, algorithms) in KEYS.items():
        for algorithm in algorithms:
            yield f"PyJWT {algorithm}", good_by_pyjwt(kid, algorithm)
            yield f"PyJWT {algorithm} without kid", jwt.encode(CLAIMS, KEYS[kid][0], algorithm)
    yield "PyJWT, several audiences", good_by_pyjwt("p256", "ES256", aud=["other", AUDIENCE])
    yield "PyJWT, ended within the leeway", good_by_pyjwt("p256", "ES256", exp=NOW - 5)
    wanted = [(kid, {"alg": algorithm, "kid": kid}, CLAIMS)
              for kid, (_, algorithms) in KEYS.items() for algorithm in algorithms]
    for (_, header, _), token in zip(wanted, by_jose(wanted)):
        yield f"jose {header['alg']}", token


def bad_tokens():
    """Where the server has public keys."""
    for kid, (key, algorithms) in STRANGERS.items():
        for algorithm in algorithms:
            yield f"{algorithm} by a stranger's key of the same name", jwt.encode(
                CLAIMS, key, algorithm, headers={"kid": kid})
            own = {"kid": kid, "jwk": jwk_of(kid, key.public_key())}
            yield f"{algorithm} with a key of its own", jwt.encode(CLAIMS, key, algorithm, headers=own)
    for kid, (key, algorithms) in KEYS.items():
        public = pem_of(key)
        raw = json.dumps(jwk_of(kid, key.public_key())).encode()
        for secret in (public, public.strip(), raw):
            yield f"HS256 by the public key {kid}", forged(
                {"alg": "HS256", "kid": kid}, CLAIMS, hs256(secret))
        for name in ("jku", "x5u"):
            headers = {"kid": kid, name: "https://id.example.com/.well-known/jwks.json"}
            yield f"{algorithms[0]} with {name}", jwt.encode(CLAIMS, key, algorithms[0], headers=headers)
        yield f"{algorithms[0]} with an empty signature", forged(
            {"alg": algorithms[0], "kid": kid}, CLAIMS, lambda _: b"")
    rsa_key, ec_key = KEYS["rsa"][0], KEYS["p256"][0]
    for algorithm in ("RS384", "RS512", "PS384", "PS512"):
        yield algorithm, jwt.encode(CLAIMS, rsa_key, algorithm, headers={"kid": "rsa"})
    yield "none", jwt.encode(CLAIMS, None, "none")
    yield "none, by name", jwt.encode(CLAIMS, None, "none", headers={"kid": "rsa"})
    es256 = {"alg": "ES256", "kid": "p256"}
    for name, value in {"crit": ["exp"], "x5c": ["MIIB"], "jwk": None}.items():
        yield f"ES256 with {name}", forged({**es256, name: value}, CLAIMS, p256_signature)
    yield "r and s of zero", forged(es256, CLAIMS, lambda _: bytes(64))
    yield "a signature in DER", forged(
        es256, CLAIMS, lambda message: ec_key.sign(message, ec.ECDSA(hashes.SHA256())))
    yield "RS256 said to be ES256", forged(
        es256, CLAIMS, lambda _: base64.urlsafe_b64decode(
            good_by_pyjwt("rsa", "RS256").rsplit(".", 1)[1] + "=="))
    for what, claims in {
        "another issuer": {"iss": "https://evil.example"},
        "another audience": {"aud": "other"},
        "no audience": {"aud": []},
        "ended": {"exp": NOW - 61},
        "not begun": {"nbf": NOW + 120},
        "an end that is text": {"exp": str(NOW + 600)},
        "a subject that is a number": {"sub": 1},
        "a subject beyond ASCII": {"sub": "ad\u00e1"},
        "a subject with a blank": {"sub": "ada lovelace"},
        "a subject that is empty": {"sub": ""},
    }.items():
        # PyJWT refuses to encode some of these itself.
        token = forged(es256, {**CLAIMS, **claims}, p256_signature)
        yield what, token
    without_end = {name: value for name, value in CLAIMS.items() if name != "exp"}
    yield "no end", forged(es256, without_end, p256_signature)
    twice = json.dumps(CLAIMS).replace("{", '{"sub": "root", ', 1)
    yield "a member twice", forged(es256, twice, p256_signature)
    deep = json.dumps({**CLAIMS, "pad": 0}).replace('"pad": 0', '"pad": ' + "[" * 500 + "]" * 500)
    yield "deeply nested", forged(es256, deep, p256_signature)
    good = good_by_pyjwt("p256", "ES256")
    yield "padded", good + "="
    yield "cut", good[:-2]
    yield "another payload", ".".join([good.split(".")[0], encode(json.dumps(
        {**CLAIMS, "sub": "root"}).encode()), good.split(".")[2]])
    wanted = [
        ("rsa", {"alg": "none"}, CLAIMS),
        ("rsa", {"alg": "RS512", "kid": "rsa"}, CLAIMS),
        ("secret", {"alg": "HS256", "kid": "rsa"}, CLAIMS),
        ("p256", {"alg": "ES256", "kid": "ed"}, CLAIMS),
        ("p256", {"alg": "ES256", "kid": "nobody"}, CLAIMS),
        ("p256", {"alg": "ES256", "kid": "p256"}, {**CLAIMS, "iss": "https://evil.example"}),
        ("secret", {"alg": "dir", "enc": "A256GCM"}, CLAIMS),
    ]
    for (_, header, _), token in zip(wanted, by_jose(wanted)):
        yield f"jose {header}", token


def p256_signature(message):
    """As a JWT has it: both numbers, 32 bytes each."""
    pair = decode_dss_signature(KEYS["p256"][0].sign(message, ec.ECDSA(hashes.SHA256())))
    return b"".join(number.to_bytes(32, "big") for number in pair)


class Published(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(JWKS)))
        self.end_headers()
        self.wfile.write(JWKS.encode())

    def log_message(self, *_):
        pass


class Server:
    """A Latchkey on a database of its own, with these settings."""

    def __init__(self, name, settings):
        log = WORK / f"{name}.log"
        environment = {
            "PATH": os.environ["PATH"], "LATCHKEY_LISTEN": "127.0.0.1:0",
            "LATCHKEY_DATA_DIR": str(WORK / name), "LATCHKEY_JWT_ISSUER": ISSUER,
            "LATCHKEY_JWT_AUDIENCE": AUDIENCE, **settings,
        }
        with log.open("wb") as out:
            self.process = subprocess.Popen([BINARY], env=environment, stdout=out, stderr=out)
        deadline = time.monotonic() + 30
        while not (found := re.search(r"listening on http://([\d.]+):(\d+)", log.read_text())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"jwt: the server did not start\n{log.read_text()}")
            time.sleep(0.05)
        self.place = found[1], int(found[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def ask(self, name, value):
        connection = http.client.HTTPConnection(*self.place, timeout=30)
        try:
            connection.request("GET", "/api/v1/auth/session", headers={name: value})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def check(self, what, token, expected):
        for header in (("Authorization", f"Bearer {token}"), ("Cookie", f"session={token}")):
            answer = self.ask(*header)
            if answer != expected:
                raise SystemExit(f"jwt: {what}, as {header[0]}: {answer}\n{token}")

    def accepts(self, what, token):
        self.check(what, token, (200, {"id": "ada", "email": None, "createdAt": None}))

    def refuses(self, what, token):
        self.check(what, token, (401, {"error": "Authentication required"}))


def main():
    good, bad = list(good_tokens()), list(bad_tokens())
    published = ThreadingHTTPServer(("127.0.0.1", 0), Published)
    threading.Thread(target=published.serve_forever, daemon=True).start()
    pem = WORK / "keys.pem"
    pem.write_bytes(b"".join(pem_of(key) for key, _ in KEYS.values()))
    sources = {"address": f"http://127.0.0.1:{published.server_port}/jwks.json", "pem": str(pem)}
    for name, keys in sources.items():
        with Server(name, {"LATCHKEY_JWT_KEYS": keys}) as server:
            for what, token in good:
                server.accepts(what, token)
            for what, token in bad:
                # PEM has no names, so any key of the type may have signed.
                if name == "pem" and ("'kid': 'nobody'" in what or "'kid': 'ed'" in what):
                    continue
                server.refuses(what, token)
            server.accepts("still", good[0][1])
    of_secret = [("PyJWT HS256", jwt.encode(CLAIMS, SECRET, "HS256"))]
    of_secret += [("jose HS256", by_jose([("secret", {"alg": "HS256"}, CLAIMS)])[0])]
    with Server("secret", {"LATCHKEY_JWT_SECRET": SECRET}) as server:
        for what, token in of_secret:
            server.accepts(what, token)
        for algorithm in ("HS384", "HS512"):
            server.refuses(algorithm, forged({"alg": algorithm}, CLAIMS, lambda message: hmac.new(
                SECRET.encode(), message, algorithm.replace("HS", "sha")).digest()))
        server.refuses("another secret", jwt.encode(CLAIMS, SECRET + "!", "HS256"))
        for what, token in good + [it for it in bad if "jose {'alg': 'HS256'" not in it[0]]:
            server.refuses(what, token)
    print(f"jwt: {len(good)} and {len(of_secret)} tokens are sessions, {len(bad)} are refused")


if __name__ == "__main__":
    main()
