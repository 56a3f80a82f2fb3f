"""What the measurements share: the databases with their keys, the servers, the rounds, the table."""

import statistics
import subprocess
from collections.abc import Callable, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import processes
from cluster import Cluster, cluster
from keys import PEPPERS, Keys
from load import Load, wrk

UNITS = {"per_second": "/s", "p50": "ms", "p99": "ms", "cpu": "us"}
HOT = 10_000  # keys that the requests are drawn from


@dataclass
class Row:
    what: str
    baseline: str
    latchkey: str
    figure: str = ""
    to_reach: str = ""
    reached: bool | None = None

    def __str__(self) -> str:
        reached = {True: "yes", False: "**no**", None: ""}[self.reached]
        return f"| {self.what} | {self.baseline} | {self.latchkey} | {self.figure} | {self.to_reach} | {reached} |"


def limited(what: str, figure: float, unit: str, most: float) -> Row:
    return Row(what, "", f"{figure:.1f} {unit}", "", f"at most {most} {unit}", figure <= most)


def compared(what: str, figure: str, rounds: Iterable[tuple[Load, Load]], least: float | None = None,
             most: float | None = None) -> Row:
    """The medians of both sides, the baseline first, and the median of the rounds' ratios."""
    pairs = [tuple(getattr(load, figure) for load in sides) for sides in rounds]
    baseline, latchkey = map(statistics.median, zip(*pairs))
    ratios = sorted(ours / theirs for theirs, ours in pairs)
    unit = UNITS[figure]
    ratio = statistics.median(ratios)
    row = Row(what, shown(baseline, unit), shown(latchkey, unit), f"{ratio:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})")
    if least:
        row.to_reach, row.reached = f"at least {least:.2f}", ratio >= least
    if most:
        row.to_reach, row.reached = f"at most {most:.2f}", ratio <= most
    return row


def shown(figure: float, unit: str) -> str:
    return f"{figure:,.0f} {unit}" if figure >= 1000 else f"{figure:.3g} {unit}"


class Bench:
    """Makes what it is asked for, and keeps it until the end."""

    def __init__(self, options, folder: Path, stack: ExitStack):
        self.options, self.folder, self.stack = options, folder, stack

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.options.keys)

    @cached_property
    def hot(self) -> Path:
        return self.file("hot", self.keys.texts(HOT))

    def file(self, name: str, lines: Iterable[str]) -> Path:
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    @cached_property
    def postgres(self) -> Cluster:
        made = self.stack.enter_context(cluster(self.folder))
        self.migrate(DATABASE_URL=made.url)
        self.keys.load_postgres(made.url)
        made.ask("checkpoint")
        return made

    @cached_property
    def sqlite(self) -> Path:
        folder = self.folder / "sqlite"
        folder.mkdir()
        self.migrate(LATCHKEY_DATA_DIR=str(folder))
        self.keys.load_sqlite(folder / "latchkey.db")
        return folder

    def migrate(self, **settings: str) -> None:
        environment = processes.environment(LATCHKEY_PEPPERS=PEPPERS, **settings)
        subprocess.run([self.options.latchkey, "migrate"], check=True, env=environment, capture_output=True)

    @contextmanager
    def latchkey(self, also_at: str = "", **settings: str):
        port = processes.free_port()
        listen = ",".join(filter(None, [f"127.0.0.1:{port}", also_at]))
        # A few people make all the calls, more than people may.
        environment = processes.environment(LATCHKEY_PEPPERS=PEPPERS, LATCHKEY_LISTEN=listen,
                                            LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE="1000000", **settings)
        command = [self.options.latchkey]
        with processes.running(command, self.folder / "latchkey.log", env=environment) as process:
            server = processes.Server(process, port)
            server.wait_for("/readyz", 200)
            yield server

    @contextmanager
    def best_server(self, *arguments: str):
        table, port = self.folder / "table", processes.free_port()
        if not table.exists():
            self.keys.write_table(table)
        command = [self.options.best_server, f"127.0.0.1:{port}", table, *arguments]
        with processes.running(command, self.folder / "best_server.log") as process:
            server = processes.Server(process, port)
            server.wait_for("/api/v1/verify", 401)
            yield server

    def verifications(self, server: processes.Server, keys: Path, also: Callable[[], float] = lambda: 0,
                      refused: bool = False, **variables: str) -> Load:
        """Of 64 connections. What `also` counts is added to the server's use of the processor."""
        run = partial(wrk, "keys.lua", server.port, self.options.seconds, refused=refused, KEYS=keys, **variables)
        return self.with_cpu(server, run, also)

    def calls(self, server: processes.Server, lines: Path) -> Load:
        """Of people who are signed in."""
        return self.with_cpu(server, partial(wrk, "calls.lua", server.port, self.options.seconds, CALLS=lines))

    def with_cpu(self, server: processes.Server, run: Callable[[], Load], also: Callable[[], float] = lambda: 0) -> Load:
        before = processes.cpu(server.pid) + also()
        load = run()
        load.cpu = (processes.cpu(server.pid) + also() - before) / load.requests * 1e6
        return load

    def rounds(self, *sides: Callable[[], Load], warm: bool = False) -> list[tuple[Load, ...]]:
        """All sides in turn, again and again, so that what else the machine does meets each of them."""
        rounds = [tuple(side() for side in sides) for _ in range(warm + self.options.rounds)]
        return rounds[warm:]
