// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {TokenCalls} from "./EscrowTypes.sol";

interface ICreditLedger {
    function availableCredit(address account) external view returns (uint256);
    function increaseAvailableCredit(address account, uint256 amount) external returns (uint256);
    function decreaseAvailableCredit(address account, uint256 amount) external returns (uint256);
}

/// @title Where resolvers outside an order's whitelist pay in what their fills cost
/// @notice Keeps the fee tokens; who has how much credit is written down by the factory, which also uses it up.
contract FeeBank {
    ICreditLedger private immutable LEDGER;
    address private immutable FEE_TOKEN;

    constructor(address feeToken) {
        LEDGER = ICreditLedger(msg.sender);
        FEE_TOKEN = feeToken;
    }

    /// @notice Credit of an account.
    function availableCredit(address account) external view returns (uint256) {
        return LEDGER.availableCredit(account);
    }

    /// @notice Pays in for the caller. Returns his credit.
    function deposit(uint256 amount) external returns (uint256) {
        TokenCalls.pullToken(FEE_TOKEN, msg.sender, address(this), amount);
        return LEDGER.increaseAvailableCredit(msg.sender, amount);
    }

    /// @notice Takes unused credit out again. Returns what is left of it.
    function withdraw(uint256 amount) external returns (uint256 left) {
        left = LEDGER.decreaseAvailableCredit(msg.sender, amount);
        TokenCalls.sendToken(FEE_TOKEN, msg.sender, amount);
    }
}
