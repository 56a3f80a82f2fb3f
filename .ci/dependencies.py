#!/usr/bin/env python3
"""Checks the dependencies that Cargo.lock names: their licences, bans and sources against deny.toml,
what the domain crate depends on against domain-dependencies.txt, that the HTTP crate names no adapter, that
the guard names no web framework, and that a service with keys alone builds nothing about accounts.

Needs only cargo and Python 3.11. It checks all targets, and development and build dependencies too.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOMAIN_LIST = ROOT / ".ci" / "domain-dependencies.txt"


def cargo(*arguments):
    command = ["cargo", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be satisfied by the allowed licences alone.

    WITH binds tightest, then AND, then OR; older crates write "/" for OR.
    """
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def peek():
        return tokens[0] if tokens else None

    def alternatives():
        result = conjunction()
        while peek() == "OR":
            tokens.pop(0)
            result = conjunction() or result  # always parse, so that every token is read
        return result

    def conjunction():
        result = term()
        while peek() == "AND":
            tokens.pop(0)
            result = term() and result
        return result

    def term():
        token = tokens.pop(0) if tokens else ""
        if token == "(":
            result = alternatives()
            if peek() != ")":
                raise ValueError("a parenthesis is not closed")
            tokens.pop(0)
            return result
        if token in ("", ")", "AND", "OR", "WITH"):
            raise ValueError("a licence is missing")
        if peek() == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0) if tokens else ''}"
        return token in allowed

    result = alternatives()
    if tokens:
        raise ValueError(f"unexpected {tokens[0]}")
    return result


def check_packages(packages, rules):
    allowed = set(rules["licenses"]["allow"])
    banned = {ban["crate"]: ban["reason"] for ban in rules["bans"]["deny"]}
    registries = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
    for licence in allowed:
        if "GPL" in licence:
            yield f"deny.toml allows {licence}"
    for package in packages:
        name = f"{package['name']} {package['version']}"
        source = package["source"]
        if source is None:
            if not Path(package["manifest_path"]).is_relative_to(ROOT):
                yield f"{name} lies outside this repository"
        elif source not in registries:
            yield f"{name} comes from {source}"
        if package["name"] in banned:
            yield f"{name} is banned: {banned[package['name']]}"
        licence = package["license"]
        try:
            if licence is None:
                yield f"{name} names no licence"
            elif not is_allowed(licence, allowed):
                yield f"{name} is under {licence}"
        except ValueError as error:
            yield f"{name} has a licence that can't be read, {licence}: {error}"


def built_from(package, *features):
    """Everything that a package is built from, itself included."""
    tree = cargo(
        "tree", "--locked", "--package", package,
        "--edges", "normal", "--prefix", "none", "--target", "all", *features,
    )
    return {line.split()[0] for line in tree.splitlines() if line.strip()}


def check_http():
    for name in sorted(built_from("latchkey-http")):
        if name.startswith(("latchkey-store-", "latchkey-hasher-", "diesel")):
            yield f"latchkey-http depends on {name}: the service that mounts it chooses the adapters"


def check_guard():
    for name in sorted(built_from("latchkey-guard", "--all-features")):
        if name.startswith(("actix", "axum", "tower-layer")):
            yield f"latchkey-guard depends on {name}: guards for all frameworks are built on it"
    for name in sorted(built_from("latchkey-guard-tower", "--all-features") & {"axum", "tower", "actix-web"}):
        yield f"latchkey-guard-tower depends on {name}: its traits come from smaller crates"


def check_keys_alone():
    builds = [
        ("latchkey-hasher-hmac", "--no-default-features"),
        ("latchkey-store-postgres", "--no-default-features"),
        ("latchkey-store-sqlite", "--no-default-features"),
        ("latchkey-guard", "--all-features"),
        ("own-service", "--all-features"),
    ]
    for name, *features in builds:
        if "latchkey-accounts" in built_from(name, *features):
            yield f"{name} with {' '.join(features)} depends on latchkey-accounts: it is for keys alone"


def check_domain():
    present = built_from("latchkey-domain")
    lines = DOMAIN_LIST.read_text().splitlines()
    expected = {line for line in lines if line and not line.startswith("#")}
    for name in sorted(present - expected):
        yield f"latchkey-domain depends on {name}, which {DOMAIN_LIST.name} does not list"
    for name in sorted(expected - present):
        yield f"{DOMAIN_LIST.name} lists {name}, which latchkey-domain does not depend on"


def several_versions(packages):
    versions = {}
    for package in packages:
        versions.setdefault(package["name"], []).append(package["version"])
    return {name: found for name, found in sorted(versions.items()) if len(found) > 1}


def check_reader():
    """The licence reader itself, on what it must tell apart."""
    allowed = {"MIT", "Apache-2.0", "Unicode-3.0"}
    good = [
        "MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT", "(MIT OR GPL-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR MIT", "GPL-2.0 AND ISC OR MIT",
    ]
    bad = [
        "GPL-3.0-or-later", "MIT AND GPL-3.0-only", "Apache-2.0 WITH LLVM-exception",
        "(MIT OR Apache-2.0) AND MPL-2.0", "AGPL-3.0 OR LGPL-2.1",
    ]
    assert all(is_allowed(expression, allowed) for expression in good)
    assert not any(is_allowed(expression, allowed) for expression in bad)


def main():
    check_reader()
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
    for name, found in several_versions(packages).items():
        print(f"note: {name} is there {len(found)} times: {', '.join(sorted(found))}")
    faults = [*check_packages(packages, rules), *check_domain(), *check_http(), *check_guard(), *check_keys_alone()]
    for fault in faults:
        print(f"error: {fault}")
    print(f"dependencies: {len(packages)} packages, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
