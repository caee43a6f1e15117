// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {MinimalProxy, Order, Timelocks, TokenCalls, toAddress} from "./EscrowTypes.sol";
import {IBalance} from "./EscrowBase.sol";
import {OrderTerms} from "./OneInchTypes.sol";

/// @title What both 1inch factories share: the terms of an order, its parts, and the making of escrows
abstract contract OneInchFactoryBase {
    event DstEscrowCreated(address escrow, bytes32 hashlock, uint256 taker);

    error AccessDenied();
    error InsufficientEscrowBalance();
    error InvalidCreationTime();
    error InvalidPartialFill();
    error InvalidProof();
    error InvalidSecretsAmount();
    error OnlyLimitOrderProtocol();

    /// @dev The secret that was proved last for an order; `index` is one above its place, so that zero is none.
    struct Proved {
        uint256 index;
        bytes32 leaf;
    }

    uint256 private constant ALLOW_MULTIPLE_FILLS = 1 << 254;
    /// Bytes of the terms, which are the last of the extra data.
    uint256 internal constant TERMS_LENGTH = 5 * 32;
    /// Bytes of a whitelist entry: the low ten of the address, and a delay in seconds.
    uint256 internal constant ENTRY_LENGTH = 12;

    address public immutable ESCROW_SRC_IMPLEMENTATION;
    address public immutable ESCROW_DST_IMPLEMENTATION;
    bytes32 internal immutable SRC_PROXY_HASH;
    bytes32 internal immutable DST_PROXY_HASH;
    address private immutable ORDER_PROTOCOL;
    /// Its holders may fill although they are not on the whitelist.
    address private immutable ACCESS_TOKEN;

    /// @notice By the hash over the order hash and the 240 bits of the Merkle root.
    mapping(bytes32 key => Proved) public lastValidated;

    /// @dev The implementations are for the derived constructor to make: what it creates before them moves them.
    constructor(address limitOrderProtocol, address accessToken) {
        ORDER_PROTOCOL = limitOrderProtocol;
        ACCESS_TOKEN = accessToken;
    }

    modifier onlyOrderProtocol() {
        if (msg.sender != ORDER_PROTOCOL) revert OnlyLimitOrderProtocol();
        _;
    }

    /// @notice Called by the order protocol in a fill of a part: remembers the secret that the taker proves.
    /// @param extension Ends with the order's terms, which hold the root.
    /// @param extraData abi.encode(proof, index, secretHash).
    function takerInteraction(
        Order calldata /* order */,
        bytes calldata extension,
        bytes32 orderHash,
        address /* taker */,
        uint256 /* makingAmount */,
        uint256 /* takingAmount */,
        uint256 /* remainingMakingAmount */,
        bytes calldata extraData
    ) external {
        if (msg.sender != ORDER_PROTOCOL) revert AccessDenied();
        (bytes32[] memory proof, uint256 index, bytes32 secretHash) =
            abi.decode(extraData, (bytes32[], uint256, bytes32));
        bytes32 node = keccak256(abi.encodePacked(uint64(index), secretHash));
        for (uint256 i = 0; i < proof.length; i++) {
            (bytes32 low, bytes32 high) = node < proof[i] ? (node, proof[i]) : (proof[i], node);
            node = keccak256(abi.encodePacked(low, high));
        }
        bytes32 info = _terms(_postInteractionData(extension)).hashlockInfo;
        if (uint240(uint256(node)) != uint240(uint256(info))) revert InvalidProof();
        lastValidated[_orderKey(orderHash, info)] = Proved(index + 1, secretHash);
    }

    /// @dev What is in the last 160 bytes.
    function _terms(bytes calldata extraData) internal pure returns (OrderTerms memory) {
        return abi.decode(extraData[extraData.length - TERMS_LENGTH:], (OrderTerms));
    }

    /// @dev The hash of the secret of this fill: the order's, or in an order of several fills that of the proved part.
    function _hashlock(Order calldata order, bytes32 orderHash, uint256 making, uint256 remaining, bytes32 info)
        internal
        view
        returns (bytes32)
    {
        if (order.makerTraits & ALLOW_MULTIPLE_FILLS == 0) return info;
        uint256 parts = uint256(info) >> 240;
        if (parts < 2) revert InvalidSecretsAmount();
        Proved memory proved = lastValidated[_orderKey(orderHash, info)];
        uint256 filled = order.makingAmount - remaining;
        uint256 reached = (filled + making - 1) * parts / order.makingAmount;
        uint256 required = making == remaining ? reached + 1 : reached;
        // A fill that ends in the part where the previous one ended has no secret of its own.
        bool stays = making != remaining && filled != 0 && (filled - 1) * parts / order.makingAmount == reached;
        if (stays || proved.index != required + 1) revert InvalidPartialFill();
        return proved.leaf;
    }

    /// @dev Makes the source escrow, whose deposit and tokens must be on its address already.
    function _createSource(bytes32 salt, uint256 safetyDeposit, uint256 token, uint256 amount) internal {
        address escrow = MinimalProxy.deploy(ESCROW_SRC_IMPLEMENTATION, salt, 0);
        bool funded = escrow.balance >= safetyDeposit && IBalance(toAddress(token)).balanceOf(escrow) >= amount;
        if (!funded) revert InsufficientEscrowBalance();
    }

    /// @dev The value must be the deposit, and the amount too if it is native coin: no more and no less.
    function _checkValue(uint256 token, uint256 amount, uint256 safetyDeposit) internal view {
        uint256 expected = toAddress(token) == address(0) ? safetyDeposit + amount : safetyDeposit;
        if (msg.value != expected) revert InsufficientEscrowBalance();
    }

    /// @dev The timelocks of a destination that is made now. The source's cancellation is what the caller says.
    function _startNow(uint256 timelocks, uint256 srcCancellation) internal view returns (uint256 started) {
        started = _withDeployedAt(timelocks);
        if (Timelocks.startOf(started, Timelocks.DST_CANCELLATION) > srcCancellation) revert InvalidCreationTime();
    }

    /// @dev Replaces the deployment time by the block's.
    function _withDeployedAt(uint256 timelocks) internal view returns (uint256) {
        return uint224(timelocks) | Timelocks.put(block.timestamp, Timelocks.DEPLOYED_AT);
    }

    function _createDestination(bytes32 salt, bytes32 hashlock, uint256 taker, uint256 token, uint256 amount) internal {
        address escrow = MinimalProxy.deploy(ESCROW_DST_IMPLEMENTATION, salt, msg.value);
        if (toAddress(token) != address(0)) TokenCalls.pullToken(toAddress(token), msg.sender, escrow, amount);
        emit DstEscrowCreated(escrow, hashlock, taker);
    }

    function _holdsAccessToken(address account) internal view returns (bool) {
        return IBalance(ACCESS_TOKEN).balanceOf(account) != 0;
    }

    /// @dev Who is paid on the other chain.
    function _beneficiary(Order calldata order) internal pure returns (uint256) {
        return toAddress(order.receiver) == address(0) ? order.maker : order.receiver;
    }

    function _orderKey(bytes32 orderHash, bytes32 info) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(orderHash, uint240(uint256(info))));
    }

    /// @dev Field 7 of an extension, the factory's address included; its end is in the highest four bytes of the
    /// offsets, its begin in the four below.
    function _postInteractionData(bytes calldata extension) private pure returns (bytes calldata) {
        uint256 ends = uint256(bytes32(extension));
        return extension[32 + uint32(ends >> 192):32 + (ends >> 224)];
    }
}
