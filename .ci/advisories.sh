#!/usr/bin/env bash
# Checks Cargo.lock against the RustSec advisories, where their database can be reached. Fails on an
# advisory and on a yanked version (deny.toml); says so where nothing could be checked.
set -euo pipefail
cd "$(dirname "$0")/.."

database=https://github.com/rustsec/advisory-db

if ! GIT_TERMINAL_PROMPT=0 timeout 30 git ls-remote --quiet "$database" HEAD >/dev/null 2>&1; then
    cat <<END
************************************************************************
*  SKIPPED: no advisory was checked. $database
*  can't be reached from this machine. Run .ci/advisories.sh on one that
*  reaches it before a release.
************************************************************************
END
    exit 0
fi
command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
cargo deny --locked check advisories
