#!/usr/bin/env bash
# The Debian package: it is made, installed, used as its user would be by systemd, upgraded, and removed without its data.
#
#   .ci/package.sh [debug | release]
#
# Needs root on a Debian that has no latchkey, systemd's programs (which need not run), dpkg-dev, and cargo-deb.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1:-release}
case $profile in debug) cargo=dev ;; *) cargo=release ;; esac
if [ -e /usr/bin/latchkey ] || [ -e /var/lib/latchkey ]; then echo "there is a latchkey here already"; exit 1; fi
work=$(mktemp -d)
server=
clean_up() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    dpkg --purge latchkey >/dev/null 2>&1 || true
    rm -rf "$work" /var/lib/latchkey
    userdel latchkey 2>/dev/null || true
}
trap clean_up EXIT
fail() { echo "package: $1"; exit 1; }

cargo deb --locked --fast --package latchkey-server --profile "$cargo" --output "$work/latchkey.deb"
dpkg --info "$work/latchkey.deb"
dpkg --contents "$work/latchkey.deb"

echo '-- installed'
dpkg --install "$work/latchkey.deb"
systemd-analyze verify latchkey.service 2>&1 | tee "$work/complaints"
test ! -s "$work/complaints"
test "$(stat --format '%U:%G %a' /var/lib/latchkey)" = "latchkey:latchkey 700" || fail "the data directory"
test "$(stat --format '%U:%G %a' /etc/latchkey/latchkey.env)" = "root:latchkey 640" || fail "the settings"

# What the unit says, but for the sandbox, which only a running systemd makes.
as_its_user=(
    setpriv --reuid=latchkey --regid=latchkey --clear-groups --no-new-privs --bounding-set=-all
    sh -c 'set -a; . /etc/latchkey/latchkey.env; cd /var/lib/latchkey; umask 077; exec "$@"' sh
)
start() {
    "${as_its_user[@]}" latchkey serve >"$work/log" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        if "${as_its_user[@]}" latchkey healthcheck 2>/dev/null; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/log"
    fail "the server does not run as its user"
}
stop() {
    kill -TERM "$server"
    wait "$server" || fail "the server did not stop well"
    server=
}

start
echo 'correct horse battery staple' | "${as_its_user[@]}" latchkey account create ada@example.com
"${as_its_user[@]}" latchkey account list | grep -q ada@example.com || fail "the account is not there"
if curl --silent --fail http://127.0.0.1:8080/api/v1/auth/sign-up -H 'Content-Type: application/json' \
    -d '{"email": "eve@example.com", "password": "correct horse battery staple"}'; then fail "sign-up is open"; fi
curl --silent --fail http://127.0.0.1:8080/metrics | grep -q '^process_open_fds ' || fail "no metrics of the process"
stop

echo '-- upgraded, with settings of its own'
echo '# mine' >>/etc/latchkey/latchkey.env
dpkg --install "$work/latchkey.deb"
grep -q '^# mine' /etc/latchkey/latchkey.env || fail "the settings were overwritten"
start
"${as_its_user[@]}" latchkey account list | grep -q ada@example.com || fail "the account is gone"
stop

echo '-- purged'
dpkg --purge latchkey
test ! -e /usr/bin/latchkey || fail "the binary is still there"
test -e /var/lib/latchkey/peppers || fail "the pepper ring is gone"
echo "package: installed, used, upgraded and purged"
