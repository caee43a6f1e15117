// What only development chains do: node tools.mjs ENDPOINTS
import { createTestClient, http, parseEther } from "viem";
import { fails, holds, open, run, same } from "./network.mjs";

const { chain, url, client, wallet, account } = open(process.argv[2], 1);
const tools = createTestClient({ chain, mode: "anvil", transport: http(url) });
const head = () => client.getBlock();
const nobody = `0x${"7b".repeat(20)}`;

await run(chain, {
  "mine": async () => {
    const before = await head();
    await tools.mine({ blocks: 3 });
    const after = await head();
    holds("three blocks more", after.number >= before.number + 3n, after.number);
  },

  "setBalance": async () => {
    await tools.setBalance({ address: nobody, value: parseEther("3") });
    same("balance", await client.getBalance({ address: nobody }), parseEther("3"));
  },

  "snapshot, increaseTime and revert": async () => {
    const before = await head();
    const id = await tools.snapshot();
    const hash = await wallet.sendTransaction({ to: nobody, value: 1n });
    await tools.increaseTime({ seconds: 600 });
    await tools.mine({ blocks: 1 });
    const warped = await head();
    holds("time went on", warped.timestamp >= before.timestamp + 600n, warped.timestamp);
    same("mined", (await client.getTransactionReceipt({ hash })).status, "success");
    await tools.revert({ id });
    await fails("the block is gone", client.getBlock({ blockHash: warped.hash }), "BlockNotFoundError");
    await fails("so is the receipt", client.getTransactionReceipt({ hash }),
      "TransactionReceiptNotFoundError");
    same("balance", await client.getBalance({ address: nobody }), parseEther("3"));
    await tools.mine({ blocks: 1 });
    const next = await head();
    holds("and the time", next.timestamp < before.timestamp + 60n, next.timestamp);
  },

  "setNextBlockTimestamp": async () => {
    const { timestamp } = await client.getBlock({ blockTag: "pending" });
    await tools.setNextBlockTimestamp({ timestamp: timestamp + 5n });
    await tools.mine({ blocks: 1 });
    holds("timestamp", (await head()).timestamp >= timestamp + 5n, timestamp);
  },

  "dropTransaction": async () => {
    // A gap before its nonce keeps it waiting.
    const nonce = 2 + (await client.getTransactionCount({ address: account.address }));
    const hash = await wallet.sendTransaction({ to: nobody, value: 1n, nonce, gas: 21_000n });
    same("it waits", (await client.getTransaction({ hash })).blockHash, null);
    await tools.dropTransaction({ hash });
    holds("it is gone", await client.getTransaction({ hash }).then(() => false, () => true), hash);
  },
});
process.exit(0);
