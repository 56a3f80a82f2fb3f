#!/usr/bin/env python3
"""Runs the recipes of docs/gateways.md, as they stand there, for the gateways that Debian has.

    .ci/gateways.py target/debug/latchkey

Latchkey on SQLite, a service that tells what reached it, and between them nginx, then Caddy. The
way from the gateway to Latchkey leads over a relay that counts connections and can be cut.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIME_LIMIT = 120  # seconds, for everything
REFUSED_WITHIN = 4  # seconds: the recipes' limit of 2, and some for a busy machine
UNKNOWN = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7"  # well-formed and never issued
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
CLAIMS = ("x-api-key-id", "x-api-key-owner", "x-api-key-environment")
FORGED = [("X-Api-Key-Id", "forged"), ("x-api-key-OWNER", "forged"), ("X-API-KEY-ENVIRONMENT", "forged")]


class Service(ThreadingHTTPServer):
    """Stands for the user's service: answers what it was sent, or the status that the path names."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.requests = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.server.requests += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = int(self.path[1:]) if self.path[1:].isdigit() else 200
        told = {"method": self.command, "path": self.path, "headers": self.headers.items(), "length": len(body)}
        sent = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


class Relay:
    """Passes connections on to Latchkey, or answers each request with `instead`."""

    def __init__(self, to):
        self.to, self.instead, self.connections = to, None, 0
        self.listener, self.open = None, []
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.listen()

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        """Nobody listens any more, and what was connected is not."""
        for end in (self.listener, *self.open):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it had ended already
            end.close()
        self.open.clear()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            latchkey = socket.create_connection(("127.0.0.1", self.to))
            self.open += [client, latchkey]
            for pair in ((client, latchkey), (latchkey, client)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source, target):
        try:
            while data := source.recv(65536):
                if self.instead is None:
                    target.sendall(data)
                else:
                    source.sendall(self.instead)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side was closed


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def call(port, method, path, headers=(), body=b""):
    """Status, headers and body, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def expect(condition, what, *seen):
    if not condition:
        raise SystemExit(f"gateways: {what}\n" + "\n".join(map(str, seen)))


class Latchkey:
    def __init__(self, binary, folder):
        self.log = folder / "latchkey.log"
        settings = {"LATCHKEY_LISTEN": "127.0.0.1:0", "LATCHKEY_DATA_DIR": str(folder / "data")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [binary], cwd=folder, env=settings | {"PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        found = wait_for(self.process, self.log, lambda: re.search(r"listening on http://127.0.0.1:(\d+)", self.log.read_text()))
        self.port = int(found[1])
        person = b'{"email": "ada@example.com", "password": "correct horse battery staple"}'
        _, headers, _ = self.manage("POST", "auth/sign-up", person, 201)
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def manage(self, method, path, body=b"", expected=200):
        headers = [("Content-Type", "application/json")]
        if hasattr(self, "cookie"):
            headers.append(("Cookie", self.cookie))
        status, headers, body = call(self.port, method, f"/api/v1/{path}", headers, body)
        expect(status == expected, f"Latchkey answered {method} {path} with {status}", body)
        return status, headers, body

    def issue(self):
        return json.loads(self.manage("POST", "api-keys", b'{"name": "a"}', 201)[2])

    def revoke(self, key):
        self.manage("DELETE", f"api-keys/{key['id']}")

    def verify(self, headers):
        return call(self.port, "GET", "/api/v1/verify", headers)


def wait_for(process, log, is_there):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = is_there()
        if found:
            return found
        expect(process.poll() is None, f"ended with {process.returncode}", log.read_text())
        time.sleep(0.05)
    raise SystemExit(f"gateways: did not come up\n{log.read_text()}")


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def recipe(language, latchkey, service, gateway):
    """The one block of that language, with these ports in place of the document's."""
    document = (ROOT / "docs/gateways.md").read_text()
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    for written, port in (("127.0.0.1:8080", latchkey), ("127.0.0.1:3000", service)):
        expect(written in block, f"the recipe for {language} does not name {written}")
        block = block.replace(written, f"127.0.0.1:{port}")
    expect(":8000" in block, f"the recipe for {language} does not name port 8000")
    return block.replace(":8000", f":{gateway}")


def nginx(folder, config):
    main = f"""
        pid {folder}/nginx.pid;
        worker_processes 1;
        error_log stderr warn;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {folder}/body;
            proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi;
            scgi_temp_path {folder}/scgi;
            {config}
        }}
    """
    (folder / "nginx.conf").write_text(main)
    return [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]


