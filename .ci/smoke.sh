#!/usr/bin/env bash
# The binary alone, in an empty folder and an empty environment: an operator's first hour, with the
# curl lines of the API reference.
#
#   .ci/smoke.sh target/debug/latchkey
set -euo pipefail

binary=$(realpath "$1")
folder=$(mktemp -d)
cd "$folder"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url="http://127.0.0.1:$port"
server=

latchkey() { env -i PATH="$PATH" LATCHKEY_LISTEN="127.0.0.1:$port" "$binary" "$@"; }
fail() { printf 'smoke: %s\n' "$1"; cat "$folder/log"; exit 1; }
status() { curl --silent --output /dev/null --write-out '%{http_code}' "$@"; }

start() {
    env -i PATH="$PATH" LATCHKEY_LISTEN="127.0.0.1:$port" "$binary" >>log 2>&1 &
    server=$!
    for _ in $(seq 100); do
        if [ "$(status "$url/readyz")" = 200 ]; then return; fi
        kill -0 "$server" 2>/dev/null || fail "the server did not start"
        sleep 0.1
    done
    fail "the server did not become ready"
}

stop() {
    kill "-$1" "$server"
    local code=0
    { wait "$server"; } 2>/dev/null || code=$?
    server=
    if [ "$code" != "$2" ]; then fail "the server ended with $code on SIG$1"; fi
}

clean_up() {
    if [ -n "$server" ]; then kill -KILL "$server" || true; fi
    rm -rf "$folder"
}
trap clean_up EXIT

latchkey check-config >/dev/null || fail "check-config failed"
start
latchkey healthcheck || fail "healthcheck failed"

wrong=$(find latchkey-data \( -type d -not -perm 700 \) -o \( -not -type d -not -perm 600 \))
if [ -n "$wrong" ]; then fail "others may read $wrong"; fi
code=0
env -i PATH="$PATH" LATCHKEY_LISTEN=127.0.0.1:0 timeout 20 "$binary" >second 2>&1 || code=$?
case $code in 0 | 124) fail "a second server started on the same data" ;; esac
grep -q . second || fail "a second server was refused without a word"

session=$(curl --silent --fail-with-body --cookie-jar - "$url/api/v1/auth/sign-up" \
    -H "Content-Type: application/json" \
    -d '{"email": "ada@example.com", "password": "correct horse battery staple"}' |
    sed -n 's/.*\tsession\t//p')
made=$(curl -sS -X POST "$url/api/v1/api-keys" \
    -H "Content-Type: application/json" \
    -d '{"name": "Production"}' \
    --cookie "session=$session")
key=$(sed -n 's/.*"key":"\([^"]*\)".*/\1/p' <<<"$made")
id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' <<<"$made")
curl -sS "$url/api/v1/api-keys" \
    --cookie "session=$session" | grep -q "\"id\":\"$id\",\"name\":\"Production\"" || fail "the key is not in the list"
verify() { status "$url/api/v1/verify" -H "x-api-key: $key"; }
if [ "$(verify)" != 200 ]; then fail "the key does not work"; fi

stop TERM 0
start
if [ "$(verify)" != 200 ]; then fail "the key does not work after a restart"; fi
revoked=$(curl -sS -X DELETE "$url/api/v1/api-keys/$id" \
    --cookie "session=$session")
if [ "$revoked" != '{"success":true}' ]; then fail "revoking was answered with $revoked"; fi
if [ "$(verify)" != 401 ]; then fail "the key works after it was revoked"; fi

stop KILL 137
start
if [ "$(verify)" != 401 ]; then fail "the key works again after a crash"; fi
stop TERM 0
echo "smoke: the binary works on its own"
