#!/usr/bin/env bash
# The dashboard in a real Chromium: each item of its checklist, against a server of its own.
#
#   run.sh path/to/latchkey [pattern of the tests' names]
#
# Needs Node 18.19 or newer with npm, and Chromium (CHROMIUM=… where it is not /usr/bin/chromium).
set -euo pipefail

binary=$(realpath "${1:?usage: run.sh path/to/latchkey [pattern]}")
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
exec node --test-reporter=spec run.mjs "$binary" "${2:-}"
