// Reading, over HTTP and WebSocket.
import { keccak256, pad, parseEther, toHex, zeroHash } from "viem";
import { ABI, TOKEN, fails, holds, same } from "./network.mjs";

const nobody = `0x${"5a".repeat(20)}`;
const contract = { address: TOKEN, abi: ABI };

export function reads({ chain, client, live, batching, account }) {
  return {
    "getChainId, http and ws": async () => {
      same("http", await client.getChainId(), chain.id);
      same("ws", await live.getChainId(), chain.id);
    },

    "getBlock": async () => {
      const latest = await client.getBlock();
      same("by hash", await live.getBlock({ blockHash: latest.hash }), latest);
      same("by number", await client.getBlock({ blockNumber: latest.number }), latest);
      const parent = await client.getBlock({ blockNumber: latest.number - 1n });
      same("parent", latest.parentHash, parent.hash);
      const finalized = await client.getBlock({ blockTag: "finalized" });
      const pending = await client.getBlock({ blockTag: "pending" });
      holds("finalized, latest, pending rise",
        finalized.number <= latest.number && latest.number < pending.number, pending.number);
      same("earliest", (await client.getBlock({ blockTag: "earliest" })).number, 0n);
      await fails("far block", client.getBlock({ blockNumber: 1n << 40n }), "BlockNotFoundError");
    },

    "getBlock with transactions": async () => {
      const [mint] = await client.getLogs({ address: TOKEN, fromBlock: 0n });
      const { blockHash, transactionHash: hash, transactionIndex: index } = mint;
      const block = await client.getBlock({ blockHash, includeTransactions: true });
      const listed = block.transactions[index];
      same("hash", listed.hash, hash);
      same("getTransaction", await client.getTransaction({ hash }), listed);
      same("by index", await live.getTransaction({ blockHash, index }), listed);
      same("count", await client.getBlockTransactionCount({ blockHash }), block.transactions.length);
      await fails("no such one", client.getTransaction({ hash: zeroHash }), "TransactionNotFoundError");
      await fails("nor receipt", client.getTransactionReceipt({ hash: zeroHash }),
        "TransactionReceiptNotFoundError");
    },

    "readContract": async () => {
      same("symbol", await client.readContract({ ...contract, functionName: "symbol" }), "TKA");
      same("decimals", await live.readContract({ ...contract, functionName: "decimals" }), 18);
      await fails("no code", client.readContract({ ...contract, address: nobody, functionName: "symbol" }),
        "ContractFunctionZeroDataError");
    },

    "call with overridden state": async () => {
      // The fourth variable is the map of balances.
      const slot = keccak256(`${pad(nobody)}${toHex(3, { size: 32 }).slice(2)}`);
      const value = toHex(77n, { size: 32 });
      const stateOverride = [{ address: TOKEN, stateDiff: [{ slot, value }] }];
      const args = { ...contract, functionName: "balanceOf", args: [nobody] };
      same("overridden", await client.readContract({ ...args, stateOverride }), 77n);
      same("left alone", await client.readContract(args), 0n);
    },

    "getCode and getStorageAt": async () => {
      holds("code", (await client.getCode({ address: TOKEN })).startsWith("0x60"), "other code");
      same("no code", await client.getCode({ address: nobody }), undefined);
      const symbol = `0x${Buffer.from("TKA").toString("hex").padEnd(62, "0")}06`;
      same("slot 1", await client.getStorageAt({ address: TOKEN, slot: "0x1" }), symbol);
      same("empty slot", await client.getStorageAt({ address: nobody, slot: "0x1" }), zeroHash);
    },

    "fees": async () => {
      const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas();
      const base = (await client.getBlock()).baseFeePerGas;
      holds("the fee covers the base fee", maxFeePerGas > base, maxFeePerGas);
      holds("a tip is proposed", maxPriorityFeePerGas > 0n, maxPriorityFeePerGas);
      holds("gas price", (await live.getGasPrice()) > 0n, "none");
      const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
      same("base fees", history.baseFeePerGas.length, 5);
      same("ratios", history.gasUsedRatio.length, 4);
      same("rewards", history.reward.map((tips) => tips.length), [2, 2, 2, 2]);
      const oldest = await client.getBlock({ blockNumber: history.oldestBlock });
      same("oldest base fee", history.baseFeePerGas[0], oldest.baseFeePerGas);
    },

    "estimateGas": async () => {
      const value = parseEther("1");
      same("transfer", await client.estimateGas({ account, to: nobody, value }), 21000n);
      const mint = { ...contract, account, functionName: "mint", args: [nobody, 1n] };
      const gas = await client.estimateContractGas(mint);
      holds("mint", gas > 40_000n && gas < 100_000n, gas);
      await fails("without coins", client.estimateGas({ account: nobody, to: account.address, value }),
        "InsufficientFundsError");
    },

    "many requests in one batch": async () => {
      const numbers = [0n, 1n, 2n, 3n];
      const blocks = await Promise.all(
        numbers.map((blockNumber) => batching.getBlock({ blockNumber })));
      same("numbers", blocks.map((block) => block.number), numbers);
    },
  };
}
