// No change is missed and none comes twice, whatever becomes of the subscription. The resolver here is a log of changes
// and a socket that says what a test wants.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BmnClient, Notice, SwapChange } from "./bmn.ts";
import { watchSwap } from "./watch.ts";

const ORDER = "1337:0xdc64a140aa3e981100a9beca4e685f962f0cf6c9:0x01:0";
const change = (sequence: number): SwapChange => ({ sequence, orderId: ORDER, from: null, to: "accepted" });
const told = (sequence: number): Notice => ({ type: "change", ...change(sequence) });

type Request = { method: string; params: unknown[] };

/** A resolver that answers the n-th subscription with the n-th of `lives`, then hangs up if there is another. */
function resolver(lives: Notice[][]) {
  const froms: unknown[] = [];
  const connect = () => Object.assign(new EventTarget(), { readyState: 1, OPEN: 1 });
  let socket = connect();
  const answer = ({ method, params }: Request) => {
    if (method === "bmn_getSwap") return { history: [change(7)] };
    if (method !== "bmn_subscribe") return true;
    const id = `subscription ${froms.push(params[1])}`;
    const say = (subscription: string, result: Notice) => {
      const data = JSON.stringify({ jsonrpc: "2.0", method: "bmn_subscription", params: { subscription, result } });
      socket.dispatchEvent(new MessageEvent("message", { data }));
    };
    say("somebody else's", told(99));
    for (const notice of lives[froms.length - 1] ?? []) say(id, notice);
    if (froms.length < lives.length) setImmediate(() => socket.dispatchEvent(new Event("close")));
    return id;
  };
  const client = {
    request: async (request: Request) => answer(request),
    transport: { getRpcClient: async () => ({ socket: (socket = connect()) }) },
  };
  return { froms, client: client as unknown as BmnClient };
}

async function first(count: number, changes: AsyncGenerator<SwapChange>): Promise<number[]> {
  const sequences: number[] = [];
  for await (const { sequence } of changes) {
    if (sequences.push(sequence) === count) break;
  }
  return sequences;
}

test("it begins with the order's first change", async () => {
  const { froms, client } = resolver([[told(7), told(9)]]);
  assert.deepEqual(await first(2, watchSwap(client, { orderId: ORDER })), [7, 9]);
  assert.deepEqual(froms, [7]);
});

test("a lost connection is made again, after the last change that was told", async () => {
  const { froms, client } = resolver([[told(3), told(4)], [], [told(6)]]);
  assert.deepEqual(await first(3, watchSwap(client, { orderId: ORDER, from: 3, retryDelay: 0 })), [3, 4, 6]);
  assert.deepEqual(froms, [3, 5, 5]);
});

test("who was too slow goes on where the resolver says", async () => {
  const { froms, client } = resolver([[told(3), { type: "lagged", resumeFrom: 4 }], [told(4)]]);
  assert.deepEqual(await first(2, watchSwap(client, { orderId: ORDER, from: 3, retryDelay: 0 })), [3, 4]);
  assert.deepEqual(froms, [3, 4]);
});
