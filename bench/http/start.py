"""How soon the server is ready, and what it takes while nobody asks."""

import statistics
import time

import processes
from bench import Bench, limited

STARTS = 5


def start(bench: Bench):
    for name, settings in (("Postgres", {"DATABASE_URL": bench.postgres.url}),
                           ("SQLite", {"LATCHKEY_DATA_DIR": str(bench.sqlite)})):
        durations, memory = [], []
        for _ in range(STARTS):
            began = time.monotonic()
            with bench.latchkey(**settings) as server:
                durations.append((time.monotonic() - began) * 1000)
                time.sleep(1)
                memory.append(processes.rss(server.pid))
        yield limited(f"start to ready, {name}", statistics.median(durations), "ms", 100)
        yield limited(f"idle memory, {name}", statistics.median(memory), "MiB", 25)
    yield limited("size of the program", bench.options.latchkey.stat().st_size / 2**20, "MiB", 16)
