// Sending transactions with a local account, and what became of them.
import { encodeFunctionData, parseEther } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { ABI, TOKEN, fails, holds, same } from "./network.mjs";

const contract = { address: TOKEN, abi: ABI };
const fresh = () => privateKeyToAccount(generatePrivateKey());

export function writes({ client, live, wallet, account }) {
  const mined = async (hash, by = client) => {
    const receipt = await by.waitForTransactionReceipt({ hash, timeout: 20_000 });
    same("status", receipt.status, "success");
    return receipt;
  };
  const nonceAt = (blockTag) => client.getTransactionCount({ address: account.address, blockTag });

  return {
    "sendTransaction of every type": async () => {
      const to = fresh().address;
      let count = await nonceAt("latest");
      for (const type of ["eip1559", "eip2930", "legacy"]) {
        const more = type === "eip2930" ? { accessList: [{ address: TOKEN, storageKeys: [] }] } : {};
        const hash = await wallet.sendTransaction({ to, value: parseEther("0.25"), type, ...more });
        const receipt = await mined(hash, type === "legacy" ? live : client);
        same("type of the receipt", receipt.type, type);
        same("type of the transaction", (await client.getTransaction({ hash })).type, type);
        count += 1;
        same("nonce", await nonceAt("latest"), count);
      }
      same("balance", await client.getBalance({ address: to }), parseEther("0.75"));
    },

    "sendTransaction that delegates to code (EIP-7702)": async () => {
      const owner = fresh();
      const authorization = await wallet.signAuthorization({ account: owner, contractAddress: TOKEN });
      const hash = await wallet.sendTransaction({
        to: owner.address,
        authorizationList: [authorization],
        gas: 200_000n,
        data: encodeFunctionData({ abi: ABI, functionName: "symbol" }),
      });
      same("type", (await mined(hash)).type, "eip7702");
      const code = await client.getCode({ address: owner.address });
      same("code", code, `0xef0100${TOKEN.slice(2).toLowerCase()}`);
    },

    "getTransactionCount of what waits": async () => {
      const [latest, to] = [await nonceAt("latest"), fresh().address];
      const send = (nonce) => wallet.sendTransaction({ to, value: 1n, nonce });
      const hashes = [await send(latest), await send(latest + 1)];
      const waiting = await nonceAt("pending");
      same("pending", waiting, latest + 2);
      await Promise.all(hashes.map((hash) => mined(hash)));
      same("balance", await client.getBalance({ address: to }), 2n);
    },

    "writeContract, receipt and getLogs": async () => {
      const to = fresh().address;
      const write = (functionName, args) => wallet.writeContract({ ...contract, functionName, args });
      await mined(await write("mint", [account.address, 9n]));
      const hash = await write("transfer", [to, 5n]);
      const { blockNumber, blockHash, logs } = await mined(hash);
      const [event] = ABI;
      const query = { address: TOKEN, event, args: { to }, strict: true };
      const found = await client.getLogs({ ...query, fromBlock: 0n, toBlock: "latest" });
      same("logs", found.map((log) => [log.transactionHash, log.args]),
        [[hash, { from: account.address, to, value: 5n }]]);
      same("by block hash", await live.getLogs({ ...query, blockHash }), found);
      same("position", [found[0].blockNumber, found[0].logIndex], [blockNumber, logs[0].logIndex]);
      const balance = { ...contract, functionName: "balanceOf", args: [to] };
      same("balance", await client.readContract(balance), 5n);
      same("balance before", await client.readContract({ ...balance, blockNumber: blockNumber - 1n }), 0n);
      holds("confirmations", (await client.getTransactionConfirmations({ hash })) >= 1n, "none");
    },

    "deployContract": async () => {
      // Returns 42 whatever it is asked.
      const bytecode = "0x600a600c600039600a6000f3602a60005260206000f3";
      const { contractAddress } = await mined(await wallet.deployContract({ abi: [], bytecode }));
      const { data } = await client.call({ to: contractAddress });
      same("answer", BigInt(data), 42n);
    },

    "simulateContract": async () => {
      const call = { ...contract, functionName: "transfer" };
      const fine = await client.simulateContract({ ...call, account, args: [TOKEN, 1n] });
      same("result", fine.result, true);
      const poor = fresh();
      const revert = await fails("without balance",
        client.simulateContract({ ...call, account: poor.address, args: [TOKEN, 3n] }),
        "ContractFunctionRevertedError");
      same("error", revert.data.errorName, "ERC20InsufficientBalance");
      same("its values", revert.data.args, [poor.address, 0n, 3n]);
    },

    "a transaction that reverts": async () => {
      const hash = await wallet.writeContract({
        ...contract,
        functionName: "transfer",
        args: [TOKEN, 1n << 200n],
        gas: 100_000n, // No estimate, which would fail.
      });
      const receipt = await client.waitForTransactionReceipt({ hash, timeout: 20_000 });
      same("status and logs", [receipt.status, receipt.logs], ["reverted", []]);
    },

    "refusals that viem knows": async () => {
      const send = (change) => wallet.sendTransaction({ to: TOKEN, value: 1n, gas: 50_000n, ...change });
      await fails("used nonce", send({ nonce: 0 }), "NonceTooLowError");
      await fails("without coins", send({ account: fresh() }), "InsufficientFundsError");
      await fails("too little gas", send({ gas: 20_000n }), "IntrinsicGasTooLowError");
      await fails("too much gas", send({ gas: 1n << 40n }), "TransactionExecutionError");
    },
  };
}
