# Every recipe is a plain command; nothing needs just.

# The recipes that CI runs too, in this order.
check: fmt clippy doc test deny

fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

test:
    cargo test --workspace

# Needs cargo-deny (cargo install --locked cargo-deny) and the network, for the advisories.
deny:
    cargo deny --locked check

# The licences, bans and sources of `deny`, and the domain's dependencies, from cargo metadata.
dependencies:
    python3 .ci/dependencies.py

# Each crate that other projects may take, as a package that builds by itself; takes many minutes.
packages:
    .ci/packages.sh

# The server on the embedded database.
run *arguments:
    cargo run -- {{ arguments }}

# The API reference's curl, fetch and Python requests examples against a built server.
seed-examples:
    cargo build
    crates/server/tests/seed/run.sh target/debug/latchkey

# What the dashboard's scripts decide without a page; needs Node.
scripts:
    node --test crates/dashboard/tests/js/*.test.js

# The types of the dashboard's scripts, with those of the API's bodies from openapi.json; needs Node 18.19 or newer with npm.
types:
    crates/dashboard/tests/types.sh

# The dashboard in a real Chromium; needs it, and Node 18.19 or newer with npm. `just browser 'item 7'` runs some.
browser pattern="":
    cargo build
    crates/dashboard/tests/browser/run.sh target/debug/latchkey '{{ pattern }}'

# The pictures of the README and of docs/; needs what `browser` needs, port 8080, sqlite3 and pngquant.
screenshots:
    cargo build
    npm ci --prefix crates/dashboard/tests/browser --ignore-scripts --no-audit --no-fund
    node crates/dashboard/tests/browser/screenshots.mjs target/debug/latchkey docs/images
    pngquant --force --ext .png --strip docs/images/*.png

# The recipes of docs/gateways.md on the real gateways; needs Debian's nginx, haproxy and caddy, and PyPI for the others.
gateways:
    cargo build
    .ci/gateways.py target/debug/latchkey

# The files of deploy/ and the workflows, by the programs that they are for; needs Debian's systemd and prometheus, and PyPI.
deploy:
    cargo build
    .ci/deploy.sh target/debug/latchkey

# The Debian package, made, installed, used and purged; needs root, and cargo-deb (cargo install --locked cargo-deb).
package profile="release":
    .ci/package.sh {{ profile }}

# Every command of the README, and of docs/your-own-users.md.
readme:
    cargo build
    python3 .ci/readme.py
    python3 .ci/readme.py docs/your-own-users.md "Accounts of Latchkey"
    python3 .ci/readme.py docs/your-own-users.md "A management token"
    python3 .ci/readme.py docs/your-own-users.md "A JWT"

# The committed OpenAPI document; a test fails where it differs from the routes.
openapi:
    cargo run --quiet -- openapi > openapi.json.new
    mv openapi.json.new openapi.json

# The TypeScript client in its frameworks, Bun, Deno and workerd; needs npm, and Linux on x86-64.
clients-typescript:
    cargo build
    clients/typescript/test.sh target/debug/latchkey

# The Go client; needs Go 1.19 or newer.
clients-go:
    cargo build
    clients/go/test.sh target/debug/latchkey

# The Python client as a wheel, through each framework; needs Python 3.11 or newer, and PyPI.
clients-python:
    cargo build
    clients/python/test.sh target/debug/latchkey

# The products of examples/ with users of their own; needs Node 20 and Python 3.11 with npm and PyPI.
own-users:
    cargo build
    .ci/own_users.py target/debug/latchkey

# What Redocly, Spectral, orval and hey-api make of openapi.json; needs npm, and Linux on x86-64.
openapi-tools:
    cargo build
    .ci/openapi/run.sh target/debug/latchkey

# Tokens of PyJWT and of Node's jose, good and forged, as sessions; needs PyPI, npm, and Linux on x86-64.
jwt:
    cargo build
    .ci/jwt/run.sh target/debug/latchkey

# The recipes of docs/identity-providers.md, with oidc-provider and oauth2-proxy; needs npm, Go 1.26 with its proxy, and Linux on x86-64.
identity-providers:
    cargo build
    .ci/oidc/run.sh target/debug/latchkey

# The recipe for Keycloak with Keycloak itself, 160 MB; needs Maven, Java 17 or 21, unzip, npm, and Linux on x86-64.
keycloak:
    cargo build
    .ci/oidc/keycloak.sh target/debug/latchkey

# A bill of materials of the binary: CycloneDX, from cargo metadata. `just sbom > latchkey.cdx.json`
@sbom:
    python3 .ci/sbom.py

# Known weaknesses of what Cargo.lock names; says so where their database can't be reached.
advisories:
    .ci/advisories.sh

# Spans of requests, in a build that sends them.
otlp:
    cargo test -p latchkey-server --features otlp --test it -- spans::

# Three instances restarted one by one under load, behind HAProxy and nginx: no request may fail. Needs both.
rolling:
    cargo test -p latchkey-server --test it -- --ignored --nocapture rolling::

# 100,000 random calls by management tokens of random patterns, on each database; takes many minutes.
other-owners:
    MANAGEMENT_CALLS=100000 cargo test -p latchkey-server --test it -- other_owners::

# Everything through PgBouncer, in session and in transaction mode. Needs it.
poolers:
    cargo test -p latchkey-server --test it -- --ignored poolers::

# For ten minutes, an instance that is a quarter of a second from its database, on a line that loses packets: it
# keeps its lease. Needs openssl.
far:
    cargo test -p latchkey-server --test it -- --ignored --nocapture far::

# Three instances on one Postgres under faults, and through failovers, for about ten minutes: no revoked key may be accepted.
chaos:
    cargo test --release -p latchkey-server --test it -- --ignored --nocapture --test-threads=1 chaos::

# Budgets under the same faults: a million paid uses against what was granted, and a store that takes everything back twice.
chaos-limits:
    cargo test --release -p latchkey-server --test it -- --ignored --nocapture --test-threads=1 chaos::limits

# The cluster of docs/operations/high-availability.md, whose leaders are taken away under load, for about half an hour. Needs
# root, and Debian's postgresql, patroni, etcd-server and haproxy. `just chaos-patroni --asynchronous` shows that it sees a loss.
chaos-patroni *arguments:
    cargo build
    .ci/patroni.py target/debug/latchkey {{ arguments }}

# The release before on the schema of this one, and back again, without a backup; builds it, which takes minutes.
# Of another commit: `just upgrade-and-back v1.2.3`.
upgrade-and-back commit="":
    .ci/upgrade_and_back.sh '{{ commit }}'

# What a verification costs in process, and the maps that were compared for its memory.
bench:
    cargo bench -p latchkey-bench

# Two release builds in alternating pairs, before and after a change: CPU for each verification, and revokes/s.
bench-builds before after *arguments:
    python3 bench/http/builds.py {{ before }} {{ after }} {{ arguments }}

# A verification by a Unix socket against one over loopback TCP: the server's CPU for each.
bench-unix-socket *arguments:
    cargo build --release --locked -p latchkey-server -p latchkey-bench
    python3 bench/http/run.py unix-socket --keys 100000 {{ arguments }}

# Latchkey over HTTP against the best that could be done; needs wrk, Postgres' programs and an idle machine.
bench-http:
    cargo build --release --locked -p latchkey-server -p latchkey-bench
    python3 bench/http/run.py
