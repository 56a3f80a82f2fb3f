#!/usr/bin/env bash
# A release from a built binary: an archive, a Debian package and a bill of materials, in a folder.
#
#   deploy/pack.sh latchkey-0.1.0-linux-amd64 dist
#
# Needs cargo, Python, and Debian's dpkg-dev; installs cargo-deb where it is not there.
set -euo pipefail

name=$1
mkdir -p "$2"
dist=$(realpath "$2")
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

command -v cargo-deb >/dev/null || cargo install --locked --version 3.8.0 cargo-deb

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/$name"
cp "$target/release/latchkey" README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT crates/dashboard/LICENSE-FONTS .env.example "$work/$name"
cp -r deploy "$work/$name"
tar --create --gzip --owner=0 --group=0 --sort=name --directory "$work" --file "$dist/$name.tar.gz" "$name"

cargo deb --locked --package latchkey-server --no-build --output "$dist/$name.deb"
python3 .ci/sbom.py >"$dist/$name.cdx.json"
