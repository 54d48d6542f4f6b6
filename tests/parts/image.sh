# The real image, built from the Dockerfile as it stands and run as a cluster would. Sourced by tests/run.

IMAGE=localhost/tokigate-test:1
# Stands in for the Dockerfile's base image where no image registry can be asked: the same Debian, this machine's Rust mounted in.
BASE=localhost/tokigate-test-base:1

part_image() {
  need_image_tools || return 0
  podman image exists "$BASE" || make_base || { skip image "the base image could not be made (see tests/.cache/logs/image.log)"; return 0; }
  local failed=0
  check "the image builds" build_image || return 1
  check "it holds the binary and nothing else" only_the_binary || failed=1
  check "it is not root's, and says how to ask after its health" image_settings || failed=1
  need_node || return 1
  TOKIGATE_IMAGE=$IMAGE node --test --test-timeout=120000 --test-reporter=spec tests/interop/image/*.test.mjs || failed=1
  return "$failed"
}

# What has no place here, by nature or by this machine, is said and skipped.
need_image_tools() {
  [[ $(uname -m) == x86_64 || $(uname -m) == aarch64 ]] || { skip image "no static target for $(uname -m)"; return 1; }
  ((EUID == 0)) || { skip image "rootless: the build mounts this machine's Rust, which wants root"; return 1; }
  command -v rustup >/dev/null || { skip image "Rust is not rustup's here, so the musl target cannot be added"; return 1; }
  local -a missing=()
  local program
  for program in podman runc netavark catatonit mmdebstrap; do
    command -v "$program" >/dev/null || [[ -x /usr/lib/podman/$program ]] || missing+=("$program")
  done
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}" aardvark-dns iptables uidmap fuse-overlayfs \
    || { skip image "podman cannot be installed"; return 1; }
  rustup target list --installed | grep -qx "$(uname -m)-unknown-linux-musl" || twice rustup target add "$(uname -m)-unknown-linux-musl" \
    || { skip image "the musl target cannot be added"; return 1; }
  podman_settings
  podman info >/dev/null 2>&1 || { skip image "podman does not run here: $(podman info 2>&1 | tail -n 1)"; return 1; }
}

# For a machine without systemd, or inside a container: runc, no journal, and limits below what such a place allows.
podman_settings() {
  export CONTAINERS_CONF=$CACHE/containers.conf
  cat >"$CONTAINERS_CONF" <<'CONF'
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
CONF
}

make_base() {
  echo "making the base image"
  local mirror tar=$CACHE/base.tar
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(SUITE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null \
    | awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
  {
    twice mmdebstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev,musl-tools,cmake,make bookworm "$tar" ${mirror:+"$mirror"} &&
      podman import --change 'ENV PATH=/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        --change 'ENV HOME=/root' "$tar" "$BASE"
  } >"$LOGS/image-base.log" 2>&1 || { tail -n 5 "$LOGS/image-base.log"; return 1; }
  rm -f "$tar"
}

build_image() {
  local cargo=${CARGO_HOME:-$HOME/.cargo} rustup=${RUSTUP_HOME:-$HOME/.rustup}
  podman build --pull=never --network=host --format docker --build-arg "RUST_IMAGE=$BASE" --build-arg "REVISION=$(git rev-parse HEAD)" \
    -v "$rustup":/root/.rustup:ro -v "$cargo/bin":/root/.cargo/bin:ro -v "$cargo/registry":/root/.cargo/registry \
    -v /etc/ssl/certs:/etc/ssl/certs:ro -t "$IMAGE" .
}

only_the_binary() {
  local folder=$CACHE/image-files
  rm -rf "$folder" && mkdir -p "$folder"
  podman save --format docker-archive -o "$folder/image.tar" "$IMAGE" && tar -xf "$folder/image.tar" -C "$folder" || return 1
  local files
  files=$(find "$folder" -name '*.tar' ! -name image.tar -type f -exec tar -tf {} \; | sort)
  [[ $files == tokigate ]] || { echo "the image holds: $files"; return 1; }
  tar -xOf "$(find "$folder" -name '*.tar' ! -name image.tar -type f | head -n 1)" tokigate >"$folder/tokigate"
  # Whole at once: the suites that come behind run it.
  install -m 755 "$folder/tokigate" "$SHIPPED.new" && mv "$SHIPPED.new" "$SHIPPED" || return 1
  local size
  size=$(stat -c %s "$folder/tokigate")
  echo "$size bytes"
  ((size < 20 * 1024 * 1024)) && ! readelf -l "$folder/tokigate" | grep -q 'program interpreter'
}

image_settings() {
  local told
  told=$(podman image inspect "$IMAGE" --format '{{.User}} {{.Config.Entrypoint}} {{.Config.Env}} {{.Config.Healthcheck.Test}}')
  echo "$told"
  [[ $told == "65532:65532 [/tokigate]"*TOKIGATE_LISTEN=0.0.0.0:4180*"[CMD /tokigate healthcheck]" ]]
}
