// A swap's changes as they happen, over WebSocket: none is missed and none comes twice.
import { BaseError, RpcRequestError } from "viem";
import type { BmnClient, Notice, SwapChange } from "./bmn.ts";

export type WatchSwapParameters = {
  orderId: string;
  /** Sequence number of the first change to tell; the order's first unless given. */
  from?: number;
  /** Milliseconds before a new subscription; 1000 unless given. */
  retryDelay?: number;
};

/** Subscriptions that may fail in a row. */
const ATTEMPTS = 60;

/**
 * `for await (const change of watchSwap(client, { orderId }))`: the changes of one order, oldest first. A lost
 * connection (viem makes it again) and a subscription that was ended as too slow (`lagged`) lead to a new subscription,
 * from the number after the last change that was told.
 */
export async function* watchSwap(client: BmnClient, parameters: WatchSwapParameters): AsyncGenerator<SwapChange> {
  const { orderId, from, retryDelay = 1_000 } = parameters;
  let next = from ?? (await firstChange(client, orderId));
  for (let failures = 0; failures < ATTEMPTS; failures++) {
    try {
      for await (const notice of notices(client, next, orderId)) {
        failures = 0;
        if (notice.type === "lagged") {
          next = notice.resumeFrom;
        } else {
          next = notice.sequence + 1;
          yield notice;
        }
      }
    } catch (error) {
      // What the resolver answers is its answer; anything else is the connection.
      const isAnswer = error instanceof BaseError && error.walk((cause) => cause instanceof RpcRequestError);
      if (isAnswer) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, retryDelay));
  }
  throw new Error(`the resolver is gone; go on later from sequence number ${next}`);
}

async function firstChange(client: BmnClient, orderId: string): Promise<number> {
  const { history } = await client.request({ method: "bmn_getSwap", params: [orderId] });
  return history[0]?.sequence ?? 0;
}

/** One subscription until it or its connection ends. viem knows `eth_subscription` only, so this listens itself. */
async function* notices(client: BmnClient, from: number, order: string): AsyncGenerator<Notice> {
  const { socket } = await client.transport.getRpcClient();
  if (socket.readyState !== socket.OPEN) throw new Error("the connection is lost");
  const heard: { subscription: string; result: Notice }[] = [];
  let wake = () => {};
  let closed = false;
  const onMessage = ({ data }: MessageEvent) => {
    const message = JSON.parse(data);
    if (message.method === "bmn_subscription") heard.push(message.params);
    wake();
  };
  const onClose = () => {
    closed = true;
    wake();
  };
  // Before the request: the first notice may come together with its answer.
  socket.addEventListener("message", onMessage);
  socket.addEventListener("close", onClose);
  try {
    const id = await client.request({ method: "bmn_subscribe", params: ["swaps", from, { order }] });
    try {
      while (!closed) {
        const next = heard.shift();
        if (next === undefined) {
          await new Promise<void>((resolve) => (wake = resolve));
        } else if (next.subscription === id) {
          yield next.result;
          if (next.result.type === "lagged") return;
        }
      }
    } finally {
      // If it fails, the connection is lost and the subscription with it.
      if (!closed) await client.request({ method: "bmn_unsubscribe", params: [id] }).catch(() => false);
    }
  } finally {
    socket.removeEventListener("message", onMessage);
    socket.removeEventListener("close", onClose);
  }
}
