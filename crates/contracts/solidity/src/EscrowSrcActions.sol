// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {EscrowBase} from "./EscrowBase.sol";
import {PlainImmutables, Timelocks, TokenCalls, toAddress} from "./EscrowTypes.sol";

/// @title What a source escrow does, whatever its immutables look like
abstract contract EscrowSrcActions is EscrowBase {
    function _withdraw(bytes32 secret, address target, PlainImmutables calldata immutables) internal {
        _fromTaker(immutables);
        _within(immutables.timelocks, Timelocks.SRC_WITHDRAWAL, Timelocks.SRC_CANCELLATION);
        _release(secret, target, immutables);
    }

    function _publicWithdraw(bytes32 secret, PlainImmutables calldata immutables) internal {
        _fromHolder();
        _within(immutables.timelocks, Timelocks.SRC_PUBLIC_WITHDRAWAL, Timelocks.SRC_CANCELLATION);
        _release(secret, toAddress(immutables.taker), immutables);
    }

    function _cancel(PlainImmutables calldata immutables) internal {
        _fromTaker(immutables);
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.SRC_CANCELLATION));
        _refund(immutables);
    }

    function _publicCancel(PlainImmutables calldata immutables) internal {
        _fromHolder();
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.SRC_PUBLIC_CANCELLATION));
        _refund(immutables);
    }

    function _release(bytes32 secret, address target, PlainImmutables calldata immutables) internal {
        _genuine(immutables);
        _opens(secret, immutables);
        TokenCalls.sendToken(toAddress(immutables.token), target, immutables.amount);
        _payNative(msg.sender, immutables.safetyDeposit);
        emit EscrowWithdrawal(secret);
    }

    function _refund(PlainImmutables calldata immutables) internal {
        _genuine(immutables);
        TokenCalls.sendToken(toAddress(immutables.token), toAddress(immutables.maker), immutables.amount);
        _payNative(msg.sender, immutables.safetyDeposit);
        emit EscrowCancelled();
    }
}
