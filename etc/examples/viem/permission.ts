// Whether the maker could withdraw the destination alone. Without that a resolver who knows the secret could take the
// source, leave the destination until it goes back to him, and the maker could do nothing.
import { isAddressEqual, recoverTypedDataAddress } from "viem";
import type { WithdrawPermission } from "./bmn.ts";
import type { Side } from "./chains.ts";
import { factoryAbi } from "./escrow.ts";
import type { Leg, Ordered } from "./proof.ts";
import { holds, same } from "./refused.ts";

const ACTION = "DST_PUBLIC_WITHDRAW";

/** r, s and 27 or 28. viem reads 0 and 1, and signatures of 64 bytes as well; the escrow reverts on them. */
const SIGNATURE = /^0x[0-9a-f]{128}1[bc]$/i;

/** The signature is one that the destination escrow accepts from the maker, with which he calls `publicWithdrawSigned`. */
export async function verifyPermission(
  permission: WithdrawPermission,
  { terms, orderHash }: Ordered,
  destination: Leg,
  { client, chainId, factory }: Side,
): Promise<void> {
  same("chain of the permission", permission.chainId, chainId);
  same("action of the permission", permission.action, ACTION);
  holds("the permission is for another escrow", isAddressEqual(permission.escrow, destination.escrow));
  holds("the escrow would not take the permission's signature: it has to end in 27 or 28", SIGNATURE.test(permission.signature));
  const signer = await recoverTypedDataAddress({
    domain: { name: "BMN-Escrow", version: "2.3", chainId, verifyingContract: destination.escrow },
    types: {
      PublicAction: [
        { name: "orderHash", type: "bytes32" },
        { name: "caller", type: "address" },
        { name: "action", type: "string" },
      ],
    },
    primaryType: "PublicAction",
    message: { orderHash, caller: terms.maker, action: ACTION },
    signature: permission.signature,
  });
  const call = { abi: factoryAbi, address: factory, functionName: "isWhitelistedResolver", args: [signer] } as const;
  holds(`the factory knows no resolver ${signer}, who signed the permission`, await client.readContract(call));
}
