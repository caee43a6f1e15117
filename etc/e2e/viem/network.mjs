// What the checks with viem share: the network as `bmn dev` announced it, clients, comparisons.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createPublicClient, createWalletClient, defineChain, http, parseAbi, webSocket } from "viem";
import { privateKeyToAccount } from "viem/accounts";

export const TOKEN = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";

export const ABI = parseAbi([
  "event Transfer(address indexed from, address indexed to, uint256 value)",
  "error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)",
  "function symbol() view returns (string)",
  "function decimals() view returns (uint8)",
  "function balanceOf(address) view returns (uint256)",
  "function mint(address to, uint256 amount)",
  "function transfer(address to, uint256 amount) returns (bool)",
]);

/** Milliseconds after which anything awaited here has failed. */
const DEADLINE = 30_000;

/** Chain `index` of the announcement in `file`, with clients over both transports. */
export function open(file, index) {
  const announced = JSON.parse(readFileSync(file, "utf8"));
  const { id, name, url } = announced.chains[index];
  const ws = url.replace(/^http/, "ws");
  const chain = defineChain({
    id,
    name,
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [url], webSocket: [ws] } },
  });
  const griefer = announced.accounts.find((account) => account.name === "griefer");
  const account = privateKeyToAccount(griefer.developmentOnlyKey);
  const overHttp = { chain, transport: http(url), pollingInterval: 200 };
  const overWs = { chain, transport: webSocket(ws, { reconnect: false }) };
  return {
    chain,
    url,
    account,
    client: createPublicClient(overHttp),
    live: createPublicClient(overWs),
    batching: createPublicClient({ ...overHttp, transport: http(url, { batch: true }) }),
    wallet: createWalletClient({ ...overHttp, account }),
  };
}

/** Runs a chain's checks one after another; the first that fails is named and ends the process. */
export async function run(chain, checks) {
  for (const [check, action] of Object.entries(checks)) {
    const name = `viem, ${chain.name}, ${check}`;
    try {
      await inTime(action());
      console.log(`  ok  ${name}`);
    } catch (error) {
      console.error(`${name}: ${error.message}`);
      if (error.cause) console.error(error.cause);
      process.exit(1);
    }
  }
}

/** The promise's value, or an error after the deadline. */
async function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${DEADLINE} ms`)), DEADLINE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Both are equal, else an error that shows them. */
export function same(what, found, wanted) {
  assert.deepStrictEqual(found, wanted, `${what}: expected ${show(wanted)}, found ${show(found)}`);
}

export function holds(what, condition, found) {
  assert.ok(condition, `${what}: found ${show(found)}`);
}

/** The action fails, and some cause of its error has this name. Answers that cause. */
export async function fails(what, action, name) {
  const error = await action.then(
    (value) => assert.fail(`${what}: expected ${name}, found ${show(value)}`),
    (error) => error,
  );
  const cause = error.walk?.((inner) => inner.name === name);
  assert.ok(cause, `${what}: expected ${name}, found ${error.name}: ${error.message}`);
  return cause;
}

function show(value) {
  return JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : inner));
}
