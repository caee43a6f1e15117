// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {LimitOrderProtocol} from "./LimitOrderProtocol.sol";

/// @title The limit order protocol under the EIP-712 domain of 1inch, for development chains
contract OneInchLimitOrderProtocol is LimitOrderProtocol {
    constructor(address weth) LimitOrderProtocol(weth) {}

    function DOMAIN_SEPARATOR() public view override returns (bytes32) {
        bytes32 name = keccak256("1inch Limit Order Protocol");
        return keccak256(abi.encode(DOMAIN_TYPEHASH, name, keccak256("4"), block.chainid, address(this)));
    }

    function eip712Domain()
        external
        view
        override
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory)
    {
        return (hex"0f", "1inch Limit Order Protocol", "4", block.chainid, address(this), 0, new uint256[](0));
    }
}
