// The two chains and the resolver of `bmn dev`, from the line that it prints with --json.
import { readFileSync } from "node:fs";
import { type Address, createPublicClient, createWalletClient, defineChain, type Hex, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { createBmnClient } from "./bmn.ts";
import type { Side } from "./chains.ts";

type Announcement = {
  chains: [AnnouncedChain, AnnouncedChain];
  contracts: Record<string, Address>;
  accounts: { name: string; developmentOnlyKey: Hex }[];
  resolver: string;
};
type AnnouncedChain = { id: number; name: string; url: string };

/** Confirmations of chain A and chain B. What a real dapp has here is a table of its own. */
const CONFIRMATIONS = [3n, 5n] as const;

/** Everything a maker needs: his wallet on the source chain, his nodes, the resolver, tokens. */
export function openDev(file = process.env["BMN_DEV"]) {
  if (!file) throw new Error("BMN_DEV: expected the file that `bmn dev --json` was written to");
  const { chains, contracts, accounts, resolver } = JSON.parse(readFileSync(file, "utf8")) as Announcement;
  const contract = (name: string) => need(`contract "${name}"`, contracts[name]);
  const side = (index: 0 | 1): Side => ({
    client: createPublicClient({ chain: chainOf(chains[index]), transport: http(), pollingInterval: 500 }),
    chainId: chains[index].id,
    factory: contract("escrow factory"),
    limitOrderProtocol: contract("limit-order protocol"),
    trueToken: contract("always-true token"),
    confirmations: CONFIRMATIONS[index],
  });
  const { developmentOnlyKey } = need(
    'account "maker"',
    accounts.find(({ name }) => name === "maker"),
  );
  return {
    route: { source: side(0), destination: side(1) },
    wallet: createWalletClient({
      account: privateKeyToAccount(developmentOnlyKey),
      chain: chainOf(chains[0]),
      transport: http(),
    }),
    bmn: createBmnClient(resolver.replace(/^http/, "ws")),
    sell: { token: contract("TKA"), amount: 1_000n * 10n ** 18n },
    buy: { token: contract("USDX"), amount: 1_950n * 10n ** 6n },
  };
}

export type Dev = ReturnType<typeof openDev>;

function chainOf({ id, name, url }: AnnouncedChain) {
  return defineChain({
    id,
    name,
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  });
}

function need<T>(what: string, value: T | undefined): T {
  if (value === undefined) throw new Error(`bmn dev announces no ${what}`);
  return value;
}
