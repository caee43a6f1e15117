#!/usr/bin/env bash
# The full node at work: `bmn-reth node --dev` on one side, anvil on the other. A swap in each direction; during
# the first one the node is killed in every state. Then blocks that the resolver missed, and an unwind. Needs the built node, Node.js, npm, curl and the command `bmn`.
#
#   bin/bmn-reth/e2e.sh [PROGRAM]     PROGRAM is the node, target/debug/bmn-reth of this workspace unless given
set -euo pipefail
cd "$(dirname "$0")/../.."
reth=${1:-bin/bmn-reth/target/debug/bmn-reth}
for program in cargo curl node npm unshare "$reth"; do
  command -v "$program" >/dev/null || {
    echo "$program is missing" >&2
    exit 1
  }
done

# Everything here is on loopback; no proxy and nobody's own settings take part.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
unset BMN_RPC BMN_CHAIN_RPC BMN_LOG

work=$(mktemp -d)
genesis=chainspecs/dev-a.genesis.json
for part in lib swap nodes; do . etc/e2e/network/"$part".sh; done
trap 'keep_log; clean_up' EXIT
trap 'exit 143' TERM INT HUP

# part NAME COMMAND...: runs it and says how long it took.
part() {
  local name=$1 began=$SECONDS
  shift
  echo "- $name"
  "$@"
  echo "- $name took $((SECONDS - began)) s"
}

keep_log() {
  [[ -z ${BMN_KEEP_LOG:-} || ! -s $work/node.log ]] || cp "$work/node.log" "$BMN_KEEP_LOG"
}

install() {
  cargo build --release --locked -p bmn
  npm --prefix etc/e2e/anvil ci --ignore-scripts --no-audit --no-fund
  npm --prefix etc/e2e/viem ci --ignore-scripts --no-audit --no-fund
  anvil=etc/e2e/anvil/node_modules/.bin/anvil
  [[ -x $anvil ]] || anvil=$(type -P anvil) || fail "anvil is missing: install Foundry"
  cast_program=etc/e2e/viem/node_modules/.bin/cast
  [[ -x $cast_program ]] || cast_program=$(type -P cast) || fail "cast is missing: install Foundry"
}

free_port() {
  node -e '
    const server = require("net").createServer();
    server.listen(0, "127.0.0.1", () => { console.log(server.address().port); server.close(); });
  '
}

# The node's own entry needs an endpoint that is not used.
set_up() {
  http=$(free_port) auth=$(free_port) metrics=$(free_port)
  urls[0]=http://127.0.0.1:$http
  resolver=${urls[0]}
  start_anvil 1
  deploy 1
  write_config
}

# Put before the node's command line.
prefix=()

# launch MORE...: the node on the chain that is there. A development chain has nobody who would give lost blocks back:
# every block is written at once, so that a kill takes no more of them than the confirmations cover.
launch() {
  env BMN_E2E_KEY=$resolver_key "${prefix[@]}" "$reth" node --dev --chain $genesis \
    --datadir "$work/reth" --dev.block-time ${block_time}s --dev.finality-depth 32 \
    --engine.persistence-threshold 0 --engine.memory-block-buffer-target 0 \
    --port 0 --disable-discovery --ipcdisable --authrpc.port "$auth" \
    --http --http.port "$http" --http.api eth,net,web3,bmn \
    --metrics "127.0.0.1:$metrics" \
    --log.file.max-files 0 --color never "$@" >>"$work/node.log" 2>&1 &
  node=$!
}

# start_reth: with the resolver inside; answers when it does.
start_reth() {
  local began=$SECONDS
  launch --bmn.config "$work/bmn.toml"
  within 120 "an answer of the node" answers
  within 60 "a block since the start" is_synced
  echo "  ok  the resolver inside answers after $((SECONDS - began)) s"
}

answers() {
  kill -0 "$node" 2>/dev/null || fail "bmn-reth ended: $(tail -n 30 "$work/node.log")"
  rpc "$resolver" bmn_status >/dev/null 2>&1
}

# Before its first block the node does not know that there is nobody to sync with.
is_synced() {
  [[ $(rpc "$resolver" eth_syncing) == false ]]
}

# The genesis has every contract, so there is nothing to deploy and the specification of anybody's chain comes out.
first_start() {
  "$reth" --version | head -n 1
  # The specification has to be there before the node reads its configuration.
  mkdir -p "$work/specs"
  sed "s/^block_time_secs = .*/block_time_secs = $block_time/" chainspecs/dev-a.toml >"$work/specs/chain-1337.toml"
  start_reth
  expect "contracts that were missing" 0 \
    "$("$bmn" dev deploy --rpc "${urls[0]}" --block-time $block_time --json 2>/dev/null | json .deployed)"
}

