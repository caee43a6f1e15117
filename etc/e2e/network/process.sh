# Starting and ending `bmn dev`. Needs lib.sh, $bmn (the program) and $work (a directory of our own).

network=

running() {
  [[ -n $network ]] && kill -0 "$network" 2>/dev/null
}

announced() {
  running || fail "bmn dev ended while it started: $(cat "$work/stderr")"
  json .resolver <"$work/endpoints.json" >/dev/null 2>&1
}

# Starts it on free ports and waits until it says where.
start_network() {
  local began=$SECONDS
  "$bmn" dev --ports 0 --data-dir "$work/data" --json >"$work/endpoints.json" 2>"$work/stderr" &
  network=$!
  within 60 "the announcement of bmn dev" announced
  resolver=$(json .resolver <"$work/endpoints.json")
  urls=("$(json '.chains[0].url' <"$work/endpoints.json")" "$(json '.chains[1].url' <"$work/endpoints.json")")
  ids=("$(json '.chains[0].id' <"$work/endpoints.json")" "$(json '.chains[1].id' <"$work/endpoints.json")")
  echo "  ok  bmn dev answers at ${urls[*]} $resolver after $((SECONDS - began)) s"
}

ended() {
  ! running
}

# stop_network SIGNAL: it ends by itself, with exit code 0.
stop_network() {
  local code=0
  kill -s "$1" "$network"
  within 20 "the end of bmn dev after SIG$1" ended
  wait "$network" || code=$?
  network=
  ((code == 0)) || fail "bmn dev ended with $code after SIG$1: $(cat "$work/stderr")"
  echo "  ok  SIG$1 ends it with exit code 0"
}

# For the trap: leaves nothing behind, and shows what bmn dev said when a check failed.
clean_up() {
  local code=$?
  if running; then
    kill -s KILL "$network"
    wait "$network" 2>/dev/null || true
  fi
  if ((code != 0)) && [[ -s $work/stderr ]]; then
    echo "the last lines of bmn dev:" >&2
    tail -n 20 "$work/stderr" >&2
  fi
  rm -rf "$work"
  return "$code"
}
