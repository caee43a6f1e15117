// A swap whose both legs stand, and everything that could be wrong with its proof: BMN_DEV=dev.json npm test
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type Address,
  concatHex,
  fromRlp,
  type Hash,
  type Hex,
  keccak256,
  pad,
  type PublicClient,
  toHex,
  toRlp,
} from "viem";
import type { EscrowProof, LogProof, SwapProof, WithdrawPermission } from "./bmn.ts";
import { implementations, type Route, type Side } from "./chains.ts";
import { openDev } from "./dev.ts";
import { escrowAddress, type Immutables } from "./escrow.ts";
import { discloseWhenSafe, fund, type Offer, offer, provenLegs } from "./maker.ts";
import type { Terms } from "./order.ts";
import { verifyPermission } from "./permission.ts";
import { type Legs, verifySwap } from "./proof.ts";
import { NotYet, Refused } from "./refused.ts";

const dev = openDev();
const { bmn, route } = dev;
const otherHash = `0x${"5a".repeat(32)}` as const;
const otherAddress = `0x${"5a".repeat(20)}` as const;

let made: Offer;
let proof: SwapProof;
let legs: Legs;
let permission: WithdrawPermission;

before(async () => {
  await fund(dev);
  made = await offer(dev);
  for await (const { to } of bmn.watchSwap({ orderId: made.orderId })) if (to === "bothLocked") break;
  legs = await provenLegs(dev, made.orderId, made.ordered);
  proof = await bmn.getSwapProof(made.orderId);
  permission = await bmn.getWithdrawPermission(made.orderId);
});

after(async () => (await bmn.transport.getRpcClient()).close());

const leg = (proof: SwapProof, side: EscrowProof["side"]) => proof.escrows.find((escrow) => escrow.side === side)!;
const flip = (hex: Hex, at: number): Hex => `0x${hex.slice(2, at)}${hex[at] === "0" ? "1" : "0"}${hex.slice(at + 1)}`;

/** The proof with something changed. */
function altered(change: (proof: SwapProof) => void): SwapProof {
  const copy = structuredClone(proof);
  change(copy);
  return copy;
}

const verify = (proof: SwapProof, terms: Partial<Terms> = {}, on: Route = route) =>
  verifySwap(proof, { ...made.ordered, terms: { ...made.ordered.terms, ...terms } }, on);
const refuses = (promise: Promise<unknown>, message: RegExp, kind: typeof Refused | typeof NotYet = Refused) =>
  assert.rejects(promise, (error: Error) => {
    assert.ok(error instanceof kind, `${error.name}: ${error.message}`);
    assert.match(error.message, message);
    return true;
  });

test("the true proof is accepted", async () => {
  assert.deepEqual(await verify(proof), legs);
  await verifyPermission(permission, made.ordered, legs.destination, route.destination);
});

