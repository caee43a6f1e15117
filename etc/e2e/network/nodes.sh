# Two anvils, and `bmn node` over them. Needs lib.sh, $bmn, $anvil, $work (a directory of our own).

ids=(1337 1338)
# Long enough that every state of a swap lasts longer than a look at it, on a busy machine too.
block_time=2
anvils=("" "") urls=("" "")
node= watcher=

# start_anvil INDEX: on a free port; answers when it listens.
start_anvil() {
  : >"$work/anvil-${ids[$1]}.log"
  "$anvil" --chain-id "${ids[$1]}" --host 127.0.0.1 --port 0 --block-time $block_time \
    >"$work/anvil-${ids[$1]}.log" 2>&1 &
  anvils[$1]=$!
  within 30 "anvil's address for chain ${ids[$1]}" listens "$1"
  expect "chain id at ${urls[$1]}" "$(printf '0x%x' "${ids[$1]}")" "$(rpc "${urls[$1]}" eth_chainId)"
}

listens() {
  local address
  kill -0 "${anvils[$1]}" 2>/dev/null || fail "anvil ended: $(cat "$work/anvil-${ids[$1]}.log")"
  address=$(sed -n 's/^Listening on //p' "$work/anvil-${ids[$1]}.log")
  [[ -n $address ]] || return 1
  urls[$1]=http://$address
}

# deploy INDEX: twice, since the second run must find what the first one left.
deploy() {
  local id=${ids[$1]}
  for run in first second; do
    "$bmn" dev deploy --rpc "${urls[$1]}" --block-time $block_time --out "$work/specs" --json \
      >"$work/deploy-$run" 2>"$work/stderr" || fail "bmn dev deploy: $(cat "$work/stderr")"
  done
  expect "contracts deployed on chain $id" 16 "$(json .deployed <"$work/deploy-first")"
  expect "contracts deployed by a second run" 0 "$(json .deployed <"$work/deploy-second")"
  expect "both specifications" "$(json .spec <"$work/deploy-first")" "$(json .spec <"$work/deploy-second")"
  expect "factory on chain $id" 0x5fc8d32690cc91d4c39d9d3abcbd16989f875707 \
    "$(json ".contracts['escrow factory']" <"$work/deploy-first")"
}

# Key of the public development mnemonic's account 2, whom `bmn dev deploy` whitelists and funds.
resolver_key=0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a

write_config() {
  cat >"$work/bmn.toml" <<TOML
data_dir = "data"
rpc = "127.0.0.1:0"
[signer]
key_env = "BMN_E2E_KEY"
[[chains]]
spec = "specs/chain-1337.toml"
endpoints = ["ws${urls[0]#http}", "${urls[0]}"]
poll_ms = 200
[[chains]]
spec = "specs/chain-1338.toml"
endpoints = ["ws${urls[1]#http}", "${urls[1]}"]
poll_ms = 200
TOML
}

# start_node: the resolver; it resumes where the database says.
start_node() {
  : >"$work/node.json"
  BMN_E2E_KEY=$resolver_key "$bmn" node --config "$work/bmn.toml" --json \
    >"$work/node.json" 2>>"$work/node.log" &
  node=$!
  within 30 "the announcement of bmn node" announced "$node" "$work/node.json" "$work/node.log"
  resolver=$(json .rpc <"$work/node.json")
}

# start_watcher: an index beside it that has no key.
start_watcher() {
  : >"$work/watcher.json"
  "$bmn" node --config "$work/bmn.toml" --index-only --data-dir "$work/index" --json \
    >"$work/watcher.json" 2>>"$work/watcher.log" &
  watcher=$!
  within 30 "the announcement of the index" announced "$watcher" "$work/watcher.json" "$work/watcher.log"
  index=$(json .rpc <"$work/watcher.json")
  expect "the index acts as" null "$(json .account <"$work/watcher.json")"
}

announced() {
  kill -0 "$1" 2>/dev/null || fail "bmn node ended while it started: $(tail -n 20 "$3")"
  json .rpc <"$2" >/dev/null 2>&1
}

# kill_node: SIGKILL, so that no code of ours runs any more.
kill_node() {
  kill -s KILL "$node"
  wait "$node" 2>/dev/null || true
  node=
}

# resumes_after INDEX: the block after which the node said it goes on.
resumes_after() {
  json ".chains[$1].resumesAfter?.number" <"$work/node.json"
}

# stop PID LOG: it ends by itself, with exit code 0 and a last line.
stop_running() {
  local code=0
  kill -s TERM "$1"
  within 20 "the end of bmn node after SIGTERM" is_over "$1"
  wait "$1" || code=$?
  expect "exit code after SIGTERM" 0 "$code"
  expect_match "its last line" '^Stopped, everything on disk' "$(tail -n 1 "$2")"
}

is_over() {
  ! kill -0 "$1" 2>/dev/null
}

# reorg INDEX DEPTH: the newest blocks are replaced by empty ones; their transactions are gone.
reorg() {
  local before head
  head=$(rpc "${urls[$1]}" eth_blockNumber)
  before=$(rpc "${urls[$1]}" eth_getBlockByNumber "[\"$head\",false]" | json .hash)
  rpc "${urls[$1]}" anvil_reorg "[$2,[]]" >/dev/null
  [[ $(rpc "${urls[$1]}" eth_getBlockByNumber "[\"$head\",false]" | json ?.hash) != "$before" ]] ||
    fail "anvil_reorg of chain ${ids[$1]} replaced nothing"
  echo "  ok  $2 blocks of chain ${ids[$1]} replaced, up to block $((head))"
}

clean_up() {
  local code=$? pid
  for pid in "$node" "$watcher" "${anvils[@]}"; do
    [[ -z $pid ]] || kill -s KILL "$pid" 2>/dev/null || true
  done
  wait 2>/dev/null
  if ((code != 0)); then
    for log in node watcher; do
      [[ ! -s $work/$log.log ]] || { echo "the last lines of $log:" && tail -n 20 "$work/$log.log"; } >&2
    done
  fi
  rm -rf "$work"
  return "$code"
}
