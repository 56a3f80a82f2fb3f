#!/usr/bin/env python3
"""Compares two builds of Latchkey in alternating pairs, and prints how much CPU a verification costs.

    bench/http/builds.py BEFORE AFTER [--pairs 20]

BEFORE and AFTER are release binaries; each has a Postgres of its own. AFTER costs over 1.02 times as
much only where the whole interval is above: it holds the median of the ratios in 95 of 100 measurements.
"""

import argparse
import math
import signal
import statistics
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import Bench
from load import Unexpected
from run import RELEASE, machine

MOST = 1.02


def interval(ratios: list[float]) -> tuple[float, float]:
    """Of the median, at 95 %, by the order of the values alone."""
    count, below, rank = len(ratios), 0.0, 0
    while below + math.comb(count, rank) / 2**count <= 0.025:
        below += math.comb(count, rank) / 2**count
        rank += 1
    ordered = sorted(ratios)
    return ordered[max(rank - 1, 0)], ordered[count - max(rank, 1)]


def compared(benches: list[Bench], what: str, **settings: str) -> str:
    with ExitStack() as stack:
        servers = [stack.enter_context(bench.latchkey(DATABASE_URL=bench.postgres.url, **settings))
                   for bench in benches]
        sides = [partial(bench.verifications, server, bench.hot) for bench, server in zip(benches, servers)]
        rounds = benches[0].rounds(*sides, warm=True)
    ratios = [after.cpu / before.cpu for before, after in rounds]
    low, high = interval(ratios)
    before, after = (statistics.median(load.cpu for load in loads) for loads in zip(*rounds))
    told = "no" if low <= MOST else "**yes**"
    return (f"| {what} | {before:.2f} us | {after:.2f} us | {statistics.median(ratios):.3f} "
            f"({low:.3f}-{high:.3f}) | {told} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--pairs", dest="rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=4, help="for each side of each pair")
    parser.add_argument("--keys", type=int, default=100_000, help="at least 20,000")
    parser.set_defaults(best_server=RELEASE / "best_server")
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print("| server CPU a verification | before | after | ratio, median (95 %) | over 1.02 |\n|---|--:|--:|--:|---|")
    with ExitStack() as stack:
        benches = []
        for build in options.before, options.after:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latchkey-bench-")))
            benches.append(Bench(argparse.Namespace(**vars(options), latchkey=build), folder, stack))
        print(compared(benches, "from memory"), flush=True)
        print(compared(benches, "memory off", LATCHKEY_VERIFY_CACHE="off"), flush=True)
    print(f"\n{options.keys:,} keys; {options.rounds} pairs of {options.seconds} s; {machine()}.")


if __name__ == "__main__":
    try:
        main()
    except Unexpected as unexpected:
        sys.exit(f"error: not answered as expected: {unexpected}")
    except KeyboardInterrupt:
        sys.exit(130)