describe("an altered proof is refused", () => {
  for (const side of ["source", "destination"] as const) {
    const creation = (proof: SwapProof) => leg(proof, side).events[0]!.proof;
    const cases: Record<string, [change: (proof: SwapProof) => void, message: RegExp]> = {
      log: [
        (it) => (creation(it).receipt = flip(creation(it).receipt, creation(it).receipt.length - 70)),
        /receipt under the header/,
      ],
      receipt: [(it) => (creation(it).receipt = flip(creation(it).receipt, 11)), /receipt under the header/],
      "receipt of another transaction": [
        (it) => (creation(it).transactionIndex = 1),
        /do not lead|receipt under the header/,
      ],
      node: [
        (it) => (creation(it).nodes = creation(it).nodes.map((node) => flip(node, node.length - 9))),
        /nodes do not lead/,
      ],
      "no nodes": [(it) => (creation(it).nodes = []), /nodes do not lead/],
      header: [(it) => (creation(it).header = flip(creation(it).header, 330)), /header's hash/],
      "receipts root, with a header that fits": [
        (it) => {
          const header = fromRlp(creation(it).header, "hex") as Hex[];
          header[5] = otherHash;
          Object.assign(creation(it), { header: toRlp(header), blockHash: keccak256(toRlp(header)) });
        },
        /nodes do not lead/,
      ],
      block: [(it) => (creation(it).blockHash = otherHash), /header's hash/],
      "another log of the receipt": [(it) => (creation(it).logIndex = 0), /contract that tells/],
      "no such log": [(it) => (creation(it).logIndex = 99), /log 99 of the receipt/],
      "chain of the event": [(it) => (creation(it).chain = 1), /chain of an event/],
      "chain of the escrow": [(it) => (leg(it, side).chain = 1), /chain of the escrow/],
      factory: [(it) => (leg(it, side).factory = otherAddress), /factory of the escrow/],
      escrow: [(it) => (leg(it, side).escrow = otherAddress), /escrow: found|address of the escrow/],
      "an event of the escrow itself": [(it) => (leg(it, side).escrow = leg(it, side).factory), /has ended/],
      "no events": [(it) => (leg(it, side).events = []), /no event shows/],
      "no escrow": [(it) => (it.escrows = it.escrows.filter((escrow) => escrow.side !== side)), /there is none/],
      "another hashlock": [(it) => (it.hashlock = otherHash), /hashlock of the proof/],
    };
    for (const [name, [change, message]] of Object.entries(cases)) {
      test(`${side}: ${name}`, () => refuses(verify(altered(change)), message));
    }
    // Header, root, nodes and receipt fit together, and only a chain can say that there is no such block.
    test(`${side}: a block that nobody mined`, () =>
      refuses(
        verify(altered((it) => leg(it, side).events.forEach(({ proof }) => forge(proof)))),
        /on our own node/,
        NotYet,
      ));
  }

  const bound = (proof: SwapProof) => leg(proof, "destination").immutables!;
  const claims: Record<string, (proof: SwapProof) => void> = {
    amount: (it) => (bound(it).amount = `${BigInt(bound(it).amount) + 1n}`),
    token: (it) => (bound(it).token = otherHash),
    maker: (it) => (bound(it).maker = otherHash),
    timelocks: (it) => (bound(it).timelocks = flip(bound(it).timelocks, 20)),
  };
  for (const [name, change] of Object.entries(claims)) {
    test(`what the destination is said to be bound to: ${name}`, () =>
      refuses(verify(altered(change)), /address of the escrow/));
  }
  test("nothing is said of what the destination is bound to", () =>
    refuses(verify(altered((it) => (leg(it, "destination").immutables = null))), /does not say/));
});

describe("a destination that the factory made of other terms is refused", () => {
  const later = (seconds: bigint, field: number) =>
    legs.destination.immutables.timelocks + (seconds << BigInt(32 * field));
  const cases: Record<string, [change: () => Partial<Immutables>, message: RegExp]> = {
    orderHash: [() => ({ orderHash: otherHash }), /orderHash: found/],
    hashlock: [() => ({ hashlock: otherHash }), /hashlock: found/],
    maker: [() => ({ maker: BigInt(otherAddress) }), /maker: found/],
    taker: [() => ({ taker: BigInt(otherAddress) }), /taker: found/],
    token: [() => ({ token: BigInt(otherAddress) }), /token: found/],
    amount: [() => ({ amount: legs.destination.immutables.amount - 1n }), /amount: found/],
    "deployed a week ago": [() => ({ timelocks: later(-604_800n, 7) }), /deployedAt/],
    "withdrawn later": [() => ({ timelocks: later(1n, 4) }), /dstWithdrawal is later/],
    "cancelled at once": [() => ({ timelocks: later(-1_600n, 6) }), /leaves no time/],
  };
  for (const [name, [change, message]] of Object.entries(cases)) {
    test(name, () => refuses(verify(boundTo(change())), message));
  }
});

describe("legs that are not what was ordered are refused", () => {
  const cases: Record<string, [change: (terms: Terms) => Partial<Terms>, message: RegExp]> = {
    "amount sold": [({ sell }) => ({ sell: { ...sell, amount: sell.amount - 1n } }), /amount: found/],
    "token sold": [({ sell }) => ({ sell: { ...sell, token: otherAddress } }), /token: found/],
    "amount bought": [({ buy }) => ({ buy: { ...buy, amount: buy.amount + 1n } }), /amount: found/],
    "token bought": [({ buy }) => ({ buy: { ...buy, token: otherAddress } }), /token: found/],
    maker: [() => ({ maker: otherAddress }), /maker: found/],
    deposit: [() => ({ deposit: 1n }), /safetyDeposit: found/],
    withdrawal: [({ dstWithdrawal }) => ({ dstWithdrawal: dstWithdrawal - 1n }), /dstWithdrawal: found/],
    cancellation: [({ srcCancellation }) => ({ srcCancellation: srcCancellation - 1n }), /srcCancellation: found/],
  };
  for (const [name, [change, message]] of Object.entries(cases)) {
    test(name, () => refuses(verify(proof, change(made.ordered.terms)), message));
  }
  test("another order", () =>
    refuses(verifySwap(proof, { ...made.ordered, orderHash: otherHash }, route), /orderHash: found/));
});

describe("what our own chains do not say is refused", () => {
  const on = (change: Partial<Side>): Route => ({ ...route, destination: { ...route.destination, ...change } });
  const answering = (answers: Partial<PublicClient>) =>
    on({ client: { ...route.destination.client, ...answers } as PublicClient });

  test("a factory that we do not know", () =>
    refuses(verify(proof, {}, on({ factory: otherAddress })), /factory of the escrow/));
  test("a node of another chain", () =>
    refuses(verify(proof, {}, on({ client: route.source.client })), /chain of our own node/));
  test("an escrow without tokens", () =>
    refuses(
      verify(proof, {}, answering({ readContract: (async () => 0n) as PublicClient["readContract"] })),
      /holds 0 tokens/,
    ));
  test("a block that is not deep enough", () =>
    refuses(verify(proof, {}, on({ confirmations: 1_000_000n })), /confirmations/, NotYet));
  test("a swap that is nearly over", () => {
    const getBlock = async () => ({ timestamp: made.ordered.terms.srcCancellation, number: 1n << 60n });
    return refuses(
      verify(proof, {}, answering({ getBlock: getBlock as unknown as PublicClient["getBlock"] })),
      /too late/,
    );
  });
});

describe("a permission that would not help is refused", () => {
  const permitted = (change: Partial<WithdrawPermission>, ordered = made.ordered) =>
    verifyPermission({ ...permission, ...change }, ordered, legs.destination, route.destination);

  test("of another chain", () => refuses(permitted({ chainId: 1 }), /chain of the permission/));
  test("for another escrow", () => refuses(permitted({ escrow: otherAddress }), /another escrow/));
  test("for another action", () => refuses(permitted({ action: "DST_PUBLIC_CANCEL" }), /action/));
  test("for another maker", () =>
    refuses(
      permitted({}, { ...made.ordered, terms: { ...made.ordered.terms, maker: otherAddress } }),
      /knows no resolver/,
    ));
  test("with a signature of another form", async () => {
    const { signature } = permission;
    for (const end of ["00", "01", "1a", "1d", ""]) {
      await refuses(permitted({ signature: `${signature.slice(0, -2)}${end}` as Hex }), /end in 27 or 28/);
    }
    await refuses(permitted({ signature: `${signature}1b` }), /end in 27 or 28/);
  });
  test("signed by somebody else", async () => {
    const { domain, types, message } = {
      domain: {},
      types: { Any: [{ name: "it", type: "string" }] },
      message: { it: "" },
    };
    const signature = await dev.wallet.signTypedData({ domain, types, primaryType: "Any", message });
    await refuses(permitted({ signature }), /knows no resolver/);
  });
});

test("the secret is not disclosed on a false proof", async () => {
  let isDisclosed = false;
  const lying = {
    ...bmn,
    getSwapProof: async () => altered((it) => (leg(it, "destination").factory = otherAddress)),
    submitSecret: async () => Promise.reject(new Error(`disclosed: ${(isDisclosed = true)}`)),
  };
  await refuses(discloseWhenSafe({ route, bmn: lying as typeof bmn }, made), /factory of the escrow/);
  assert.equal(isDisclosed, false);
  assert.equal((await bmn.getSwap(made.orderId)).status, "bothLocked");
});

test("a lost connection loses no change", async () => {
  const sequences: number[] = [];
  for await (const { sequence, to } of bmn.watchSwap({ orderId: made.orderId })) {
    assert.ok(!sequences.includes(sequence), `${sequence} comes twice`);
    sequences.push(sequence);
    if (to === "bothLocked") break;
    const { socket } = await bmn.transport.getRpcClient();
    const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
    socket.close();
    await closed;
  }
  const log = await bmn.getChanges(sequences[0]!);
  const own = log.filter(({ orderId }) => orderId === made.orderId);
  assert.deepEqual(
    sequences,
    own.map(({ sequence }) => sequence),
  );
});

/** A destination that is bound to something else, and is where that puts it. */
function boundTo(change: Partial<Immutables>): SwapProof {
  return altered((it) => {
    const destination = leg(it, "destination");
    const immutables = { ...legs.destination.immutables, ...change };
    const { factory } = route.destination;
    destination.escrow = escrowAddress(factory, implementations(factory).destination, immutables);
    destination.immutables = {
      ...immutables,
      maker: toHex(immutables.maker),
      taker: toHex(immutables.taker),
      token: toHex(immutables.token),
      amount: `${immutables.amount}`,
      safetyDeposit: `${immutables.safetyDeposit}`,
      timelocks: toHex(immutables.timelocks),
    };
    for (const { proof } of destination.events) forge(proof, destination.escrow, immutables.hashlock);
  });
}

/**
 * Another receipt under a header of its own: a trie of one leaf, whose root the header names. Where given, the log tells
 * of another escrow.
 */
function forge(proof: LogProof, escrow?: Address, hashlock?: Hash): void {
  const [status, , bloom, logs] = fromRlp(`0x${proof.receipt.slice(4)}`, "hex") as [
    Hex,
    Hex,
    Hex,
    [Hex, Hex[], Hex][],
  ];
  const topics = logs[proof.logIndex]![1];
  if (escrow && hashlock) topics.splice(1, 2, pad(escrow), hashlock);
  proof.receipt = concatHex([`0x${proof.receipt.slice(2, 4)}`, toRlp([status, "0x01", bloom, logs])]);
  // 0x20: a leaf with an even path, then the path, which is the RLP of index 0.
  const node = toRlp(["0x2080", proof.receipt]);
  const header = fromRlp(proof.header, "hex") as Hex[];
  header[5] = keccak256(node);
  Object.assign(proof, {
    nodes: [node],
    transactionIndex: 0,
    header: toRlp(header),
    blockHash: keccak256(toRlp(header)),
  });
}
