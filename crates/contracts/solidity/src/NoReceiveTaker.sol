// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

/// @title Taker contract that can do every call but refuses plain native coins
/// @notice Escrows pay the safety deposit by a call to their caller, which fails here even if the deposit is zero.
contract NoReceiveTaker {
    address public immutable owner;

    error NotOwner();

    constructor() {
        owner = msg.sender;
    }

    /// @notice Does any call in the name of this contract; the revert data of the call are passed on.
    /// @dev Native coins come in with this function only.
    function execute(address target, uint256 value, bytes calldata data) external payable returns (bytes memory) {
        if (msg.sender != owner) revert NotOwner();
        (bool ok, bytes memory answer) = target.call{value: value}(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        return answer;
    }
}
