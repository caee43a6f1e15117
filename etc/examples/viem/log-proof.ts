// That a log is in a block of a given hash. Nobody is believed for it; whether that hash is the chain's is another
// question, which goes to a node of the dapp's own choice (proof.ts).
import { verifyMerkleProof } from "@ethereumjs/mpt";
import {
  type Address,
  bytesToHex,
  fromRlp,
  type Hash,
  type Hex,
  hexToBigInt,
  hexToBytes,
  keccak256,
  numberToHex,
  toRlp,
} from "viem";
import type { LogProof } from "./bmn.ts";
import { holds, Refused, same } from "./refused.ts";

export type ProvenLog = {
  block: { hash: Hash; number: bigint; time: bigint };
  address: Address;
  topics: [Hex, ...Hex[]];
  data: Hex;
};

/** Positions in a header and in a receipt. Both may have more fields than any one library knows. */
const HEADER = { receiptsRoot: 5, number: 8, timestamp: 11 };
const RECEIPT = { logs: 3 };

type Rlp = Hex | readonly Rlp[];

/** The log, if all of it is true. */
export async function proveLog(proof: LogProof): Promise<ProvenLog> {
  same("the header's hash", keccak256(proof.header), proof.blockHash);
  const header = list("the header", fromRlp(proof.header, "hex"));
  const root = bytes("receiptsRoot", header[HEADER.receiptsRoot]);
  same("the receipt under the header's receipts root", await receiptUnder(root, proof), proof.receipt);
  const logs = list("the logs", readReceipt(proof.receipt)[RECEIPT.logs]);
  const [address, topics, data] = list(`log ${proof.logIndex} of the receipt`, logs[proof.logIndex]);
  const [first, ...more] = list("the topics", topics).map((topic) => bytes("a topic", topic));
  holds("the log has no topic", first !== undefined);
  return {
    block: {
      hash: proof.blockHash,
      number: hexToBigInt(bytes("number", header[HEADER.number])),
      time: hexToBigInt(bytes("timestamp", header[HEADER.timestamp])),
    },
    address: bytes("the address", address),
    topics: [first, ...more],
    data: bytes("the data", data),
  };
}

/** What the trie holds for a transaction: its key is the RLP of the index. */
async function receiptUnder(root: Hex, { transactionIndex, nodes }: LogProof): Promise<Hex | null> {
  const key = toRlp(transactionIndex === 0 ? "0x" : numberToHex(transactionIndex), "bytes");
  const path = nodes.map((node) => hexToBytes(node));
  try {
    const found = await verifyMerkleProof(key, path, { root: hexToBytes(root) });
    return found && bytesToHex(found);
  } catch {
    throw new Refused(`the nodes do not lead from ${root} to a receipt`);
  }
}

/** EIP-2718: a type of at most 0x7f stands before the list, which begins with at least 0xc0. */
function readReceipt(receipt: Hex): readonly Rlp[] {
  const isTyped = hexToBytes(receipt)[0]! < 0x80;
  return list("the receipt", fromRlp(isTyped ? `0x${receipt.slice(4)}` : receipt, "hex"));
}

function list(what: string, value: Rlp | undefined): readonly Rlp[] {
  holds(`${what}: expected a list`, Array.isArray(value));
  return value;
}

function bytes(what: string, value: Rlp | undefined): Hex {
  holds(`${what}: expected bytes`, typeof value === "string");
  return value;
}
