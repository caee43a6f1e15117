// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnEscrowBase} from "./BmnEscrowBase.sol";
import {Immutables, Timelocks, TokenCalls, toAddress} from "./EscrowTypes.sol";

/// @title Source escrow: the maker's tokens, for whoever knows the secret, or back to the maker
/// @notice The safety deposit goes to the caller of the final function. It is always an ERC-20 here.
contract BmnEscrowSrc is BmnEscrowBase {
    constructor(uint32 rescueDelay, address accessToken) BmnEscrowBase(rescueDelay, accessToken) {}

    /// @notice The taker takes the tokens.
    function withdraw(bytes32 secret, Immutables calldata immutables) external {
        _takerWindow(immutables);
        _release(secret, msg.sender, immutables);
    }

    /// @notice The taker sends the tokens to `target`.
    function withdrawTo(bytes32 secret, address target, Immutables calldata immutables) external {
        _takerWindow(immutables);
        _release(secret, target, immutables);
    }

    /// @notice A holder of the access token pays the tokens out to the taker.
    function publicWithdraw(bytes32 secret, Immutables calldata immutables) external {
        _fromHolder();
        _within(immutables.timelocks, Timelocks.SRC_PUBLIC_WITHDRAWAL, Timelocks.SRC_CANCELLATION);
        _release(secret, toAddress(immutables.taker), immutables);
    }

    /// @notice As publicWithdraw, for anybody with a whitelisted resolver's signature.
    function publicWithdrawSigned(bytes32 secret, Immutables calldata immutables, bytes calldata signature) external {
        _within(immutables.timelocks, Timelocks.SRC_PUBLIC_WITHDRAWAL, Timelocks.SRC_CANCELLATION);
        _permitted(immutables.orderHash, "SRC_PUBLIC_WITHDRAW", signature);
        _release(secret, toAddress(immutables.taker), immutables);
    }

    /// @notice The taker gives the tokens back to the maker.
    function cancel(Immutables calldata immutables) external {
        _fromTaker(immutables);
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.SRC_CANCELLATION));
        _refund(immutables);
    }

    /// @notice A holder of the access token gives the tokens back to the maker.
    function publicCancel(Immutables calldata immutables) external {
        _fromHolder();
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.SRC_PUBLIC_CANCELLATION));
        _refund(immutables);
    }

    /// @notice As publicCancel, for anybody with a whitelisted resolver's signature.
    function publicCancelSigned(Immutables calldata immutables, bytes calldata signature) external {
        _notBefore(Timelocks.startOf(immutables.timelocks, Timelocks.SRC_PUBLIC_CANCELLATION));
        _permitted(immutables.orderHash, "SRC_PUBLIC_CANCEL", signature);
        _refund(immutables);
    }

    function _takerWindow(Immutables calldata immutables) private view {
        _fromTaker(immutables);
        _within(immutables.timelocks, Timelocks.SRC_WITHDRAWAL, Timelocks.SRC_CANCELLATION);
    }

    function _release(bytes32 secret, address target, Immutables calldata immutables) private {
        _genuine(immutables);
        _opens(secret, immutables);
        TokenCalls.sendToken(toAddress(immutables.token), target, immutables.amount);
        _payNative(msg.sender, immutables.safetyDeposit);
        emit EscrowWithdrawal(secret);
    }

    function _refund(Immutables calldata immutables) private {
        _genuine(immutables);
        TokenCalls.sendToken(toAddress(immutables.token), toAddress(immutables.maker), immutables.amount);
        _payNative(msg.sender, immutables.safetyDeposit);
        emit EscrowCancelled();
    }
}
