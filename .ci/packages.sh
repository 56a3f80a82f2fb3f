#!/usr/bin/env bash
# Packages each crate that other projects may take, and builds it from the package alone.
set -euo pipefail
cd "$(dirname "$0")/.."
ours_alone=(latchkey-server latchkey-testkit latchkey-bench guarded-service own-service)
cargo package --workspace --locked "${ours_alone[@]/#/--exclude=}" "$@"
