"""A Postgres of its own for the bench."""

import os
import pathlib
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager

import processes

# Postgres refuses to run as root.
OTHER_USER = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def programs() -> pathlib.Path:
    """Where the server's programs are: Debian keeps them out of the PATH."""
    found = shutil.which("initdb")
    if found:
        return pathlib.Path(found).resolve().parent
    folder = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True).stdout
    return pathlib.Path(folder.strip())


class Cluster:
    def __init__(self, pid: int, port: int):
        self.pid = pid
        self.url = f"postgres://postgres@127.0.0.1:{port}/postgres"

    def ask(self, sql: str) -> list[list[str]]:
        """Rows of columns. By standard input, since a statement may be longer than arguments may be."""
        command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", self.url]
        out = subprocess.run(command, input=sql, check=True, stdout=subprocess.PIPE, text=True).stdout
        return [line.split("|") for line in out.splitlines()]

    def cpu(self) -> float:
        return processes.cpu_of_family(self.pid)


@contextmanager
def cluster(folder: pathlib.Path):
    """Its durability is that of the defaults. It listens on TCP alone, which is what servers use."""
    data, port, log = folder / "postgres", processes.free_port(), folder / "postgres.log"
    data.mkdir()
    if OTHER_USER:
        shutil.chown(data, "postgres")
        folder.chmod(0o755)
    initdb = [programs() / "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
    subprocess.run([*initdb, "--pgdata", data], check=True, stdout=subprocess.DEVNULL, cwd=folder, **OTHER_USER)
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "shared_buffers": "1GB"}
    postgres = [programs() / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())]
    with processes.running(postgres, log, signal.SIGINT, cwd=folder, **OTHER_USER) as process:
        made = Cluster(process.pid, port)
        deadline = time.monotonic() + processes.DEADLINE
        while subprocess.run(["pg_isready", "--quiet", "--dbname", made.url]).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Postgres did not start: {log.read_text()}")
            time.sleep(0.1)
        yield made
