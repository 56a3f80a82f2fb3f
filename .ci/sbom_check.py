#!/usr/bin/env python3
"""Holds what .ci/sbom.py prints to the CycloneDX schema and to Cargo.lock.

Gets the schema and its validator from PyPI (sbom.txt), into a folder that is removed at the end.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read())
sys.exit(f"sbom: not CycloneDX 1.5: {fault}" if fault else 0)
"""


def sbom():
    return subprocess.run([HERE / "sbom.py"], check=True, stdout=subprocess.PIPE, text=True).stdout


def faults(text):
    bill = json.loads(text)
    lock = tomllib.loads((HERE.parent / "Cargo.lock").read_text())["package"]
    locked = {(one["name"], one["version"]): one for one in lock}
    references = {one["bom-ref"] for one in [*bill["components"], bill["metadata"]["component"]]}
    names = {one["name"] for one in bill["components"]}
    for one in bill["components"]:
        entry = locked.get((one["name"], one["version"]))
        if entry is None:
            yield f"{one['bom-ref']} is not in Cargo.lock"
        elif "source" in entry and one.get("hashes") != [{"alg": "SHA-256", "content": entry["checksum"]}]:
            yield f"{one['bom-ref']} lacks its checksum"
        if "licenses" not in one:
            yield f"{one['bom-ref']} lacks its licence"
    for edge in bill["dependencies"]:
        for reference in {edge["ref"], *edge["dependsOn"]} - references:
            yield f"{reference} is depended on and not listed"
    for name in {"actix-web", "diesel", "libsqlite3-sys", "ring", "latchkey-domain", "cc"} - names:
        yield f"{name} is linked or run by the build, and not listed"
    for name in {"proptest", "criterion", "loom", "latchkey-testkit"} & names:
        yield f"{name} is for tests alone, and listed"
    if sbom() != text:
        yield "two runs differ"


def main():
    text = sbom()
    found = list(faults(text))
    with tempfile.TemporaryDirectory(prefix="latchkey-sbom-") as venv:
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [f"{venv}/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
        subprocess.run([*pip, "--only-binary=:all:", "--requirement", HERE / "sbom.txt"], check=True)
        validator = subprocess.run([f"{venv}/bin/python", "-c", VALIDATE], input=text, text=True)
    for fault in found:
        print(f"error: {fault}")
    print(f"sbom: {text.count('purl')} packages, {len(found)} faults")
    return 1 if found or validator.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
