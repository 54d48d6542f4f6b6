# What can be told without running the product much. Sourced by tests/run.

part_lint() {
  need_programs && need_python || return 1
  local failed=0
  check "the code is formatted" cargo fmt --check || failed=1
  check "clippy finds nothing" cargo clippy -q --locked --all-targets -- -D warnings || failed=1
  check "the benchmark's own crate is tidy" bash -c \
    'cd bench && cargo fmt --check && cargo clippy -q --release --locked --target-dir ../target/bench -- -D warnings' || failed=1
  check "Cargo.lock holds no crate below its minimum version, and none that is banned" python3 tests/parts/lock.py || failed=1
  if command -v cargo-deny >/dev/null; then
    check "cargo deny: bans, licences, sources" cargo deny --locked check bans licenses sources || failed=1
  else
    skip "cargo deny" "not installed (minutes to build); the lock file check above covers bans and minimum versions"
  fi
  check "the scripts parse" bash -n tests/run tests/parts/*.sh bench/run .ci/run || failed=1
  lint_manifests || failed=1
  lint_units || failed=1
  lint_configurations || failed=1
  return "$failed"
}

lint_manifests() {
  local python=$VENV/bin/python failed=0 file
  for file in deploy/kubernetes/*.yaml; do
    [[ $file == */kustomization.yaml ]] && continue
    check "$file is what Kubernetes 1.33 takes" "$VENV/bin/kubernetes-validate" -k 1.33 --strict "$file" || failed=1
  done
  check "the manifests agree with each other and with the image" "$python" tests/parts/manifests.py || failed=1
  return "$failed"
}

# As they would be installed, but for the program.
lint_units() {
  command -v systemd-analyze >/dev/null || { skip "systemd's units" "there is no systemd-analyze"; return 0; }
  local units=$CACHE/units unit
  rm -rf "$units" && mkdir -p "$units/tokigate.service.d"
  for unit in tokigate.service tokigate.socket; do
    sed 's|/usr/local/bin/tokigate|/bin/true|' "deploy/systemd/$unit" >"$units/$unit"
  done
  cp deploy/systemd/socket.conf "$units/tokigate.service.d/"
  check "systemd has nothing to say of its units" bash -c \
    "said=\$(SYSTEMD_UNIT_PATH='$units:' systemd-analyze verify --man=no '$units/tokigate.service' '$units/tokigate.socket' 2>&1); status=\$?; echo \"\$said\"; [[ \$status == 0 && -z \$said ]]"
}

lint_configurations() {
  local failed=0 schema=$CACHE/config.schema.json file
  check "the schema can be printed" bash -c "cargo run -q --locked -- schema >'$schema'" || return 1
  for file in config/*.toml; do
    check "$file fits the schema" "$VENV/bin/python" tests/parts/schema.py "$schema" "$file" || failed=1
  done
  return "$failed"
}
