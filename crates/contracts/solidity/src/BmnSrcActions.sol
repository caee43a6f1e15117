// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnEscrowBase} from "./BmnEscrowBase.sol";
import {EscrowSrcActions} from "./EscrowSrcActions.sol";
import {PlainImmutables, Timelocks, toAddress} from "./EscrowTypes.sol";

/// @title What a source escrow of BMN does with a permission, whatever its immutables look like
abstract contract BmnSrcActions is BmnEscrowBase, EscrowSrcActions {
    function _publicWithdrawSigned(bytes32 secret, PlainImmutables calldata immutables, bytes calldata signature)
        internal
    {
        _within(immutables.timelocks, Timelocks.SRC_PUBLIC_WITHDRAWAL, Timelocks.SRC_CANCELLATION);
        _permitted(immutables.orderHash, "SRC_PUBLIC_WITHDRAW", signature);
        _release(secret, toAddress(immutables.taker), immutables);
    }

    function _publicCancelSigned(PlainImmutables calldata immutables, bytes calldata signature) internal {
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.SRC_PUBLIC_CANCELLATION));
        _permitted(immutables.orderHash, "SRC_PUBLIC_CANCEL", signature);
        _refund(immutables);
    }
}
