# syntax=docker/dockerfile:1

# Debian 12 on both sides: the binary runs on the C library that it was built against.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches keep the registry and the compiled dependencies from one build to the next.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package latchkey-server \
    && cp target/release/latchkey /latchkey

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /latchkey /usr/local/bin/latchkey
# The home of the image's user, which is not root; mount a volume there to keep the data.
WORKDIR /home/nonroot
ENV LATCHKEY_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/local/bin/latchkey", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/latchkey"]
