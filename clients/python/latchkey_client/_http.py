"""HTTP by the standard library, on connections that are kept, with one limit on the time of a whole answer."""

from __future__ import annotations

import http.client
import io
import os
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

# Shorter than Latchkey and most proxies keep theirs, so that they rarely close one in use.
KEEP_IDLE = 30.0
KEEP_MOST = 32


class NoAnswer(Exception):
    """Nobody answered in time and in HTTP, or not as Latchkey does. The text repeats nothing that was received."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    """Names in lower case; several lines of one name are joined by a comma."""
    body: bytes


class Address(NamedTuple):
    secure: bool
    host: str
    port: int
    path: str
    socket: str = ""
    """The file of a Unix socket, where the server is reached by one."""

    @classmethod
    def parse(cls, url: str) -> Address:
        """ValueError for anything but a plain http or https URL, which may have a path, or unix:/absolute/path."""
        scheme, _, file = url.partition(":")
        if scheme == "unix" and file.startswith("/"):
            return cls(False, "localhost", 80, "", file)
        parts = urlsplit(url)
        plain = not ("@" in parts.netloc or "?" in url or "#" in url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain or not url.isprintable():
            plain_urls = "http://host:port, without user, query or fragment"
            raise ValueError(f"the URL must be like {plain_urls}, or like unix:/absolute/path")
        secure = parts.scheme == "https"
        return cls(secure, parts.hostname, parts.port or (443 if secure else 80), parts.path.rstrip("/"))


def joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    """What can't be sent on as a header is left out."""
    together: dict[str, str] = {}
    for name, value in headers:
        if value.isprintable():
            earlier = together.get(name.lower())
            together[name.lower()] = value if earlier is None else f"{earlier}, {value}"
    return together


class _Line(io.RawIOBase):
    """What `http.client` needs of a socket. Each read has what is left of the time and of the length."""

    deadline, left = 0.0, 0

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(time_left(self.deadline))
        self.sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.left <= 0:
            raise http.client.LineTooLong("answer")
        self.sock.settimeout(time_left(self.deadline))
        count = self.sock.recv_into(buffer)
        self.left -= count
        return count

    def close(self) -> None:
        """A response that was read closes its file, and the connection stays."""

    def __del__(self) -> None:
        self.sock.close()

    def is_silent(self) -> bool:
        """A kept connection on which something can be read was closed, or says what nobody asked."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            return not selector.select(0)


def time_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Kept(NamedTuple):
    connection: http.client.HTTPConnection
    line: _Line
    since: float
    process: int


class Peer:
    """The server at an address. Any number of threads may ask; each asks on a connection of its own."""

    def __init__(self, address: Address, longest: int) -> None:
        self._address, self._longest = address, longest
        # Those authorities are trusted that the system trusts, or that SSL_CERT_FILE names.
        self._tls = ssl.create_default_context() if address.secure else None
        self._idle: deque[_Kept] = deque()

    def ask(
        self, deadline: float, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """The answer to one request below the address. It is there by the deadline, by the monotonic clock, or
        NoAnswer; only the system's look-up of the host's name can take longer."""
        try:
            kept = self._take()
            if kept is not None:
                try:
                    return self._exchange(kept, deadline, method, target, headers, body)
                except ConnectionError:
                    # It may have been closed in the moment it was used. What only asks is asked once more.
                    if method != "GET":
                        raise
            return self._exchange(self._connect(deadline), deadline, method, target, headers, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The error's own words may repeat what was sent.
            raise NoAnswer(type(error).__name__) from None

    def _take(self) -> _Kept | None:
        while True:
            try:
                kept = self._idle.pop()
            except IndexError:
                return None
            fresh = time.monotonic() - kept.since < KEEP_IDLE
            # A forked process has its parent's connections, and must not read the parent's answers.
            if fresh and kept.process == os.getpid() and kept.line.is_silent():
                return kept
            kept.line.sock.close()

    def _connect(self, deadline: float) -> _Kept:
        host, port = self._address.host, self._address.port
        sock = self._by_file(deadline) if self._address.socket else self._by_network(deadline)
        of_kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection, line = of_kind(host, port), _Line(sock)
        connection.auto_open = 0
        connection.sock = line
        return _Kept(connection, line, 0.0, 0)

    def _by_file(self, deadline: float) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(time_left(deadline))
            sock.connect(self._address.socket)
        except OSError:
            sock.close()
            raise
        return sock

    def _by_network(self, deadline: float) -> socket.socket:
        host, port = self._address.host, self._address.port
        failed: OSError = ConnectionRefusedError()
        for family, kind, protocol, _name, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(time_left(deadline))
                sock.connect(where)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is not None:
                    sock.settimeout(time_left(deadline))
                    sock = self._tls.wrap_socket(sock, server_hostname=host)
                return sock
            except OSError as error:
                sock.close()
                failed = error
        raise failed

    def _exchange(
        self, kept: _Kept, deadline: float, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        done = False
        kept.line.deadline, kept.line.left = deadline, self._longest
        try:
            kept.connection.request(method, self._address.path + target, body, dict(headers))
            response = kept.connection.getresponse()
            data = b""
            while piece := response.read(65536):
                data += piece
            if response.length:
                raise http.client.IncompleteRead(b"")
            done = not response.will_close and len(self._idle) < KEEP_MOST
            return Answer(response.status, joined(response.getheaders()), data)
        finally:
            if done:
                self._idle.append(kept._replace(since=time.monotonic(), process=os.getpid()))
            else:
                kept.line.sock.close()
