// The `bmn_*` methods of a resolver as actions of a viem client.
import {
  type Address,
  type Client,
  createClient,
  type Hash,
  type Hex,
  rpcSchema,
  webSocket,
  type WebSocketTransport,
} from "viem";
import { watchSwap, type WatchSwapParameters } from "./watch.ts";

/** An order as `bmn_submitOrder` takes it: words as decimal text, addresses as addresses. */
export type OrderFile = {
  version: 1;
  chainId: number;
  order: Record<"salt" | "makingAmount" | "takingAmount" | "makerTraits", string> &
    Record<"maker" | "receiver" | "makerAsset" | "takerAsset", Address>;
  /** EIP-2098 halves. */
  signature: { r: Hex; vs: Hex };
  extensionData: Hex;
  orderHash: Hash;
  hashlock: Hash;
  srcChainId: number;
  dstChainId: number;
};

export type OrderSubmission = {
  orderId: string;
  orderHash: Hash;
  hashlock: Hash;
  decision: "accepted" | "refused";
  refusals: { code: string; message: string }[];
};

export type SecretAnswer = { hashlock: Hash; orders: string[] };

/** Where a swap of a maker can stand. */
export type SwapStatus =
  | "accepted"
  | "sourceLocked"
  | "bothLocked"
  | "secretKnown"
  | "destinationPaid"
  | "completed"
  | "destinationRefunded"
  | "destinationStranded"
  | "refunding"
  | "exposed"
  | "owing"
  | "refused"
  | "cancelled"
  | "void"
  | "lost"
  | "violated";

/** One entry of the change log. Sequence numbers have no gaps. */
export type SwapChange = { sequence: number; orderId: string; from: SwapStatus | null; to: SwapStatus };

/** The part of a swap that this example reads. */
export type Swap = { orderId: string; status: SwapStatus; terminal: boolean; history: SwapChange[] };

/** What an escrow is bound to: words as 32 bytes of hex, amounts as decimal text. */
export type WireImmutables = {
  orderHash: Hash;
  hashlock: Hash;
  maker: Hex;
  taker: Hex;
  token: Hex;
  amount: string;
  safetyDeposit: string;
  timelocks: Hex;
  parameters: Hex;
};

/** That a log is in a block: header, receipt, and the nodes of the receipts trie between them. */
export type LogProof = {
  chain: number;
  blockHash: Hash;
  header: Hex;
  transactionIndex: number;
  receipt: Hex;
  nodes: Hex[];
  logIndex: number;
};

/** An escrow with the proofs of its events, and what the resolver says it is bound to. */
export type EscrowProof = {
  side: "source" | "destination";
  chain: number;
  escrow: Address;
  factory: Address;
  immutables: WireImmutables | null;
  events: { proof: LogProof }[];
};

export type SwapProof = { hashlock: Hash | null; escrows: EscrowProof[] };

/** The resolver's signature with which the maker can withdraw the destination alone. */
export type WithdrawPermission = {
  chainId: number;
  escrow: Address;
  caller: Address;
  action: string;
  signature: Hex;
  immutables: WireImmutables;
  validFrom: number;
  validUntil: number;
};

/** What `bmn_subscribe` of `swaps` tells. */
export type Notice = ({ type: "change" } & SwapChange) | { type: "lagged"; resumeFrom: number };

export type BmnRpcSchema = [
  { Method: "bmn_submitOrder"; Parameters: [order: OrderFile]; ReturnType: OrderSubmission },
  { Method: "bmn_submitSecret"; Parameters: [secret: Hex, id: string]; ReturnType: SecretAnswer },
  { Method: "bmn_getSwap"; Parameters: [id: string]; ReturnType: Swap },
  { Method: "bmn_getSwapProof"; Parameters: [id: string]; ReturnType: SwapProof },
  { Method: "bmn_getChanges"; Parameters: [fromSequence: number, limit?: number]; ReturnType: SwapChange[] },
  { Method: "bmn_getWithdrawPermission"; Parameters: [id: string]; ReturnType: WithdrawPermission },
  { Method: "bmn_subscribe"; Parameters: ["swaps", from: number, filter: { order: string }]; ReturnType: string },
  { Method: "bmn_unsubscribe"; Parameters: [subscription: string]; ReturnType: boolean },
];

/** A client of the resolver, whatever it was extended with. */
export type BmnClient = Client<WebSocketTransport, undefined, undefined, BmnRpcSchema>;

/** For `client.extend(bmnActions)`. An id is that of the order, the swap, an escrow, or the hashlock. */
export function bmnActions(client: BmnClient) {
  return {
    submitOrder: (order: OrderFile) => client.request({ method: "bmn_submitOrder", params: [order] }),
    submitSecret: (secret: Hex, id: string) => client.request({ method: "bmn_submitSecret", params: [secret, id] }),
    getSwap: (id: string) => client.request({ method: "bmn_getSwap", params: [id] }),
    getSwapProof: (id: string) => client.request({ method: "bmn_getSwapProof", params: [id] }),
    getChanges: (from: number, limit = 50) => client.request({ method: "bmn_getChanges", params: [from, limit] }),
    getWithdrawPermission: (id: string) => client.request({ method: "bmn_getWithdrawPermission", params: [id] }),
    watchSwap: (parameters: WatchSwapParameters) => watchSwap(client, parameters),
  };
}

/** A client of the resolver at a `ws://` address. A request waits a few seconds for a lost connection to come back. */
export function createBmnClient(url: string) {
  return createClient({
    rpcSchema: rpcSchema<BmnRpcSchema>(),
    transport: webSocket(url, { reconnect: { attempts: 60, delay: 1_000 }, retryCount: 5, retryDelay: 200 }),
  }).extend(bmnActions);
}

export type Bmn = ReturnType<typeof createBmnClient>;
