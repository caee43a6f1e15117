# What Foundry's `cast` makes of a chain. Needs lib.sh, $cast_program, $work.

token=0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512
transfer_event='Transfer(address indexed from,address indexed to,uint256 value)'

# All of it on one chain: cast_checks URL ID.
cast_checks() {
  url=$1
  faucet=$(dev_account faucet address) faucet_key=$(dev_account faucet developmentOnlyKey)
  cast_reads "$2"
  cast_sends_coins
  cast_sends_tokens
  cast_signs_first
  cast_sees_reverts
}

cast() {
  "$cast_program" "$@" --rpc-url "$url" --rpc-timeout 20
}

dev_account() {
  json ".accounts.find(a => a.name === '$1').$2" <"$work/endpoints.json"
}

# An address nobody has used.
fresh_address() {
  echo "0x$(node -p 'require("crypto").randomBytes(20).toString("hex")')"
}

cast_reads() {
  local head hash
  expect "cast chain-id" "$1" "$(cast chain-id)"
  expect_match "cast client" '^bmn-host-dev/' "$(cast client)"
  head=$(cast block-number)
  expect_more "cast block-number" 0 "$head"
  hash=$(cast block "$head" --field hash)
  expect_match "cast block: hash" '^0x[0-9a-f]{64}$' "$hash"
  expect "cast block, by that hash: number" "$head" "$(cast block "$hash" --field number)"
  expect "cast block: parent's hash" "$(cast block $((head - 1)) --field hash)" \
    "$(cast block "$head" --field parentHash)"
  expect_more "cast block finalized: timestamp" 0 "$(cast block finalized --field timestamp)"
  expect "cast find-block" "$head" "$(cast find-block "$(cast block "$head" --field timestamp)")"
  expect_more "cast base-fee" 0 "$(cast base-fee)"
  expect_more "cast gas-price" "$(cast base-fee)" "$(cast gas-price)"
  expect "cast call: symbol" '"TKA"' "$(cast call $token 'symbol()(string)')"
  expect "cast call: decimals" 18 "$(cast call $token 'decimals()(uint8)')"
  expect_match "cast code" '^0x60' "$(cast code $token)"
  expect "cast storage: slot 1, the symbol" "$(short_string TKA)" "$(cast storage $token 1)"
}

# A string of less than 32 bytes as Solidity stores it.
short_string() {
  node -e '
    const bytes = Buffer.alloc(32);
    bytes[31] = 2 * bytes.write(process.argv[1]);
    console.log("0x" + bytes.toString("hex"));
  ' "$1"
}

cast_sends_coins() {
  local to nonce balance receipt spent
  to=$(fresh_address) nonce=$(cast nonce "$faucet") balance=$(cast balance "$faucet")
  expect "cast estimate: a transfer" 21000 "$(cast estimate "$to" --from "$faucet" --value 1ether)"
  receipt=$(cast send "$to" --value 1ether --private-key "$faucet_key" --json)
  expect "cast send: status" 0x1 "$(json .status <<<"$receipt")"
  expect "cast send: gas used" 0x5208 "$(json .gasUsed <<<"$receipt")"
  expect "cast nonce: one more" $((nonce + 1)) "$(cast nonce "$faucet")"
  expect "cast balance: what was sent" 1000000000000000000 "$(cast balance "$to")"
  expect "cast balance: before that block" 0 \
    "$(cast balance "$to" --block "$(node -p "$(json .blockNumber <<<"$receipt") - 1")")"
  spent=$(json '.gasUsed * value.effectiveGasPrice' <<<"$receipt")
  expect "cast balance: less by value and fee" \
    "$(node -p "String(${balance}n - 10n ** 18n - ${spent}n)")" "$(cast balance "$faucet")"
}

cast_sends_tokens() {
  local to estimate receipt hash block logs transfer='transfer(address,uint256)'
  to=$(fresh_address)
  cast send $token 'mint(address,uint256)' "$faucet" 5ether --private-key "$faucet_key" >"$work/cast"
  estimate=$(cast estimate $token "$transfer" "$to" 2ether --from "$faucet")
  hash=$(cast send $token "$transfer" "$to" 2ether --private-key "$faucet_key" --async)
  receipt=$(cast receipt "$hash" --json)
  expect "cast receipt: status" 0x1 "$(json .status <<<"$receipt")"
  expect_more "cast estimate: enough for the gas used" "$(json .gasUsed <<<"$receipt")" $((estimate + 1))
  expect "cast tx: nonce follows" $(($(cast nonce "$faucet") - 1)) "$(cast tx "$hash" nonce)"
  expect "cast call: balanceOf" '2000000000000000000 [2e18]' \
    "$(cast call $token 'balanceOf(address)(uint256)' "$to")"
  block=$(json .blockNumber <<<"$receipt")
  logs=$(cast logs --from-block "$block" --to-block "$block" --address $token \
    "$transfer_event" "$faucet" --json)
  expect "cast logs: the transfer and no other" "$hash" \
    "$(json '.map(log => log.transactionHash).join()' <<<"$logs")"
  expect "cast logs: like the receipt's" "$(json '.logs[0].data' <<<"$receipt")" \
    "$(json '[0].data' <<<"$logs")"
}

cast_signs_first() {
  local to signed hash
  to=$(fresh_address)
  signed=$(cast mktx "$to" --value 7 --legacy --private-key "$faucet_key")
  hash=$(cast publish "$signed" --async)
  expect "cast publish: a legacy transaction's status" 0x1 "$(cast receipt "$hash" --json | json .status)"
  expect "cast tx: its type" 0x0 "$(cast tx "$hash" --json | json .type)"
}

cast_sees_reverts() {
  local words poor_key
  if words=$(cast call $token 'transfer(address,uint256)' "$faucet" 1 --from "$(fresh_address)" 2>&1); then
    fail "cast call of a transfer without balance: expected a revert, found '$words'"
  fi
  expect_match "cast call: revert data" '0xe450d38c' "$words"
  poor_key=$(fresh_address)000000000000000000000001
  if words=$(cast send "$faucet" --value 1 --private-key "$poor_key" 2>&1); then
    fail "cast send without coins: expected a refusal, found '$words'"
  fi
  expect_match "cast send: without coins" 'insufficient funds' "$words"
}
