#!/usr/bin/env python3
"""Prints a bill of materials of the binary `latchkey`: CycloneDX 1.5, as JSON.

    .ci/sbom.py > latchkey.cdx.json

What is linked into the binary on any platform, and what its build runs: names, versions, licences,
package URLs, checksums, and who depends on whom, as Cargo.lock pins them. Without development
dependencies. The same commit gives the same bytes. Needs only cargo and Python 3.11.
"""

import json
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = "latchkey-server"


def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def reached(root, nodes):
    """For each package that the root needs, those that it needs itself, but for tests."""
    found, waiting = {}, [root]
    while waiting:
        package = waiting.pop()
        if package not in found:
            needs = nodes[package]["deps"]
            found[package] = sorted(
                need["pkg"] for need in needs if any(kind["kind"] != "dev" for kind in need["dep_kinds"])
            )
            waiting += found[package]
    return found


def checksums():
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    return {(one["name"], one["version"]): one["checksum"] for one in packages if "checksum" in one}


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, kind, hashes):
    described = {
        "type": kind,
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
    }
    if package["description"]:
        described["description"] = " ".join(package["description"].split())
    checksum = hashes.get((package["name"], package["version"]))
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["license"]:
        # Older crates write "/" where SPDX has OR.
        described["licenses"] = [{"expression": " ".join(package["license"].replace("/", " OR ").split())}]
    if package["source"]:
        described["purl"] = reference(package)
    if package["repository"]:
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def bill(workspace):
    packages = {package["id"]: package for package in workspace["packages"]}
    nodes = {node["id"]: node for node in workspace["resolve"]["nodes"]}
    (root,) = (one["id"] for one in packages.values() if one["name"] == PRODUCT and one["source"] is None)
    needs = reached(root, nodes)
    hashes = checksums()
    by_name = sorted(needs, key=lambda one: (packages[one]["name"], packages[one]["version"]))
    product = component(packages[root], "application", hashes) | {"name": "latchkey"}
    parts = {
        "metadata": {"component": product, "tools": {"components": [{"type": "application", "name": "sbom.py"}]}},
        "components": [component(packages[one], "library", hashes) for one in by_name if one != root],
        "dependencies": [
            {
                "ref": reference(packages[one]),
                "dependsOn": sorted({reference(packages[need]) for need in needs[one]}),
            }
            for one in by_name
        ],
    }
    name = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(parts, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{name}", "version": 1}
    return head | parts


if __name__ == "__main__":
    json.dump(bill(metadata()), sys.stdout, indent=2, ensure_ascii=False)
    print()
