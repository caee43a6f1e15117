// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {EscrowBase} from "./EscrowBase.sol";
import {EscrowDstActions} from "./EscrowDstActions.sol";
import {PlainImmutables} from "./EscrowTypes.sol";
import {OneInchSalt} from "./OneInchTypes.sol";

/// @title Destination escrow of 1inch's factory of 2024: the taker's tokens (or native coins), for the maker, or back
/// @notice The safety deposit goes to the caller of the final function.
contract OneInch1EscrowDst is EscrowDstActions {
    constructor(uint32 rescueDelay, address accessToken) EscrowBase(rescueDelay, accessToken) {}

    /// @notice The taker pays the maker by showing the secret.
    function withdraw(bytes32 secret, PlainImmutables calldata immutables) external {
        _withdraw(secret, immutables);
    }

    /// @notice A holder of the access token pays the maker by showing the secret.
    function publicWithdraw(bytes32 secret, PlainImmutables calldata immutables) external {
        _publicWithdraw(secret, immutables);
    }

    /// @notice The taker takes his tokens back.
    function cancel(PlainImmutables calldata immutables) external {
        _cancel(immutables);
    }

    /// @notice Lets the taker recover any token (zero: native) once the rescue delay is over.
    function rescueFunds(address token, uint256 amount, PlainImmutables calldata immutables) external {
        _rescue(token, amount, immutables);
    }

    function _salt(PlainImmutables calldata immutables) internal pure override returns (bytes32) {
        return OneInchSalt.compute(immutables);
    }
}
