// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {MinimalProxy, PlainImmutables, Timelocks, TokenCalls, toAddress} from "./EscrowTypes.sol";

/// @title What the BMN factories share: who may create escrows, the pause, the timelocks of a fill
abstract contract BmnFactoryBase {
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

    /// @dev What the extra data of an order say.
    struct Terms {
        bytes32 hashlock;
        uint256 dstChainId;
        address dstToken;
        uint256 srcDeposit;
        uint256 dstDeposit;
        uint256 timelocks;
    }

    /// Lead of the public stages over the private ones in the timelocks of a fill, in seconds.
    uint256 private constant PUBLIC_LAG = 60;

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

    modifier onlyOwner() {
        _fromOwner();
        _;
    }

    modifier whenRunning() {
        require(!emergencyPaused, "Protocol paused");
        _;
    }

    /// @param initialOwner Owner, and the first whitelisted resolver.
    constructor(address initialOwner) {
        _setOwner(initialOwner);
        whitelistBypassed = true;
        whitelistedResolvers[initialOwner] = true;
        resolverCount = 1;
        emit ResolverWhitelisted(initialOwner);
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

    /// @dev Reverts, each factory in its own way, unless the owner calls.
    function _fromOwner() internal view virtual;

    function _setOwner(address newOwner) internal {
        address previous = owner;
        owner = newOwner;
        emit OwnershipTransferred(previous, newOwner);
    }

    /// @dev The terms of a fill, if a new source escrow may be made of them.
    /// @param extraData abi.encode(hashlock, dstChainId, dstToken, deposits, timelocks); more bytes are ignored.
    function _termsOf(address taker, bytes calldata extraData) internal view returns (Terms memory terms) {
        require(!emergencyPaused, "Protocol paused");
        require(whitelistBypassed || whitelistedResolvers[taker], "Resolver not whitelisted");
        (bytes32 hashlock, uint256 chainId, address dstToken, uint256 deposits, uint256 deadlines) =
            abi.decode(extraData, (bytes32, uint256, address, uint256, uint256));
        require(escrows[hashlock] == address(0), "Escrow already exists");
        terms.hashlock = hashlock;
        terms.dstChainId = chainId;
        terms.dstToken = dstToken;
        terms.srcDeposit = uint128(deposits);
        terms.dstDeposit = deposits >> 128;
        terms.timelocks = _fillTimelocks(deadlines >> 128, uint128(deadlines));
    }

    /// @dev The end of a fill: the tokens, which the taker has by then, go into the escrow.
    function _settleFill(address escrow, bytes32 hashlock, address token, address taker, uint256 amount) internal {
        TokenCalls.pullToken(token, taker, escrow, amount);
        emit PostInteractionEscrowCreated(escrow, hashlock, msg.sender, taker, amount);
    }

    function _mayCreateDst() internal view {
        require(whitelistBypassed || whitelistedResolvers[msg.sender], "Not whitelisted resolver");
    }

    /// @dev A new destination escrow with the caller's tokens. As in the originals, the immutables, deployment time
    /// included, are taken as they come, and the value is not compared to anything.
    function _fundDst(address escrow, PlainImmutables calldata immutables) internal {
        address token = toAddress(immutables.token);
        if (token != address(0)) TokenCalls.pullToken(token, msg.sender, escrow, immutables.amount);
        emit DstEscrowCreated(escrow, immutables.hashlock, toAddress(immutables.taker));
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
}
