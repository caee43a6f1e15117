// Escrows of BMN v4: what they are bound to, and where that puts them.
import {
  type Address,
  concatHex,
  encodeAbiParameters,
  getContractAddress,
  type Hash,
  type Hex,
  hexToBigInt,
  keccak256,
  parseAbi,
  parseAbiParameters,
} from "viem";
import type { WireImmutables } from "./bmn.ts";

const STRUCTS = [
  "struct Immutables { bytes32 orderHash; bytes32 hashlock; uint256 maker; uint256 taker; uint256 token; uint256 amount; uint256 safetyDeposit; uint256 timelocks; bytes parameters; }",
  "struct Complement { uint256 maker; uint256 amount; uint256 token; uint256 safetyDeposit; uint256 chainId; bytes parameters; }",
] as const;

export const factoryAbi = parseAbi([
  ...STRUCTS,
  "event SrcEscrowCreated(Immutables srcImmutables, Complement dstImmutablesComplement)",
  "event DstEscrowCreated(address indexed escrow, bytes32 indexed hashlock, address indexed taker)",
  "event PostInteractionEscrowCreated(address indexed escrow, bytes32 indexed hashlock, address indexed protocol, address taker, uint256 amount)",
  "function isWhitelistedResolver(address resolver) view returns (bool)",
]);

/** Addresses are whole words in these contracts, and are hashed as such. */
export type Immutables = {
  orderHash: Hash;
  hashlock: Hash;
  maker: bigint;
  taker: bigint;
  token: bigint;
  amount: bigint;
  safetyDeposit: bigint;
  timelocks: bigint;
  parameters: Hex;
};

const IMMUTABLES = parseAbiParameters([STRUCTS[0], "Immutables immutables"]);

/** The escrow with these immutables: a clone (EIP-1167) made with CREATE2, its salt the hash of all of them. */
export function escrowAddress(factory: Address, implementation: Address, immutables: Immutables): Address {
  const salt = keccak256(encodeAbiParameters(IMMUTABLES, [immutables]));
  const [head, tail] = ["0x3d602d80600a3d3981f3363d3d373d3d3d363d73", "0x5af43d82803e903d91602b57fd5bf3"] as const;
  const initCode = concatHex([head, implementation, tail]);
  return getContractAddress({ opcode: "CREATE2", from: factory, salt, bytecodeHash: keccak256(initCode) });
}

export function readImmutables(wire: WireImmutables): Immutables {
  return {
    orderHash: wire.orderHash,
    hashlock: wire.hashlock,
    maker: hexToBigInt(wire.maker),
    taker: hexToBigInt(wire.taker),
    token: hexToBigInt(wire.token),
    amount: BigInt(wire.amount),
    safetyDeposit: BigInt(wire.safetyDeposit),
    timelocks: hexToBigInt(wire.timelocks),
    parameters: wire.parameters,
  };
}

/** The windows in a timelocks word: offsets of 32 bits from `deployedAt`, which is in the highest. Unix seconds. */
export function readTimelocks(word: bigint) {
  const field = (index: number) => (word >> BigInt(32 * index)) & 0xffff_ffffn;
  const deployedAt = field(7);
  const at = (index: number) => deployedAt + field(index);
  return {
    deployedAt,
    srcWithdrawal: at(0),
    srcCancellation: at(2),
    dstWithdrawal: at(4),
    dstPublicWithdrawal: at(5),
    dstCancellation: at(6),
  };
}
