// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnDstActions} from "./BmnDstActions.sol";
import {BmnEscrowBase} from "./BmnEscrowBase.sol";
import {Immutables, PlainImmutables, full, plain} from "./EscrowTypes.sol";

/// @title Destination escrow of the v4 factory: the taker's tokens or coins, for the maker, or back to the taker
/// @notice The safety deposit goes to the caller of the final function.
contract BmnEscrowDst is BmnDstActions {
    constructor(uint32 rescueDelay, address accessToken) BmnEscrowBase(rescueDelay, accessToken) {}

    /// @notice The taker pays the maker by showing the secret.
    function withdraw(bytes32 secret, Immutables calldata immutables) external {
        _withdraw(secret, plain(immutables));
    }

    /// @notice A holder of the access token pays the maker by showing the secret.
    function publicWithdraw(bytes32 secret, Immutables calldata immutables) external {
        _publicWithdraw(secret, plain(immutables));
    }

    /// @notice As publicWithdraw, for anybody with a whitelisted resolver's signature.
    function publicWithdrawSigned(bytes32 secret, Immutables calldata immutables, bytes calldata signature)
        external
    {
        _publicWithdrawSigned(secret, plain(immutables), signature);
    }

    /// @notice The taker takes his tokens back.
    function cancel(Immutables calldata immutables) external {
        _cancel(plain(immutables));
    }

    /// @notice Gives the tokens back to the taker, with a whitelisted resolver's signature. The immutables are not
    /// checked: see BmnDstActions.
    function publicCancelSigned(Immutables calldata immutables, bytes calldata signature) external {
        _publicCancelSigned(plain(immutables), signature);
    }

    /// @notice Lets the taker recover any token (zero: native) once the rescue delay is over.
    function rescueFunds(address token, uint256 amount, Immutables calldata immutables) external {
        _rescue(token, amount, plain(immutables));
    }

    function _salt(PlainImmutables calldata immutables) internal pure override returns (bytes32) {
        return keccak256(abi.encode(full(immutables)));
    }
}
