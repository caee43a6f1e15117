// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {Immutables, PlainImmutables} from "./EscrowTypes.sol";

/// @dev The part of the destination immutables that the source chain already knows, without parameters.
struct PlainComplement {
    uint256 maker;
    uint256 amount;
    uint256 token;
    uint256 safetyDeposit;
    uint256 chainId;
}

/// @dev The last five words of an order's extra data.
struct OrderTerms {
    bytes32 hashlockInfo;
    uint256 dstChainId;
    uint256 dstToken;
    uint256 deposits;
    uint256 timelocks;
}

/// @dev The hashes of immutables, which are the salts of the escrows.
library OneInchSalt {
    function compute(PlainImmutables memory immutables) internal pure returns (bytes32) {
        return keccak256(abi.encode(immutables));
    }

    /// @dev The parameters count by their hash, as a dynamic member of an EIP-712 struct does.
    function compute(Immutables memory immutables) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(
                abi.encode(
                    immutables.orderHash,
                    immutables.hashlock,
                    immutables.maker,
                    immutables.taker,
                    immutables.token,
                    immutables.amount,
                    immutables.safetyDeposit,
                    immutables.timelocks
                ),
                keccak256(immutables.parameters)
            )
        );
    }
}
