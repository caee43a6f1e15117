// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnEscrowBase} from "./BmnEscrowBase.sol";
import {EscrowDstActions} from "./EscrowDstActions.sol";
import {PlainImmutables, Timelocks} from "./EscrowTypes.sol";

/// @title What a destination escrow of BMN does with a permission, whatever its immutables look like
abstract contract BmnDstActions is BmnEscrowBase, EscrowDstActions {
    function _publicWithdrawSigned(bytes32 secret, PlainImmutables calldata immutables, bytes calldata signature)
        internal
    {
        _within(immutables.timelocks, Timelocks.DST_PUBLIC_WITHDRAWAL, Timelocks.DST_CANCELLATION);
        _permitted(immutables.orderHash, "DST_PUBLIC_WITHDRAW", signature);
        _release(secret, immutables);
    }

    /// @dev DEFECT OF THE ORIGINALS, REPRODUCED ON PURPOSE: nothing checks that the immutables belong to this clone,
    /// so a whitelisted signature is enough to drain it at any time to anybody.
    function _publicCancelSigned(PlainImmutables calldata immutables, bytes calldata signature) internal {
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.DST_CANCELLATION));
        _permitted(immutables.orderHash, "DST_PUBLIC_CANCEL", signature);
        _refund(immutables);
    }
}
