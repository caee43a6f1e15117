// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {MinimalProxy, PlainImmutables, Timelocks, TokenCalls, toAddress} from "./EscrowTypes.sol";

interface IBalance {
    function balanceOf(address account) external view returns (uint256);
}

/// @title What all source and destination escrows share
/// @notice Clones keep no state: every call brings the full immutables, and the clone proves that they are its own by
/// recomputing its address from them. All checks are here; the escrows below differ in how their immutables are encoded
/// and hashed.
abstract contract EscrowBase {
    event EscrowWithdrawal(bytes32 secret);
    event EscrowCancelled();
    event FundsRescued(address token, uint256 amount);

    error InvalidCaller();
    error InvalidImmutables();
    error InvalidSecret();
    error InvalidTime();
    error NativeTokenSendingFailure();

    /// @notice The factory that deployed the implementation; it is also the deployer of every clone.
    address public immutable FACTORY;
    /// @notice Seconds after deployment from which the taker may take out whatever is left.
    uint256 public immutable RESCUE_DELAY;
    /// @notice Hash of the init code of the clones of this implementation.
    bytes32 public immutable PROXY_BYTECODE_HASH;
    /// Holders of this token may use the public functions. Not readable from outside, as in the original.
    address private immutable GATE;

    constructor(uint32 rescueDelay, address accessToken) {
        FACTORY = msg.sender;
        RESCUE_DELAY = rescueDelay;
        GATE = accessToken;
        PROXY_BYTECODE_HASH = keccak256(MinimalProxy.initCode(address(this)));
    }

    /// @dev The salt with which the factory made the clone of these immutables.
    function _salt(PlainImmutables calldata immutables) internal pure virtual returns (bytes32);

    /// @dev Lets the taker recover any token (zero: native) once the rescue delay is over. Here the immutables are checked
    /// before the time.
    function _rescue(address token, uint256 amount, PlainImmutables calldata immutables) internal {
        _fromTaker(immutables);
        _genuine(immutables);
        _notBefore(Timelocks.lane(immutables.timelocks, Timelocks.DEPLOYED_AT) + RESCUE_DELAY);
        _pay(token, msg.sender, amount);
        emit FundsRescued(token, amount);
    }

    function _fromTaker(PlainImmutables calldata immutables) internal view {
        if (msg.sender != toAddress(immutables.taker)) revert InvalidCaller();
    }

    /// @dev With the zero gate the call below has no code to run, hence a revert without data.
    function _fromHolder() internal view {
        if (IBalance(GATE).balanceOf(msg.sender) == 0) revert InvalidCaller();
    }

    function _notBefore(uint256 start) internal view {
        if (block.timestamp < start) revert InvalidTime();
    }

    /// @dev The boundary second belongs to the later window.
    function _within(uint256 timelocks, uint256 opens, uint256 closes) internal view {
        _notBefore(Timelocks.startOf(timelocks, opens));
        if (block.timestamp >= Timelocks.startOf(timelocks, closes)) revert InvalidTime();
    }

    function _genuine(PlainImmutables calldata immutables) internal view {
        address clone = MinimalProxy.predict(PROXY_BYTECODE_HASH, _salt(immutables), FACTORY);
        if (clone != address(this)) revert InvalidImmutables();
    }

    function _opens(bytes32 secret, PlainImmutables calldata immutables) internal pure {
        if (keccak256(abi.encode(secret)) != immutables.hashlock) revert InvalidSecret();
    }

    function _pay(address token, address to, uint256 amount) internal {
        if (token == address(0)) _payNative(to, amount);
        else TokenCalls.sendToken(token, to, amount);
    }

    /// @dev Even nothing is sent as a call, so a receiver that refuses calls fails with a deposit of zero too.
    function _payNative(address to, uint256 amount) internal {
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert NativeTokenSendingFailure();
    }
}
