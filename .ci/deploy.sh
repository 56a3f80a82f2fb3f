#!/usr/bin/env bash
# The files of deploy/ and the workflows, each as the program that it is for takes it: systemd's unit, compose files,
# Kubernetes manifests, GitHub's workflows, Prometheus's rules with their tests, and what /metrics answers.
#
#   .ci/deploy.sh target/debug/latchkey
#
# Needs Debian's systemd and prometheus (which need not run), and PyPI.
set -euo pipefail

binary=$(realpath "$1")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
server=
clean_up() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap clean_up EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
    --only-binary=:all: --requirement .ci/deploy.txt
tool() { "$work/venv/bin/$1" "${@:2}"; }

echo '-- the unit'
# Its program and its document come with the package, which is not installed here.
sed -e "s#^ExecStart=/usr/bin/latchkey#ExecStart=$binary#" -e '/^Documentation=/d' \
    deploy/systemd/latchkey.service >"$work/latchkey.service"
systemd-analyze verify "$work/latchkey.service" 2>&1 | tee "$work/complaints"
test ! -s "$work/complaints"
systemd-analyze security --offline=true --threshold=20 "$work/latchkey.service" | tail -n 1

echo '-- compose files'
for file in docker-compose.yml deploy/compose/*.yml; do
    tool docker-compose --file "$file" config --quiet
    echo "ok $file"
done

echo '-- manifests'
tool kubernetes-validate --strict deploy/kubernetes/*.yaml

echo '-- workflows'
tool check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
tool zizmor --offline --persona=pedantic --no-progress --quiet .github

echo '-- rules'
promtool check rules deploy/alerts.yml
promtool test rules deploy/alerts.test.yml

echo '-- metrics'
(cd "$work" && exec env -i PATH="$PATH" LATCHKEY_LISTEN=127.0.0.1:0 "$binary" >"$work/log" 2>&1) &
server=$!
host=
for _ in $(seq 200); do
    host=$(sed -n 's/.*listening on \(http:\/\/127\.0\.0\.1:[0-9]*\).*/\1/p' "$work/log" | head -n 1)
    if [ -n "$host" ]; then break; fi
    sleep 0.05
done
[ -n "$host" ] || { cat "$work/log"; exit 1; }
curl --silent --fail "$host/metrics" >"$work/metrics"
promtool check metrics <"$work/metrics"
echo "ok $(grep --count '^# TYPE' "$work/metrics") metrics"
