# Runs parts, counts what they print, and says at the end what came out. Sourced by tests/run.

PASSED=0 FAILED=0 SKIPPED=0
SUMMARY=()
# Set by a part that could not run some of what it holds: "what: why".
SKIPS_FILE=$LOGS/skips
: >"$SKIPS_FILE"

# run_part NAME: everything the part prints goes to the screen and to its log; its counts are read from the log.
run_part() {
  local name=$1 log=$LOGS/$1.log began=$SECONDS status passed failed
  printf '\n===== %s\n' "$name"
  part_within "$name" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  read -r passed failed < <(count "$log")
  # A part that stops before its first test (a build that fails) has failed all the same.
  if ((status != 0 && failed == 0)); then failed=1; fi
  if ((status == 0 && failed > 0)); then status=1; fi
  PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
  SUMMARY+=("$(printf '%-8s %s  %4d passed %3d failed  %4d s' "$name" "$( ((status)) && echo FAILED || echo 'ok    ')" \
    "$passed" "$failed" $((SECONDS - began)))")
  return "$status"
}

# A part in a process group of its own, ended with everything it started when its time is over.
part_within() {
  local name=$1 limit watcher part status
  limit=$(limit_of "$name")
  set -m
  ("part_$name") &
  part=$!
  set +m
  (
    sleep "$limit" &
    trap 'kill $!' TERM
    wait $! && echo "not ok - part $name took longer than $limit s" && kill -TERM -- "-$part"
  ) &
  watcher=$!
  trap 'kill -TERM -- "-$part" 2>/dev/null; kill "$watcher" 2>/dev/null; exit 130' INT TERM
  wait "$part"
  status=$?
  kill "$watcher" 2>/dev/null
  wait "$watcher" 2>/dev/null
  trap - INT TERM
  kill -TERM -- "-$part" 2>/dev/null
  return "$status"
}

# count LOG: passed and failed, from cargo's, Node's and our own lines.
count() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    /^test result: /            { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i } }
    /^(ℹ|#) pass [0-9]+$/       { p += $3 }
    /^(ℹ|#) (fail|cancelled) [0-9]+$/ { f += $3 }
    /^ok - /                    { p++ }
    /^not ok - /                { f++ }
    END                         { print p + 0, f + 0 }'
}

# check SENTENCE COMMAND…: one test that is a command; its output is shown when it fails.
check() {
  local sentence=$1 out
  shift
  if out=$("$@" 2>&1); then
    echo "ok - $sentence"
  else
    printf '%s\n' "$out" | tail -n 60
    echo "not ok - $sentence"
    return 1
  fi
}

# skip WHAT WHY: said now, and again at the end.
skip() {
  echo "skipped - $1: $2"
  echo "$1: $2" >>"$SKIPS_FILE"
}

report() {
  printf '\n===== in short\n'
  printf '%s\n' "${SUMMARY[@]}"
  local line
  while IFS= read -r line; do
    echo "skipped  $line"
    SKIPPED=$((SKIPPED + 1))
  done <"$SKIPS_FILE"
  local part
  for part in $PARTS; do
    [[ " ${SUMMARY[*]/#/ } " == *" $part "* ]] || echo "not run  $part"
  done
  echo "$PASSED passed, $FAILED failed"
  ((FAILED == 0))
}
