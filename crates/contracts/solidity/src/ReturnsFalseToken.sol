// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {DevToken} from "./DevToken.sol";

/// @title Token that, once switched, refuses by returning false instead of reverting
/// @notice Anybody may switch. Switch `transfer` alone to let tokens into an escrow but not out.
contract ReturnsFalseToken is DevToken {
    bool public refusesTransfer;
    bool public refusesTransferFrom;

    constructor(string memory name_, string memory symbol_, uint8 decimals_) DevToken(name_, symbol_, decimals_) {}

    function setRefusing(bool forTransfer, bool forTransferFrom) external {
        refusesTransfer = forTransfer;
        refusesTransferFrom = forTransferFrom;
    }

    function transfer(address to, uint256 amount) external override returns (bool) {
        if (refusesTransfer) return false;
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external override returns (bool) {
        if (refusesTransferFrom) return false;
        _spend(from, amount);
        _move(from, to, amount);
        return true;
    }
}
