#!/usr/bin/env bash
# The module's tests with the real binary, and the service of README.md as a module that vendors it.
#
#   test.sh path/to/latchkey
#
# Needs Go 1.19 or newer, and no network.
set -euo pipefail

LATCHKEY_BINARY=$(realpath "${1:?usage: test.sh path/to/latchkey}")
export LATCHKEY_BINARY GOPROXY=off GOTOOLCHAIN=local GOFLAGS=
cd "$(dirname "$0")"
command -v go >/dev/null || { echo 'go is missing: apt-get install golang-go' >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "not formatted: $unformatted" >&2; exit 1; }
go vet ./...
go test -count=1 ./...

mkdir -p "$work/third_party"
cp -r . "$work/third_party/latchkey"
sed -n '/^```go$/,/^```$/p' README.md | sed '/^```/d' >"$work/main.go"
cd "$work"
go mod init example.com/service 2>/dev/null
go mod edit -require=latchkey@v0.0.0 -replace=latchkey=./third_party/latchkey
go vet .
echo 'the service of README.md builds'
