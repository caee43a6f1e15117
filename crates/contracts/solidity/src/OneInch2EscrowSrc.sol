// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {EscrowBase} from "./EscrowBase.sol";
import {EscrowSrcActions} from "./EscrowSrcActions.sol";
import {Immutables, PlainImmutables, full, plain} from "./EscrowTypes.sol";
import {OneInchSalt} from "./OneInchTypes.sol";

/// @title Source escrow of 1inch's factory of 2025: the maker's tokens, for whoever knows the secret, or back to the maker
/// @notice The safety deposit goes to the caller of the final function. The token is always an ERC-20 here.
contract OneInch2EscrowSrc is EscrowSrcActions {
    constructor(uint32 rescueDelay, address accessToken) EscrowBase(rescueDelay, accessToken) {}

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

    /// @notice The taker gives the tokens back to the maker.
    function cancel(Immutables calldata immutables) external {
        _cancel(plain(immutables));
    }

    /// @notice A holder of the access token gives the tokens back to the maker.
    function publicCancel(Immutables calldata immutables) external {
        _publicCancel(plain(immutables));
    }

    /// @notice Lets the taker recover any token (zero: native) once the rescue delay is over.
    function rescueFunds(address token, uint256 amount, Immutables calldata immutables) external {
        _rescue(token, amount, plain(immutables));
    }

    function _salt(PlainImmutables calldata immutables) internal pure override returns (bytes32) {
        return OneInchSalt.compute(full(immutables));
    }
}
