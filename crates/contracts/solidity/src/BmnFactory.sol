// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {BmnEscrowDst} from "./BmnEscrowDst.sol";
import {BmnEscrowSrc} from "./BmnEscrowSrc.sol";
import {DstImmutablesComplement, Immutables, MinimalProxy, Order, Timelocks, TokenCalls, toAddress} from "./EscrowTypes.sol";

/// @title Escrow factory with the behaviour of the BMN v4 factory, for tests and development chains
/// @notice Makes a source escrow when the order protocol reports a fill, and source or destination escrows on demand.
contract BmnFactory {
    event SrcEscrowCreated(Immutables srcImmutables, DstImmutablesComplement dstImmutablesComplement);
    event DstEscrowCreated(address indexed escrow, bytes32 indexed hashlock, address indexed taker);
    event PostInteractionEscrowCreated(
        address indexed escrow, bytes32 indexed hashlock, address indexed protocol, address taker, uint256 amount
    );
    event ResolverWhitelisted(address indexed resolver);
    event ResolverRemoved(address indexed resolver);
    event MakerWhitelisted(address indexed maker);
    event MakerRemoved(address indexed maker);
    event EmergencyPause(bool paused);
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    error OnlyLimitOrderProtocol();
    error OwnableUnauthorizedAccount(address account);
    error OwnableInvalidOwner(address owner);
    error ETHTransferFailed();
    error InsufficientBalance();

    /// Lead of the public stages over the private ones in the timelocks of a fill, in seconds.
    uint256 private constant PUBLIC_LAG = 60;

    address public immutable ESCROW_SRC_IMPLEMENTATION;
    address public immutable ESCROW_DST_IMPLEMENTATION;
    bytes32 public immutable ESCROW_SRC_PROXY_BYTECODE_HASH;
    bytes32 public immutable ESCROW_DST_PROXY_BYTECODE_HASH;
    address private immutable ORDER_PROTOCOL;

    address public owner;
    bool public emergencyPaused;
    bool public makerWhitelistEnabled;
    /// @notice While true, anybody may fill and create destination escrows.
    bool public whitelistBypassed;
    uint256 public resolverCount;
    mapping(address => bool) public whitelistedResolvers;
    mapping(address => bool) public whitelistedMakers;
    /// @notice Escrow by key. The key is the hashlock for fills but the salt for escrows made on demand.
    mapping(bytes32 => address) public escrows;
    /// @notice Immutables by salt.
    mapping(bytes32 => Immutables) public escrowImmutables;

    modifier onlyOwner() {
        if (msg.sender != owner) revert OwnableUnauthorizedAccount(msg.sender);
        _;
    }

    modifier whenRunning() {
        require(!emergencyPaused, "Protocol paused");
        _;
    }

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
    ) {
        if (initialOwner == address(0)) revert OwnableInvalidOwner(address(0));
        ORDER_PROTOCOL = limitOrderProtocol;
        _setOwner(initialOwner);
        // The order matters: nonces 1 and 2 of this contract fix the two addresses.
        address src = address(new BmnEscrowSrc(rescueDelay, accessToken));
        address dst = address(new BmnEscrowDst(rescueDelay, accessToken));
        ESCROW_SRC_IMPLEMENTATION = src;
        ESCROW_DST_IMPLEMENTATION = dst;
        ESCROW_SRC_PROXY_BYTECODE_HASH = keccak256(MinimalProxy.initCode(src));
        ESCROW_DST_PROXY_BYTECODE_HASH = keccak256(MinimalProxy.initCode(dst));
        whitelistBypassed = true;
        whitelistedResolvers[initialOwner] = true;
        resolverCount = 1;
        emit ResolverWhitelisted(initialOwner);
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
        require(!emergencyPaused, "Protocol paused");
        require(whitelistBypassed || whitelistedResolvers[taker], "Resolver not whitelisted");

        Immutables memory src;
        DstImmutablesComplement memory dst;
        {
            (bytes32 hashlock, uint256 chainId, address dstToken, uint256 deposits, uint256 deadlines) =
                abi.decode(extraData, (bytes32, uint256, address, uint256, uint256));
            require(escrows[hashlock] == address(0), "Escrow already exists");
            src.hashlock = hashlock;
            src.safetyDeposit = uint128(deposits);
            src.timelocks = _fillTimelocks(deadlines >> 128, uint128(deadlines));
            dst.chainId = chainId;
            dst.token = uint160(dstToken);
            dst.safetyDeposit = deposits >> 128;
        }
        // The maker is cleaned to 160 bits, token and receiver stay as signed.
        src.orderHash = orderHash;
        src.maker = uint160(order.maker);
        src.taker = uint160(taker);
        src.token = order.makerAsset;
        src.amount = makingAmount;
        dst.maker = toAddress(order.receiver) == address(0) ? src.maker : order.receiver;
        dst.amount = takingAmount;
        dst.parameters = new bytes(128);

        bytes32 salt = keccak256(abi.encode(src));
        address escrow = MinimalProxy.deploy(ESCROW_SRC_IMPLEMENTATION, salt, 0);
        escrows[src.hashlock] = escrow;
        escrowImmutables[salt] = src;
        emit SrcEscrowCreated(src, dst);
        TokenCalls.pullToken(toAddress(order.makerAsset), taker, escrow, makingAmount);
        emit PostInteractionEscrowCreated(escrow, src.hashlock, msg.sender, taker, makingAmount);
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
    /// @dev As in the original: the immutables, deployment time included, are taken as they come, and the value is
    /// not compared to anything.
    function createDstEscrow(Immutables calldata immutables) external payable whenRunning returns (address escrow) {
        require(whitelistBypassed || whitelistedResolvers[msg.sender], "Not whitelisted resolver");
        escrow = _deploy(ESCROW_DST_IMPLEMENTATION, immutables);
        address token = toAddress(immutables.token);
        if (token != address(0)) TokenCalls.pullToken(token, msg.sender, escrow, immutables.amount);
        emit DstEscrowCreated(escrow, immutables.hashlock, toAddress(immutables.taker));
    }

    /// @notice The address that an escrow with these immutables has or would have.
    function addressOfEscrow(Immutables calldata immutables, bool isSrc) external view returns (address) {
        bytes32 codeHash = isSrc ? ESCROW_SRC_PROXY_BYTECODE_HASH : ESCROW_DST_PROXY_BYTECODE_HASH;
        return MinimalProxy.predict(codeHash, keccak256(abi.encode(immutables)), address(this));
    }

    /// @notice Membership only: the bypass has no influence.
    function isWhitelistedResolver(address resolver) external view returns (bool) {
        return whitelistedResolvers[resolver];
    }

    function addResolver(address resolver) external onlyOwner {
        require(resolver != address(0), "Invalid resolver");
        require(!whitelistedResolvers[resolver], "Already whitelisted");
        whitelistedResolvers[resolver] = true;
        resolverCount++;
        emit ResolverWhitelisted(resolver);
    }

    function removeResolver(address resolver) external onlyOwner {
        require(whitelistedResolvers[resolver], "Not whitelisted");
        whitelistedResolvers[resolver] = false;
        resolverCount--;
        emit ResolverRemoved(resolver);
    }

    function addMaker(address maker) external onlyOwner {
        require(maker != address(0), "Invalid maker");
        require(!whitelistedMakers[maker], "Already whitelisted");
        whitelistedMakers[maker] = true;
        emit MakerWhitelisted(maker);
    }

    function removeMaker(address maker) external onlyOwner {
        require(whitelistedMakers[maker], "Not whitelisted");
        whitelistedMakers[maker] = false;
        emit MakerRemoved(maker);
    }

    /// @notice Applies to createSrcEscrow only, not to fills.
    function setMakerWhitelistEnabled(bool enabled) external onlyOwner {
        makerWhitelistEnabled = enabled;
    }

    function setWhitelistBypassed(bool bypassed) external onlyOwner {
        whitelistBypassed = bypassed;
    }

    /// @notice Stops the creation of escrows; existing ones are not affected.
    function pause() external onlyOwner {
        emergencyPaused = true;
        emit EmergencyPause(true);
    }

    function unpause() external onlyOwner {
        emergencyPaused = false;
        emit EmergencyPause(false);
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

    /// @dev Turns the two absolute deadlines of an order into offsets from now. Offsets are cut to 32 bits without
    /// any check, and the destination is cancelled when the source is: both as in the original.
    function _fillTimelocks(uint256 srcCancellation, uint256 dstWithdrawal) private view returns (uint256) {
        require(srcCancellation > block.timestamp, "srcCancellation must be future");
        require(dstWithdrawal > block.timestamp, "dstWithdrawal must be future");
        uint256 cancel = srcCancellation - block.timestamp;
        uint256 pay = dstWithdrawal - block.timestamp;
        return Timelocks.put(PUBLIC_LAG, Timelocks.SRC_PUBLIC_WITHDRAWAL)
            | Timelocks.put(cancel, Timelocks.SRC_CANCELLATION)
            | Timelocks.put(cancel + PUBLIC_LAG, Timelocks.SRC_PUBLIC_CANCELLATION)
            | Timelocks.put(pay, Timelocks.DST_WITHDRAWAL)
            | Timelocks.put(pay + PUBLIC_LAG, Timelocks.DST_PUBLIC_WITHDRAWAL)
            | Timelocks.put(cancel, Timelocks.DST_CANCELLATION)
            | Timelocks.put(block.timestamp, Timelocks.DEPLOYED_AT);
    }

    function _setOwner(address newOwner) private {
        address previous = owner;
        owner = newOwner;
        emit OwnershipTransferred(previous, newOwner);
    }
}
