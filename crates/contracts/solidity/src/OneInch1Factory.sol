// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {MinimalProxy, Order, PlainImmutables} from "./EscrowTypes.sol";
import {FeeBank} from "./FeeBank.sol";
import {OneInch1EscrowDst} from "./OneInch1EscrowDst.sol";
import {OneInch1EscrowSrc} from "./OneInch1EscrowSrc.sol";
import {OneInchFactoryBase} from "./OneInchFactoryBase.sol";
import {OneInchSalt, OrderTerms, PlainComplement} from "./OneInchTypes.sol";

/// @dev Makes the fee bank before anything else, so that it gets nonce 1 of the factory.
abstract contract CreditLedger {
    error NotEnoughCredit();
    error OnlyFeeBankAccess();

    FeeBank public immutable FEE_BANK;
    /// @notice What an account has paid in and not used up.
    mapping(address account => uint256) public availableCredit;

    modifier onlyFeeBank() {
        if (msg.sender != address(FEE_BANK)) revert OnlyFeeBankAccess();
        _;
    }

    constructor(address feeToken) {
        FEE_BANK = new FeeBank(feeToken);
    }

    function increaseAvailableCredit(address account, uint256 amount) external onlyFeeBank returns (uint256) {
        return availableCredit[account] += amount;
    }

    function decreaseAvailableCredit(address account, uint256 amount) external onlyFeeBank returns (uint256) {
        return availableCredit[account] -= amount;
    }

    function _charge(address account, uint256 fee) internal {
        if (availableCredit[account] < fee) revert NotEnoughCredit();
        availableCredit[account] -= fee;
    }
}

/// @title Escrow factory with the behaviour of 1inch's of 2024, for tests and development chains
/// @notice Makes a source escrow when the order protocol reports a fill, and destination escrows on demand.
contract OneInch1Factory is CreditLedger, OneInchFactoryBase {
    event SrcEscrowCreated(PlainImmutables srcImmutables, PlainComplement dstImmutablesComplement);

    error ResolverCanNotFillOrder();

    /// Fees in an order are in this many of the smallest unit of the fee token.
    uint256 private constant FEE_UNIT = 1e15;

    /// @param limitOrderProtocol The only caller of the interactions.
    /// @param feeToken What the fee bank takes.
    /// @param accessToken Its holders may fill and end escrows in public.
    constructor(
        address limitOrderProtocol,
        address feeToken,
        address accessToken,
        address /* owner: could collect the fees in the original */,
        uint32 rescueDelaySrc,
        uint32 rescueDelayDst
    )
        CreditLedger(feeToken)
        OneInchFactoryBase(limitOrderProtocol, accessToken)
    {
        ESCROW_SRC_IMPLEMENTATION = address(new OneInch1EscrowSrc(rescueDelaySrc, accessToken));
        ESCROW_DST_IMPLEMENTATION = address(new OneInch1EscrowDst(rescueDelayDst, accessToken));
        SRC_PROXY_HASH = keccak256(MinimalProxy.initCode(ESCROW_SRC_IMPLEMENTATION));
        DST_PROXY_HASH = keccak256(MinimalProxy.initCode(ESCROW_DST_IMPLEMENTATION));
    }

    /// @notice Called by the order protocol at the end of a fill, when the maker's tokens are on the address of the
    /// source escrow, and the safety deposit with them.
    /// @param extraData Fee, time, whitelist and bitmap, then the five words of the terms.
    function postInteraction(
        Order calldata order,
        bytes calldata /* extension */,
        bytes32 orderHash,
        address taker,
        uint256 makingAmount,
        uint256 takingAmount,
        uint256 remainingMakingAmount,
        bytes calldata extraData
    ) external onlyOrderProtocol {
        _admit(taker, order.makingAmount, makingAmount, extraData[:extraData.length - TERMS_LENGTH]);
        OrderTerms memory terms = _terms(extraData);
        PlainImmutables memory src;
        src.orderHash = orderHash;
        src.hashlock = _hashlock(order, orderHash, makingAmount, remainingMakingAmount, terms.hashlockInfo);
        src.maker = order.maker;
        src.taker = uint160(taker);
        src.token = order.makerAsset;
        src.amount = makingAmount;
        src.safetyDeposit = terms.deposits >> 128;
        src.timelocks = _withDeployedAt(terms.timelocks);
        emit SrcEscrowCreated(
            src,
            PlainComplement(
                _beneficiary(order), takingAmount, terms.dstToken, uint128(terms.deposits), terms.dstChainId
            )
        );
        _createSource(OneInchSalt.compute(src), src.safetyDeposit, src.token, src.amount);
    }

    /// @notice Makes a destination escrow that begins now, with the caller's tokens and deposit.
    /// @param srcCancellationTimestamp When the source can be cancelled, as the caller says.
    function createDstEscrow(PlainImmutables calldata dstImmutables, uint256 srcCancellationTimestamp)
        external
        payable
    {
        _checkValue(dstImmutables.token, dstImmutables.amount, dstImmutables.safetyDeposit);
        PlainImmutables memory dst = dstImmutables;
        dst.timelocks = _startNow(dst.timelocks, srcCancellationTimestamp);
        _createDestination(OneInchSalt.compute(dst), dst.hashlock, dst.taker, dst.token, dst.amount);
    }

    /// @notice The address that a source escrow with these immutables has or would have.
    function addressOfEscrowSrc(PlainImmutables calldata immutables) external view returns (address) {
        return MinimalProxy.predict(SRC_PROXY_HASH, OneInchSalt.compute(immutables), address(this));
    }

    /// @notice The address that a destination escrow with these immutables has or would have.
    function addressOfEscrowDst(PlainImmutables calldata immutables) external view returns (address) {
        return MinimalProxy.predict(DST_PROXY_HASH, OneInchSalt.compute(immutables), address(this));
    }

    /// @dev Lets in whoever is on the whitelist and whose time has come; anybody else from the first time on if he
    /// holds the access token, against the fee. The last byte says whether there is a fee, and how many are listed.
    function _admit(address taker, uint256 orderAmount, uint256 making, bytes calldata header) private {
        uint8 bitmap = uint8(header[header.length - 1]);
        uint256 fee;
        if (bitmap & 1 != 0) {
            fee = uint32(bytes4(header[:4])) * FEE_UNIT * making / orderAmount;
            header = header[4:];
        }
        uint256 allowedTime = uint32(bytes4(header[:4]));
        if (_listed(taker, allowedTime, header[4:4 + (bitmap >> 3) * ENTRY_LENGTH])) return;
        if (allowedTime > block.timestamp || !_holdsAccessToken(taker)) revert ResolverCanNotFillOrder();
        _charge(taker, fee);
    }

    /// @dev The delay of an entry counts for itself and for all behind it.
    function _listed(address taker, uint256 allowedTime, bytes calldata list) private view returns (bool) {
        for (; list.length != 0; list = list[ENTRY_LENGTH:]) {
            allowedTime += uint16(bytes2(list[10:12]));
            if (allowedTime > block.timestamp) return false;
            if (uint80(bytes10(list)) == uint80(uint160(taker))) return true;
        }
        return false;
    }
}
