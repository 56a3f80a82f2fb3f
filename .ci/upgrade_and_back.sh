#!/usr/bin/env bash
# Builds an earlier commit and runs it on the schema of this one, and this one after it. Without an
# argument it is the first commit whose schema says which versions can use it: the oldest that has to.
set -euo pipefail
cd "$(dirname "$0")/.."

first() { git log --diff-filter=A --format=%H -- 'migrations/postgres/2026-11-29-000001_*/up.sql' | tail -n 1; }

commit=$(git rev-parse --verify "${1:-$(first)}^{commit}")
kept=${CARGO_TARGET_DIR:-$PWD/target}/before
source=$kept/source
if [ -e "$source" ]; then
    git -C "$source" checkout --quiet --detach "$commit"
else
    git worktree add --quiet --detach "$source" "$commit"
fi
echo "the release before: $(git log -1 --format='%h %s' "$commit")"
(cd "$source" && CARGO_TARGET_DIR=$kept cargo build --locked -p latchkey-server)
LATCHKEY_BINARY_BEFORE=$kept/debug/latchkey \
    cargo test --locked -p latchkey-server --test it -- --ignored release_before
