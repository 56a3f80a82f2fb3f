#!/usr/bin/env bash
# The package as others get it: built, checked for types, installed into a fresh environment, and tested there with the
# real frameworks and the real binary.
#
#   test.sh path/to/latchkey
#
# Needs Python 3.10 or newer with venv (or that of $PYTHON), and PyPI.
set -euo pipefail

LATCHKEY_BINARY=$(realpath "${1:?usage: test.sh path/to/latchkey}")
export LATCHKEY_BINARY PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${PYTHON:-python3}" -m venv "$work/venv"
PATH=$work/venv/bin:$PATH
pip install --quiet -r tests/requirements.txt
# A copy, since a build writes beside its sources.
mkdir "$work/source"
cp -r pyproject.toml README.md latchkey_client "$work/source"
python -m build --no-isolation --outdir "$work/dist" "$work/source" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
pip install --quiet "$work"/dist/*.whl
mypy --config-file pyproject.toml --cache-dir "$work/mypy" -p latchkey_client
cd tests
python -W ignore::ResourceWarning -m unittest
