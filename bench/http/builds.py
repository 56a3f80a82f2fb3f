#!/usr/bin/env python3
"""Compares two builds of Latchkey in alternating pairs: CPU for each verification, revokes/s, and what counting calls writes. Of
AFTER alone: what a requirement, budgets, and the usage in a list cost.

    bench/http/builds.py BEFORE AFTER [WHAT ...] [--pairs 20]

BEFORE and AFTER are release binaries; each has a Postgres of its own. WHAT is any of cached, uncached,
revokes, written, required, metered, listed; without any, all. A limit is missed only where the whole interval is beyond it: the interval
holds the median of the ratios in 95 of 100 measurements.
"""

import argparse
import math
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import Bench
from calls import PEOPLE, Calls, new_ids
from load import Load, Unexpected, open_loop
from run import RELEASE, machine

MOST_CPU, MOST_REQUIRED, LEAST_REVOKES = 1.02, 1.05, 1.0
MOST_METERED, MOST_METERED_P99 = 1.10, 1.30
INSTANCES = 3
METERED = 20  # keys that share the load
WARM_UP = 2  # seconds in which budgets come to hand
MOST_LISTED = 1.5
LISTED = 100  # keys of each person
COUNTED = 100  # keys whose calls are counted
COUNTED_FOR = 180  # seconds: uses are written each minute
MOST_WRITTEN = 1.0


def interval(ratios: list[float]) -> tuple[float, float]:
    """Of the median, at 95 %, by the order of the values alone."""
    count, below, rank = len(ratios), 0.0, 0
    while below + math.comb(count, rank) / 2**count <= 0.025:
        below += math.comb(count, rank) / 2**count
        rank += 1
    ordered = sorted(ratios)
    return ordered[max(rank - 1, 0)], ordered[count - max(rank, 1)]


def row(what: str, unit: str, pairs: list[tuple[float, float]], missed: Callable[[float, float], bool]) -> str:
    ratios = [after / before for before, after in pairs]
    low, high = interval(ratios)
    before, after = (statistics.median(side) for side in zip(*pairs))
    told = "**no**" if missed(low, high) else "yes"
    return (f"| {what} | {before:,.1f} {unit} | {after:,.1f} {unit} | {statistics.median(ratios):.3f} "
            f"({low:.3f}-{high:.3f}) | {told} |")


def verifying(benches: list[Bench], what: str, **settings: str) -> str:
    with ExitStack() as stack:
        servers = [stack.enter_context(bench.latchkey(DATABASE_URL=bench.postgres.url, **settings))
                   for bench in benches]
        sides = [partial(bench.verifications, server, bench.hot) for bench, server in zip(benches, servers)]
        rounds = benches[0].rounds(*sides, warm=True)
    pairs = [(before.cpu, after.cpu) for before, after in rounds]
    return row(f"CPU for each verification, {what}: at most {MOST_CPU}", "us", pairs, lambda low, _: low > MOST_CPU)


def requiring(benches: list[Bench]) -> str:
    """AFTER alone: keys with three scopes, without and with a requirement."""
    bench = benches[-1]
    bench.postgres.ask("update api_keys set scopes = 'docs:read reports:* org:42'")
    with bench.latchkey(DATABASE_URL=bench.postgres.url) as server:
        without = partial(bench.verifications, server, bench.hot)
        required = partial(without, TARGET="/api/v1/verify?scope=docs:write|org:42")
        pairs = [(without.cpu, required.cpu) for without, required in bench.rounds(without, required, warm=True)]
    return row(f"CPU for each verification, without and with a requirement: at most {MOST_REQUIRED}", "us", pairs,
               lambda low, _: low > MOST_REQUIRED)


