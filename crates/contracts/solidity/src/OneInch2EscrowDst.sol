// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {EscrowBase} from "./EscrowBase.sol";
import {EscrowDstActions} from "./EscrowDstActions.sol";
import {Immutables, PlainImmutables, full, plain, toAddress} from "./EscrowTypes.sol";
import {OneInchSalt} from "./OneInchTypes.sol";

/// @title Destination escrow of 1inch's factory of 2025: the taker's tokens (or native coins), for the maker, or back
/// @notice The safety deposit goes to the caller of the final function. Fees come out of the amount: the maker gets the rest.
contract OneInch2EscrowDst is EscrowDstActions {
    /// The parameters end before a word that is needed.
    error IndexOutOfRange();

    constructor(uint32 rescueDelay, address accessToken) EscrowBase(rescueDelay, accessToken) {}

    /// @notice The taker pays the maker by showing the secret.
    function withdraw(bytes32 secret, Immutables calldata immutables) external {
        _withdraw(secret, plain(immutables));
    }

    /// @notice A holder of the access token pays the maker by showing the secret.
    function publicWithdraw(bytes32 secret, Immutables calldata immutables) external {
        _publicWithdraw(secret, plain(immutables));
    }

    /// @notice The taker takes his tokens back.
    function cancel(Immutables calldata immutables) external {
        _cancel(plain(immutables));
    }

    /// @notice Lets the taker recover any token (zero: native) once the rescue delay is over.
    function rescueFunds(address token, uint256 amount, Immutables calldata immutables) external {
        _rescue(token, amount, plain(immutables));
    }

    function _salt(PlainImmutables calldata immutables) internal pure override returns (bytes32) {
        return OneInchSalt.compute(full(immutables));
    }

    /// @dev The parameters are abi.encode(protocolFee, integratorFee, protocolRecipient, integratorRecipient). Both fees
    /// must be there; a recipient is read only when there is something for him. The integrator comes first.
    function _payOut(PlainImmutables calldata immutables) internal override {
        bytes calldata parameters = full(immutables).parameters;
        address token = toAddress(immutables.token);
        uint256 integratorFee = _word(parameters, 1);
        uint256 protocolFee = _word(parameters, 0);
        if (integratorFee > 0) _pay(token, toAddress(_word(parameters, 3)), integratorFee);
        if (protocolFee > 0) _pay(token, toAddress(_word(parameters, 2)), protocolFee);
        _pay(token, toAddress(immutables.maker), immutables.amount - integratorFee - protocolFee);
    }

    function _word(bytes calldata parameters, uint256 index) private pure returns (uint256) {
        uint256 end = (index + 1) * 32;
        if (parameters.length < end) revert IndexOutOfRange();
        return uint256(bytes32(parameters[end - 32:end]));
    }
}
