#!/usr/bin/env bash
# Packages each crate that other projects may take. Without arguments each is also built from its package
# alone, which takes many minutes, since they share nothing then; CI says --no-verify.
set -euo pipefail
cd "$(dirname "$0")/.."
ours_alone=(latchkey-server latchkey-testkit latchkey-bench guarded-service own-service)
cargo package --workspace --locked "${ours_alone[@]/#/--exclude=}" "$@"
# They lie outside of their crates, which have a link to them.
for store in postgres sqlite; do
    packaged=$(cargo package --list --package "latchkey-store-$store" | grep -c '^migrations/.*/up\.sql$')
    there=$(find "migrations/$store" -name up.sql | wc -l)
    [ "$packaged" = "$there" ] || { echo "$packaged of $there migrations are in the package for $store"; exit 1; }
done
