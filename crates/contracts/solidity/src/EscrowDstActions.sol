// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {EscrowBase} from "./EscrowBase.sol";
import {PlainImmutables, Timelocks, toAddress} from "./EscrowTypes.sol";

/// @title What a destination escrow does, whatever its immutables look like
abstract contract EscrowDstActions is EscrowBase {
    function _withdraw(bytes32 secret, PlainImmutables calldata immutables) internal {
        _fromTaker(immutables);
        _within(immutables.timelocks, Timelocks.DST_WITHDRAWAL, Timelocks.DST_CANCELLATION);
        _release(secret, immutables);
    }

    function _publicWithdraw(bytes32 secret, PlainImmutables calldata immutables) internal {
        _fromHolder();
        _within(immutables.timelocks, Timelocks.DST_PUBLIC_WITHDRAWAL, Timelocks.DST_CANCELLATION);
        _release(secret, immutables);
    }

    /// @dev Unlike on the source side, the immutables are checked before the time.
    function _cancel(PlainImmutables calldata immutables) internal {
        _fromTaker(immutables);
        _genuine(immutables);
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.DST_CANCELLATION));
        _refund(immutables);
    }

    /// @dev Pays out what the secret opens: all of it to the maker, unless a dialect says otherwise.
    function _payOut(PlainImmutables calldata immutables) internal virtual {
        _pay(toAddress(immutables.token), toAddress(immutables.maker), immutables.amount);
    }

    function _release(bytes32 secret, PlainImmutables calldata immutables) internal {
        _genuine(immutables);
        _opens(secret, immutables);
        _payOut(immutables);
        _payNative(msg.sender, immutables.safetyDeposit);
        emit EscrowWithdrawal(secret);
    }

    function _refund(PlainImmutables calldata immutables) internal {
        _pay(toAddress(immutables.token), toAddress(immutables.taker), immutables.amount);
        _payNative(msg.sender, immutables.safetyDeposit);
        emit EscrowCancelled();
    }
}
