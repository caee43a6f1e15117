// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

/// @dev Everything that identifies one escrow. Address-like members are full words: only their low 160 bits act as
/// an address, the raw word is what gets hashed.
struct Immutables {
    bytes32 orderHash;
    bytes32 hashlock;
    uint256 maker;
    uint256 taker;
    uint256 token;
    uint256 amount;
    uint256 safetyDeposit;
    uint256 timelocks;
    bytes parameters;
}

/// @dev Immutables of the factories without parameters: the same eight words, and nothing behind them.
struct PlainImmutables {
    bytes32 orderHash;
    bytes32 hashlock;
    uint256 maker;
    uint256 taker;
    uint256 token;
    uint256 amount;
    uint256 safetyDeposit;
    uint256 timelocks;
}

/// @dev The part of the destination immutables that the source chain already knows.
struct DstImmutablesComplement {
    uint256 maker;
    uint256 amount;
    uint256 token;
    uint256 safetyDeposit;
    uint256 chainId;
    bytes parameters;
}

/// @dev A limit order as it appears on the wire: eight words, addresses included.
struct Order {
    uint256 salt;
    uint256 maker;
    uint256 receiver;
    uint256 makerAsset;
    uint256 takerAsset;
    uint256 makingAmount;
    uint256 takingAmount;
    uint256 makerTraits;
}

/// @dev The low 160 bits of a word, as an address.
function toAddress(uint256 word) pure returns (address) {
    return address(uint160(word));
}

/// @dev The eight words that immutables begin with, in place. In calldata both structs start with them.
function plain(Immutables calldata immutables) pure returns (PlainImmutables calldata words) {
    assembly ("memory-safe") {
        words := immutables
    }
}

/// @dev The inverse, for words that `plain` returned; of others the ninth word is somebody else's.
function full(PlainImmutables calldata words) pure returns (Immutables calldata immutables) {
    assembly ("memory-safe") {
        immutables := words
    }
}

/// @dev Packed stage offsets: seven uint32 offsets in seconds, then the deployment time in the top 32 bits.
library Timelocks {
    uint256 internal constant SRC_WITHDRAWAL = 0;
    uint256 internal constant SRC_PUBLIC_WITHDRAWAL = 1;
    uint256 internal constant SRC_CANCELLATION = 2;
    uint256 internal constant SRC_PUBLIC_CANCELLATION = 3;
    uint256 internal constant DST_WITHDRAWAL = 4;
    uint256 internal constant DST_PUBLIC_WITHDRAWAL = 5;
    uint256 internal constant DST_CANCELLATION = 6;
    uint256 internal constant DEPLOYED_AT = 7;

    /// @dev The 32-bit lane `index` of the word.
    function lane(uint256 word, uint256 index) internal pure returns (uint256) {
        return uint32(word >> (index * 32));
    }

    /// @dev Absolute start of a stage. The sum is a full word, so it never wraps at 32 bits.
    function startOf(uint256 word, uint256 stage) internal pure returns (uint256) {
        unchecked {
            return lane(word, DEPLOYED_AT) + lane(word, stage);
        }
    }

    /// @dev Puts a value, truncated to 32 bits, into one lane of an otherwise empty word.
    function put(uint256 value, uint256 index) internal pure returns (uint256) {
        return uint256(uint32(value)) << (index * 32);
    }
}

/// @dev Deterministic minimal proxies (EIP-1167 through CREATE2).
library MinimalProxy {
    /// The CREATE2 of a proxy did not yield a contract (it exists already, for instance).
    error FailedDeployment();

    /// @dev The 55 bytes of proxy init code for `implementation`.
    function initCode(address implementation) internal pure returns (bytes memory) {
        return abi.encodePacked(
            hex"3d602d80600a3d3981f3363d3d373d3d3d363d73", implementation, hex"5af43d82803e903d91602b57fd5bf3"
        );
    }

    function deploy(address implementation, bytes32 salt, uint256 value) internal returns (address proxy) {
        bytes memory code = initCode(implementation);
        assembly ("memory-safe") {
            proxy := create2(value, add(code, 0x20), mload(code), salt)
        }
        if (proxy == address(0)) revert FailedDeployment();
    }

    function predict(bytes32 codeHash, bytes32 salt, address deployer) internal pure returns (address) {
        return toAddress(uint256(keccak256(abi.encodePacked(bytes1(0xff), deployer, salt, codeHash))));
    }
}

/// @dev ERC-20 calls that accept tokens without a return value and never forward the token's own revert data.
library TokenCalls {
    error SafeTransferFailed();
    error SafeTransferFromFailed();

    function sendToken(address token, address to, uint256 amount) internal {
        if (!_succeeds(token, abi.encodeWithSignature("transfer(address,uint256)", to, amount))) {
            revert SafeTransferFailed();
        }
    }

    function pullToken(address token, address from, address to, uint256 amount) internal {
        if (!tryPull(token, from, to, amount)) revert SafeTransferFromFailed();
    }

    function tryPull(address token, address from, address to, uint256 amount) internal returns (bool) {
        return _succeeds(token, abi.encodeWithSignature("transferFrom(address,address,uint256)", from, to, amount));
    }

    /// @dev True when the call did not revert and either returned the word 1 or, on an existing contract, nothing.
    function _succeeds(address token, bytes memory data) private returns (bool ok) {
        assembly ("memory-safe") {
            mstore(0x00, 0)
            ok := call(gas(), token, 0, add(data, 0x20), mload(data), 0x00, 0x20)
            if ok {
                switch returndatasize()
                case 0 { ok := gt(extcodesize(token), 0) }
                default { ok := and(gt(returndatasize(), 31), eq(mload(0x00), 1)) }
            }
        }
    }
}
