#!/usr/bin/env python3
"""Runs the cluster of docs/operations/high-availability.md, as it stands there, and takes its leaders away under load.

    .ci/patroni.py target/debug/latchkey [--rounds 3] [--seed N] [--only WORD ...] [--asynchronous]

Three hosts on loopback, each with etcd, Patroni and Postgres, and three instances, which reach the primary first by
several hosts in DATABASE_URL, then through HAProxy. What the other hosts say to a host, and what the host says to
their etcd, goes over a line of its own: an HAProxy, which is stopped to cut the host off. The instances still reach
a host that is cut off, which is worse than if they didn't.

It fails where a revoked key was accepted or an answered change was lost. With `--asynchronous` the cluster is the same
without `synchronous_mode`, its leader is cut off a second before it is killed, and the run fails unless a loss is seen:
so it is known that it can see one.

Needs root (Postgres runs as the user postgres), and Debian's postgresql, patroni, etcd-server and haproxy.
"""

import argparse
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from gateway_world import call, free_port
from patroni_load import Client, Load, longest_gap

PAGE = Path(__file__).resolve().parent.parent / "docs/operations/high-availability.md"
PEPPERS = "1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="  # 32 bytes, all k
PERSON = '{"email": "ada@example.com", "password": "correct horse battery staple"}'
WAYS = ("several hosts", "HAProxy")
DEADLINE = 120  # seconds, for whatever must come about
SETTLED = 5  # seconds that the new leader is watched before the old one comes back
PORTS = {2379: "etcd", 2380: "peers", 5432: "postgres", 8008: "rest"}
POSTGRES = {"user": "postgres", "group": "postgres", "extra_groups": []}


def wait_for(what, is_there):
    deadline = time.monotonic() + DEADLINE
    while not (found := is_there()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"it does not come about in {DEADLINE} s: {what}")
        time.sleep(0.1)
    return found


