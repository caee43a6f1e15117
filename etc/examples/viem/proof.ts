// Whether both legs of a swap are what the maker ordered. Believed are the dapp's own chains (chains.ts) and what it
// signed; the resolver is not.
import { type Address, decodeEventLog, erc20Abi, type Hash, isAddressEqual, zeroAddress } from "viem";
import type { EscrowProof, SwapProof } from "./bmn.ts";
import { implementations, type Route, type Side } from "./chains.ts";
import { escrowAddress, factoryAbi, type Immutables, readImmutables, readTimelocks } from "./escrow.ts";
import { proveLog, type ProvenLog } from "./log-proof.ts";
import type { Terms } from "./order.ts";
import { holds, NotYet, Refused, same } from "./refused.ts";

/** An escrow of which everything is true. */
export type Leg = { escrow: Address; immutables: Immutables; block: ProvenLog["block"] };

export type Ordered = { terms: Terms; orderHash: Hash };

/** Seconds in which an own transaction is mined for certain. */
export const INCLUSION = 60n;
/** Seconds between an escrow's own clock and its block. By that clock, its taker may empty it after a week. */
const CLOCK_TOLERANCE = 300n;

export type Legs = { source: Leg; destination: Leg };

/** Both legs, if they stand as ordered and are confirmed. Throws `NotYet` while blocks are missing, else `Refused`. */
export async function verifySwap(proof: SwapProof, ordered: Ordered, route: Route): Promise<Legs> {
  same("hashlock of the proof", proof.hashlock, ordered.terms.hashlock);
  const source = await oneOf(proof, "source", (escrow) => verifySource(escrow, ordered, route));
  const destination = await oneOf(proof, "destination", (escrow) =>
    verifyDestination(escrow, ordered, source, route.destination),
  );
  await stands("source", source, route.source);
  await stands("destination", destination, route.destination);
  return { source, destination };
}

/** The first escrow of a side that is as ordered: strangers may make more with the same hashlock. */
async function oneOf(
  proof: SwapProof,
  side: EscrowProof["side"],
  verify: (escrow: EscrowProof) => Promise<Leg>,
): Promise<Leg> {
  const reasons: string[] = [];
  for (const escrow of proof.escrows.filter((escrow) => escrow.side === side)) {
    try {
      return await verify(escrow);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      reasons.push(error.message);
    }
  }
  throw new Refused(`no ${side} escrow is as ordered: ${reasons.join("; ") || "there is none"}`);
}

async function verifySource(escrow: EscrowProof, { terms, orderHash }: Ordered, route: Route): Promise<Leg> {
  const { source, destination } = route;
  const events = await provenEvents(escrow, source);
  const [created] = events.flatMap(({ block, event }) =>
    event.eventName === "SrcEscrowCreated" ? [{ block, ...event.args }] : [],
  );
  holds("no event shows that the factory made the escrow", created !== undefined);
  const { block, srcImmutables: immutables, dstImmutablesComplement: wanted } = created;
  const implementation = implementations(source.factory).source;
  same("address of the escrow", escrowAddress(source.factory, implementation, immutables), escrow.escrow);
  allSame(immutables, {
    orderHash,
    hashlock: terms.hashlock,
    maker: BigInt(terms.maker),
    token: BigInt(terms.sell.token),
    amount: terms.sell.amount,
    safetyDeposit: 0n,
  });
  const { deployedAt, srcCancellation, dstWithdrawal } = readTimelocks(immutables.timelocks);
  allSame(
    { deployedAt, srcCancellation, dstWithdrawal },
    { deployedAt: block.time, srcCancellation: terms.srcCancellation, dstWithdrawal: terms.dstWithdrawal },
  );
  allSame(wanted, {
    maker: BigInt(terms.maker),
    token: BigInt(terms.buy.token),
    amount: terms.buy.amount,
    safetyDeposit: terms.deposit,
    chainId: BigInt(destination.chainId),
  });
  return { escrow: escrow.escrow, immutables, block };
}