asked_by_cast() {
  local status
  status=$("$cast_program" rpc bmn_status --rpc-url "$resolver")
  expect "cast rpc bmn_status: chains" "[1337,1338]" "$(json '.chains.map(c => c.id)' <<<"$status")"
  expect "cast rpc bmn_status: acting" null "$(json .notActingBecause <<<"$status")"
  expect "cast chain-id" 1337 "$("$cast_program" chain-id --rpc-url "$resolver")"
  if "$cast_program" rpc bmn_pause --rpc-url "$resolver" >"$work/out" 2>&1; then
    fail "bmn_pause on the public port: expected a refusal, found '$(cat "$work/out")'"
  fi
  expect_match "bmn_pause on the public port" 'Method not found|-32601' "$(cat "$work/out")"
}

# What docs/reth.md lists, at the node's own metrics.
measured() {
  local shown name
  shown=$(curl -fsS "http://127.0.0.1:$metrics")
  for name in $(grep -o 'reth_bmn_extension_[a-z_]*' docs/reth.md | sort -u); do
    expect_match "$name is measured" "$name" "$shown"
  done
  expect_match "the resolver is up" 'reth_bmn_extension_resolver_up 1' "$shown"
}

# Statuses that an honest swap passes, in which we can act on it.
states=(accepted sourceLocked bothLocked secretKnown destinationPaid)

follow() {
  local deadline=$((SECONDS + 400)) status seen=" accepted "
  "$1" accepted
  while ((SECONDS < deadline)); do
    status=$(swap_status 2>/dev/null || echo unknown)
    case $status in
      refused | cancelled | void | lost | violated) fail "the swap is $status" ;;
    esac
    if [[ $status != unknown && $seen != *" $status "* ]]; then
      seen+=" $status "
      echo "  ok  the swap is $status"
      "$1" "$status"
    fi
    [[ $status != completed ]] || break
    sleep 0.2
  done
  for status in "${states[@]}"; do
    expect_match "states of the swap" " $status " "$seen"
  done
}

kills=0
killing() {
  if [[ $1 != completed ]]; then
    kill_node
    kills=$((kills + 1))
    start_reth
  fi
  watching "$1"
}

watching() {
  [[ $1 != bothLocked ]] || disclose
}

disclose() {
  "$bmn" secret submit --secret-file "$work/secret.txt" --rpc "$resolver" --json >"$work/answer.json"
  expect "order that the secret opens" "$order" "$(json '.orders[0]' <"$work/answer.json")"
}

# order FROM TO: one of the maker's orders, by the index of the chains.
begin() {
  local from=$1 to=$2
  rm -f "$work/secret.txt" "$work/order.json"
  sold_before=$(tka "${urls[$from]}") bought_before=$(usdx "${urls[$to]}")
  "$bmn" order new --from-chain "${ids[$from]}" --to-chain "${ids[$to]}" --sell $sold TKA --buy $bought USDX \
    --maker $maker --chain-rpc "${urls[$from]}" --dst-withdrawal-in 120 \
    --secret-file "$work/secret.txt" -o "$work/order.json" >"$work/out" 2>&1 || fail "$(cat "$work/out")"
  "$bmn" order sign "$work/order.json" --dev-account 3 >"$work/out" 2>&1 || fail "$(cat "$work/out")"
  "$bmn" order submit "$work/order.json" --rpc "$resolver" --json >"$work/answer.json"
  expect "decision on the order" accepted "$(json .decision <"$work/answer.json")"
  order=$(json .orderId <"$work/answer.json")
}

# swap FROM TO ON_STATE
swap() {
  begin "$1" "$2"
  follow "$3"
  expect "the maker's TKA on chain ${ids[$1]}, $sold less" \
    "$(node -p "(BigInt('$sold_before') - ${sold}n * 10n ** 18n).toString()")" "$(tka "${urls[$1]}")"
  expect "the maker's USDX on chain ${ids[$2]}, $bought more" \
    "$(node -p "(BigInt('$bought_before') + ${bought}n * 10n ** 6n).toString()")" "$(usdx "${urls[$2]}")"
}

# agrees: the newest block of the index is one of the node's newest two.
agrees() {
  local index number
  index=$(rpc "$resolver" bmn_status | json '.chains.find(c => c.id === 1337).head') || return 1
  number=$(json .number <<<"$index")
  (($(rpc "$resolver" eth_blockNumber) - number < 2)) || return 1
  [[ $(json .hash <<<"$index") == $(rpc "$resolver" eth_getBlockByNumber "[\"$(printf '0x%x' "$number")\",false]" | json ?.hash) ]]
}

is_above() {
  (($(rpc "$resolver" eth_blockNumber 2>/dev/null || echo 0) > $1))
}

# index_head ID: the newest block of the index.
index_head() {
  rpc "$resolver" bmn_status | json ".chains.find(c => c.id === $1).head.number"
}

index_is_above() {
  (($(index_head "$1" 2>/dev/null || echo 0) > $2))
}

