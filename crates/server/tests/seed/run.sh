#!/usr/bin/env bash
# Runs the nine examples of the API reference (curl, fetch, Python requests; list, create, revoke)
# word for word, but for the host, the session and the id, against a freshly started server.
#
#   run.sh path/to/latchkey
#
# Needs curl, node (18 or newer) and python3 with requests. DATABASE_URL and LATCHKEY_PEPPERS are
# passed on if they are set; without them the embedded database is used.
set -euo pipefail

binary=$(realpath "${1:?usage: run.sh path/to/latchkey}")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
server=
clean_up() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap clean_up EXIT

need() { # need TOOL HOW-TO-GET-IT
    command -v "$1" >/dev/null || { echo "$1 is missing: $2" >&2; exit 1; }
}
need curl 'apt-get install curl, or brew install curl'
need node 'apt-get install nodejs, or brew install node'
need python3 'apt-get install python3, or brew install python'
python=python3
if ! "$python" -c 'import requests' 2>/dev/null; then
    echo 'python3 has no requests; getting it into a throwaway environment' >&2
    python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet requests || {
        echo 'requests is missing: apt-get install python3-requests, or pip install requests' >&2
        exit 1
    }
    python=$work/venv/bin/python
fi

( cd "$work" && exec env -i PATH="$PATH" ${DATABASE_URL:+DATABASE_URL="$DATABASE_URL"} \
    ${LATCHKEY_PEPPERS:+LATCHKEY_PEPPERS="$LATCHKEY_PEPPERS"} \
    LATCHKEY_LISTEN=127.0.0.1:0 LATCHKEY_DATA_DIR="$work/data" "$binary" ) >"$work/log" 2>&1 &
server=$!
host=
for _ in $(seq 200); do
    host=$(sed -n 's/.*listening on \(http:\/\/127\.0\.0\.1:[0-9]*\).*/\1/p' "$work/log" | head -n 1)
    [ -n "$host" ] && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
done
[ -n "$host" ] || { echo 'the server did not start:' >&2; cat "$work/log" >&2; exit 1; }

curl -fsS -c "$work/cookies" -H 'Content-Type: application/json' -o /dev/null \
    -d '{"email":"ada@example.com","password":"correct horse battery"}' "$host/api/v1/auth/sign-up"
session=$(awk '$6 == "session" { print $7 }' "$work/cookies")
[ -n "$session" ] || { echo 'signing up set no session cookie' >&2; exit 1; }

# What is in the place of the reference's placeholders. An example is never changed otherwise.
example() { # example FILE [ID]
    sed -e "s|https://screenshotapi.to|$host|g" -e "s|your_session_cookie|$session|g" \
        -e "s|clx1abc2d3e4f5g6h7i8j9k0|${2:-}|g" "$here/$1"
}
# A page would have the cookie in its jar; `credentials: 'include'` is all the example says. Node
# keeps no jar, so this stands for it.
node_with_cookie() {
    {
        echo "const plainFetch = globalThis.fetch"
        echo "const fetch = (url, init = {}) => plainFetch(url, init.credentials === 'include'"
        echo "  ? { ...init, headers: { ...init.headers, cookie: 'session=$session' } } : init)"
        cat
    } >"$work/example.mjs"
    node "$work/example.mjs"
}
new_key() { # new_key -> ID
    curl -fsS --cookie "session=$session" -H 'Content-Type: application/json' \
        -d '{"name": "To be revoked"}' "$host/api/v1/api-keys" | sed 's/.*"id":"\([^"]*\)".*/\1/'
}

passed=0
failed=0
check() { # check NAME PATTERN OUTPUT
    if grep -Eq -- "$2" <<<"$3"; then
        passed=$((passed + 1))
        echo "ok      $1"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s: expected %s, got:\n%s\n' "$1" "$2" "$3"
    fi
}

key='sk_live_[0-9A-Za-z]{38}'
listed='^Production: sk_live_[0-9A-Za-z]{4}\.\.\.$'
members='"id":.*"name":"Production".*"keyPrefix":"sk_live_....".*"lastUsedAt":null.*"createdAt":'

check 'create, curl' "\"key\":\"$key\"" "$(example create.sh | bash -s 2>&1 || true)"
check 'create, fetch' "^New API key: $key\$" "$(example create.mjs | node_with_cookie 2>&1 || true)"
check 'create, requests' "^New API key: $key\$" "$(example create.py | "$python" - 2>&1 || true)"
check 'list, curl' "$members" "$(example list.sh | bash -s 2>&1 || true)"
check 'list, fetch' "$listed" "$(example list.mjs | node_with_cookie 2>&1 || true)"
check 'list, requests' "$listed" "$(example list.py | "$python" - 2>&1 || true)"
check 'revoke, curl' '^\{"success":true\}$' "$(example revoke.sh "$(new_key)" | bash -s 2>&1 || true)"
revoked='^API key revoked successfully$'
check 'revoke, fetch' "$revoked" "$(example revoke.mjs "$(new_key)" | node_with_cookie 2>&1 || true)"
check 'revoke, requests' "$revoked" "$(example revoke.py "$(new_key)" | "$python" - 2>&1 || true)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
