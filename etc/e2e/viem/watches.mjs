// Hearing of blocks and logs: subscriptions over WebSocket, filters polled over HTTP.
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { ABI, TOKEN, same } from "./network.mjs";

const contract = { address: TOKEN, abi: ABI };

/** The first `count` items that a watcher hears of; ends the watcher. */
function collect(count, watch) {
  let stop;
  const heard = new Promise((resolve, reject) => {
    const items = [];
    const onItem = (item) => {
      items.push(item);
      if (items.length === count) resolve(items);
    };
    stop = watch(onItem, reject);
  });
  return heard.finally(() => stop());
}

export function watches({ client, live, wallet }) {
  const blocks = (by) => collect(3, (onBlock, onError) =>
    by.watchBlocks({ onBlock, onError, emitMissed: true }));
  const follows = async (heard) => {
    const numbers = heard.map((block) => block.number);
    same("numbers", numbers, [0n, 1n, 2n].map((offset) => numbers[0] + offset));
    for (const { number, hash } of heard) {
      same("hash", hash, (await client.getBlock({ blockNumber: number })).hash);
    }
  };
  const transfers = async (by) => {
    const to = privateKeyToAccount(generatePrivateKey()).address;
    const heard = collect(1, (onItem, onError) => by.watchContractEvent({
      ...contract,
      eventName: "Transfer",
      args: { to },
      strict: true,
      onLogs: (logs) => logs.forEach(onItem),
      onError,
    }));
    // A filter counts from its creation, which is a request of its own.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const hash = await wallet.writeContract({ ...contract, functionName: "mint", args: [to, 6n] });
    const [log] = await heard;
    same("transaction and value", [log.transactionHash, log.args.to, log.args.value], [hash, to, 6n]);
  };

  return {
    "watchBlocks over ws": async () => follows(await blocks(live)),
    "watchBlocks over http": async () => follows(await blocks(client)),
    "watchContractEvent over ws": () => transfers(live),
    "watchContractEvent over http": () => transfers(client),

    "watchBlockNumber over ws": async () => {
      const [first, second] = await collect(2, (onBlockNumber, onError) =>
        live.watchBlockNumber({ onBlockNumber, onError }));
      same("next", second, first + 1n);
    },

    "a filter, polled by hand": async () => {
      const to = privateKeyToAccount(generatePrivateKey()).address;
      const filter = await client.createContractEventFilter({
        ...contract,
        eventName: "Transfer",
        args: { to },
        fromBlock: 0n,
      });
      const hash = await wallet.writeContract({ ...contract, functionName: "mint", args: [to, 8n] });
      await client.waitForTransactionReceipt({ hash, timeout: 20_000 });
      const changes = await client.getFilterChanges({ filter });
      same("changes", changes.map((log) => log.transactionHash), [hash]);
      same("no more", await client.getFilterChanges({ filter }), []);
      same("all its logs", await client.getFilterLogs({ filter }), changes);
      same("removed", await client.uninstallFilter({ filter }), true);
    },
  };
}
