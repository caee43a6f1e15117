// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnEscrowBase} from "./BmnEscrowBase.sol";
import {BmnSrcActions} from "./BmnSrcActions.sol";
import {Immutables, PlainImmutables, full, plain} from "./EscrowTypes.sol";

/// @title Source escrow of the v4 factory: the maker's tokens, for whoever knows the secret, or back to the maker
/// @notice The safety deposit goes to the caller of the final function. It is always an ERC-20 here.
contract BmnEscrowSrc is BmnSrcActions {
    constructor(uint32 rescueDelay, address accessToken) BmnEscrowBase(rescueDelay, accessToken) {}

    /// @notice The taker takes the tokens.
    function withdraw(bytes32 secret, Immutables calldata immutables) external {
        _withdraw(secret, msg.sender, plain(immutables));
    }

    /// @notice The taker sends the tokens to `target`.
    function withdrawTo(bytes32 secret, address target, Immutables calldata immutables) external {
        _withdraw(secret, target, plain(immutables));
    }

    /// @notice A holder of the access token pays the tokens out to the taker.
    function publicWithdraw(bytes32 secret, Immutables calldata immutables) external {
        _publicWithdraw(secret, plain(immutables));
    }

    /// @notice As publicWithdraw, for anybody with a whitelisted resolver's signature.
    function publicWithdrawSigned(bytes32 secret, Immutables calldata immutables, bytes calldata signature)
        external
    {
        _publicWithdrawSigned(secret, plain(immutables), signature);
    }

    /// @notice The taker gives the tokens back to the maker.
    function cancel(Immutables calldata immutables) external {
        _cancel(plain(immutables));
    }

    /// @notice A holder of the access token gives the tokens back to the maker.
    function publicCancel(Immutables calldata immutables) external {
        _publicCancel(plain(immutables));
    }

    /// @notice As publicCancel, for anybody with a whitelisted resolver's signature.
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
