#!/usr/bin/env python3
"""Does what README.md says, or a section of another document, so that it can't rot.

Every `sh`, `js` and `python` block is run, in order, in an empty folder that stands for a fresh
checkout: there `cargo run` works as it does here. A blank line inside a block separates steps.

- A step must succeed and say something, and no request of curl may be answered with 400 or above.
  One that ends in `# 401` must be answered so.
- A block that ends in `cargo run` starts a server, which runs until the next such block or the end;
  then it must stop cleanly. 127.0.0.1:5432 stands for a Postgres that is made for the purpose.
- The placeholders of the API reference are filled with what earlier answers held: the session
  cookie, the key made last, the id of the newest key, and the JWT that was printed. Where a key is used before
  one was made over HTTP, somebody made it in the dashboard; here that takes two calls.
- A section of another document, as in `readme.py docs/your-own-users.md "A JWT"`, has to be
  done within three minutes, but for what the first build takes.
- `cargo test` is left out here, and run by `readme.py tests` instead.

Port 8080 is used if it is free, else another.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSION, KEY, ID = "your_session_cookie", "YOUR_API_KEY_HERE", "clx1abc2d3e4f5g6h7i8j9k0"
NEW_ID = "KEY_ID"  # of the key made last
TOKEN = "YOUR_JWT"  # the one printed last
AT_MOST = 180  # seconds
README_HTTP, README_POSTGRES = "127.0.0.1:8080", "127.0.0.1:5432"
REFUSED = 22  # what curl ends with when answered with 400 or above

# What a page of the server's own does by itself: it sends its cookie.
BROWSER = """
const send = globalThis.fetch
globalThis.fetch = (url, options = {}) =>
  send(url, { ...options, headers: { ...options.headers, cookie: 'session=SESSION' } })
"""


def free_port(wanted=0):
    """`wanted` if nobody has it, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise SystemExit("no port is free")


class Postgres:
    """A cluster of our own, reachable on one loopback port, gone at the end."""

    def __init__(self):
        found = [Path(p) for p in (os.environ.get("PG_BIN_DIR"), *os.get_exec_path()) if p]
        found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        binaries = next((p for p in found if (p / "initdb").exists() and (p / "postgres").exists()), None)
        if binaries is None:
            raise SystemExit("no Postgres server binaries found; on Debian: apt-get install postgresql")
        self.folder = tempfile.mkdtemp(prefix="latchkey-readme-postgres-")
        as_user = {"cwd": "/"}
        if os.getuid() == 0:  # which Postgres refuses to run as
            as_user |= {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(self.folder, "nobody", "nogroup")
        data, self.port = f"{self.folder}/data", free_port()
        subprocess.run(
            [binaries / "initdb", "-N", "--no-locale", "-E", "UTF8", "-A", "trust", "-U", "postgres", "-D", data],
            check=True, stdout=subprocess.DEVNULL, **as_user,
        )
        with open(f"{self.folder}/log", "w") as log:
            self.process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-p", str(self.port), "-k", self.folder, "-h", "127.0.0.1", "-F"],
                stdout=log, stderr=log, **as_user,
            )
        wait_for(self.process, lambda: self.is_ready(data), "Postgres")

    def is_ready(self, data):
        state = Path(data, "postmaster.pid").read_text().splitlines()
        return state[-1].strip() == "ready"

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        shutil.rmtree(self.folder)


def wait_for(process, is_there, what):
    deadline = time.monotonic() + 600  # a first `cargo run` compiles
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{what} ended with {process.returncode}")
        try:
            if is_there():
                return
        except (OSError, IndexError):
            pass
        time.sleep(0.1)
    raise SystemExit(f"{what} did not come up")


