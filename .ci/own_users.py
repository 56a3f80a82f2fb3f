#!/usr/bin/env python3
"""Runs the examples of products with users of their own, with the given binary.

In each, a user signs in, gets a token for the panel, makes a key with it as the panel does, and calls the product's API;
then the billing webhook suspends the user, and the key is refused until the bill is paid.

    .ci/own_users.py target/debug/latchkey
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
USER, PASSWORD = "ada", "correct horse battery"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"what should answer {url} ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


class Browser:
    """Keeps cookies, and answers the status and the body of each call."""

    def __init__(self):
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def send(self, method, url, body=None, form=None, **headers):
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        if form is not None:
            data = urllib.parse.urlencode(form).encode()
        if data is None and method == "POST":
            data = b""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, data, named, method=method)
        try:
            with self.opener.open(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def expect(what, answer, status, holds=""):
    print(f"  {what}: {answer[0]}", flush=True)
    if answer[0] != status or holds not in answer[1]:
        raise SystemExit(f"{what}: {answer}, wanted {status} with {holds!r}")
    return answer[1]


def use(product, latchkey, billing):
    browser, stranger = Browser(), Browser()
    expect("a stranger gets no token", stranger.send("POST", f"{product}/my/token"), 401)
    wrong = {"user": USER, "password": "wrong"}
    expect("a wrong password", stranger.send("POST", f"{product}/sign-in", form=wrong), 401)
    page = browser.send("POST", f"{product}/sign-in", form={"user": USER, "password": PASSWORD})
    expect("sign-in shows the page with the panel", page, 200, f'api-base="{latchkey}" token-url="/my/token"')
    token = json.loads(expect("a token", browser.send("POST", f"{product}/my/token"), 200, "token"))["token"]
    bearer = {"Authorization": f"Bearer {token}", "Origin": product}
    keys = f"{latchkey}/api/v1/api-keys"
    made = expect("a key", stranger.send("POST", keys, body={"name": "Production"}, **bearer), 201, "sk_live_")
    key = {"x_api_key": json.loads(made)["key"]}
    hello = f"{product}/api/hello"
    expect("no key", stranger.send("GET", hello), 401, '"error"')
    expect("the key opens the API", stranger.send("GET", hello, **key), 200, f'"hello":"{USER}"')
    for paid, status in ((False, 401), (True, 200)):
        order = {"user": USER, "paid": paid}
        expect("not the billing system", stranger.send("POST", f"{product}/billing", body=order), 401)
        answer = stranger.send("POST", f"{product}/billing", body=order, Authorization=f"Bearer {billing}")
        expect(f"the bill is {'' if paid else 'not '}paid", answer, 200, '"suspended"')
        expect("the key", stranger.send("GET", hello, **key), status)


def prepared(example, folder):
    """The command that starts the example, once what it needs is installed beside a copy of it."""
    copy = folder / example
    shutil.copytree(ROOT / "examples" / example, copy, ignore=shutil.ignore_patterns("node_modules", ".venv"))
    run = lambda *command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=copy)
    if example == "express":
        package = json.loads((copy / "package.json").read_text())
        package["dependencies"]["latchkey-client"] = f"file:{ROOT}/clients/typescript"
        (copy / "package.json").write_text(json.dumps(package))
        run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent")
        return lambda port: (["node", str(copy / "app.js")], copy)
    run(sys.executable, "-m", "venv", ".venv")
    client = folder / "client"
    shutil.copytree(ROOT / "clients/python", client, ignore=shutil.ignore_patterns(".venv", "build", "dist"))
    run(".venv/bin/pip", "install", "--quiet", str(client), "-r", "requirements.txt")
    return lambda port: ([str(copy / ".venv/bin/uvicorn"), "--log-level", "warning", "--port", str(port), "app:app"], copy)


def main():
    binary = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="latchkey-own-users-") as name:
        folder = Path(name)
        for example in ("express", "fastapi"):
            print(f"examples/{example}", flush=True)
            command = prepared(example, folder)
            ports = free_port(), free_port()
            latchkey, product = (f"http://127.0.0.1:{port}" for port in ports)
            shared = {"PATH": os.environ["PATH"], "LATCHKEY_JWT_SECRET": secrets.token_hex(32)}
            settings = shared | {
                "LATCHKEY_LISTEN": f"127.0.0.1:{ports[0]}",
                "LATCHKEY_DATA_DIR": str(folder / f"{example}-data"),
                "LATCHKEY_JWT_ISSUER": "my-product",
                "LATCHKEY_JWT_AUDIENCE": "latchkey",
                "LATCHKEY_TRUSTED_ORIGINS": product,
                "LATCHKEY_LOG": "warn",
            }
            started = []
            try:
                started.append(subprocess.Popen([binary], env=settings, stdout=subprocess.DEVNULL))
                wait_for(f"{latchkey}/readyz", started[-1])
                make = [binary, "token", "create", "--name", "product", "--allow", "owners:write"]
                token = subprocess.run(make, env=settings, check=True, capture_output=True, text=True).stdout.strip()
                billing = secrets.token_hex(16)
                own = shared | {
                    "KEYS_URL": latchkey, "MANAGEMENT_TOKEN": token, "BILLING_SECRET": billing,
                    "SESSION_SECRET": secrets.token_hex(16), "PORT": str(ports[1]),
                }
                line, where = command(ports[1])
                started.append(subprocess.Popen(line, env=own, cwd=where, stdout=subprocess.DEVNULL))
                wait_for(f"{product}/sign-in", started[-1])
                use(product, latchkey, billing)
            finally:
                for process in reversed(started):
                    process.send_signal(signal.SIGTERM)
                    process.wait(30)
    print("both examples work")


if __name__ == "__main__":
    main()
