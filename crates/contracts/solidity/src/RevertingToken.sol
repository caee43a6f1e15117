// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {DevToken} from "./DevToken.sol";

/// @title Token that, once switched, reverts on transfers (a freeze, as some stablecoins have)
/// @notice Anybody may switch: everything at once, by kind of call, or the tokens of one holder.
contract RevertingToken is DevToken {
    bool public blocksTransfer;
    bool public blocksTransferFrom;
    mapping(address => bool) public frozen;

    error Blocked();

    constructor(string memory name_, string memory symbol_, uint8 decimals_) DevToken(name_, symbol_, decimals_) {}

    function setBlocking(bool forTransfer, bool forTransferFrom) external {
        blocksTransfer = forTransfer;
        blocksTransferFrom = forTransferFrom;
    }

    /// @notice Stops whatever leaves `account`.
    function setFrozen(address account, bool isFrozen) external {
        frozen[account] = isFrozen;
    }

    function transfer(address to, uint256 amount) external override returns (bool) {
        if (blocksTransfer) revert Blocked();
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external override returns (bool) {
        if (blocksTransferFrom) revert Blocked();
        _spend(from, amount);
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) internal override {
        if (frozen[from]) revert Blocked();
        super._move(from, to, amount);
    }
}
