// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

interface IApprove {
    function approve(address spender, uint256 amount) external returns (bool);
}

/// @title Minimal contract account: a digest is signed if its owner's key signed it
contract Erc1271Wallet {
    address public immutable owner;

    error NotOwner();

    constructor(address owner_) {
        owner = owner_;
    }

    receive() external payable {}

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner();
        _;
    }

    /// @param signature r, s, v in 65 bytes, v being 27 or 28.
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        address signer =
            ecrecover(digest, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64]));
        if (signer == address(0) || signer != owner) return 0xffffffff;
        return this.isValidSignature.selector;
    }

    function approve(address token, address spender, uint256 amount) external onlyOwner {
        IApprove(token).approve(spender, amount);
    }

    /// @notice Does any call in the name of this contract; the revert data of the call are passed on.
    function execute(address target, uint256 value, bytes calldata data)
        external
        payable
        onlyOwner
        returns (bytes memory)
    {
        (bool ok, bytes memory answer) = target.call{value: value}(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        return answer;
    }
}
