"""Starts and ends servers, and reads what they use from /proc."""

import http.client
import os
import pathlib
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

TICKS = os.sysconf("SC_CLK_TCK")
DEADLINE = 60  # seconds, for a start


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def stat(pid: int) -> list[str]:
    """From the state on, the third field: the second, the name, may have spaces."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def cpu(pid: int) -> float:
    """Seconds of the processor, in user and system mode."""
    return sum(map(int, stat(pid)[11:13])) / TICKS


def cpu_of_family(pid: int) -> float:
    """The same with its children, those too that have ended."""
    ticks = sum(map(int, stat(pid)[11:15]))
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = stat(int(entry.name))
            except OSError:  # it has just ended
                continue
            if int(fields[1]) == pid:
                ticks += sum(map(int, fields[11:13]))
    return ticks / TICKS


def rss(pid: int) -> float:
    """MiB."""
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def environment(**settings: str) -> dict[str, str]:
    """Without whatever the caller has set for a Latchkey of their own."""
    ours = ("LATCHKEY_", "DATABASE_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | settings


@contextmanager
def running(command: list, log: pathlib.Path, stop: int = signal.SIGTERM, **options):
    """A process that ends with the block."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, **options)
    try:
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Server:
    """A server of verifications."""

    def __init__(self, process: subprocess.Popen, port: int):
        self.pid, self.port, self.process = process.pid, port, process

    def answers(self, path: str) -> int | None:
        """The status of a GET, or None where nobody listens yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except ConnectionError:
            return None
        finally:
            connection.close()

    def wait_for(self, path: str, status: int) -> None:
        deadline = time.monotonic() + DEADLINE
        while self.answers(path) != status:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.process.args[0]} did not start")
            time.sleep(0.001)
