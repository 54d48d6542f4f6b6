# What the tests need on a Debian machine that has Rust. Every function does nothing where its work is done. Sourced by tests/run.

NODE_PROJECT=$ROOT/tests/e2e
VENV=$CACHE/venv

part_install() { need_programs && need_node && need_python; }

# The programs, and the package each comes from.
need_programs() {
  local -a pairs=(chromium:chromium nginx:nginx-light apache2:apache2 php:php-cli npm:npm openssl:openssl python3:python3 cc:gcc cmake:cmake make:make curl:curl
    nghttp:nghttp2-client h2load:nghttp2-client haproxy:haproxy)
  local -a missing=()
  local pair
  for pair in "${pairs[@]}"; do
    command -v "${pair%%:*}" >/dev/null || [[ -x /usr/sbin/${pair%%:*} ]] || missing+=("${pair#*:}")
  done
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  # nginx passes a connection on, with the PROXY protocol before it.
  [[ -e /usr/lib/nginx/modules/ngx_stream_module.so ]] || missing+=(libnginx-mod-stream)
  # A page of Cyrillic names that is drawn as boxes would be no test of it.
  [[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ]] || missing+=(fonts-dejavu-core)
  apt_install "${missing[@]}"
}

# apt_install PACKAGE…: as root or through sudo; the package lists are only fetched when something is missing.
apt_install() {
  (($#)) || return 0
  command -v apt-get >/dev/null || { echo "missing: $* (and this machine has no apt-get to install them with)"; return 1; }
  local -a root=()
  ((EUID == 0)) || root=(sudo -n)
  echo "installing: $*"
  # RUNLEVEL=1: a server that is installed for the tests is not to be started by its package.
  local -a install=("${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "$@")
  twice "${root[@]}" apt-get update -q >"$LOGS/apt.log" 2>&1
  twice "${install[@]}" >>"$LOGS/apt.log" 2>&1 || { tail -n 20 "$LOGS/apt.log"; return 1; }
}

# The Node project; and NODE, a Node new enough for it: the machine's, else the one from the project's own packages.
need_node() {
  local stamp=$NODE_PROJECT/node_modules/.installed
  if ! cmp -s "$NODE_PROJECT/package-lock.json" "$stamp"; then
    echo "installing: the packages of tests/e2e"
    (cd "$NODE_PROJECT" && twice npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || return 1
    cp "$NODE_PROJECT/package-lock.json" "$stamp"
  fi
  find_node
}

find_node() {
  local candidate
  for candidate in "$(command -v node)" "$NODE_PROJECT"/node_modules/node-linux-*/bin/node; do
    if [[ -x $candidate ]] && "$candidate" -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)'; then
      NODE=$candidate
      export PATH="$(dirname "$NODE"):$PATH"
      return 0
    fi
  done
  echo "no Node 22 or newer was found"
  return 1
}

need_python() {
  local wanted=$ROOT/tests/interop/requirements.txt stamp=$VENV/.installed
  cmp -s "$wanted" "$stamp" && return 0
  echo "installing: the packages of tests/interop/requirements.txt"
  rm -rf "$VENV"
  python3 -m venv "$VENV" || return 1
  twice "$VENV/bin/pip" install -q --disable-pip-version-check -r "$wanted" || return 1
  cp "$wanted" "$stamp"
}

# Once more after a failure: mirrors have bad moments.
twice() { "$@" || { sleep 3; "$@"; }; }
