"""What stands around a gateway in `.ci/gateways.py`: Latchkey, a service, and the relay between the
gateway and Latchkey.
"""

import base64
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


def expect(condition, what, *seen):
    if not condition:
        raise SystemExit(f"gateways: {what}\n" + "\n".join(map(str, seen)))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def asks_for_a_key(port):
    try:
        return call(port, "GET", "/")[0] == 401
    except OSError:
        return False


def wait_for(process, log, is_there):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = is_there()
        if found:
            return found
        expect(process.poll() is None, f"ended with {process.returncode}", log.read_text())
        time.sleep(0.05)
    raise SystemExit(f"gateways: did not come up\n{log.read_text()}")


def call(port, method, path, headers=(), body=b"", source="127.0.0.1"):
    """Status, headers and body, on a connection of its own. A `body` that is no bytes is sent in chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    try:
        connection.connect()
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        chunked = not isinstance(body, bytes)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        else:
            connection.putheader("Content-Length", str(len(body)))
        try:
            connection.endheaders(body, encode_chunked=chunked)
        except ConnectionError:
            pass  # refused before the body was read; the answer says why
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def raw(port, head):
    """The status of the answer to a head that no client library would write, or None without one."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(head)
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
            return answer.status
        except (http.client.HTTPException, ConnectionError):
            return None


class Service(ThreadingHTTPServer):
    """Stands for the user's service: answers what it was sent, or the status that the path names."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.port = self.server_address[1]
        self.requests, self.paths = 0, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A gateway may drop its connection."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.server.requests += 1
        self.server.paths.append(self.path)
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo()
            return
        body = self.body()
        status = int(self.path[1:]) if self.path[1:].isdigit() else 200
        told = {
            "method": self.command,
            "path": self.path,
            "headers": [(name.lower(), value) for name, value in self.headers.items()],
            "length": len(body),
            "digest": hashlib.sha256(body).hexdigest(),
        }
        sent = json.dumps(told).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(sent)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def echo(self):
        """Sends the heads' names and values as the first line, then what comes."""
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET).digest()).decode()
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        told = [(name.lower(), value) for name, value in self.headers.items()]
        self.wfile.write(json.dumps(told).encode() + b"\n")
        while data := self.connection.recv(4096):
            self.connection.sendall(data)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Relay:
    """Passes connections on to Latchkey, or answers each request with `instead`. Answers take `delay` seconds longer.

    `targets` are the addresses that were asked for: those calls have no body.
    """

    def __init__(self, to, at):
        """Both are ports, or both the paths of sockets."""
        self.to, self.at, self.instead, self.connections, self.targets = to, at, None, 0, []
        self.delay = 0
        self.listener, self.open = None, []
        self.listen()

    def listen(self):
        if isinstance(self.at, int):
            self.listener = socket.create_server(("127.0.0.1", self.at))
        else:
            self.at.unlink(missing_ok=True)
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(self.at))
            self.at.chmod(0o666)  # gateways may have users of their own
            self.listener.listen()
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
            if isinstance(self.to, int):
                latchkey = socket.create_connection(("127.0.0.1", self.to))
            else:
                latchkey = socket.socket(socket.AF_UNIX)
                latchkey.connect(str(self.to))
            self.open += [client, latchkey]
            for arguments in ((client, latchkey, self.note), (latchkey, client, None)):
                threading.Thread(target=self.carry, args=arguments, daemon=True).start()

    def note(self, heads):
        """Takes the whole heads from the beginning of what came, and leaves the rest."""
        while b"\r\n\r\n" in heads:
            head, _, rest = bytes(heads).partition(b"\r\n\r\n")
            heads[:] = rest
            self.targets.append(head.split(b" ")[1].decode())

    def carry(self, source, target, note):
        heads = bytearray()
        try:
            while data := source.recv(65536):
                if note:
                    heads += data
                    note(heads)
                if self.instead is None:
                    if note is None:
                        time.sleep(self.delay)
                    target.sendall(data)
                else:
                    source.sendall(self.instead)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side was closed


class Latchkey:
    """The binary, on SQLite, with one account."""

    def __init__(self, binary, folder):
        self.log, self.socket = folder / "latchkey.log", folder / "latchkey.sock"
        settings = {
            "LATCHKEY_LISTEN": f"127.0.0.1:0,unix:{self.socket}", "LATCHKEY_DATA_DIR": str(folder / "data"),
            "LATCHKEY_MAX_KEYS_PER_OWNER": "10000",
            "LATCHKEY_TRUSTED_PROXIES": "127.0.0.1/32",  # the gateway's; a client may be elsewhere in 127.0.0.0/8
        }
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

    def issue(self, **restrictions):
        body = json.dumps({"name": "a"} | restrictions).encode()
        return json.loads(self.manage("POST", "api-keys", body, 201)[2])

    def revoke(self, key):
        self.manage("DELETE", f"api-keys/{key['id']}")

    def verify(self, headers, query=""):
        return call(self.port, "GET", f"/api/v1/verify{query}", headers)

    def stop(self):
        self.process.terminate()
        self.process.wait(40)
