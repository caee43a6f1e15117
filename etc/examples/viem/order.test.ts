// An order is, byte for byte, what `bmn order new` and `bmn order sign` make of the same terms.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Chain,
  createPublicClient,
  createWalletClient,
  custom,
  hexToBigInt,
  numberToHex,
  slice,
  zeroAddress,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { Side } from "./chains.ts";
import { signOrder, type Terms } from "./order.ts";

// Account 3 of the public development mnemonic.
const account = privateKeyToAccount("0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6");
const offline = custom({ request: () => Promise.reject(new Error("nothing is asked of a chain")) });
const source: Side = {
  client: createPublicClient({ transport: offline }),
  chainId: 1337,
  factory: "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
  limitOrderProtocol: "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9",
  trueToken: "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
  confirmations: 3n,
};

// bmn order new --from-chain 1337 --to-chain 1338 --sell 1000 TKA --buy 1950 USDX --deposit 0.5 …
const made = {
  version: 1,
  chainId: 1337,
  order: {
    salt: "12395643947040863157147865060206548072457984967599848206598927915307366009215",
    maker: "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    receiver: zeroAddress,
    makerAsset: "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
    takerAsset: "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
    makingAmount: "1000000000000000000000",
    takingAmount: "1950000000",
    makerTraits: "33471150795161712739625987854073848363835854942411725542655707877287389036544",
  },
  signature: {
    r: "0xdb051479cbaa9a9f47734d042b351a4b50dee858bcd1cff1e69169a5945c56c3",
    vs: "0x10c10113ec678bb2082264aba6d4041637404846a2f4cab37ebd5a7e9b369c61",
  },
  extensionData:
    "0x000000b4000000000000000000000000000000000000000000000000000000005fc8d32690cc91d4c39d9d3abcbd16989f87570715358b6d0955b351dcb7595c72053b53b4669a9e1a3b10a1e765a926f129f77e000000000000000000000000000000000000000000000000000000000000053a0000000000000000000000009fe46736679d2d9a65f0992f2272de9f3c7fa6e0000000000000000006f05b59d3b20000000000000000000000000000000000000000000000000000000000006b02d5f20000000000000000000000006b02cf26",
  orderHash: "0x3d2b5f219954bd856f91d0f5c93c6be4f09b8e47cf1c83a1a118921b52b2fc8c",
  hashlock: "0x15358b6d0955b351dcb7595c72053b53b4669a9e1a3b10a1e765a926f129f77e",
  srcChainId: 1337,
  dstChainId: 1338,
} as const;

test("the same terms give the same order and the same signature", async () => {
  const times = hexToBigInt(slice(made.extensionData, -32));
  const terms: Terms = {
    maker: account.address,
    sell: { token: made.order.makerAsset, amount: 1_000n * 10n ** 18n },
    buy: { token: "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0", amount: 1_950n * 10n ** 6n },
    deposit: 5n * 10n ** 17n,
    srcCancellation: times >> 128n,
    dstWithdrawal: times & ((1n << 128n) - 1n),
    hashlock: made.hashlock,
  };
  const wallet = createWalletClient({ account, chain: { id: 1337 } as Chain, transport: offline });
  const entropy = numberToHex(BigInt(made.order.salt), { size: 32 });
  assert.deepEqual(await signOrder(wallet, terms, { source, destination: { chainId: 1338 } }, entropy), made);
});
