#!/usr/bin/env python3
"""Compares Latchkey over HTTP with the best that could be done, and prints a table.

    bench/http/run.py [GROUP ...]

Needs Python 3.11, wrk, openssl, and Postgres' server and client programs with pgbench. All that it starts
listens on loopback only and ends with it.
"""

import argparse
import os
import platform
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import Bench
from calls import calls_postgres, creates_sqlite
from cluster import programs
from load import Unexpected
from sessions import jwt_sessions
from start import start
from verifications import cached, uncached_postgres, uncached_sqlite, unix_socket

RELEASE = Path(__file__).resolve().parents[2] / "target/release"
GROUPS = {"cached": cached, "unix-socket": unix_socket, "uncached-postgres": uncached_postgres, "uncached-sqlite": uncached_sqlite,
          "calls-postgres": calls_postgres, "creates-sqlite": creates_sqlite,
          "jwt-sessions": jwt_sessions, "start": start}


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    wrk = subprocess.run(["wrk", "--version"], capture_output=True, text=True).stdout.split(" [")[0]
    postgres = subprocess.run([programs() / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    return (f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}) with the load generator on them, "
            f"Linux {platform.release()}, {wrk}, {postgres.strip()}, SQLite {sqlite3.sqlite_version} (baseline)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"by default all: {', '.join(GROUPS)}")
    parser.add_argument("--seconds", type=int, default=4, help="for each side of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keys", type=int, default=1_000_000, help="at least 20,000")
    parser.add_argument("--latchkey", type=Path, default=RELEASE / "latchkey")
    parser.add_argument("--best-server", type=Path, default=RELEASE / "best_server", help="open_loop is beside it")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"there is no {', '.join(unknown)}")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print("| what | baseline | Latchkey | ratio, median (range) | to reach | reached |\n|---|--:|--:|--:|--:|---|")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latchkey-bench-")))
        bench = Bench(options, folder, stack)
        for name in options.groups or GROUPS:
            for row in GROUPS[name](bench):
                print(row, flush=True)
    print(f"\n{options.keys:,} keys; {options.rounds} rounds of {options.seconds} s; {machine()}.")


if __name__ == "__main__":
    try:
        main()
    except Unexpected as unexpected:
        sys.exit(f"error: not answered as expected: {unexpected}")
    except KeyboardInterrupt:
        sys.exit(130)
