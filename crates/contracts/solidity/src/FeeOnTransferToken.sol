// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {DevToken} from "./DevToken.sol";

/// @title Token of which a part of every transfer is burnt
/// @notice An escrow gets less than it is recorded for, so that it can not pay out.
contract FeeOnTransferToken is DevToken {
    uint256 public immutable feeBps;

    error FeeTooHigh();

    /// @param feeBps_ Fee in hundredths of a percent of the amount.
    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 feeBps_)
        DevToken(name_, symbol_, decimals_)
    {
        if (feeBps_ > 10_000) revert FeeTooHigh();
        feeBps = feeBps_;
    }

    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, amount);
        uint256 fee = amount * feeBps / 10_000;
        if (fee != 0) _burn(to, fee);
    }
}
