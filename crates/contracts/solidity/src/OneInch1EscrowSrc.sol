// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {EscrowBase} from "./EscrowBase.sol";
import {EscrowSrcActions} from "./EscrowSrcActions.sol";
import {PlainImmutables} from "./EscrowTypes.sol";
import {OneInchSalt} from "./OneInchTypes.sol";

/// @title Source escrow of 1inch's factory of 2024: the maker's tokens, for whoever knows the secret, or back to the maker
/// @notice The safety deposit goes to the caller of the final function. The token is always an ERC-20 here.
contract OneInch1EscrowSrc is EscrowSrcActions {
    constructor(uint32 rescueDelay, address accessToken) EscrowBase(rescueDelay, accessToken) {}

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

    /// @notice The taker gives the tokens back to the maker.
    function cancel(PlainImmutables calldata immutables) external {
        _cancel(immutables);
    }

    /// @notice A holder of the access token gives the tokens back to the maker.
    function publicCancel(PlainImmutables calldata immutables) external {
        _publicCancel(immutables);
    }

    /// @notice Lets the taker recover any token (zero: native) once the rescue delay is over.
    function rescueFunds(address token, uint256 amount, PlainImmutables calldata immutables) external {
        _rescue(token, amount, immutables);
    }

    function _salt(PlainImmutables calldata immutables) internal pure override returns (bytes32) {
        return OneInchSalt.compute(immutables);
    }
}
