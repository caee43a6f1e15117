// What the dapp itself believes of its chains. The resolver is never asked for any of it.
import { type Address, getContractAddress, type PublicClient } from "viem";

/** One side of a swap. */
export type Side = {
  /** A node of the dapp's own choice: what it says of its chain is believed. */
  client: PublicClient;
  chainId: number;
  /** The `bmn4` escrow factory. Escrows of any other are worth nothing. */
  factory: Address;
  /** The limit-order protocol: fills orders, may take the maker's token. */
  limitOrderProtocol: Address;
  /** Token of which any transfer succeeds: what an order "takes" on the source chain. */
  trueToken: Address;
  /** Blocks on top of a block before it is relied on. */
  confirmations: bigint;
};

/** Where a swap goes from and to. */
export type Route = { source: Side; destination: Side };

/** The contracts that a `bmn4` factory clones: those its constructor creates, with nonces 1 and 2. */
export const implementations = (factory: Address) => ({
  source: getContractAddress({ from: factory, nonce: 1n }),
  destination: getContractAddress({ from: factory, nonce: 2n }),
});
