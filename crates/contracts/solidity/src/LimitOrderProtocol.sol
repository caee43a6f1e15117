// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {Order, TokenCalls, toAddress} from "./EscrowTypes.sol";

interface IErc1271 {
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4);
}

interface IPostInteraction {
    function postInteraction(
        Order calldata order,
        bytes calldata extension,
        bytes32 orderHash,
        address taker,
        uint256 makingAmount,
        uint256 takingAmount,
        uint256 remainingMakingAmount,
        bytes calldata extraData
    ) external;
}

interface ITakerInteraction {
    function takerInteraction(
        Order calldata order,
        bytes calldata extension,
        bytes32 orderHash,
        address taker,
        uint256 makingAmount,
        uint256 takingAmount,
        uint256 remainingMakingAmount,
        bytes calldata extraData
    ) external;
}

/// @title The part of a limit order protocol (v4 order format) that cross-chain orders need, for development chains
/// @notice Orders that use anything else (suffixes, amount getters, predicates, permits, pre-interactions, Permit2,
/// wrapping of native coins) are refused with UnsupportedFeature or UnsupportedExtensionField.
contract LimitOrderProtocol {
    event OrderFilled(bytes32 orderHash, uint256 remainingAmount);
    event OrderCancelled(bytes32 orderHash);
    event BitInvalidatorUpdated(address indexed maker, uint256 slotIndex, uint256 slotValue);
    event EpochIncreased(address indexed maker, uint256 series, uint256 newEpoch);

    error BadSignature();
    error PrivateOrder();
    error OrderExpired();
    error InvalidatedOrder();
    error BitInvalidatedOrder();
    error RemainingInvalidatedOrder();
    error MissingOrderExtension();
    error UnexpectedOrderExtension();
    error InvalidExtensionHash();
    error OffsetOutOfBounds();
    error TakingAmountTooHigh();
    error MakingAmountTooLow();
    error TakingAmountExceeded();
    error PartialFillNotAllowed();
    error SwapWithZeroAmount();
    error TransferFromMakerToTakerFailed();
    error TransferFromTakerToMakerFailed();
    error WrongSeriesNonce();
    error EpochManagerAndBitInvalidatorsAreIncompatible();
    error OrderIsNotSuitableForMassInvalidation();
    error MismatchArraysLengths();
    error AdvanceEpochFailed();
    error InvalidMsgValue();
    error EthDepositRejected();
    /// This development contract does not do what the order or the taker asks for.
    error UnsupportedFeature(string feature);
    /// The order's extension has a field that this development contract does not interpret.
    error UnsupportedExtensionField(uint256 field);

    // Maker traits.
    uint256 private constant NO_PARTIAL_FILLS = 1 << 255;
    uint256 private constant ALLOW_MULTIPLE_FILLS = 1 << 254;
    uint256 private constant PRE_INTERACTION = 1 << 252;
    uint256 private constant POST_INTERACTION = 1 << 251;
    uint256 private constant CHECK_EPOCH = 1 << 250;
    uint256 private constant HAS_EXTENSION = 1 << 249;
    uint256 private constant MAKER_PERMIT2 = 1 << 248;
    uint256 private constant MAKER_UNWRAP = 1 << 247;
    // Taker traits.
    uint256 private constant AMOUNT_IS_MAKING = 1 << 255;
    uint256 private constant TAKER_UNWRAP = 1 << 254;
    uint256 private constant TAKER_PERMIT2 = 1 << 252;
    uint256 private constant HAS_TARGET = 1 << 251;

    uint256 private constant POST_INTERACTION_FIELD = 7;
    uint256 private constant HALF_CURVE_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant ORDER_TYPEHASH = keccak256(
        "Order(uint256 salt,address maker,address receiver,address makerAsset,address takerAsset,uint256 makingAmount,uint256 takingAmount,uint256 makerTraits)"
    );

    address private immutable WRAPPED_NATIVE;

    /// Bits of used nonces, 256 to a slot.
    mapping(address maker => mapping(uint256 slot => uint256)) private _bits;
    /// Zero: untouched. Otherwise the complement of what remains to be filled.
    mapping(address maker => mapping(bytes32 orderHash => uint256)) private _remaining;
    mapping(address maker => mapping(uint96 series => uint256)) private _epochs;

    /// @dev The variable parts of one fill, together to keep the stack small.
    struct Fill {
        bytes32 orderHash;
        uint256 remaining;
        uint256 making;
        uint256 taking;
        address target;
    }

    /// @param weth Orders which need wrapping of native coins into this token are refused.
    constructor(address weth) {
        WRAPPED_NATIVE = weth;
    }

    /// @dev Only so that plain transfers fail with the usual error.
    receive() external payable {
        revert EthDepositRejected();
    }

    // ---------------------------------------------------------------------------------------------- fills

    /// @notice Fills an order of a key-holding account; no extension, no interaction, tokens go to the caller.
    function fillOrder(Order calldata order, bytes32 r, bytes32 vs, uint256 amount, uint256 takerTraits)
        external
        payable
        returns (uint256, uint256, bytes32)
    {
        return _fillSigned(order, r, vs, amount, takerTraits, msg.data[:0]);
    }

    /// @notice Fills an order of a key-holding account.
    /// @param args Target (if the traits say so), extension and interaction, one after the other.
    function fillOrderArgs(
        Order calldata order,
        bytes32 r,
        bytes32 vs,
        uint256 amount,
        uint256 takerTraits,
        bytes calldata args
    ) external payable returns (uint256, uint256, bytes32) {
        return _fillSigned(order, r, vs, amount, takerTraits, args);
    }

    /// @notice Fills an order of a contract account (ERC-1271).
    function fillContractOrder(Order calldata order, bytes calldata signature, uint256 amount, uint256 takerTraits)
        external
        returns (uint256, uint256, bytes32)
    {
        return _fillContract(order, signature, amount, takerTraits, msg.data[:0]);
    }

    /// @notice Fills an order of a contract account (ERC-1271).
    function fillContractOrderArgs(
        Order calldata order,
        bytes calldata signature,
        uint256 amount,
        uint256 takerTraits,
        bytes calldata args
    ) external returns (uint256, uint256, bytes32) {
        return _fillContract(order, signature, amount, takerTraits, args);
    }

    // ---------------------------------------------------------------------------------------------- cancellation

    /// @notice Makes an order of the caller unfillable; which record is written depends on the traits.
    function cancelOrder(uint256 makerTraits, bytes32 orderHash) public {
        if (_usesBits(makerTraits)) {
            _invalidateBits(makerTraits, 0);
        } else {
            _remaining[msg.sender][orderHash] = type(uint256).max;
            emit OrderCancelled(orderHash);
        }
    }

    function cancelOrders(uint256[] calldata makerTraits, bytes32[] calldata orderHashes) external {
        if (makerTraits.length != orderHashes.length) revert MismatchArraysLengths();
        for (uint256 i = 0; i < makerTraits.length; i++) cancelOrder(makerTraits[i], orderHashes[i]);
    }

    /// @notice Marks the order's nonce and all nonces of `additionalMask` in the same slot as used.
    function bitsInvalidateForOrder(uint256 makerTraits, uint256 additionalMask) external {
        if (!_usesBits(makerTraits)) revert OrderIsNotSuitableForMassInvalidation();
        _invalidateBits(makerTraits, additionalMask);
    }

    function increaseEpoch(uint96 series) external {
        advanceEpoch(series, 1);
    }

    function advanceEpoch(uint96 series, uint256 amount) public {
        if (amount == 0 || amount > 255) revert AdvanceEpochFailed();
        uint256 newEpoch = _epochs[msg.sender][series] + amount;
        _epochs[msg.sender][series] = newEpoch;
        emit EpochIncreased(msg.sender, series, newEpoch);
    }

    // ---------------------------------------------------------------------------------------------- views

    function DOMAIN_SEPARATOR() public view virtual returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Bridge-Me-Not Orders"), keccak256("1"), block.chainid, address(this))
        );
    }

    /// @notice The EIP-712 description of the domain (ERC-5267).
    function eip712Domain()
        external
        view
        virtual
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory)
    {
        return (hex"0f", "Bridge-Me-Not Orders", "1", block.chainid, address(this), 0, new uint256[](0));
    }

    /// @notice The digest that the maker signs. Words are hashed as they are, dirty address bits included.
    function hashOrder(Order calldata order) public view returns (bytes32) {
        bytes32 content = keccak256(abi.encode(ORDER_TYPEHASH, order));
        return keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR(), content));
    }

    /// @notice Amount left to fill; an order that was never touched makes this revert.
    function remainingInvalidatorForOrder(address maker, bytes32 orderHash) external view returns (uint256) {
        uint256 raw = _remaining[maker][orderHash];
        if (raw == 0) revert RemainingInvalidatedOrder();
        return ~raw;
    }

    function rawRemainingInvalidatorForOrder(address maker, bytes32 orderHash) external view returns (uint256) {
        return _remaining[maker][orderHash];
    }

    /// @notice The 256 used-nonce bits around a nonce. The argument is a nonce, not a slot number.
    function bitInvalidatorForOrder(address maker, uint256 nonce) external view returns (uint256) {
        return _bits[maker][nonce >> 8];
    }

    function epoch(address maker, uint96 series) external view returns (uint256) {
        return _epochs[maker][series];
    }

    function epochEquals(address maker, uint256 series, uint256 makerEpoch) public view returns (bool) {
        return _epochs[maker][uint96(series)] == makerEpoch;
    }

    /// @notice This contract has nobody who could pause it.
    function paused() external pure returns (bool) {
        return false;
    }

    // ---------------------------------------------------------------------------------------------- internals

    function _fillSigned(
        Order calldata order,
        bytes32 r,
        bytes32 vs,
        uint256 amount,
        uint256 takerTraits,
        bytes calldata args
    ) private returns (uint256, uint256, bytes32) {
        Fill memory fill = _open(order);
        // A partly filled order has had its signature checked before.
        if (fill.remaining == order.makingAmount) {
            address maker = toAddress(order.maker);
            uint256 s = uint256(vs) & (type(uint256).max >> 1);
            address signer = s > HALF_CURVE_ORDER
                ? address(0)
                : ecrecover(fill.orderHash, uint8(27 + (uint256(vs) >> 255)), r, bytes32(s));
            if (maker == address(0) || signer != maker) revert BadSignature();
        }
        return _fill(order, fill, amount, takerTraits, args);
    }

    function _fillContract(
        Order calldata order,
        bytes calldata signature,
        uint256 amount,
        uint256 takerTraits,
        bytes calldata args
    ) private returns (uint256, uint256, bytes32) {
        Fill memory fill = _open(order);
        if (fill.remaining == order.makingAmount) {
            (bool ok, bytes memory answer) = toAddress(order.maker).staticcall(
                abi.encodeCall(IErc1271.isValidSignature, (fill.orderHash, signature))
            );
            bytes32 expected = bytes32(IErc1271.isValidSignature.selector);
            if (!ok || answer.length != 32 || bytes32(answer) != expected) revert BadSignature();
        }
        return _fill(order, fill, amount, takerTraits, args);
    }

    /// @dev Hash and open amount of an order; reverts if nothing is open.
    function _open(Order calldata order) private view returns (Fill memory fill) {
        fill.orderHash = hashOrder(order);
        fill.remaining = order.makingAmount;
        if (!_usesBits(order.makerTraits)) {
            uint256 raw = _remaining[toAddress(order.maker)][fill.orderHash];
            if (raw != 0) fill.remaining = ~raw;
        }
        if (fill.remaining == 0) revert InvalidatedOrder();
    }

    function _fill(Order calldata order, Fill memory fill, uint256 amount, uint256 takerTraits, bytes calldata args)
        private
        returns (uint256, uint256, bytes32)
    {
        fill.target = msg.sender;
        if (takerTraits & HAS_TARGET != 0) {
            fill.target = address(bytes20(args));
            args = args[20:];
        }
        uint256 size = uint24(takerTraits >> 224);
        bytes calldata extension = args[:size];
        bytes calldata interaction = args[size:size + uint24(takerTraits >> 200)];

        bytes calldata postData = _checkOrder(order, extension);
        if (takerTraits & TAKER_PERMIT2 != 0) revert UnsupportedFeature("taker permit2");
        if (takerTraits & TAKER_UNWRAP != 0 && toAddress(order.makerAsset) == WRAPPED_NATIVE) {
            revert UnsupportedFeature("taker unwrap");
        }

        _setAmounts(order, fill, amount, takerTraits);
        if (order.makerTraits & NO_PARTIAL_FILLS != 0 && fill.making != order.makingAmount) {
            revert PartialFillNotAllowed();
        }
        if (fill.making == 0 || fill.taking == 0) revert SwapWithZeroAmount();
        _recordFill(order, fill);

        if (!TokenCalls.tryPull(toAddress(order.makerAsset), toAddress(order.maker), fill.target, fill.making)) {
            revert TransferFromMakerToTakerFailed();
        }
        if (interaction.length >= 20) {
            ITakerInteraction(address(bytes20(interaction))).takerInteraction(
                order, extension, fill.orderHash, msg.sender, fill.making, fill.taking, fill.remaining, interaction[20:]
            );
        }
        _payMaker(order, fill.taking);
        if (order.makerTraits & POST_INTERACTION != 0) {
            address listener = toAddress(order.maker);
            if (postData.length >= 20) {
                listener = address(bytes20(postData));
                postData = postData[20:];
            }
            IPostInteraction(listener).postInteraction(
                order, extension, fill.orderHash, msg.sender, fill.making, fill.taking, fill.remaining, postData
            );
        }
        emit OrderFilled(fill.orderHash, fill.remaining - fill.making);
        return (fill.making, fill.taking, fill.orderHash);
    }

    /// @dev What can be said about the order without amounts. Returns the data of the post-interaction.
    function _checkOrder(Order calldata order, bytes calldata extension)
        private
        view
        returns (bytes calldata postData)
    {
        uint256 traits = order.makerTraits;
        if (traits & HAS_EXTENSION != 0) {
            if (extension.length == 0) revert MissingOrderExtension();
            if (uint160(uint256(keccak256(extension))) != uint160(order.salt)) revert InvalidExtensionHash();
        } else if (extension.length != 0) {
            revert UnexpectedOrderExtension();
        }
        uint256 allowed = uint80(traits);
        if (allowed != 0 && allowed != uint80(uint160(msg.sender))) revert PrivateOrder();
        uint256 expiry = uint40(traits >> 80);
        if (expiry != 0 && expiry < block.timestamp) revert OrderExpired();
        if (traits & CHECK_EPOCH != 0) {
            if (_usesBits(traits)) revert EpochManagerAndBitInvalidatorsAreIncompatible();
            if (!epochEquals(toAddress(order.maker), uint40(traits >> 160), uint40(traits >> 120))) {
                revert WrongSeriesNonce();
            }
        }
        if (traits & PRE_INTERACTION != 0) revert UnsupportedFeature("pre-interaction");
        if (traits & MAKER_PERMIT2 != 0) revert UnsupportedFeature("maker permit2");
        if (traits & MAKER_UNWRAP != 0 && toAddress(order.takerAsset) == WRAPPED_NATIVE) {
            revert UnsupportedFeature("maker unwrap");
        }
        for (uint256 i = 0; i < POST_INTERACTION_FIELD; i++) {
            if (_field(extension, i).length != 0) revert UnsupportedExtensionField(i);
        }
        return _field(extension, POST_INTERACTION_FIELD);
    }

    /// @dev Field `index` of an extension: the first word holds the cumulative ends, four bytes each, lowest first.
    function _field(bytes calldata extension, uint256 index) private pure returns (bytes calldata) {
        if (extension.length < 32) return extension[:0];
        uint256 ends = uint256(bytes32(extension));
        bytes calldata body = extension[32:];
        uint256 begin = index == 0 ? 0 : uint32(ends >> ((index - 1) * 32));
        uint256 end = uint32(ends >> (index * 32));
        if (end > body.length || begin > end) revert OffsetOutOfBounds();
        return body[begin:end];
    }

    /// @dev The making amount rounds down and the taking amount rounds up: both in favour of the maker.
    function _setAmounts(Order calldata order, Fill memory fill, uint256 amount, uint256 takerTraits) private pure {
        uint256 threshold = takerTraits & ((1 << 184) - 1);
        if (takerTraits & AMOUNT_IS_MAKING != 0) {
            fill.making = amount < fill.remaining ? amount : fill.remaining;
            fill.taking = _takingFor(order, fill.making);
            if (threshold != 0) {
                bool over = amount == fill.making
                    ? fill.taking > threshold
                    : fill.taking * amount > threshold * fill.making;
                if (over) revert TakingAmountTooHigh();
            }
        } else {
            fill.taking = amount;
            fill.making = amount * order.makingAmount / order.takingAmount;
            if (fill.making > fill.remaining) {
                fill.making = fill.remaining;
                fill.taking = _takingFor(order, fill.making);
                if (fill.taking > amount) revert TakingAmountExceeded();
            }
            if (threshold != 0) {
                bool under = amount == fill.taking
                    ? fill.making < threshold
                    : fill.making * amount < threshold * fill.taking;
                if (under) revert MakingAmountTooLow();
            }
        }
    }

    function _takingFor(Order calldata order, uint256 making) private pure returns (uint256) {
        return (making * order.takingAmount + order.makingAmount - 1) / order.makingAmount;
    }

    function _recordFill(Order calldata order, Fill memory fill) private {
        address maker = toAddress(order.maker);
        if (_usesBits(order.makerTraits)) {
            uint256 nonce = uint40(order.makerTraits >> 120);
            uint256 bit = 1 << (nonce & 0xff);
            uint256 used = _bits[maker][nonce >> 8];
            if (used & bit != 0) revert BitInvalidatedOrder();
            _bits[maker][nonce >> 8] = used | bit;
        } else {
            _remaining[maker][fill.orderHash] = ~(fill.remaining - fill.making);
        }
    }

    function _payMaker(Order calldata order, uint256 taking) private {
        if (msg.value != 0) {
            if (toAddress(order.takerAsset) == WRAPPED_NATIVE) revert UnsupportedFeature("native payment");
            revert InvalidMsgValue();
        }
        address receiver = toAddress(order.receiver);
        if (receiver == address(0)) receiver = toAddress(order.maker);
        if (!TokenCalls.tryPull(toAddress(order.takerAsset), msg.sender, receiver, taking)) {
            revert TransferFromTakerToMakerFailed();
        }
    }

    /// @dev Only orders that may be filled in several parts have a remaining amount; all others use up a nonce.
    function _usesBits(uint256 makerTraits) private pure returns (bool) {
        return makerTraits & NO_PARTIAL_FILLS != 0 || makerTraits & ALLOW_MULTIPLE_FILLS == 0;
    }

    function _invalidateBits(uint256 makerTraits, uint256 additionalMask) private {
        uint256 nonce = uint40(makerTraits >> 120);
        uint256 used = _bits[msg.sender][nonce >> 8] | (1 << (nonce & 0xff)) | additionalMask;
        _bits[msg.sender][nonce >> 8] = used;
        emit BitInvalidatorUpdated(msg.sender, nonce >> 8, used);
    }
}
