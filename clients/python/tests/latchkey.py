"""The real Latchkey, the servers that stand in its place, and requests byte for byte."""

import http.client
import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

BINARY = os.environ["LATCHKEY_BINARY"]
TABLE = json.loads((Path(__file__).parents[2] / "cases.json").read_text())
SCOPES = json.loads((Path(__file__).parents[2] / "scopes.json").read_text())


class Server:
    """A binary on an embedded database of its own, with a session."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.data = f"{self._folder.name}/data"
        self.socket = f"unix:{self._folder.name}/socket"
        listen = f"127.0.0.1:0,{self.socket}"
        self.environment = {"PATH": os.environ["PATH"], "LATCHKEY_LISTEN": listen, "LATCHKEY_DATA_DIR": self.data}
        self._log = Path(self._folder.name, "log").open("w+")
        self._process = subprocess.Popen(
            [BINARY], env=self.environment, cwd=self._folder.name, stdout=self._log, stderr=subprocess.STDOUT
        )
        until = time.monotonic() + 30
        while not (found := re.search(r"listening on (http://127\.0\.0\.1:\d+)", Path(self._log.name).read_text())):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the server did not start:\n" + Path(self._log.name).read_text())
            time.sleep(0.05)
        self.url = found[1]
        self._cookie = ""
        credentials = {"email": "ada@example.com", "password": "correct horse battery"}
        _, headers, account = self.call("POST", "/api/v1/auth/sign-up", credentials)
        self._owner = account["id"]
        self._cookie = headers["set-cookie"].split(";")[0]

    def call(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        given = {"Cookie": self._cookie, **dict(headers)} if self._cookie else dict(headers)
        if body is not None:
            given["Content-Type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), given)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.headers, json.loads(text)

    def make_key(self, name, environment="live", then=None, **budgets):
        """What Latchkey says of a new key, and its `text`."""
        members = {"name": name, "environment": environment, **budgets}
        if then == "expire":
            soon = time.time() + 1.5
            members["expiresAt"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(soon)) + f".{int(soon % 1 * 1000):03}Z"
        _, _, made = self.call("POST", "/api/v1/api-keys", members)
        told = {"keyId": made["id"], "ownerId": self._owner}
        told |= {member: made[member] for member in ("name", "keyPrefix", "environment")}
        one = f"/api/v1/api-keys/{made['id']}"
        if then == "disable":
            self.call("PATCH", one, {"enabled": False})
        elif then == "revoke":
            self.call("DELETE", one)
        elif then == "use":
            self.call("GET", "/api/v1/verify", headers={"x-api-key": made["key"]})
        elif then == "expire":
            time.sleep(max(0, soon + 0.1 - time.time()))
        return {"text": made["key"], **told}

    def stop(self):
        self._process.terminate()
        self._process.wait()
        self._log.close()
        self._folder.cleanup()


class Imposter:
    """A TCP server that treats each request by a list: texts to write, pauses in milliseconds, None to close. Then it
    closes, unless it `keeps` the connection for the next request."""

    def __init__(self, script, keeps=False):
        self.script, self.keeps = script, keeps
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests, self.connections = [], 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            self.connections += 1
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        with connection:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    head += piece
                self.requests.append(head.decode("latin-1"))
                for step in self.script:
                    if step is None:
                        return
                    try:
                        time.sleep(step / 1000) if isinstance(step, int) else connection.sendall(step.encode("latin-1"))
                    except OSError:
                        return
                if not self.keeps:
                    return


def nobody():
    """The address of a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def raw_get(port, headers):
    """Status, headers (several lines joined) and body of the answer to exactly these lines."""
    lines = ["GET / HTTP/1.1", "Host: service", "Connection: close", *(f"{name}: {value}" for name, value in headers)]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        answer = http.client.HTTPResponse(connection, method="GET")
        answer.begin()
        names = {name.lower() for name in answer.headers}
        return answer.status, {name: ", ".join(answer.headers.get_all(name)) for name in names}, answer.read()
