// An order of BMN v4: what the maker signs.
import {
  type Account,
  type Address,
  bytesToHex,
  type Chain,
  concatHex,
  encodeAbiParameters,
  encodePacked,
  type Hash,
  hashTypedData,
  type Hex,
  hexToBigInt,
  keccak256,
  numberToHex,
  pad,
  parseAbiParameters,
  parseSignature,
  signatureToCompactSignature,
  size,
  type Transport,
  type WalletClient,
  zeroAddress,
} from "viem";
import type { OrderFile } from "./bmn.ts";
import type { Side } from "./chains.ts";

/** What is swapped for what, until when. Amounts in the smallest unit, times in unix seconds. */
export type Terms = {
  maker: Address;
  sell: { token: Address; amount: bigint };
  /** The zero address is the native coin. */
  buy: { token: Address; amount: bigint };
  /** Safety deposit of the destination escrow, wei. */
  deposit: bigint;
  /** From when on the destination can be withdrawn. The order must be filled before. */
  dstWithdrawal: bigint;
  /** From when on the source goes back to the maker. */
  srcCancellation: bigint;
  /** `keccak256` of the secret. */
  hashlock: Hash;
};

/** The eight words that are signed. */
export type Order = {
  salt: bigint;
  maker: Address;
  receiver: Address;
  makerAsset: Address;
  takerAsset: Address;
  makingAmount: bigint;
  takingAmount: bigint;
  makerTraits: bigint;
};

/**
 * Several fills, post-interaction, extension: used-up orders are tracked by hash, and the factory is called after a
 * fill. Without the second the taker would get the tokens, and no escrow would be made.
 */
const MAKER_TRAITS = (1n << 254n) | (1n << 251n) | (1n << 249n);
const LOW_160 = (1n << 160n) - 1n;

const EXTRA_DATA = parseAbiParameters(
  "bytes32 hashlock, uint256 dstChainId, address dstToken, uint256 deposits, uint256 times",
);

const ORDER_TYPES = {
  Order: [
    { name: "salt", type: "uint256" },
    { name: "maker", type: "address" },
    { name: "receiver", type: "address" },
    { name: "makerAsset", type: "address" },
    { name: "takerAsset", type: "address" },
    { name: "makingAmount", type: "uint256" },
    { name: "takingAmount", type: "uint256" },
    { name: "makerTraits", type: "uint256" },
  ],
} as const;

/** 32 random bytes: the secret, or what makes an order's salt its own. */
export function random32(): Hex {
  return bytesToHex(crypto.getRandomValues(new Uint8Array(32)));
}

/** The extension: nothing but the call of the factory after the fill, which makes the source escrow. */
export function extension(terms: Terms, source: Side, dstChainId: number): Hex {
  const extraData = encodeAbiParameters(EXTRA_DATA, [
    terms.hashlock,
    BigInt(dstChainId),
    terms.buy.token,
    // The low half would be a deposit of the source escrow, which the factory never funds.
    terms.deposit << 128n,
    (terms.srcCancellation << 128n) | terms.dstWithdrawal,
  ]);
  const postInteraction = encodePacked(["address", "bytes"], [source.factory, extraData]);
  // Ends of the eight fields, four bytes each; only the last, in the highest bytes, has any length.
  const offsets = pad(numberToHex(size(postInteraction), { size: 4 }), { dir: "right", size: 32 });
  return concatHex([offsets, postInteraction]);
}

/** The order. Its salt commits to the extension; the rest of the salt is random. */
export function makeOrder(terms: Terms, source: Side, extensionData: Hex, entropy: Hex): Order {
  return {
    salt: (hexToBigInt(entropy) & ~LOW_160) | (hexToBigInt(keccak256(extensionData)) & LOW_160),
    maker: terms.maker,
    receiver: zeroAddress, // The maker.
    makerAsset: terms.sell.token,
    takerAsset: source.trueToken, // A real token would be paid on the source chain, too.
    makingAmount: terms.sell.amount,
    takingAmount: terms.buy.amount,
    makerTraits: MAKER_TRAITS,
  };
}

/** What wallets show and sign (EIP-712). */
export function typedOrder(order: Order, source: Side) {
  return {
    domain: {
      name: "Bridge-Me-Not Orders",
      version: "1",
      chainId: source.chainId,
      verifyingContract: source.limitOrderProtocol,
    },
    types: ORDER_TYPES,
    primaryType: "Order",
    message: order,
  } as const;
}

/** Signs an order, and writes it as `bmn_submitOrder` takes it. */
export async function signOrder(
  wallet: WalletClient<Transport, Chain, Account>,
  terms: Terms,
  { source, destination }: { source: Side; destination: Pick<Side, "chainId"> },
  entropy = random32(),
): Promise<OrderFile> {
  const extensionData = extension(terms, source, destination.chainId);
  const order = makeOrder(terms, source, extensionData, entropy);
  const typed = typedOrder(order, source);
  const { r, yParityAndS } = signatureToCompactSignature(parseSignature(await wallet.signTypedData(typed)));
  return {
    version: 1,
    chainId: source.chainId,
    order: {
      ...order,
      salt: order.salt.toString(),
      makingAmount: order.makingAmount.toString(),
      takingAmount: order.takingAmount.toString(),
      makerTraits: order.makerTraits.toString(),
    },
    signature: { r, vs: yParityAndS },
    extensionData,
    orderHash: hashTypedData(typed),
    hashlock: terms.hashlock,
    srcChainId: source.chainId,
    dstChainId: destination.chainId,
  };
}