def blocks(heading):
    text = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def settings(block):
    return dict(line.split("=", 1) for line in block.splitlines())


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def family(pid):
    """A process, and those that it has started."""
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.read_text().rsplit(")", 1)[1].split()[1] == str(pid):
                children.append(int(stat.parent.name))
        except OSError:
            pass  # it has just ended
    return [pid, *children]


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class Host:
    """One of the three: its programs, and its line to the other two."""

    def __init__(self, name, folder):
        self.name, self.folder, self.processes = name, folder / name, {}
        self.folder.mkdir()
        shutil.chown(self.folder, "postgres", "postgres")
        self.ports = {port: free_port() for port in PORTS}
        self.line_ports = {port: free_port() for port in (5432, 8008)}
        self.etcd_ports = {}
        """By which it reaches the etcd of each host."""

    def meet(self, hosts):
        """Takes the addresses of all nodes, and writes the configuration of each program."""
        self.hosts = hosts
        self.etcd_ports = {one: one.ports[2379] if one is self else free_port() for one in hosts}
        lines = [(self.line_ports[port], self.ports[port]) for port in self.line_ports]
        lines += [(port, one.ports[2379]) for one, port in self.etcd_ports.items() if one is not self]
        config = "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n    timeout server 1h\n"
        for number, (bind, to) in enumerate(lines):
            config += f"listen line{number}\n    bind 127.0.0.1:{bind}\n    server it 127.0.0.1:{to}\n"
        (self.folder / "line.cfg").write_text(config)

    def fill(self, block):
        """The page's text, with this machine's places in place of the page's."""
        places = {}
        for port in self.line_ports:
            places[f"connect_address: ADDRESS:{port}"] = f"connect_address: 127.0.0.1:{self.line_ports[port]}"
        for number, one in enumerate(self.hosts, 1):
            places[f"10.0.0.{number}:2379"] = f"127.0.0.1:{self.etcd_ports[one]}"
            places[f"10.0.0.{number}:2380"] = f"127.0.0.1:{one.ports[2380]}"
        places |= {f"ADDRESS:{port}": f"127.0.0.1:{self.ports[port]}" for port in PORTS}
        places |= {"10.0.0.0/24": "127.0.0.0/8", "/var/lib/etcd": str(self.folder / "etcd"), "/var/run/postgresql": str(self.folder),
                   "/var/lib/postgresql": str(self.folder)}
        for written, real in places.items():
            block = block.replace(written, real)
        return re.sub(r"\bNAME\b", self.name, block)

    def start(self, etcd, patroni):
        (self.folder / "patroni.yml").write_text(self.fill(patroni))
        # Patroni would learn from etcd where it listens, and go past the line.
        environments = {"etcd": settings(self.fill(etcd)), "patroni": {"PATRONI_ETCD_USE_PROXIES": "true"}, "line": {}}
        self.environments = {name: {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.folder)} | own
                             for name, own in environments.items()}
        for name in environments:
            self.run(name)

    def run(self, name):
        command = {"etcd": ["etcd"], "patroni": ["patroni", "patroni.yml"], "line": ["haproxy", "-db", "-f", "line.cfg"]}[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env=self.environments[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **POSTGRES)

    def postmaster(self):
        try:
            return int((self.folder / "latchkey/postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return None

    def pids(self, *names):
        """The first of each family first: it starts others."""
        postmaster = self.postmaster()
        of_postgres = family(postmaster) if "postgres" in names and postmaster and alive(postmaster) else []
        return [self.processes[name].pid for name in names if name != "postgres"] + of_postgres

    def says(self, path):
        """Whether its Patroni says so; asked over no line."""
        try:
            return call(self.ports[8008], "GET", path)[0] == 200
        except OSError:
            return False

    # What can go wrong.

    def kill(self):
        pids = self.pids("patroni", "postgres", "etcd")
        signal_all(pids, signal.SIGKILL)
        for name in "patroni", "etcd":
            self.processes[name].wait()
        wait_for("all are dead", lambda: not any(map(alive, pids)))

    def start_again(self):
        self.run("etcd")
        self.run("patroni")

    def stop(self, *names):
        self.stopped = self.pids(*names)
        signal_all(self.stopped, signal.SIGSTOP)

    def go_on(self):
        signal_all(self.stopped, signal.SIGCONT)

    def end(self):
        """For good, whatever state it is in."""
        postmaster, processes = self.postmaster(), list(self.processes.values())
        signal_all([process.pid for process in processes], signal.SIGKILL)
        for process in processes:
            process.wait()
        if postmaster and alive(postmaster):
            pids = family(postmaster)
            signal_all(pids, signal.SIGKILL)
            wait_for("Postgres is dead", lambda: not any(map(alive, pids)))


FAULTS = {
    "its host is killed": (Host.kill, Host.start_again),
    "its host is paused, and woken": (lambda host: host.stop("patroni", "postgres", "etcd"), Host.go_on),
    "its host is cut off from the others": (lambda host: host.stop("line", "etcd"), Host.go_on),
    "its Patroni hangs, Postgres goes on": (lambda host: host.stop("patroni"), Host.go_on),
}


def cut_off_and_kill(host):
    host.stop("line", "etcd")
    time.sleep(1)
    host.kill()


def start_again_with_line(host):
    signal_all(host.pids("line"), signal.SIGCONT)
    host.start_again()


ASYNCHRONOUS = {"its host is cut off, then killed": (cut_off_and_kill, start_again_with_line)}


class Cluster:
    def __init__(self, folder, stack, asynchronous):
        etcd, patroni, self.sql, self.latchkey, self.haproxy = blocks("A cluster under Patroni")
        if asynchronous:
            patroni = re.sub(r"(synchronous_mode\w*): true", r"\1: false", patroni)
        self.folder, self.synchronous = folder, not asynchronous
        self.hosts = [Host(name, folder) for name in "abc"]
        for host in self.hosts:
            host.meet(self.hosts)
        for host in self.hosts:
            stack.callback(host.end)
            host.start(etcd, patroni)
        self.wait_until_whole()
        self.ask(self.sql, "postgres")

    def leader(self, among=None):
        leaders = [host for host in among or self.hosts if host.says("/primary")]
        return leaders[0] if len(leaders) == 1 else None

    def is_whole(self):
        leader = self.leader()
        standbys = [host for host in self.hosts if host is not leader]
        in_step = not self.synchronous or any(host.says("/synchronous") for host in standbys)
        return leader and in_step and all(host.says("/replica") for host in standbys)

    def wait_until_whole(self):
        wait_for("a leader with two standbys", self.is_whole)

    def ask(self, sql, database="latchkey"):
        leader = self.leader()
        command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", leader.folder, "-p", str(leader.ports[5432]), database]
        out = subprocess.run(command, input=sql, check=True, stdout=subprocess.PIPE, text=True, cwd="/", **POSTGRES).stdout
        return [tuple(line.split("|")) for line in out.splitlines()]

    def places(self):
        return {f"10.0.0.{number}:5432": f"127.0.0.1:{host.ports[5432]}" for number, host in enumerate(self.hosts, 1)}

    def replaced(self, text, places):
        for written, real in places.items():
            text = text.replace(written, real)
        return text


class Instances:
    """Three of them, which reach the cluster one way."""

    def __init__(self, binary, cluster, way, stack):
        set_up = settings(cluster.replaced(cluster.latchkey, cluster.places()))
        if not cluster.synchronous:
            set_up["LATCHKEY_FAILOVER"] = "lossy"
        folder = cluster.folder / way
        folder.mkdir()
        if way == "HAProxy":
            port = free_port()
            places = {f"{place} check port 8008": f"{real} check port {host.ports[8008]}"
                      for (place, real), host in zip(cluster.places().items(), cluster.hosts)}
            (folder / "haproxy.cfg").write_text(cluster.replaced(cluster.haproxy, places | {":5000": f":{port}"}))
            self.run(["haproxy", "-db", "-f", folder / "haproxy.cfg"], folder / "haproxy.log", {}, stack)
            set_up["DATABASE_URL"] = re.sub(r"@.*/", f"@127.0.0.1:{port}/", set_up["DATABASE_URL"])
        set_up |= {"LATCHKEY_PEPPERS": PEPPERS, "LATCHKEY_MAX_KEYS_PER_OWNER": "1000000", "LATCHKEY_LOG": "warn",
                   "LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE": "1000000", "LATCHKEY_DATA_DIR": str(folder / "data")}
        self.ports = [free_port() for _ in range(3)]
        for number, port in enumerate(self.ports):
            self.run([binary], folder / f"latchkey-{number}.log", set_up | {"LATCHKEY_LISTEN": f"127.0.0.1:{port}"}, stack)
        self.wait_until_ready()

    def run(self, command, log, environment, stack):
        with log.open("ab") as out:
            process = subprocess.Popen(command, cwd=log.parent, env={"PATH": "/usr/sbin:/usr/bin:/bin"} | environment,
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        stack.callback(process.wait)
        stack.callback(process.kill)

    def wait_until_ready(self):
        def ready(port):
            try:
                return call(port, "GET", "/readyz")[0] == 200
            except OSError:
                return False
        wait_for("every instance is ready", lambda: all(map(ready, self.ports)))

    def session(self):
        client, headers = Client(self.ports[0]), {"Content-Type": "application/json"}
        _, status, answered, _ = client.send("POST", "auth/sign-up", headers, PERSON)
        if status != 201:
            _, status, answered, _ = client.send("POST", "auth/sign-in", headers, PERSON)
        return answered["Set-Cookie"].split(";")[0]

    def histories_lost(self):
        """As each instance has counted them."""
        pattern = rb"^latchkey_history_lost_total (\d+)"
        return [int(re.search(pattern, call(port, "GET", "/metrics")[2], re.MULTILINE)[1]) for port in self.ports]


class Outcome:
    """Of all rounds of one fault."""

    def __init__(self, way, fault):
        self.way, self.fault, self.without_changes, self.without_verifications = way, fault, [], []

    def row(self, stale, lost):
        times = [f"{statistics.median(each):.1f} ({max(each):.1f})" for each in (self.without_changes, self.without_verifications)]
        return f"| {self.way} | {self.fault} | {len(self.without_changes)} | {' | '.join(times)} | {stale} | {lost} |"


def round_of(cluster, instances, load, strike, heal, outcome):
    ledger = load.ledger
    leader = cluster.leader()
    others = [host for host in cluster.hosts if host is not leader]
    began = time.monotonic()
    strike(leader)
    try:
        wait_for("another leader", lambda: cluster.leader(others))
        answered = len(ledger.changed)
        wait_for("a change is answered", lambda: len(ledger.changed) > answered)
        time.sleep(SETTLED)
    finally:
        heal(leader)
    cluster.wait_until_whole()
    instances.wait_until_ready()
    time.sleep(SETTLED)
    ended = time.monotonic()
    outcome.without_changes.append(longest_gap(ledger.changed, began, ended))
    outcome.without_verifications.append(max(longest_gap(times, began, ended) for times in ledger.decided))
    load.sweep()
    wrong = ledger.stale + ledger.wrong
    print(f"{outcome.way}, {outcome.fault}: {leader.name}, then {cluster.leader().name}; without changes "
          f"{outcome.without_changes[-1]:.1f} s, without verifications {outcome.without_verifications[-1]:.1f} s; "
          f"stale accepts {len(ledger.stale)}, wrong answers {len(ledger.wrong)}", *wrong[-3:], sep="\n    ", flush=True)


def show_logs(folder):
    for log in sorted(folder.rglob("*.log")):
        print(f"-- {log.relative_to(folder)}", *log.read_text().splitlines()[-20:], sep="\n", file=sys.stderr)


def lost_changes(cluster, ledger):
    """Answered changes without their event. What servers have made again is lost all the same."""
    kept = set(cluster.ask("select key_id, action from audit_events where key_id is not null and actor <> 'recovery'"))
    return ledger.acknowledged() - kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latchkey", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--asynchronous", action="store_true")
    parser.add_argument("--only", nargs="*", default=[], help="words of the rows to run, such as HAProxy paused")
    options = parser.parse_args()
    for number in signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, lambda *_: sys.exit(1))
    print(f"seed {options.seed}", flush=True)
    faults = ASYNCHRONOUS if options.asynchronous else FAULTS
    rows, stale, wrong, lost, told = [], [], [], set(), []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latchkey-patroni-")))
        folder.chmod(0o755)
        stack.push(lambda kind, *_: show_logs(folder) if kind is RuntimeError else None)
        cluster = Cluster(folder, stack, options.asynchronous)
        for way in WAYS:
            chosen = {fault: how for fault, how in faults.items() if all(word in f"{way} {fault}" for word in options.only)}
            if not chosen:
                continue
            with ExitStack() as processes:
                instances = Instances(options.latchkey.resolve(), cluster, way, processes)
                for fault, (strike, heal) in chosen.items():
                    outcome = Outcome(way, fault)
                    with Load(instances.ports, instances.session(), options.seed) as load:
                        time.sleep(SETTLED)
                        for _ in range(options.rounds):
                            round_of(cluster, instances, load, strike, heal, outcome)
                    ledger, missing = load.ledger, lost_changes(cluster, load.ledger)
                    rows.append(outcome.row(len(ledger.stale), len(missing)))
                    stale, wrong, lost = stale + ledger.stale, wrong + ledger.wrong, lost | missing
                told += instances.histories_lost()
        events = len(cluster.ask("select at from audit_events where action = 'history.lost'"))
    print("\n| reached by | leader | rounds | without changes, s | without verifications, s | stale accepts | answered changes lost |")
    print("|---|---|--:|--:|--:|--:|--:|", *rows, sep="\n")
    print(f"\nTimes: median (worst). Histories lost, as the instances counted: {told}; events of them: {events}.")
    if options.asynchronous:
        sys.exit(None if lost and all(told) and events else "error: no loss was seen, or it was not told")
    if stale or wrong or lost or any(told) or events:
        sys.exit("\n".join(["error: a promise was broken", *stale[:10], *wrong[:10], *map(str, sorted(lost)[:10])]))


if __name__ == "__main__":
    main()
