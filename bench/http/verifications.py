"""Verifications: from memory, and with the memory switched off."""

import re
import secrets
import urllib.request
from functools import partial
from itertools import islice

import processes
from bench import HOT, Bench, Row, compared, shown
from keys import text
from load import one_by_one, open_loop, wrk

CONNECTIONS, RATE = 32, 1000  # of the open loop
REFUSED = 1000  # keys of each kind


def cached(bench: Bench):
    metrics = f"127.0.0.1:{processes.free_port()}"
    settings = {"DATABASE_URL": bench.postgres.url, "LATCHKEY_METRICS_LISTEN": metrics}
    with bench.latchkey(**settings) as latchkey, bench.best_server() as best:
        yield cache_all(bench, latchkey, f"http://{metrics}/metrics", best)
        yield from closed_loop(bench, latchkey, best)
        yield from at_a_fixed_rate(bench, latchkey, best)
        yield from refused(bench, latchkey)


def cache_all(bench: Bench, latchkey: processes.Server, metrics: str, best: processes.Server) -> Row:
    """Asks for every key until all but one in a thousand are cached: the cache is divided into
    parts, and a part that happens to be full forgets some."""
    def cached() -> int:
        with urllib.request.urlopen(metrics) as answer:
            return int(re.search(rb"^latchkey_verify_cache_entries (\d+)", answer.read(), re.MULTILINE)[1])

    idle, asked, count = processes.rss(latchkey.pid), 0, bench.options.keys
    everything = bench.file("everything", bench.keys.texts(count))
    while cached() < count * 0.999:
        if asked > 3 * count:
            raise RuntimeError(f"only {cached()} keys are cached")
        asked += wrk("keys.lua", latchkey.port, 10, KEYS=everything, FIRST=asked % count).requests
    full, theirs = processes.rss(latchkey.pid), processes.rss(best.pid)
    return Row(f"memory, {cached():,} keys cached", shown(theirs, "MiB"), shown(full, "MiB"),
               f"{full / theirs:.2f}; {full - idle:.0f} MiB more than idle", "at most 250 MiB", full <= 250)


def closed_loop(bench: Bench, latchkey: processes.Server, best: processes.Server):
    sides = [partial(bench.verifications, server, bench.hot) for server in (best, latchkey)]
    rounds = bench.rounds(*sides, warm=True)
    yield compared("verify, cached: server CPU a request", "cpu", rounds, most=1.15)
    yield compared("the same: requests/s", "per_second", rounds, least=0.9)
    yield compared("the same: p50", "p50", rounds)
    yield compared("the same: p99", "p99", rounds)


def at_a_fixed_rate(bench: Bench, latchkey: processes.Server, best: processes.Server):
    program = bench.options.best_server.with_name("open_loop")
    seconds = 2 * bench.options.seconds  # so that some requests are slower than p99
    rounds = bench.rounds(*(partial(open_loop, program, server.port, bench.hot, RATE, seconds, CONNECTIONS)
                            for server in (best, latchkey)))
    for part, most in ("p50", None), ("p99", 1.3):
        yield compared(f"verify, cached, {RATE:,}/s open loop: {part}", part, rounds, most=most)


def refused(bench: Bench, latchkey: processes.Server):
    """The unknown keys are the same ones again and again: after the first time they too are mostly
    answered from memory."""
    hot = dict.fromkeys(bench.keys.texts(HOT))
    good = list(islice(hot, REFUSED))
    revoked = list(islice((row for row in bench.keys.rows if row[0] not in hot), REFUSED))
    ids = ",".join(f"'{row[2]}'" for row in revoked)
    bench.postgres.ask(f"update api_keys set revoked_at = now(), version = version + 1 where id in ({ids})")
    kinds = {
        "malformed": [key[:-1] + ("0" if key[-1] != "0" else "1") for key in good],
        "unknown": [text("sk_live_" + secrets.token_hex(16)) for _ in good],
        "revoked": [row[0] for row in revoked],
    }
    ask = partial(bench.verifications, latchkey)
    sides = [partial(ask, bench.file("good", good))]
    sides += [partial(ask, bench.file(kind, keys), refused=True) for kind, keys in kinds.items()]
    rounds = bench.rounds(*sides, warm=True)
    for number, kind in enumerate(kinds, 1):
        pairs = ((each[0], each[number]) for each in rounds)
        yield compared(f"{kind} keys, against accepted ones: requests/s", "per_second", pairs, least=0.9)


def unix_socket(bench: Bench):
    """Of one server, by one load generator."""
    program, socket = bench.options.best_server.with_name("closed_loop"), f"unix:{bench.folder / 'socket'}"
    with bench.latchkey(also_at=socket, LATCHKEY_DATA_DIR=str(bench.sqlite)) as latchkey:
        def side(address: str):
            run = partial(one_by_one, program, address, bench.hot, bench.options.seconds)
            return partial(bench.with_cpu, latchkey, run)

        rounds = bench.rounds(side(f"127.0.0.1:{latchkey.port}"), side(socket), warm=True)
    yield compared("verify, cached, by a Unix socket, against TCP: server CPU a request", "cpu", rounds, most=0.75)
    yield compared("the same: requests/s", "per_second", rounds)
    yield compared("the same: p50", "p50", rounds)


def uncached_postgres(bench: Bench):
    url, database = bench.postgres.url, bench.postgres.cpu
    with bench.latchkey(DATABASE_URL=url, LATCHKEY_VERIFY_CACHE="off") as latchkey, bench.best_server(url) as best:
        sides = [partial(bench.verifications, server, bench.hot, database) for server in (best, latchkey)]
        rounds = bench.rounds(*sides, warm=True)
    yield compared("verify, cache off, Postgres: requests/s", "per_second", rounds, least=0.8)
    yield compared("the same: CPU a request, Postgres' too", "cpu", rounds)


def uncached_sqlite(bench: Bench):
    settings = {"LATCHKEY_DATA_DIR": str(bench.sqlite), "LATCHKEY_VERIFY_CACHE": "off"}
    with bench.latchkey(**settings) as latchkey, bench.best_server() as best:
        sides = [partial(bench.verifications, server, bench.hot) for server in (best, latchkey)]
        rounds = bench.rounds(*sides, warm=True)
    yield compared("verify, cache off, SQLite: server CPU a request", "cpu", rounds, most=2)
