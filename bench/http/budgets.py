#!/usr/bin/env python3
"""What budgets cost the database, and what a crash strands: three instances that share the credits of one key.

    bench/http/budgets.py LATCHKEY [--rate 300] [--seconds 20]

LATCHKEY is a release binary. The rate is divided among the instances, in an open loop.
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from bench import Bench
from load import Unexpected, open_loop
from run import RELEASE, machine

INSTANCES, CREDITS = 3, 1_000_000_000
MOST_ROWS, MOST_STRANDED = 60, 2.0
STRANDED = "select coalesce(sum((changes::json->>'stranded')::bigint), 0) from audit_events where action = 'credits.stranded'"
ROWS = ("select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables "
        "where relname in ('budgets', 'budget_shares')")


def number(bench: Bench, sql: str) -> int:
    return int(bench.postgres.ask(sql)[0][0])


def spend(ports: list[int], keys: Path, rate: int, seconds: int, bear: bool = False) -> None:
    """Every instance at the same time; `bear` calls that fail."""
    failed = []

    def one(port: int) -> None:
        try:
            open_loop(RELEASE / "open_loop", port, keys, rate // len(ports), seconds, 8)
        except Exception as failure:  # of the thread, told below
            failed.append(failure)

    threads = [threading.Thread(target=one, args=[port]) for port in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed and not bear:
        raise failed[0]


def rows_written(bench: Bench, ports: list[int], keys: Path) -> float:
    rate, seconds = bench.options.rate, bench.options.seconds
    before = number(bench, ROWS)
    spend(ports, keys, rate, seconds)
    time.sleep(3)  # until what is left is given back, and Postgres counts it
    return (number(bench, ROWS) - before) * 1000 / (rate * seconds)


def stranded_by_a_crash(bench: Bench, servers: list, keys: Path) -> float:
    """In seconds of the use of the instance that is killed."""
    rate, killed = bench.options.rate, servers[0]
    before = number(bench, STRANDED)
    spending = threading.Thread(target=spend, args=([server.port for server in servers], keys, rate, 6, True))
    spending.start()
    time.sleep(4)
    killed.process.send_signal(signal.SIGKILL)
    spending.join()
    time.sleep(12)  # until the others take it off the list
    stranded = number(bench, STRANDED) - before
    if not stranded:
        raise Unexpected("nothing was told to be stranded")
    return stranded / (rate / len(servers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latchkey", type=Path)
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=20)
    parser.set_defaults(keys=20_000)
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latchkey-bench-")))
        bench = Bench(options, folder, stack)
        key, _, key_id, _, _ = bench.keys.rows[0]
        keys = bench.file("paid", [key])
        bench.postgres.ask(f"insert into budgets (family, kind, amount) values ('{key_id}', 'credits', {CREDITS})")
        servers = [stack.enter_context(bench.latchkey(DATABASE_URL=bench.postgres.url)) for _ in range(INSTANCES)]
        written = rows_written(bench, [server.port for server in servers], keys)
        left = number(bench, "select amount - handed_out from budgets")
        spent = options.rate * options.seconds
        stranded = stranded_by_a_crash(bench, servers, keys)
    print(f"row writes for 1,000 uses: {written:.0f}, at most {MOST_ROWS}")
    print(f"left when it is given back: {left:,} of {CREDITS:,}, {spent:,} spent")
    print(f"stranded by kill -9: {stranded:.2f} s of the instance's own use, at most {MOST_STRANDED}")
    print(f"\n{INSTANCES} instances, {options.rate}/s together; {machine()}.")
    if written > MOST_ROWS or left != CREDITS - spent or stranded > MOST_STRANDED:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except Unexpected as unexpected:
        sys.exit(f"error: not answered as expected: {unexpected}")
    except KeyboardInterrupt:
        sys.exit(130)
