// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

/// @title Pushes its endowment into an address that accepts no plain transfers
/// @notice All happens in the constructor: self-destruction moves the balance without running code of the target.
contract ForceSend {
    constructor(address payable target) payable {
        selfdestruct(target);
    }
}