# The other chain's host takes connections and says nothing.
hung() {
  local own
  own=$(index_head 1337)
  kill -s STOP "${anvils[1]}"
  within 60 "ten blocks of the node's own chain in the index" index_is_above 1337 $((own + 10))
  kill -s CONT "${anvils[1]}"
  echo "  ok  ten blocks indexed while the other chain hung"
  within 60 "the other chain at its head" index_is_above 1338 $(($(rpc "${urls[1]}" eth_blockNumber)))
}

# refused WORDS: the node runs, and says this where it is asked for a method of ours.
refused() {
  local deadline=$((SECONDS + 60)) head
  within 120 "an answer of the node" is_above 0
  head=$(($(rpc "$resolver" eth_blockNumber)))
  within 60 "two more blocks of the node" is_above $((head + 1))
  until "$cast_program" rpc bmn_status --rpc-url "$resolver" >"$work/out" 2>&1; grep -Eq "$1" "$work/out"; do
    ((SECONDS < deadline)) || fail "a reason with '$1' within 60 s: $(cat "$work/out")"
    sleep 0.2
  done
  echo "  ok  the node makes blocks; bmn_status: $(grep -Eo "$1" "$work/out" | head -n 1)"
  expect_match "the resolver is down" 'reth_bmn_extension_resolver_up 0' "$(curl -fsS "http://127.0.0.1:$metrics")"
}

poisoned() {
  stop
  sed -i 's/^data_dir/data_dri/' "$work/bmn.toml"
  launch --bmn.config "$work/bmn.toml"
  refused data_dri
  write_config
  within 60 "an answer of the resolver" answers
  echo "  ok  the corrected configuration was taken up"
}

# A disk of the node's own, which is full before the resolver begins.
full() {
  stop
  mkdir "$work/small"
  prefix=(unshare --map-root-user --mount sh -c
    'mount -t tmpfs -o size=32m none "$0" || exit 1; head -c 64m /dev/zero >"$0/filler" 2>/dev/null; exec "$@"' "$work/small")
  launch --bmn.config "$work/bmn.toml" --bmn.data-dir "$work/small/data" --bmn.index-only
  refused 'the disk is full|[Nn]o space left'
  rm "/proc/$node/root$work/small/filler"
  within 90 "an answer of the resolver" answers
  within 60 "the index at the node's head" agrees
  echo "  ok  the resolver began when there was room"
  stop
  prefix=()
  start_reth
}

# Blocks that no extension was told of, so that the write-ahead log has neither them nor our head.
away() {
  local head
  head=$(($(rpc "$resolver" eth_blockNumber)))
  stop
  launch
  within 120 "five blocks without the resolver" is_above $((head + 5))
  stop
  start_reth
  within 60 "the index at the node's head" agrees
  echo "  ok  the blocks after $head were read from storage"
}

# The node's database goes back, as a pipeline's unwind does it: the index is ahead of the node.
unwound() {
  local before
  before=$(($(rpc "$resolver" eth_blockNumber)))
  stop
  "$reth" stage unwind --chain $genesis --datadir "$work/reth" --log.file.max-files 0 --color never \
    num-blocks 6 >>"$work/node.log" 2>&1 || fail "stage unwind: $(tail -n 5 "$work/node.log")"
  start_reth
  expect_more "the node's head after the unwind is below $before" "$(($(rpc "$resolver" eth_blockNumber)))" "$before"
  within 120 "the index at the node's head" agrees
  within 60 "the swap completed, again if its blocks are gone" has_status completed
}

stop() {
  local code=0
  kill -s TERM "$node"
  within 60 "the end of bmn-reth after SIGTERM" is_over "$node"
  wait "$node" || code=$?
  node=
  # Where reth's RocksDB is closed while the process ends it may abort, as its last act (facebook/rocksdb#11349).
  if ((code == 134)) && [[ $(tail -n 1 "$work/node.log") == 'pthread lock: Invalid argument' ]]; then
    echo "  --  RocksDB aborted while the process ended"
    return
  fi
  expect "exit code after SIGTERM" 0 "$code"
  expect "panics in the log" 0 "$(grep -c panicked "$work/node.log" || true)"
}

verify() {
  local id
  for id in "${ids[@]}"; do
    "$bmn" verify --data-dir "$work/data" --chain "$id" --json >"$work/out" 2>&1 || fail "$(cat "$work/out")"
    echo "  ok  chain $id: $(json '[0].digest' <"$work/out" | cut -c1-20)…"
  done
}

bmn=${CARGO_TARGET_DIR:-target}/release/bmn
part "install" install
part "anvil with contracts" set_up
part "the node, for the first time" first_start
part "asked by cast" asked_by_cast
part "measured" measured
part "a swap from the node's chain, killed in every state" swap 0 1 killing
part "a swap to the node's chain" swap 1 0 watching
part "another chain that hangs" hung
part "a wrong configuration" poisoned
part "a full disk" full
part "blocks while the resolver was away" away
part "the node's chain unwound" unwound
part "stop" stop
part "the database verified" verify
echo "killed $kills times"
