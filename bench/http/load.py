"""Loads servers and databases, and tells what became of it."""

import json
import os
import pathlib
import re
import subprocess
from dataclasses import dataclass

HERE = pathlib.Path(__file__).parent
MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}


class Unexpected(Exception):
    """Something was not answered as it should be, so that its figure would be worthless."""


@dataclass
class Load:
    requests: int
    per_second: float
    p50: float = 0  # milliseconds
    p99: float = 0
    cpu: float = 0  # microseconds of the server for each request


def wrk(script: str, port: int, seconds: int, connections: int = 64, refused: bool = False, **variables) -> Load:
    command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--latency",
               f"--script={HERE / script}", f"http://127.0.0.1:{port}"]
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    out = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    count = int(re.search(r"(\d+) requests in", out)[1])
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if not count or "Socket errors" in out or int(failed[1] if failed else 0) != (count if refused else 0):
        raise Unexpected(f"{' '.join(command)}\n{out}")
    percentiles = {percent: float(number) * MILLISECONDS[unit] for percent, number, unit in re.findall(
        r"^ +(\d+)% +([\d.]+)(us|ms|s|m)$", out.split("Latency Distribution")[1], re.MULTILINE)}
    return Load(count, float(re.search(r"Requests/sec: +([\d.]+)", out)[1]), percentiles["50"], percentiles["99"])


def open_loop(program: pathlib.Path, port: int, keys: pathlib.Path, rate: int, seconds: int, connections: int) -> Load:
    command = [program, f"127.0.0.1:{port}", keys, str(rate), str(seconds), str(connections)]
    out = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if out["refused"] or out["answers"] != rate * seconds:
        raise Unexpected(f"open loop: {out}")
    return Load(out["answers"], rate, out["p50"], out["p99"])


def one_by_one(program: pathlib.Path, address: str, keys: pathlib.Path, seconds: int, connections: int = 64) -> Load:
    """Like wrk, which speaks TCP alone. `address` may be a Unix socket."""
    command = [program, address, keys, str(seconds), str(connections)]
    out = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if out["refused"] or not out["answers"]:
        raise Unexpected(f"closed loop at {address}: {out}")
    return Load(out["answers"], out["answers"] / out["seconds"], out["p50"], out["p99"])


def pgbench(url: str, script: str, seconds: int) -> Load:
    """In the script, each client counts its transactions in `i`."""
    command = ["pgbench", "--no-vacuum", "--protocol=prepared", "--client=8", "--jobs=2", f"--time={seconds}",
               "--define=i=-1", "--file=/dev/stdin", url]
    run = subprocess.run(command, input=script, capture_output=True, text=True)
    count = re.search(r"transactions actually processed: (\d+)", run.stdout)
    if run.returncode or not re.search(r"failed transactions: 0 ", run.stdout):
        raise Unexpected(run.stdout + run.stderr)
    return Load(int(count[1]), float(re.search(r"^tps = ([\d.]+)", run.stdout, re.MULTILINE)[1]))
