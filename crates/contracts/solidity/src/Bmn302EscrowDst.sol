// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnDstActions} from "./BmnDstActions.sol";
import {BmnEscrowBase} from "./BmnEscrowBase.sol";
import {PlainImmutables} from "./EscrowTypes.sol";

/// @title Destination escrow of the v3.0.2 factory: the taker's tokens or coins, for the maker, or back to the taker
/// @notice The safety deposit goes to the caller of the final function.
contract Bmn302EscrowDst is BmnDstActions {
    constructor(uint32 rescueDelay, address accessToken) BmnEscrowBase(rescueDelay, accessToken) {}

    /// @notice The taker pays the maker by showing the secret.
    function withdraw(bytes32 secret, PlainImmutables calldata immutables) external {
        _withdraw(secret, immutables);
    }

    /// @notice A holder of the access token pays the maker by showing the secret.
    function publicWithdraw(bytes32 secret, PlainImmutables calldata immutables) external {
        _publicWithdraw(secret, immutables);
    }

    /// @notice As publicWithdraw, for anybody with a whitelisted resolver's signature.
    function publicWithdrawSigned(bytes32 secret, PlainImmutables calldata immutables, bytes calldata signature)
        external
    {
        _publicWithdrawSigned(secret, immutables, signature);
    }

    /// @notice The taker takes his tokens back.
    function cancel(PlainImmutables calldata immutables) external {
        _cancel(immutables);
    }

    /// @notice Gives the tokens back to the taker, with a whitelisted resolver's signature. The immutables are not
    /// checked: see BmnDstActions.
    function publicCancelSigned(PlainImmutables calldata immutables, bytes calldata signature) external {
        _publicCancelSigned(immutables, signature);
    }

    /// @notice Lets the taker recover any token (zero: native) once the rescue delay is over.
    function rescueFunds(address token, uint256 amount, PlainImmutables calldata immutables) external {
        _rescue(token, amount, immutables);
    }

    function _salt(PlainImmutables calldata immutables) internal pure override returns (bytes32) {
        return keccak256(abi.encode(immutables));
    }
}
