// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {DstImmutablesComplement, Immutables, MinimalProxy, Order} from "./EscrowTypes.sol";
import {IPostInteraction} from "./LimitOrderProtocol.sol";
import {OneInch2EscrowDst} from "./OneInch2EscrowDst.sol";
import {OneInch2EscrowSrc} from "./OneInch2EscrowSrc.sol";
import {OneInchFactoryBase} from "./OneInchFactoryBase.sol";
import {OneInchSalt, OrderTerms} from "./OneInchTypes.sol";

/// @title Escrow factory with the behaviour of 1inch's of 2025, for tests and development chains
/// @notice As the factory of 2024, except that fees come out of the destination amount and are known to both escrows.
contract OneInch2Factory is OneInchFactoryBase {
    event SrcEscrowCreated(Immutables srcImmutables, DstImmutablesComplement dstImmutablesComplement);

    error AllowedTimeViolation();
    error InvalidIntegratorShare();
    error InvalidWhitelistDiscountNumerator();
    error OnlyWhitelistOrAccessToken();

    /// One whole of a fee.
    uint256 private constant FEE_BASE = 1e5;
    /// One whole of a share or a discount.
    uint256 private constant PERCENT_BASE = 100;
    /// Bytes of both recipients, the fees, the allowed time and the number of entries.
    uint256 private constant HEAD_LENGTH = 20 + 20 + 2 + 1 + 2 + 1 + 4 + 1;

    /// @param limitOrderProtocol The only caller of the interactions.
    /// @param accessToken Its holders may fill and end escrows in public.
    constructor(
        address limitOrderProtocol,
        address accessToken,
        address /* owner: could take out what got stuck on the original */,
        uint32 rescueDelaySrc,
        uint32 rescueDelayDst
    )
        OneInchFactoryBase(limitOrderProtocol, accessToken)
    {
        ESCROW_SRC_IMPLEMENTATION = address(new OneInch2EscrowSrc(rescueDelaySrc, accessToken));
        ESCROW_DST_IMPLEMENTATION = address(new OneInch2EscrowDst(rescueDelayDst, accessToken));
        SRC_PROXY_HASH = keccak256(MinimalProxy.initCode(ESCROW_SRC_IMPLEMENTATION));
        DST_PROXY_HASH = keccak256(MinimalProxy.initCode(ESCROW_DST_IMPLEMENTATION));
    }

    /// @notice Called by the order protocol at the end of a fill, when the maker's tokens are on the address of the
    /// source escrow, and the safety deposit with them.
    /// @param extraData Recipients, fees, time, whitelist, perhaps a contract to call with its data, then the five
    /// words of the terms.
    function postInteraction(
        Order calldata order,
        bytes calldata extension,
        bytes32 orderHash,
        address taker,
        uint256 makingAmount,
        uint256 takingAmount,
        uint256 remainingMakingAmount,
        bytes calldata extraData
    ) external onlyOrderProtocol {
        DstImmutablesComplement memory dst;
        {
            bytes calldata header = extraData[:extraData.length - TERMS_LENGTH];
            bool listed = _admit(taker, header);
            dst.parameters = _parameters(header, takingAmount, listed);
            bytes calldata more = header[HEAD_LENGTH + uint8(header[HEAD_LENGTH - 1]) * ENTRY_LENGTH:];
            if (more.length >= 20) {
                IPostInteraction(address(bytes20(more))).postInteraction(
                    order,
                    extension,
                    orderHash,
                    taker,
                    makingAmount,
                    takingAmount,
                    remainingMakingAmount,
                    more[20:]
                );
            }
        }
        OrderTerms memory terms = _terms(extraData);
        Immutables memory src;
        src.orderHash = orderHash;
        src.hashlock = _hashlock(order, orderHash, makingAmount, remainingMakingAmount, terms.hashlockInfo);
        src.maker = order.maker;
        src.taker = uint160(taker);
        src.token = order.makerAsset;
        src.amount = makingAmount;
        src.safetyDeposit = terms.deposits >> 128;
        src.timelocks = _withDeployedAt(terms.timelocks);
        dst.maker = _beneficiary(order);
        dst.amount = takingAmount;
        dst.token = terms.dstToken;
        dst.safetyDeposit = uint128(terms.deposits);
        dst.chainId = terms.dstChainId;
        emit SrcEscrowCreated(src, dst);
        _createSource(OneInchSalt.compute(src), src.safetyDeposit, src.token, src.amount);
    }

    /// @notice Makes a destination escrow that begins now, with the caller's tokens and deposit.
    /// @param srcCancellationTimestamp When the source can be cancelled, as the caller says.
    function createDstEscrow(Immutables calldata dstImmutables, uint256 srcCancellationTimestamp) external payable {
        _checkValue(dstImmutables.token, dstImmutables.amount, dstImmutables.safetyDeposit);
        Immutables memory dst = dstImmutables;
        dst.timelocks = _startNow(dst.timelocks, srcCancellationTimestamp);
        _createDestination(OneInchSalt.compute(dst), dst.hashlock, dst.taker, dst.token, dst.amount);
    }

    /// @notice The address that a source escrow with these immutables has or would have.
    function addressOfEscrowSrc(Immutables calldata immutables) external view returns (address) {
        return MinimalProxy.predict(SRC_PROXY_HASH, OneInchSalt.compute(immutables), address(this));
    }

    /// @notice The address that a destination escrow with these immutables has or would have.
    function addressOfEscrowDst(Immutables calldata immutables) external view returns (address) {
        return MinimalProxy.predict(DST_PROXY_HASH, OneInchSalt.compute(immutables), address(this));
    }

    /// @dev True for a taker on the whitelist whose time has come. The delay of an entry counts for those behind it;
    /// nobody is asked before his time, and holders of the access token come last.
    function _admit(address taker, bytes calldata header) private view returns (bool) {
        if (uint8(header[42]) > PERCENT_BASE) revert InvalidIntegratorShare();
        if (uint8(header[45]) > PERCENT_BASE) revert InvalidWhitelistDiscountNumerator();
        uint256 allowedTime = uint32(bytes4(header[46:50]));
        bytes calldata list = header[HEAD_LENGTH:HEAD_LENGTH + uint8(header[HEAD_LENGTH - 1]) * ENTRY_LENGTH];
        for (; list.length != 0; list = list[ENTRY_LENGTH:]) {
            if (block.timestamp < allowedTime) revert AllowedTimeViolation();
            if (uint80(bytes10(list)) == uint80(uint160(taker))) return true;
            allowedTime += uint16(bytes2(list[10:12]));
        }
        if (block.timestamp < allowedTime) revert AllowedTimeViolation();
        if (!_holdsAccessToken(taker)) revert OnlyWhitelistOrAccessToken();
        return false;
    }

    /// @dev abi.encode(protocolFee, integratorFee, protocolRecipient, integratorRecipient). Fees are on top of what
    /// the maker asks for, so they are shares of a whole that they enlarge; the whitelisted pay a part of the
    /// resolver's fee, and the protocol gets what the integrator does not.
    function _parameters(bytes calldata header, uint256 amount, bool listed) private pure returns (bytes memory) {
        uint256 integratorShare = uint16(bytes2(header[40:42]));
        uint256 resolverShare = uint16(bytes2(header[43:45]));
        if (listed) resolverShare = resolverShare * uint8(header[45]) / PERCENT_BASE;
        uint256 whole = FEE_BASE + integratorShare + resolverShare;
        uint256 integration = amount * integratorShare / whole;
        uint256 integratorFee = integration * uint8(header[42]) / PERCENT_BASE;
        uint256 protocolFee = amount * resolverShare / whole + integration - integratorFee;
        return
            abi.encode(protocolFee, integratorFee, address(bytes20(header[20:40])), address(bytes20(header[:20])));
    }
}
