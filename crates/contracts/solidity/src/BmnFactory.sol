// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnEscrowDst} from "./BmnEscrowDst.sol";
import {BmnEscrowSrc} from "./BmnEscrowSrc.sol";
import {BmnFactoryBase} from "./BmnFactoryBase.sol";
import {
    DstImmutablesComplement, Immutables, MinimalProxy, Order, TokenCalls, plain, toAddress
} from "./EscrowTypes.sol";

/// @title Escrow factory with the behaviour of the BMN v4 factory, for tests and development chains
/// @notice Makes a source escrow when the order protocol reports a fill, and source or destination escrows on demand.
contract BmnFactory is BmnFactoryBase {
    event SrcEscrowCreated(Immutables srcImmutables, DstImmutablesComplement dstImmutablesComplement);

    error OnlyLimitOrderProtocol();
    error OwnableUnauthorizedAccount(address account);
    error OwnableInvalidOwner(address owner);
    error ETHTransferFailed();
    error InsufficientBalance();

    address public immutable ESCROW_SRC_IMPLEMENTATION;
    address public immutable ESCROW_DST_IMPLEMENTATION;
    bytes32 public immutable ESCROW_SRC_PROXY_BYTECODE_HASH;
    bytes32 public immutable ESCROW_DST_PROXY_BYTECODE_HASH;
    address private immutable ORDER_PROTOCOL;

    /// @notice Immutables by salt.
    mapping(bytes32 => Immutables) public escrowImmutables;

    /// @param limitOrderProtocol The only caller of postInteraction.
    /// @param initialOwner Owner, and the first whitelisted resolver.
    /// @param rescueDelay See BmnEscrowBase.RESCUE_DELAY.
    /// @param accessToken Token whose holders may use the public escrow functions; zero shuts these.
    constructor(
        address limitOrderProtocol,
        address initialOwner,
        uint32 rescueDelay,
        address accessToken,
        address /* weth: part of the original's constructor, of no effect on what is reproduced here */
    ) BmnFactoryBase(initialOwner) {
        if (initialOwner == address(0)) revert OwnableInvalidOwner(address(0));
        ORDER_PROTOCOL = limitOrderProtocol;
        // The order matters: nonces 1 and 2 of this contract fix the two addresses.
        address src = address(new BmnEscrowSrc(rescueDelay, accessToken));
        address dst = address(new BmnEscrowDst(rescueDelay, accessToken));
        ESCROW_SRC_IMPLEMENTATION = src;
        ESCROW_DST_IMPLEMENTATION = dst;
        ESCROW_SRC_PROXY_BYTECODE_HASH = keccak256(MinimalProxy.initCode(src));
        ESCROW_DST_PROXY_BYTECODE_HASH = keccak256(MinimalProxy.initCode(dst));
    }

    receive() external payable {}

    /// @notice Called by the order protocol at the end of a fill: moves the maker's tokens, which the taker has by
    /// then, into a new source escrow.
    /// @param extraData abi.encode(hashlock, dstChainId, dstToken, deposits, timelocks); more bytes are ignored.
    function postInteraction(
        Order calldata order,
        bytes calldata /* extension */,
        bytes32 orderHash,
        address taker,
        uint256 makingAmount,
        uint256 takingAmount,
        uint256 /* remainingMakingAmount */,
        bytes calldata extraData
    ) external {
        if (msg.sender != ORDER_PROTOCOL) revert OnlyLimitOrderProtocol();
        Terms memory terms = _termsOf(taker, extraData);
        // The maker is cleaned to 160 bits, token and receiver stay as signed.
        Immutables memory src;
        src.orderHash = orderHash;
        src.hashlock = terms.hashlock;
        src.maker = uint160(order.maker);
        src.taker = uint160(taker);
        src.token = order.makerAsset;
        src.amount = makingAmount;
        src.safetyDeposit = terms.srcDeposit;
        src.timelocks = terms.timelocks;
        DstImmutablesComplement memory dst;
        dst.maker = toAddress(order.receiver) == address(0) ? src.maker : order.receiver;
        dst.amount = takingAmount;
        dst.token = uint160(terms.dstToken);
        dst.safetyDeposit = terms.dstDeposit;
        dst.chainId = terms.dstChainId;
        dst.parameters = new bytes(128);

        bytes32 salt = keccak256(abi.encode(src));
        address escrow = MinimalProxy.deploy(ESCROW_SRC_IMPLEMENTATION, salt, 0);
        escrows[src.hashlock] = escrow;
        escrowImmutables[salt] = src;
        emit SrcEscrowCreated(src, dst);
        _settleFill(escrow, src.hashlock, toAddress(order.makerAsset), taker, makingAmount);
    }

    /// @notice Makes a source escrow from arbitrary immutables, with the caller's tokens.
    function createSrcEscrow(Immutables calldata immutables, DstImmutablesComplement calldata complement)
        external
        whenRunning
        returns (address escrow)
    {
        if (makerWhitelistEnabled) require(whitelistedMakers[toAddress(immutables.maker)], "Maker not whitelisted");
        escrow = _deploy(ESCROW_SRC_IMPLEMENTATION, immutables);
        TokenCalls.pullToken(toAddress(immutables.token), msg.sender, escrow, immutables.amount);
        emit SrcEscrowCreated(immutables, complement);
    }

    /// @notice Makes a destination escrow with the caller's tokens and all of the value sent.
    function createDstEscrow(Immutables calldata immutables) external payable whenRunning returns (address escrow) {
        _mayCreateDst();
        escrow = _deploy(ESCROW_DST_IMPLEMENTATION, immutables);
        _fundDst(escrow, plain(immutables));
    }

    /// @notice The address that an escrow with these immutables has or would have.
    function addressOfEscrow(Immutables calldata immutables, bool isSrc) external view returns (address) {
        bytes32 codeHash = isSrc ? ESCROW_SRC_PROXY_BYTECODE_HASH : ESCROW_DST_PROXY_BYTECODE_HASH;
        return MinimalProxy.predict(codeHash, keccak256(abi.encode(immutables)), address(this));
    }

    function transferOwnership(address newOwner) external onlyOwner {
        if (newOwner == address(0)) revert OwnableInvalidOwner(address(0));
        _setOwner(newOwner);
    }

    function renounceOwnership() external onlyOwner {
        _setOwner(address(0));
    }

    /// @notice Takes out what got stuck on the factory itself; the zero token is the native coin.
    function rescueFunds(address token, uint256 amount) external onlyOwner {
        if (amount == 0) return;
        if (token != address(0)) {
            TokenCalls.sendToken(token, msg.sender, amount);
            return;
        }
        if (address(this).balance < amount) revert InsufficientBalance();
        (bool ok,) = msg.sender.call{value: amount}("");
        if (!ok) revert ETHTransferFailed();
    }

    function _deploy(address implementation, Immutables calldata immutables) private returns (address escrow) {
        bytes32 salt = keccak256(abi.encode(immutables));
        escrow = MinimalProxy.deploy(implementation, salt, msg.value);
        escrows[salt] = escrow;
        escrowImmutables[salt] = immutables;
    }

    function _fromOwner() internal view override {
        if (msg.sender != owner) revert OwnableUnauthorizedAccount(msg.sender);
    }
}