def metering(benches: list[Bench]) -> str:
    """AFTER alone: keys without budgets, and as many with credits and a limit for each minute."""
    bench = benches[-1]
    some = bench.keys.rows[:: len(bench.keys.rows) // (2 * METERED)][: 2 * METERED]
    ids = ",".join(f"'{key_id}'" for _, _, key_id, _, _ in some[METERED:])
    bench.postgres.ask("insert into budgets (family, kind, amount) select id, kind, 1000000000 from api_keys, "
                       f"unnest(array['credits', 'minute']) as kind where id in ({ids})")
    plain, metered = (bench.file(name, [row[0] for row in side])
                      for name, side in (("plain", some[:METERED]), ("metered", some[METERED:])))
    with bench.latchkey(DATABASE_URL=bench.postgres.url) as server:
        cpu = bench.rounds(*(partial(bench.verifications, server, keys) for keys in (plain, metered)), warm=True)
        slow = bench.rounds(*(partial(at_rate, server.port, keys, bench.options.seconds) for keys in (plain, metered)))
    return "\n".join([
        row(f"CPU for each verification, without budgets and with two: at most {MOST_METERED}", "us",
            [(without.cpu, with_two.cpu) for without, with_two in cpu], lambda low, _: low > MOST_METERED),
        row(f"p99 of 1,000 verifications/s, open loop, the same: at most {MOST_METERED_P99}", "ms",
            [(without.p99, with_two.p99) for without, with_two in slow], lambda low, _: low > MOST_METERED_P99),
    ])


def at_rate(port: int, keys: Path, seconds: int) -> Load:
    """What was not used for a second was given back: the first calls of each key are asked of the store, and not measured."""
    open_loop(RELEASE / "open_loop", port, keys, 1000, WARM_UP, 64)
    return open_loop(RELEASE / "open_loop", port, keys, 1000, seconds, 64)


def listing(benches: list[Bench]) -> str:
    """AFTER alone: 100 keys, all of which were used on each of 30 days."""
    bench = benches[-1]
    with bench.latchkey(DATABASE_URL=bench.postgres.url, LATCHKEY_MAX_KEYS_PER_OWNER="1000000") as server:
        calls = Calls(bench, server.port)
        calls.add_keys(LISTED * PEOPLE, new_ids())
        bench.postgres.ask(
            "insert into last_uses (key_id, used_at, hour, accepted, cost) "
            "select id, now(), date_trunc('hour', now()), 7, 7 from api_keys where owner = any(%s); "
            "insert into key_usage (key_id, span, start, outcome, calls, cost) "
            "select id, 'day', date_trunc('day', now(), 'UTC') - ago * interval '24 hours', 'accepted', 100, 100 "
            "from api_keys, generate_series(0, 29) as ago where owner = any(%s)" % (calls.owners, calls.owners))
        # Each key was written 30 times in one transaction, which no server does.
        bench.postgres.ask("vacuum full recent_usage")
        bench.postgres.ask("analyze")
        sides = [partial(bench.calls, server, bench.file(f"list{number}", [
            f"GET\t/api/v1/api-keys{query}\t{session}" for session in calls.people.values()
        ])) for number, query in enumerate(("", "?include=usage"))]
        rounds = bench.rounds(*sides, warm=True)
    return row(f"a list of {LISTED} keys, without and with their usage: at most {MOST_LISTED}", "ms",
               [(1000 / without.per_second, 1000 / with_usage.per_second) for without, with_usage in rounds],
               lambda low, _: low > MOST_LISTED)


def counting(benches: list[Bench]) -> str:
    """Both at the same time, each in its own database; nothing of this is a matter of speed."""
    with ThreadPoolExecutor() as pool:
        (rows_before, log_before), (rows_after, log_after) = pool.map(written, benches)
    what, missed = f"of {COUNTED} keys, 300 calls/s for {COUNTED_FOR} s: at most {MOST_WRITTEN}", lambda low, _: low > MOST_WRITTEN
    return "\n".join([row(f"rows written {what}", "rows", [(rows_before, rows_after)], missed),
                      row(f"log written {what}", "kB", [(log_before, log_after)], lambda *_: False)])


def written(bench: Bench) -> tuple[float, float]:
    """Rows, without those of heartbeats, and kB of the write-ahead log."""
    asked = ("select sum(n_tup_ins + n_tup_upd + n_tup_del), pg_current_wal_lsn() - '0/0' from pg_stat_user_tables "
             "where relname <> 'instances'")
    with bench.latchkey(DATABASE_URL=bench.postgres.url) as server:
        time.sleep(2)  # until it has looked for what is to be removed
        bench.postgres.ask("checkpoint")
        rows, log = bench.postgres.ask(asked)[0]
        keys = bench.file("counted", [key for key, *_ in bench.keys.rows[:COUNTED]])
        open_loop(RELEASE / "open_loop", server.port, keys, 300, COUNTED_FOR, 8)
    time.sleep(2)  # until Postgres has counted what was written at the stop
    rows_then, log_then = bench.postgres.ask(asked)[0]
    return float(rows_then) - float(rows), (float(log_then) - float(log)) / 1024


def revoking(benches: list[Bench]) -> str:
    """All by one instance; each waits for the others."""
    with ExitStack() as stack:
        calls = []
        for bench in benches:
            settings = {"DATABASE_URL": bench.postgres.url, "LATCHKEY_MAX_KEYS_PER_OWNER": "1000000"}
            servers = [stack.enter_context(bench.latchkey(**settings)) for _ in range(INSTANCES)]
            calls.append(Calls(bench, servers[0].port))
        rounds = benches[0].rounds(*(of_build.revokes for of_build in calls), warm=True)
    pairs = [(before.per_second, after.per_second) for before, after in rounds]
    what = f"revokes by one of {INSTANCES} instances: at least {LEAST_REVOKES}"
    return row(what, "/s", pairs, lambda _, high: high < LEAST_REVOKES)


MEASURED = {
    "cached": partial(verifying, what="cached"),
    "uncached": partial(verifying, what="cache off", LATCHKEY_VERIFY_CACHE="off"),
    "revokes": revoking,
    "written": counting,
    "required": requiring,
    "metered": metering,
    "listed": listing,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("what", nargs="*", choices=[[], *MEASURED], metavar="WHAT")
    parser.add_argument("--pairs", dest="rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=4, help="for each side of each pair")
    parser.add_argument("--keys", type=int, default=100_000, help="at least 20,000")
    parser.set_defaults(best_server=RELEASE / "best_server")
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print("| what | before | after | ratio, median (95 %) | reached |\n|---|--:|--:|--:|---|")
    with ExitStack() as stack:
        benches = []
        for build in options.before, options.after:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latchkey-bench-")))
            benches.append(Bench(argparse.Namespace(**vars(options), latchkey=build), folder, stack))
        for what in options.what or MEASURED:
            print(MEASURED[what](benches), flush=True)
    print(f"\n{options.keys:,} keys; {options.rounds} pairs of {options.seconds} s; {machine()}.")


if __name__ == "__main__":
    try:
        main()
    except Unexpected as unexpected:
        sys.exit(f"error: not answered as expected: {unexpected}")
    except KeyboardInterrupt:
        sys.exit(130)