async function verifyDestination(
  escrow: EscrowProof,
  { terms, orderHash }: Ordered,
  source: Leg,
  side: Side,
): Promise<Leg> {
  const events = await provenEvents(escrow, side);
  const [created] = events.flatMap(({ block, event }) =>
    event.eventName === "DstEscrowCreated" ? [{ block, ...event.args }] : [],
  );
  holds("no event shows that the factory made the escrow", created !== undefined);
  // The event does not say what the escrow is bound to. The resolver does, and the address commits to it.
  holds("the proof does not say what the escrow is bound to", escrow.immutables !== null);
  const immutables = readImmutables(escrow.immutables);
  const implementation = implementations(side.factory).destination;
  same("address of the escrow", escrowAddress(side.factory, implementation, immutables), created.escrow);
  allSame(created, { escrow: escrow.escrow, hashlock: terms.hashlock });
  allSame(immutables, {
    orderHash,
    hashlock: terms.hashlock,
    maker: BigInt(terms.maker),
    taker: source.immutables.taker,
    token: BigInt(terms.buy.token),
  });
  holds(`amount: found ${immutables.amount}, expected ${terms.buy.amount}`, immutables.amount >= terms.buy.amount);
  const { block } = created;
  const times = readTimelocks(immutables.timelocks);
  const skew = times.deployedAt - block.time;
  holds("deployedAt is not when the escrow was made", -CLOCK_TOLERANCE <= skew && skew <= CLOCK_TOLERANCE);
  const latest = terms.dstWithdrawal > block.time ? terms.dstWithdrawal : block.time;
  holds("dstWithdrawal is later than ordered", times.dstWithdrawal <= latest);
  holds("dstCancellation leaves no time to withdraw", times.dstPublicWithdrawal + INCLUSION <= times.dstCancellation);
  return { escrow: created.escrow, immutables, block };
}

/** Every event of the proof. Those of the factory alone: the escrow itself speaks only when it ends. */
async function provenEvents(escrow: EscrowProof, side: Side) {
  same("chain of the escrow", escrow.chain, side.chainId);
  same("factory of the escrow", escrow.factory, side.factory);
  return Promise.all(
    escrow.events.map(async ({ proof }) => {
      same("chain of an event", proof.chain, side.chainId);
      const { block, address, topics, data } = await proveLog(proof);
      holds("the escrow has ended", !isAddressEqual(address, escrow.escrow));
      same("contract that tells of the escrow", address, side.factory);
      return { block, event: decodeEventLog({ abi: factoryAbi, topics, data }) };
    }),
  );
}

/** The dapp's own node has the escrow's block, deep enough, and what the escrow is bound to is in it now. */
async function stands(what: string, { escrow, immutables, block }: Leg, side: Side): Promise<void> {
  const { client, chainId, confirmations } = side;
  same(`chain of our own node, ${what}`, await client.getChainId(), chainId);
  const head = await client.getBlock();
  // The factory makes the two cancellations of a source the same.
  const { dstCancellation } = readTimelocks(immutables.timelocks);
  holds("it is too late to withdraw", head.timestamp + INCLUSION < dstCancellation);
  const depth = head.number - block.number;
  if (depth < confirmations) throw new NotYet(`${what}: ${depth} of ${confirmations} confirmations`);
  const { hash } = await client.getBlock({ blockNumber: block.number });
  // A reorg, or a lie: a new proof tells.
  if (hash !== block.hash) throw new NotYet(`${what}: block ${block.number} is ${hash} on our own node`);
  const at = { blockNumber: head.number };
  const token = `0x${immutables.token.toString(16).padStart(40, "0")}` as const;
  const isNative = token === zeroAddress;
  const coins = immutables.safetyDeposit + (isNative ? immutables.amount : 0n);
  holds(`${what}: coins are missing`, (await client.getBalance({ address: escrow, ...at })) >= coins);
  if (isNative) return;
  const call = { abi: erc20Abi, address: token, functionName: "balanceOf", args: [escrow], ...at } as const;
  const balance = await client.readContract(call);
  holds(`${what}: holds ${balance} tokens, bound are ${immutables.amount}`, balance >= immutables.amount);
}

/** Each field of `expected` is the same in `found`. */
function allSame<T extends object>(found: T, expected: Partial<T>): void {
  const fields = Object.keys(expected) as (keyof T & string)[];
  for (const field of fields) same(field, found[field], expected[field]);
}
