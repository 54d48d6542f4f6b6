# The suites that run the product. Sourced by tests/run.

part_unit() { cargo test --locked --no-fail-fast --lib --bins; }

part_it() {
  local out=$LOGS/it.out failed=0
  need_programs || return 1
  cargo test --locked --no-fail-fast --test '*' 2>&1 | tee "$out" || failed=1
  check "docs/conformance.md says what the conformance suites came to" python3 tests/parts/conformance.py "$out" || failed=1
  return "$failed"
}

# The page is written here, and compared in part_it.
part_conformance() {
  local out=$LOGS/conformance.out failed=0
  need_programs || return 1
  cargo test --locked --no-fail-fast --test it -- conformance:: h2spec:: 2>&1 | tee "$out" || failed=1
  check "every conformance module has a test that passes, or a reason, and every case of h2spec" python3 tests/parts/conformance.py "$out" --write || failed=1
  return "$failed"
}

part_e2e() { need_programs && need_node && binary && node_suite tests/e2e; }

part_interop() { need_programs && need_node && need_python && binary && node_suite tests/interop; }

# The page is written here, and compared in part_interop.
part_protocols() { need_programs && need_node && need_python && binary && PROTOCOLS=write node_suite tests/interop protocols-; }

part_bench() { need_programs && need_node && binary && check "the benchmark runs and gives a ratio" bench/run --smoke; }

# What people are given, where this run has built it; else what a person builds first, which is quick to build.
binary() {
  if [[ -x $SHIPPED ]]; then
    export TOKIGATE=$SHIPPED
  else
    cargo build --release --locked && export TOKIGATE=$ROOT/target/release/tokigate
  fi
}

# One file at a time: the tests share two cores and measure times.
# node_suite FOLDER [BEGINNING OF NAMES]
node_suite() {
  node --test --test-concurrency=1 --test-timeout=180000 --test-reporter=spec "$1/${2:-}"*.test.mjs
}
