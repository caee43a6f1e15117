// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {DevToken} from "./DevToken.sol";

/// @title Wrapped native coin for development chains
/// @notice It keeps the faucet of DevToken, so it is not fully backed: deposited coins can be taken by anybody.
contract DevWeth is DevToken {
    error WithdrawFailed();

    constructor() DevToken("Wrapped Ether", "WETH", 18) {}

    receive() external payable {
        _create(msg.sender, msg.value);
    }

    function deposit() external payable {
        _create(msg.sender, msg.value);
    }

    function withdraw(uint256 amount) external {
        _burn(msg.sender, amount);
        (bool ok,) = msg.sender.call{value: amount}("");
        if (!ok) revert WithdrawFailed();
    }
}
