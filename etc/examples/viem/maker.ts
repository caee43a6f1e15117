// A maker's part in a swap: order, and disclose the secret when it is safe.
import { BaseError, erc20Abi, type Hex, keccak256, parseAbi, type PublicClient, RpcRequestError } from "viem";
import type { Dev } from "./dev.ts";
import { random32, signOrder, type Terms } from "./order.ts";
import { verifyPermission } from "./permission.ts";
import { type Legs, type Ordered, verifySwap } from "./proof.ts";
import { holds, NotYet } from "./refused.ts";

/** An accepted order. Without the secret nobody is paid: a real dapp keeps it before it submits the order. */
export type Offer = { orderId: string; ordered: Ordered; secret: Hex };

type Swapping = Pick<Dev, "bmn" | "route">;

/** Seconds from now to the two times of an order. */
const DST_WITHDRAWAL_IN = 60n;
const SRC_CANCELLATION_IN = 1_800n;

/** Codes of `bmn_*`: a chain's node does not answer, and nothing is signed yet. */
const LATER = [-32002, -32022];

const mintAbi = parseAbi(["function mint(address to, uint256 amount)"]);

/** Development tokens for the maker, and the allowance with which an order of his can be filled. */
export async function fund({ route: { source }, wallet, sell }: Dev): Promise<void> {
  const address = sell.token;
  const minted = await wallet.writeContract({
    address,
    abi: mintAbi,
    functionName: "mint",
    args: [wallet.account.address, sell.amount],
  });
  await mined(source.client, minted);
  const approved = await wallet.writeContract({
    address,
    abi: erc20Abi,
    functionName: "approve",
    args: [source.limitOrderProtocol, sell.amount],
  });
  await mined(source.client, approved);
}

/** Signs an order over a new secret and hands it to the resolver. */
export async function offer({ route, wallet, bmn, sell, buy }: Dev): Promise<Offer> {
  const secret = random32();
  const now = (await route.source.client.getBlock()).timestamp;
  const terms: Terms = {
    maker: wallet.account.address,
    sell,
    buy,
    deposit: 0n,
    dstWithdrawal: now + DST_WITHDRAWAL_IN,
    srcCancellation: now + SRC_CANCELLATION_IN,
    hashlock: keccak256(secret),
  };
  const order = await signOrder(wallet, terms, route);
  const { orderId, decision, refusals } = await bmn.submitOrder(order);
  if (decision === "refused") throw new Error(`refused: ${refusals.map(({ message }) => message).join("; ")}`);
  return { orderId, ordered: { terms, orderHash: order.orderHash }, secret };
}

/** Hands in the secret, but only after both legs are proven, and the maker could withdraw alone. */
export async function discloseWhenSafe(swapping: Swapping, { orderId, ordered, secret }: Offer): Promise<Legs> {
  const legs = await provenLegs(swapping, orderId, ordered);
  await swapping.bmn.submitSecret(secret, orderId);
  return legs;
}

/** Waits until all is proven. Throws `Refused` as soon as something is wrong. */
export async function provenLegs({ bmn, route }: Swapping, orderId: string, ordered: Ordered): Promise<Legs> {
  for (;;) {
    const { timestamp } = await route.source.client.getBlock();
    holds("it took too long: the source can be cancelled", timestamp < ordered.terms.srcCancellation);
    try {
      const legs = await verifySwap(await bmn.getSwapProof(orderId), ordered, route);
      const permission = await bmn.getWithdrawPermission(orderId);
      await verifyPermission(permission, ordered, legs.destination, route.destination);
      return legs;
    } catch (error) {
      if (!isNotYet(error)) throw error;
    }
    await nextBlock(route.destination.client);
  }
}

function isNotYet(error: unknown): boolean {
  if (error instanceof NotYet) return true;
  const answer = error instanceof BaseError && error.walk((cause) => cause instanceof RpcRequestError);
  return answer instanceof RpcRequestError && LATER.includes(answer.code);
}

function nextBlock(client: PublicClient): Promise<bigint> {
  return new Promise((resolve, reject) => {
    const stop = client.watchBlockNumber({
      onBlockNumber: (number) => {
        stop();
        resolve(number);
      },
      onError: reject,
    });
  });
}

async function mined(client: PublicClient, hash: Hex): Promise<void> {
  const { status } = await client.waitForTransactionReceipt({ hash });
  if (status !== "success") throw new Error(`transaction ${hash} reverted`);
}
