// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {EscrowBase} from "./EscrowBase.sol";

interface IResolverList {
    function isWhitelistedResolver(address account) external view returns (bool);
}

/// @title What the escrows of all BMN factories have and others have not: permissions, signed by resolvers
abstract contract BmnEscrowBase is EscrowBase {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant ACTION_TYPEHASH =
        keccak256("PublicAction(bytes32 orderHash,address caller,string action)");

    constructor(uint32 rescueDelay, address accessToken) EscrowBase(rescueDelay, accessToken) {}

    /// @notice EIP-712 digest that a resolver signs to let `caller` do a public action on this clone.
    function _hashPublicAction(bytes32 orderHash, address caller, string memory action) public view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("BMN-Escrow"), keccak256("2.3"), block.chainid, address(this))
        );
        bytes32 content = keccak256(abi.encode(ACTION_TYPEHASH, orderHash, caller, keccak256(bytes(action))));
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }

    /// @notice Signer of a 65-byte r, s, v signature; zero when it is malformed. High s values are accepted.
    function _recover(bytes32 digest, bytes calldata signature) public pure returns (address) {
        if (signature.length != 65) return address(0);
        return ecrecover(digest, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64]));
    }

    /// @dev The whitelist counts even while the factory bypasses it for fills.
    function _permitted(bytes32 orderHash, string memory action, bytes calldata signature) internal view {
        address signer = _recover(_hashPublicAction(orderHash, msg.sender, action), signature);
        if (!IResolverList(FACTORY).isWhitelistedResolver(signer)) revert InvalidCaller();
    }
}
