// One swap from beginning to end: BMN_DEV=dev.json npm start
import { type Address, erc20Abi, formatUnits } from "viem";
import type { SwapStatus } from "./bmn.ts";
import type { Side } from "./chains.ts";
import { openDev } from "./dev.ts";
import { discloseWhenSafe, fund, offer } from "./maker.ts";
import { same } from "./refused.ts";

/** The swap is over, and the maker was not paid. */
const OVER: SwapStatus[] = ["refused", "cancelled", "void", "lost", "violated"];

const dev = openDev();
const { bmn, route, sell, buy } = dev;
const maker = dev.wallet.account.address;
const balance = ({ client }: Side, { token }: { token: Address }) =>
  client.readContract({ abi: erc20Abi, address: token, functionName: "balanceOf", args: [maker] });

await fund(dev);
const before = { sold: await balance(route.source, sell), bought: await balance(route.destination, buy) };
const made = await offer(dev);
console.log(`order ${made.ordered.orderHash} is accepted`);

let isDisclosed = false;
for await (const { sequence, to } of bmn.watchSwap({ orderId: made.orderId })) {
  console.log(`${sequence}: ${to}`);
  if (OVER.includes(to)) throw new Error(`the swap is ${to}`);
  if (to === "completed") break;
  // A reorg can take the status back; then it comes again.
  if (to === "bothLocked" && !isDisclosed) {
    const { source, destination } = await discloseWhenSafe(dev, made);
    isDisclosed = true;
    console.log(`proven: source ${source.escrow} in block ${source.block.number}`);
    console.log(`proven: destination ${destination.escrow} in block ${destination.block.number}`);
    console.log("the secret is disclosed");
  }
}

const paid = (await balance(route.destination, buy)) - before.bought;
same("bought", paid, buy.amount);
same("sold", before.sold - (await balance(route.source, sell)), sell.amount);
console.log(`the maker was paid ${formatUnits(paid, 6)} USDX`);
(await bmn.transport.getRpcClient()).close();
