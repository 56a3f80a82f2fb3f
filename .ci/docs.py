#!/usr/bin/env python3
"""Checks what the documents say about the code and about each other: links lead somewhere, the tests
that docs/security.md names and the files that docs/architecture.md names exist, the settings listed are
the settings there are, and the README is short. Needs only Python.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README_LINES = 120
SETTINGS = "docs/operations/settings.md"


def read(path):
    return (ROOT / path).read_text()


def documents():
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def anchor(heading):
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links():
    for document in documents():
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
            if "://" in link:
                continue
            path, _, fragment = link.partition("#")
            target = document.parent / path if path else document
            name = document.relative_to(ROOT)
            if not target.exists():
                yield f"{name} links to {link}, which is not there"
            elif fragment:
                headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
                if fragment not in map(anchor, headings):
                    yield f"{name} links to {link}, where no such heading is"


def missing_tests():
    """A test is named `file::function`, a file of tests by its name alone in the table."""
    for file, name in re.findall(r"`(\w+)::(\w+)`", read("docs/security.md")):
        found = [path for path in ROOT.glob(f"crates/**/{file}.rs") if f"fn {name}(" in path.read_text()]
        if not found:
            yield f"docs/security.md names the test {file}::{name}, which is not there"
    table = read("docs/security.md").split("## Controls")[1]
    for file in re.findall(r"[|,;] `([a-z_]+)`(?=[ ,;])", table):
        if not (ROOT / f"crates/server/tests/it/{file}.rs").exists():
            yield f"docs/security.md names the tests {file}, which are not there"


def missing_files():
    """A path begins at the root, or lies in the folder of the last one that does."""
    page, folder = "docs/architecture.md", None
    for path in re.findall(r"`([\w./-]+)`", read(page)):
        is_full = re.match(r"(\.ci|clients|crates|docs|examples|migrations)/", path)
        if is_full:
            folder = ROOT / path if (ROOT / path).is_dir() else (ROOT / path).parent
        if is_full or (folder and re.search(r"\.(go|js|json|md|py|rs|toml|ts)$", path)):
            if not (ROOT / path).exists() and not (folder / path).exists():
                yield f"{page} names {path}, which is not there"


def wrong_settings():
    flags = set(re.findall(r'env = "(\w+)"', read("crates/server/src/settings/raw.rs")))
    secrets = {"LATCHKEY_PEPPERS", "LATCHKEY_JWT_SECRET", "DATABASE_URL"}
    real = flags | secrets | {f"{name}_FILE" for name in secrets}
    pattern = r"\b(LATCHKEY_[A-Z_]*[A-Z]|DATABASE_URL(?:_FILE)?)\b"
    listed = set(re.findall(rf"^#{pattern}=", read(".env.example"), re.MULTILINE))
    rows = re.findall(r"^\| `.*$", read(SETTINGS), re.MULTILINE)
    described = {name for row in rows for name in re.findall(pattern, row.split("|")[1])}
    for place, names in ((".env.example", listed), (SETTINGS, described)):
        for name in sorted(real - names):
            yield f"{place} lacks {name}"
        for name in sorted(names - real):
            yield f"{place} has {name}, which is not a setting"
    for name in sorted(set(re.findall(pattern, read("README.md"))) - real):
        yield f"README.md names {name}, which is not a setting"


def main():
    faults = [*broken_links(), *missing_tests(), *missing_files(), *wrong_settings()]
    lines = len(read("README.md").splitlines())
    if lines >= README_LINES:
        faults.append(f"README.md has {lines} lines, {README_LINES} or more")
    for fault in faults:
        print(f"error: {fault}")
    print(f"documents: {len(documents())} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
