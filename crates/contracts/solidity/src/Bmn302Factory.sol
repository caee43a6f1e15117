// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {Bmn302EscrowDst} from "./Bmn302EscrowDst.sol";
import {Bmn302EscrowSrc} from "./Bmn302EscrowSrc.sol";
import {BmnFactoryBase} from "./BmnFactoryBase.sol";
import {MinimalProxy, Order, PlainImmutables, TokenCalls, toAddress} from "./EscrowTypes.sol";

/// @title Escrow factory with the behaviour of the BMN v3.0.2 factory, for tests and development chains
/// @notice As BmnFactory, with immutables of eight words, which a fill does not log: whoever needs them has to put them
/// together from the order and the block.
contract Bmn302Factory is BmnFactoryBase {
    event SrcEscrowCreated(
        address indexed escrow, bytes32 indexed orderHash, address indexed maker, address taker, uint256 amount
    );

    address public immutable ESCROW_SRC_IMPLEMENTATION;
    address public immutable ESCROW_DST_IMPLEMENTATION;

    /// @param accessToken Token whose holders may use the public escrow functions; zero shuts these.
    /// @param initialOwner Owner, and the first whitelisted resolver.
    /// @param rescueDelay See BmnEscrowBase.RESCUE_DELAY.
    constructor(address accessToken, address initialOwner, uint32 rescueDelay) BmnFactoryBase(initialOwner) {
        // The order matters: nonces 1 and 2 of this contract fix the two addresses.
        ESCROW_SRC_IMPLEMENTATION = address(new Bmn302EscrowSrc(rescueDelay, accessToken));
        ESCROW_DST_IMPLEMENTATION = address(new Bmn302EscrowDst(rescueDelay, accessToken));
    }

    /// @notice Meant for the order protocol at the end of a fill: moves the maker's tokens, which the taker has by
    /// then, into a new source escrow.
    /// @dev DEFECT OF THE ORIGINAL, REPRODUCED ON PURPOSE: anybody may call this, for any order, with any taker. What
    /// the taker has allowed this factory goes into an escrow whose maker the caller has chosen.
    /// @param extraData abi.encode(hashlock, dstChainId, dstToken, deposits, timelocks); more bytes are ignored.
    function postInteraction(
        Order calldata order,
        bytes calldata /* extension */,
        bytes32 orderHash,
        address taker,
        uint256 makingAmount,
        uint256 /* takingAmount */,
        uint256 /* remainingMakingAmount */,
        bytes calldata extraData
    ) external {
        Terms memory terms = _termsOf(taker, extraData);
        // The maker is cleaned to 160 bits, the token stays as signed.
        PlainImmutables memory src = PlainImmutables({
            orderHash: orderHash,
            hashlock: terms.hashlock,
            maker: uint160(order.maker),
            taker: uint160(taker),
            token: order.makerAsset,
            amount: makingAmount,
            safetyDeposit: terms.srcDeposit,
            timelocks: terms.timelocks
        });
        address escrow = MinimalProxy.deploy(ESCROW_SRC_IMPLEMENTATION, keccak256(abi.encode(src)), 0);
        escrows[src.hashlock] = escrow;
        _settleFill(escrow, src.hashlock, toAddress(order.makerAsset), taker, makingAmount);
    }

    /// @notice Makes a source escrow from arbitrary immutables, with the caller's tokens.
    /// @dev As in the original, maker, token and amount need not be those of the immutables.
    function createSrcEscrow(PlainImmutables calldata immutables, address maker, address token, uint256 amount)
        external
        whenRunning
        returns (address escrow)
    {
        if (makerWhitelistEnabled) require(whitelistedMakers[maker], "Maker not whitelisted");
        escrow = _deploy(ESCROW_SRC_IMPLEMENTATION, immutables);
        TokenCalls.pullToken(token, msg.sender, escrow, amount);
        emit SrcEscrowCreated(escrow, immutables.orderHash, maker, toAddress(immutables.taker), amount);
    }

    /// @notice Makes a destination escrow with the caller's tokens and all of the value sent.
    function createDstEscrow(PlainImmutables calldata immutables)
        external
        payable
        whenRunning
        returns (address escrow)
    {
        _mayCreateDst();
        escrow = _deploy(ESCROW_DST_IMPLEMENTATION, immutables);
        _fundDst(escrow, immutables);
    }

    /// @notice The address that an escrow with these immutables has or would have.
    function addressOfEscrow(PlainImmutables calldata immutables, bool isSrc) external view returns (address) {
        address implementation = isSrc ? ESCROW_SRC_IMPLEMENTATION : ESCROW_DST_IMPLEMENTATION;
        bytes32 codeHash = keccak256(MinimalProxy.initCode(implementation));
        return MinimalProxy.predict(codeHash, keccak256(abi.encode(immutables)), address(this));
    }

    function transferOwnership(address newOwner) external onlyOwner {
        require(newOwner != address(0), "Invalid owner");
        _setOwner(newOwner);
    }

    function _deploy(address implementation, PlainImmutables calldata immutables) private returns (address escrow) {
        bytes32 salt = keccak256(abi.encode(immutables));
        escrow = MinimalProxy.deploy(implementation, salt, msg.value);
        escrows[salt] = escrow;
    }

    function _fromOwner() internal view override {
        require(msg.sender == owner, "Not owner");
    }
}
