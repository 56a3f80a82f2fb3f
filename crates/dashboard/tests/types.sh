#!/usr/bin/env bash
# The types of the dashboard's scripts and of their tests: openapi-typescript makes those of the bodies of the API, then tsc
# checks every script.
#
# Needs Node 18.19 or newer with npm.
set -euo pipefail

cd "$(dirname "$0")/browser"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
PATH=$PWD/node_modules/.bin:$PATH
cd ../..
openapi-typescript ../../openapi.json --output types/api.d.ts --array-length --root-types --root-types-no-schema-prefix >/dev/null
tsc --project .
tsc --project tests