def caddy(folder, config):
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + config)
    return [program("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def program(name):
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    expect(path, f"{name} is needed; on Debian: apt-get install {name}")
    return path


class Run:
    """One gateway between a client and the service."""

    def __init__(self, name, port, latchkey, service, relay):
        self.name, self.port = name, port
        self.latchkey, self.service, self.relay = latchkey, service, relay

    def get(self, headers, path="/", method="GET", body=b""):
        return call(self.port, method, path, headers, body)

    def passes(self, headers, **request):
        status, _, body = self.get(headers, **request)
        expect(status == 200, f"{self.name}: a good key was answered with {status}", body)
        return json.loads(body)

    def a_good_key_passes_and_the_service_learns_whose_it_is(self):
        key = self.latchkey.issue()["key"]
        _, own, _ = self.latchkey.verify([("x-api-key", key)])
        for presented in (("X-API-Key", key), ("Authorization", f"Bearer {key}")):
            for hop in ("keep-alive", "close", "X-Api-Key-Owner, X-Api-Key-Id"):
                told = self.passes([presented, *FORGED, ("Connection", hop), ("X-Other", "kept")])
                sent = [(name.lower(), value) for name, value in told["headers"]]
                for name in CLAIMS:
                    seen = [value for found, value in sent if found == name]
                    expect(seen == [own[name]], f"{self.name}: the service saw {name} as {seen}", hop)
                expect(("x-other", "kept") in sent, f"{self.name}: other headers are lost")
                expect(key not in str(sent), f"{self.name}: the key was handed on", sent)

    def the_request_itself_passes_whole(self):
        headers = [("x-api-key", self.latchkey.issue()["key"])]
        body = b"x" * (8 << 20)
        told = self.passes(headers, method="POST", path="/a%2Fb?c=d", body=body)
        seen = told["method"], told["path"], told["length"]
        expect(seen == ("POST", "/a%2Fb?c=d", len(body)), f"{self.name}: the service saw {seen}")
        expect(self.passes(headers, method="DELETE")["method"] == "DELETE", f"{self.name}: not DELETE")

    def refusals_are_latchkeys_own(self):
        good, revoked = self.latchkey.issue(), self.latchkey.issue()
        revoked_header = ("x-api-key", revoked["key"])
        self.passes([revoked_header])
        self.latchkey.revoke(revoked)
        before = self.service.requests
        for headers in (
            [revoked_header],
            [],
            FORGED,
            [("x-api-key", "no key")],
            [("x-api-key", UNKNOWN)],
            [("Authorization", "Basic eDp5")],
            [("Authorization", f"Bearer {UNKNOWN}")],
            [("x-api-key", UNKNOWN), ("Authorization", f"Bearer {good['key']}")],
            [("x-api-key", good["key"]), ("x-api-key", UNKNOWN)],
        ):
            own = self.latchkey.verify(headers)
            ours = self.get(headers, method="POST", body=b"x" * (1 << 20))
            expect(own[0] == ours[0] == 401, f"{self.name}: answered {ours[0]}", headers)
            expect(own[2] == ours[2], f"{self.name}: another body", own[2], ours[2], headers)
            for name in ("WWW-Authenticate", "Content-Type"):
                pair = own[1].get_all(name), ours[1].get_all(name)
                expect(pair[0] == pair[1], f"{self.name}: another {name}", *pair)
        expect(self.service.requests == before, f"{self.name}: a refused request reached the service")

    def the_services_own_answers_pass(self):
        headers = [("x-api-key", self.latchkey.issue()["key"])]
        for status in (401, 403, 404, 500, 503):
            seen, _, body = self.get(headers, path=f"/{status}")
            expect(seen == status and b'"path"' in body, f"{self.name}: {status} became {seen}", body)

    def connections_to_latchkey_are_kept(self):
        headers = [("x-api-key", self.latchkey.issue()["key"])]
        self.passes(headers)
        before = self.relay.connections
        for _ in range(50):
            self.passes(headers)
        made = self.relay.connections - before
        expect(made <= 2, f"{self.name}: made {made} connections for 50 requests")

    def without_latchkey_nothing_passes(self):
        headers = [("x-api-key", self.latchkey.issue()["key"])]
        before = self.service.requests

        def refused(how):
            for presented in (headers + FORGED, []):
                began = time.monotonic()
                status, answered, body = self.get(presented, method="POST", body=b"x" * 1000)
                took = time.monotonic() - began
                print(f"{self.name}: Latchkey {how}: {status} after {took:.2f} s")
                expect(500 <= status < 600, f"{self.name}: Latchkey {how}, answered {status}", body)
                expect(took < REFUSED_WITHIN, f"{self.name}: Latchkey {how}, took {took:.1f} s")
                if self.name == "nginx":
                    told = status, answered["Retry-After"], "error" in json.loads(body)
                    expect(told == (503, "1", True), f"{self.name}: answered {told}")

        self.relay.instead = b""
        refused("hangs")
        self.relay.instead = UNAVAILABLE
        refused("can't vouch")
        self.relay.instead = None
        self.relay.cut()
        refused("is down")
        expect(self.service.requests == before, f"{self.name}: a request passed without Latchkey")
        self.relay.listen()
        self.passes(headers)

    def all(self):
        for check in (
            self.a_good_key_passes_and_the_service_learns_whose_it_is,
            self.the_request_itself_passes_whole,
            self.refusals_are_latchkeys_own,
            self.the_services_own_answers_pass,
            self.connections_to_latchkey_are_kept,
            self.without_latchkey_nothing_passes,
        ):
            check()
            print(f"{self.name}: {check.__name__.replace('_', ' ')}", flush=True)


def run(name, language, command, folder, latchkey):
    folder.mkdir()
    folder.chmod(0o755)  # nginx's workers are another user
    service, relay, port = Service(), Relay(latchkey.port), free_port()
    config = recipe(language, relay.port, service.server_address[1], port)
    log = folder / "log"
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with log.open("w") as out:
        gateway = subprocess.Popen(
            command(folder, config), cwd=folder, env=os.environ | home,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )
    try:
        wait_for(gateway, log, lambda: listens(port))
        Run(name, port, latchkey, service, relay).all()
    except BaseException:
        print(log.read_text(), file=sys.stderr)
        raise
    finally:
        gateway.terminate()
        gateway.wait(10)
        relay.cut()
        service.shutdown()
    expect(UNKNOWN not in log.read_text(), f"{name}: its log holds a key")


def main():
    signal.alarm(TIME_LIMIT)
    binary = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="latchkey-gateways-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        latchkey = Latchkey(binary, folder)
        try:
            run("nginx", "nginx", nginx, folder / "nginx", latchkey)
            run("caddy", "caddyfile", caddy, folder / "caddy", latchkey)
        finally:
            latchkey.process.terminate()
            latchkey.process.wait(40)
    print("gateways: nginx and caddy do what docs/gateways.md says")


if __name__ == "__main__":
    main()
