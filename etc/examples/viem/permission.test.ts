// Only a permission that the escrow takes is one. Needs no chain.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Hex, type PublicClient, zeroHash } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { WithdrawPermission } from "./bmn.ts";
import type { Side } from "./chains.ts";
import { verifyPermission } from "./permission.ts";
import type { Leg, Ordered } from "./proof.ts";
import { Refused } from "./refused.ts";

// Account 1 of the public development mnemonic.
const resolver = privateKeyToAccount("0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d");
const escrow = "0x5151515151515151515151515151515151515151";
const maker = "0x1111111111111111111111111111111111111111";
const chainId = 1338;
const readContract = async ({ args }: { args: readonly unknown[] }) => args[0] === resolver.address;
const side = { chainId, factory: escrow, client: { readContract } as unknown as PublicClient } as unknown as Side;
const ordered = { terms: { maker }, orderHash: zeroHash } as unknown as Ordered;

const signed = () =>
  resolver.signTypedData({
    domain: { name: "BMN-Escrow", version: "2.3", chainId, verifyingContract: escrow },
    types: {
      PublicAction: [
        { name: "orderHash", type: "bytes32" },
        { name: "caller", type: "address" },
        { name: "action", type: "string" },
      ],
    },
    primaryType: "PublicAction",
    message: { orderHash: zeroHash, caller: maker, action: "DST_PUBLIC_WITHDRAW" },
  });

const verify = (signature: Hex) =>
  verifyPermission(
    { chainId, escrow, action: "DST_PUBLIC_WITHDRAW", signature } as unknown as WithdrawPermission,
    ordered,
    { escrow } as unknown as Leg,
    side,
  );

test("a signature that ends in 27 or 28 is accepted", async () => verify(await signed()));

test("one that the escrow would revert on is refused, though it recovers to the resolver", async () => {
  const signature = await signed();
  const parity = signature.endsWith("1b") ? "00" : "01";
  for (const end of [parity, "00", "01", "1a", "1d", ""]) {
    const other = `${signature.slice(0, -2)}${end}` as Hex;
    await assert.rejects(verify(other), (error: Error) => error instanceof Refused && /27 or 28/.test(error.message));
  }
  await assert.rejects(verify(`${signature}1b`), /27 or 28/);
});
