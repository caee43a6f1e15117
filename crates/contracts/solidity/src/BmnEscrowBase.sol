// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {Immutables, MinimalProxy, Timelocks, TokenCalls, toAddress} from "./EscrowTypes.sol";

interface IBalance {
    function balanceOf(address account) external view returns (uint256);
}

interface IResolverList {
    function isWhitelistedResolver(address account) external view returns (bool);
}

/// @title What the source and the destination escrow share
/// @notice Clones keep no state: every call brings the full immutables, and the clone proves that they are its own by
/// recomputing its address from them.
abstract contract BmnEscrowBase {
    event EscrowWithdrawal(bytes32 secret);
    event EscrowCancelled();
    event FundsRescued(address token, uint256 amount);

    error InvalidCaller();
    error InvalidImmutables();
    error InvalidSecret();
    error InvalidTime();
    error NativeTokenSendingFailure();

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant ACTION_TYPEHASH =
        keccak256("PublicAction(bytes32 orderHash,address caller,string action)");

    /// @notice The factory that deployed the implementation; it is also the deployer of every clone.
    address public immutable FACTORY;
    /// @notice Seconds after deployment from which the taker may take out whatever is left.
    uint256 public immutable RESCUE_DELAY;
    /// @notice Hash of the init code of the clones of this implementation.
    bytes32 public immutable PROXY_BYTECODE_HASH;
    /// Holders of this token may use the public functions. Not readable from outside, as in the original.
    address private immutable GATE;

    constructor(uint32 rescueDelay, address accessToken) {
        FACTORY = msg.sender;
        RESCUE_DELAY = rescueDelay;
        GATE = accessToken;
        PROXY_BYTECODE_HASH = keccak256(MinimalProxy.initCode(address(this)));
    }

    /// @notice Lets the taker recover any token (zero: native) once the rescue delay is over.
    /// @dev Here the immutables are checked before the time.
    function rescueFunds(address token, uint256 amount, Immutables calldata immutables) external {
        _fromTaker(immutables);
        _genuine(immutables);
        _notBefore(Timelocks.lane(immutables.timelocks, Timelocks.DEPLOYED_AT) + RESCUE_DELAY);
        _pay(token, msg.sender, amount);
        emit FundsRescued(token, amount);
    }

    /// @notice EIP-712 digest that a resolver signs to let `caller` do a public action on this clone.
    function _hashPublicAction(bytes32 orderHash, address caller, string memory action) public view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("BMN-Escrow"), keccak256("2.3"), block.chainid, address(this))
        );
        bytes32 content = keccak256(abi.encode(ACTION_TYPEHASH, orderHash, caller, keccak256(bytes(action))));
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }

    /// @notice Signer of a 65-byte r, s, v signature; zero when it is malformed. High s values are accepted.
    function _recover(bytes32 digest, bytes calldata signature) public pure returns (address) {
        if (signature.length != 65) return address(0);
        return ecrecover(digest, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64]));
    }

    function _fromTaker(Immutables calldata immutables) internal view {
        if (msg.sender != toAddress(immutables.taker)) revert InvalidCaller();
    }

    /// @dev With the zero gate the call below has no code to run, hence a revert without data.
    function _fromHolder() internal view {
        if (IBalance(GATE).balanceOf(msg.sender) == 0) revert InvalidCaller();
    }

    /// @dev The whitelist counts even while the factory bypasses it for fills.
    function _permitted(bytes32 orderHash, string memory action, bytes calldata signature) internal view {
        address signer = _recover(_hashPublicAction(orderHash, msg.sender, action), signature);
        if (!IResolverList(FACTORY).isWhitelistedResolver(signer)) revert InvalidCaller();
    }

    function _notBefore(uint256 start) internal view {
        if (block.timestamp < start) revert InvalidTime();
    }

    /// @dev The boundary second belongs to the later window.
    function _within(uint256 timelocks, uint256 opens, uint256 closes) internal view {
        _notBefore(Timelocks.startOf(timelocks, opens));
        if (block.timestamp >= Timelocks.startOf(timelocks, closes)) revert InvalidTime();
    }

    function _genuine(Immutables calldata immutables) internal view {
        bytes32 salt = keccak256(abi.encode(immutables));
        if (MinimalProxy.predict(PROXY_BYTECODE_HASH, salt, FACTORY) != address(this)) revert InvalidImmutables();
    }

    function _opens(bytes32 secret, Immutables calldata immutables) internal pure {
        if (keccak256(abi.encode(secret)) != immutables.hashlock) revert InvalidSecret();
    }

    function _pay(address token, address to, uint256 amount) internal {
        if (token == address(0)) _payNative(to, amount);
        else TokenCalls.sendToken(token, to, amount);
    }

    /// @dev Even nothing is sent as a call, so a receiver that refuses calls fails with a deposit of zero too.
    function _payNative(address to, uint256 amount) internal {
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert NativeTokenSendingFailure();
    }
}
