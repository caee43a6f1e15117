# One swap by hand, as `bmn dev` proposes it. Needs lib.sh, $bmn, $work, $resolver, $urls.

maker=0x90F79bf6EB2c4f870365E785982E1f101E93b906
sold=1000 bought=1950

swap_status() {
  "$bmn" swap show "$order" --rpc "$resolver" --json | json .status
}

# has_status STATUS: the swap has it now. A status it cannot leave any more is a failure.
has_status() {
  local status
  status=$(swap_status)
  case $status in
    "$1") return ;;
    refused | cancelled | void | lost | violated) fail "the swap is $status, expected $1" ;;
    *) return 1 ;;
  esac
}

# usdx URL, tka URL: what the maker has, in the smallest unit.
usdx() {
  token_balance "$1" 0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0
}
tka() {
  token_balance "$1" 0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512
}
token_balance() {
  local call="{\"to\":\"$2\",\"data\":\"0x70a08231000000000000000000000000${maker#0x}\"}"
  node -p 'BigInt(process.argv[1]).toString()' "$(rpc "$1" eth_call "[$call,\"latest\"]")"
}

begin_swap() {
  tka_before=$(tka "${urls[0]}") usdx_before=$(usdx "${urls[1]}")
  "$bmn" order new --from-chain 1337 --to-chain 1338 --sell $sold TKA --buy $bought USDX \
    --maker $maker --chain-rpc "${urls[0]}" --dst-withdrawal-in 60 \
    --secret-file "$work/secret.txt" -o "$work/order.json" 2>&1
  "$bmn" order sign "$work/order.json" --dev-account 3 2>&1
  "$bmn" order submit "$work/order.json" --rpc "$resolver" --json >"$work/answer.json"
  expect "decision on the order" accepted "$(json .decision <"$work/answer.json")"
  order=$(json .orderId <"$work/answer.json")
  order_hash=$(json .orderHash <"$work/order.json")
}

disclose_secret() {
  within 90 "the swap's status bothLocked" has_status bothLocked
  echo "  ok  both escrows stand"
  "$bmn" secret submit --secret-file "$work/secret.txt" --rpc "$resolver" --json >"$work/answer.json"
  expect "order that the secret opens" "$order" "$(json '.orders[0]' <"$work/answer.json")"
}

finish_swap() {
  within 180 "the swap's status completed" has_status completed
  local units
  units=$(node -p "(BigInt('$tka_before') - ${sold}n * 10n ** 18n).toString()")
  expect "the maker's TKA on chain A, $sold less" "$units" "$(tka "${urls[0]}")"
  units=$(node -p "(BigInt('$usdx_before') + ${bought}n * 10n ** 6n).toString()")
  expect "the maker's USDX on chain B, $bought more" "$units" "$(usdx "${urls[1]}")"
}

# The resolver's own JSON-RPC, with nothing but curl.
ask_resolver() {
  local status page
  status=$(rpc "$resolver" bmn_status)
  expect "bmn_status: chains" "[1337,1338]" "$(json '.chains.map(c => c.id)' <<<"$status")"
  expect "bmn_status: acting" null "$(json .notActingBecause <<<"$status")"
  expect "bmn_status: heads are known" true "$(json '.chains.every(c => c.head.number > 0)' <<<"$status")"
  page=$(rpc "$resolver" bmn_getSwaps '[{"chain":1337},null,10]')
  expect "bmn_getSwaps: the order" "$order_hash" "$(json '.items[0].orderHash' <<<"$page")"
  expect "bmn_getSwaps: no more" "1 null" "$(json '.items.length' <<<"$page") $(json .next <<<"$page")"
  page=$(rpc "$resolver" bmn_getSwaps '[{"chain":1}]')
  expect "bmn_getSwaps: none on another chain" 0 "$(json '.items.length' <<<"$page")"
}
