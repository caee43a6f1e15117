// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnEscrowBase} from "./BmnEscrowBase.sol";
import {BmnSrcActions} from "./BmnSrcActions.sol";
import {PlainImmutables} from "./EscrowTypes.sol";

/// @title Source escrow of the v3.0.2 factory: the maker's tokens, for whoever knows the secret, or back to the maker
/// @notice The safety deposit goes to the caller of the final function. It is always an ERC-20 here.
contract Bmn302EscrowSrc is BmnSrcActions {
    constructor(uint32 rescueDelay, address accessToken) BmnEscrowBase(rescueDelay, accessToken) {}

    /// @notice The taker takes the tokens.
    function withdraw(bytes32 secret, PlainImmutables calldata immutables) external {
        _withdraw(secret, msg.sender, immutables);
    }

    /// @notice The taker sends the tokens to `target`.
    function withdrawTo(bytes32 secret, address target, PlainImmutables calldata immutables) external {
        _withdraw(secret, target, immutables);
    }

    /// @notice A holder of the access token pays the tokens out to the taker.
    function publicWithdraw(bytes32 secret, PlainImmutables calldata immutables) external {
        _publicWithdraw(secret, immutables);
    }

    /// @notice As publicWithdraw, for anybody with a whitelisted resolver's signature.
    function publicWithdrawSigned(bytes32 secret, PlainImmutables calldata immutables, bytes calldata signature)
        external
    {
        _publicWithdrawSigned(secret, immutables, signature);
    }

    /// @notice The taker gives the tokens back to the maker.
    function cancel(PlainImmutables calldata immutables) external {
        _cancel(immutables);
    }

    /// @notice A holder of the access token gives the tokens back to the maker.
    function publicCancel(PlainImmutables calldata immutables) external {
        _publicCancel(immutables);
    }

    /// @notice As publicCancel, for anybody with a whitelisted resolver's signature.
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