class Run:
    def __init__(self, folder):
        self.folder = folder
        self.port = free_port(8080)
        self.host = f"127.0.0.1:{self.port}"
        self.server = self.postgres = None
        self.known = {}
        (folder / "bin").mkdir()
        (folder / "work").mkdir()
        cargo = folder / "bin" / "cargo"
        cargo.write_text(
            f'#!/bin/sh\nverb=$1\nshift\n'
            f'exec "{shutil.which("cargo")}" "$verb" --manifest-path "{ROOT}/Cargo.toml" "$@"\n'
        )
        cargo.chmod(0o755)
        (folder / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
        settings = ("LATCHKEY_", "DATABASE_URL")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(settings)} | {
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "CURL_HOME": str(folder),
        }
        if self.port != 8080:
            print(f"Port 8080 is taken here; using {self.port}.")
            self.environment["LATCHKEY_LISTEN"] = self.host

    def fill(self, step):
        for placeholder in (SESSION, KEY, ID, NEW_ID, TOKEN):
            if placeholder in step:
                if placeholder == ID:
                    self.known[ID] = self.newest_id()
                if placeholder == KEY and KEY not in self.known:
                    self.known[KEY] = self.key_of_the_dashboard()
                if placeholder not in self.known:
                    raise SystemExit(f"nothing yet to put in place of {placeholder}")
                step = step.replace(placeholder, self.known[placeholder])
        if self.postgres:
            step = step.replace(README_POSTGRES, f"127.0.0.1:{self.postgres.port}")
        return step.replace(README_HTTP, self.host)

    def newest_id(self):
        url = f"http://{self.host}/api/v1/api-keys"
        request = urllib.request.Request(url, headers={"Cookie": f"session={self.known[SESSION]}"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)[0]["id"]

    def key_of_the_dashboard(self):
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

        def send(path, body):
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request(f"http://{self.host}/api/v1/{path}", json.dumps(body).encode(), headers)
            return json.load(browser.open(request))

        send("auth/sign-up", {"email": "grace@example.com", "password": "correct horse battery staple"})
        return send("api-keys", {"name": "Production"})["key"]

    def learn(self, output):
        patterns = (
            (SESSION, r"session=([\w-]{43})"),
            (KEY, r'"key":\s*"(\w{46})"'),
            (TOKEN, r"(?m)^(ey[\w-]+\.[\w-]+\.[\w-]+)$"),
            (NEW_ID, r'"id":\s*"([0-9a-f-]{36})".*"key":'),
        )
        for placeholder, pattern in patterns:
            found = re.search(pattern, output)
            if found:
                self.known[placeholder] = found[1]

    def start(self, block):
        self.stop_server()
        *before, last = self.fill(block).split("\n")
        script = "\n".join(["set -euo pipefail", *before, f"exec {last}"])
        self.server = subprocess.Popen(
            ["bash", "-c", script], cwd=self.folder / "work", env=self.environment, stdin=subprocess.DEVNULL
        )
        wait_for(self.server, self.is_healthy, "the server")

    def is_healthy(self):
        with urllib.request.urlopen(f"http://{self.host}/healthz", timeout=5) as answer:
            return answer.status == 200

    def stop_server(self):
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            if self.server.wait(40) != 0:
                raise SystemExit(f"the server ended with {self.server.returncode} on SIGTERM")
            self.server = None

    def step(self, language, text):
        status = re.search(r"# (4\d\d)$", text)
        text = self.fill(text)
        command = {
            "sh": ["bash", "-euo", "pipefail", "-c", text],
            "js": ["node", "--input-type=module", "--eval", self.in_a_page(text)],
            "python": [sys.executable, "-c", text],
        }[language]
        done = subprocess.run(
            command, cwd=self.folder / "work", env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )
        print(done.stdout.rstrip(), flush=True)
        if status:
            if done.returncode != REFUSED or f"error: {status[1]}" not in done.stdout:
                raise SystemExit(f"was not answered with {status[1]}")
        elif done.returncode != 0:
            raise SystemExit(f"ended with {done.returncode}")
        elif not done.stdout.strip() and " > " not in text:
            raise SystemExit("said nothing")
        self.learn(done.stdout)

    def in_a_page(self, text):
        return BROWSER.replace("SESSION", self.known.get(SESSION, "")) + text

    def block(self, language, text):
        print(f"\n--- {language}\n{text}\n---", flush=True)
        if text.startswith("cargo test"):
            print("(left to the test step)")
        elif re.search(r"^cargo run$", text.split("\n")[-1]):
            if README_POSTGRES in text:
                self.postgres = Postgres()
            self.start(text)
        else:
            for step in text.split("\n\n"):
                self.step(language, step)

    def close(self):
        try:
            self.stop_server()
        finally:
            if self.server and self.server.poll() is None:
                self.server.kill()
            if self.postgres:
                self.postgres.stop()


def text_of(document, section=None):
    text = (ROOT / document).read_text()
    if section is None:
        return text
    return re.search(rf"^## {re.escape(section)}$.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[0]


def main():
    which = sys.argv[1:] if len(sys.argv) == 3 else ["README.md"]
    blocks = [(found[1], found[2].strip()) for found in BLOCK.finditer(text_of(*which))]
    unknown = {language for language, _ in blocks} - {"sh", "js", "python"}
    if unknown:
        raise SystemExit(f"{which[0]} has blocks that can't be run: {unknown}")
    if sys.argv[1:] == ["tests"]:
        (tests,) = (text for _, text in blocks if text.startswith("cargo test"))
        os.chdir(ROOT)
        os.execvp("bash", ["bash", "-euo", "pipefail", "-c", tests])
    with tempfile.TemporaryDirectory(prefix="latchkey-readme-") as folder:
        run = Run(Path(folder))
        try:
            began = None
            for language, text in blocks:
                run.block(language, text)
                began = began or time.monotonic()
            took = time.monotonic() - began
        finally:
            run.close()
    print(f"\n{' '.join(which)}: everything in it was done, {took:.0f} s after the first block")
    if len(which) == 2 and took > AT_MOST:
        raise SystemExit(f"that is more than {AT_MOST} s")


if __name__ == "__main__":
    main()
