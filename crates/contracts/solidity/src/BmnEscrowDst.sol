// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnEscrowBase} from "./BmnEscrowBase.sol";
import {Immutables, Timelocks, toAddress} from "./EscrowTypes.sol";

/// @title Destination escrow: the taker's tokens (or native coins), for the maker, or back to the taker
/// @notice The safety deposit goes to the caller of the final function.
contract BmnEscrowDst is BmnEscrowBase {
    constructor(uint32 rescueDelay, address accessToken) BmnEscrowBase(rescueDelay, accessToken) {}

    /// @notice The taker pays the maker by showing the secret.
    function withdraw(bytes32 secret, Immutables calldata immutables) external {
        _fromTaker(immutables);
        _within(immutables.timelocks, Timelocks.DST_WITHDRAWAL, Timelocks.DST_CANCELLATION);
        _release(secret, immutables);
    }

    /// @notice A holder of the access token pays the maker by showing the secret.
    function publicWithdraw(bytes32 secret, Immutables calldata immutables) external {
        _fromHolder();
        _within(immutables.timelocks, Timelocks.DST_PUBLIC_WITHDRAWAL, Timelocks.DST_CANCELLATION);
        _release(secret, immutables);
    }

    /// @notice As publicWithdraw, for anybody with a whitelisted resolver's signature.
    function publicWithdrawSigned(bytes32 secret, Immutables calldata immutables, bytes calldata signature) external {
        _within(immutables.timelocks, Timelocks.DST_PUBLIC_WITHDRAWAL, Timelocks.DST_CANCELLATION);
        _permitted(immutables.orderHash, "DST_PUBLIC_WITHDRAW", signature);
        _release(secret, immutables);
    }

    /// @notice The taker takes his tokens back.
    /// @dev Unlike on the source side, the immutables are checked before the time.
    function cancel(Immutables calldata immutables) external {
        _fromTaker(immutables);
        _genuine(immutables);
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.DST_CANCELLATION));
        _refund(immutables);
    }

    /// @notice Gives the tokens back to the taker, with a whitelisted resolver's signature.
    /// @dev DEFECT OF THE ORIGINAL, REPRODUCED ON PURPOSE: nothing checks that the immutables belong to this clone,
    /// so a whitelisted signature is enough to drain it at any time to anybody.
    function publicCancelSigned(Immutables calldata immutables, bytes calldata signature) external {
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.DST_CANCELLATION));
        _permitted(immutables.orderHash, "DST_PUBLIC_CANCEL", signature);
        _refund(immutables);
    }

    function _release(bytes32 secret, Immutables calldata immutables) private {
        _genuine(immutables);
        _opens(secret, immutables);
        _pay(toAddress(immutables.token), toAddress(immutables.maker), immutables.amount);
        _payNative(msg.sender, immutables.safetyDeposit);
        emit EscrowWithdrawal(secret);
    }

    function _refund(Immutables calldata immutables) private {
        _pay(toAddress(immutables.token), toAddress(immutables.taker), immutables.amount);
        _payNative(msg.sender, immutables.safetyDeposit);
        emit EscrowCancelled();
    }
}
