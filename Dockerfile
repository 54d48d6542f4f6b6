# The static binary and nothing else: no shell, no package manager, no file that could be wrong but the one.
#
#   docker build -t tokigate .
#   docker run --read-only --cap-drop=ALL -p 4180:4180 -v ./config.toml:/etc/tokigate/config.toml:ro tokigate

ARG RUST_IMAGE=rust:1.95-slim-bookworm

FROM ${RUST_IMAGE} AS build
# aws-lc is C, built for musl: it wants a compiler for that, cmake and make. Whoever brings a base image that has them needs no mirror.
RUN (command -v musl-gcc && command -v cmake && command -v make) \
    || (apt-get update && apt-get install -y --no-install-recommends musl-tools cmake make && rm -rf /var/lib/apt/lists/*)
RUN target="$(uname -m)-unknown-linux-musl" \
    && (rustup target list --installed | grep -qx "$target" || rustup target add "$target")
WORKDIR /src

# The dependencies are a layer of their own: a change in src/ does not build them again.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src benches && echo 'fn main() {}' | tee src/main.rs >benches/rules.rs && touch src/lib.rs \
    && cargo build --locked --profile dist --target "$(uname -m)-unknown-linux-musl" && rm -rf src

COPY . .
RUN touch src/main.rs src/lib.rs \
    && cargo build --locked --profile dist --target "$(uname -m)-unknown-linux-musl" \
    && cp "target/$(uname -m)-unknown-linux-musl/dist/tokigate" /tokigate

FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tokigate" \
      org.opencontainers.image.description="An authenticating proxy: signs people in with TOKI or any OpenID Connect provider, and tells the application behind it who they are" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /tokigate /tokigate
# A number, so that Kubernetes' runAsNonRoot can tell.
USER 65532:65532
# In a container loopback is nobody's. IPv4 only, because [::] fails to bind where IPv6 is switched off; an IPv6 cluster sets "[::]:4180".
ENV TOKIGATE_LISTEN=0.0.0.0:4180 \
    TOKIGATE_ADMIN_LISTEN=0.0.0.0:4181
EXPOSE 4180 4181
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/tokigate", "healthcheck"]
ENTRYPOINT ["/tokigate"]
