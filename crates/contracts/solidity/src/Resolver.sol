// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.23;

import {Immutables, Order, PlainImmutables} from "./EscrowTypes.sol";

interface IToken {
    function balanceOf(address account) external view returns (uint256);
}

interface IPlainFactory {
    function addressOfEscrowSrc(PlainImmutables calldata immutables) external view returns (address);
}

interface IFullFactory {
    function addressOfEscrowSrc(Immutables calldata immutables) external view returns (address);
}

interface IOrderProtocol {
    function fillOrderArgs(
        Order calldata order,
        bytes32 r,
        bytes32 vs,
        uint256 amount,
        uint256 takerTraits,
        bytes calldata args
    ) external payable returns (uint256, uint256, bytes32);

    function fillContractOrderArgs(
        Order calldata order,
        bytes calldata signature,
        uint256 amount,
        uint256 takerTraits,
        bytes calldata args
    ) external returns (uint256, uint256, bytes32);
}

/// @title The taker where a key alone cannot be the taker
/// @notice Does what its owner says, in one transaction, and keeps nothing: tokens come from the owner as one of the
/// calls (transferFrom), allowances are as large as what the same transaction uses, and what is left goes back.
/// @dev Nothing here guards against re-entrance, because there is nothing to enter: every function that moves anything
/// asks for the owner as its direct caller, which a token or an escrow called from here is not. What strangers send
/// lies here until the owner takes it.
contract Resolver {
    event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner);
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    error NotOwner();
    error NotPendingOwner();
    error InvalidOwner();
    /// A call with data to an address without code, which would succeed and do nothing.
    error NoCode(address target);
    /// The compact signature of a key is r and vs, 64 bytes.
    error InvalidSignatureLength(uint256 length);
    /// The fill made no escrow where the immutables say.
    error EscrowMissing(address escrow);
    /// The coins of this transaction do not cover the safety deposit.
    error InsufficientDeposit(uint256 deposit);
    /// The balance of this token (zero: native coin) cannot be moved to the owner.
    error SweepFailed(address token);

    /// One call to make. The fields are in this order in the calldata.
    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    /// How an order is filled.
    struct Fill {
        address factory;
        address limitOrderProtocol;
        Order order;
        /// r and vs of a key's signature, or what the maker's contract is asked about.
        bytes signature;
        /// The maker is a contract.
        bool byContract;
        uint256 amount;
        /// The target is put in here: set everything but the target's flag.
        uint256 takerTraits;
        /// Extension and interaction, without a target.
        bytes args;
    }

    uint256 private constant ARGS_HAS_TARGET = 1 << 251;
    uint256 private constant DEPLOYED_AT_SHIFT = 224;

    address public owner;
    /// @notice Becomes the owner by accepting.
    address public pendingOwner;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner();
        _;
    }

    constructor(address initialOwner) {
        if (initialOwner == address(0)) revert InvalidOwner();
        owner = initialOwner;
        emit OwnershipTransferred(address(0), initialOwner);
    }

    /// @notice Safety deposits come in as plain coins.
    receive() external payable {}

    /// @notice Makes the calls in their order, then sends the whole balance of each token of `sweep` (zero: native
    /// coin) to the owner. A call that fails takes everything back, with its own revert data.
    /// @dev What a call returns is not read: a token that returns nothing works, and one that says no by returning
    /// false leaves the next call without tokens or allowance, which fails then.
    function run(Call[] calldata calls, address[] calldata sweep) external payable onlyOwner {
        for (uint256 i = 0; i < calls.length; i++) {
            Call calldata inner = calls[i];
            if (inner.data.length != 0 && inner.to.code.length == 0) revert NoCode(inner.to);
            (bool ok, bytes memory answer) = inner.to.call{value: inner.value}(inner.data);
            if (!ok) _bubble(answer);
        }
        for (uint256 i = 0; i < sweep.length; i++) {
            _sweep(sweep[i]);
        }
    }

    /// @notice Fills an order of a factory whose immutables are eight words: sends the safety deposit to where the
    /// source escrow will be, then fills with the escrow as the target.
    /// @param immutables The source's; the time of deployment is put in here.
    function fill8(PlainImmutables calldata immutables, Fill calldata fill)
        external
        payable
        onlyOwner
        returns (address escrow)
    {
        PlainImmutables memory source = immutables;
        source.timelocks = _deployedNow(source.timelocks);
        escrow = IPlainFactory(fill.factory).addressOfEscrowSrc(source);
        _fill(escrow, source.safetyDeposit, fill);
    }

    /// @notice As fill8, for immutables with parameters.
    function fill9(Immutables calldata immutables, Fill calldata fill)
        external
        payable
        onlyOwner
        returns (address escrow)
    {
        Immutables memory source = immutables;
        source.timelocks = _deployedNow(source.timelocks);
        escrow = IFullFactory(fill.factory).addressOfEscrowSrc(source);
        _fill(escrow, source.safetyDeposit, fill);
    }

    /// @notice Names the next owner, who has to accept; zero takes the name back.
    function transferOwnership(address newOwner) external onlyOwner {
        pendingOwner = newOwner;
        emit OwnershipTransferStarted(owner, newOwner);
    }

    function acceptOwnership() external {
        if (msg.sender != pendingOwner) revert NotPendingOwner();
        emit OwnershipTransferred(owner, msg.sender);
        owner = msg.sender;
        pendingOwner = address(0);
    }

    function _fill(address escrow, uint256 deposit, Fill calldata fill) private {
        // Only what came with this transaction: a deposit that the owner did not mean to pay is not paid.
        if (deposit > msg.value) revert InsufficientDeposit(deposit);
        if (deposit != 0) {
            (bool paid, bytes memory refusal) = escrow.call{value: deposit}("");
            if (!paid) _bubble(refusal);
        }
        uint256 traits = fill.takerTraits | ARGS_HAS_TARGET;
        bytes memory args = abi.encodePacked(escrow, fill.args);
        bytes memory data;
        if (fill.byContract) {
            data = abi.encodeCall(
                IOrderProtocol.fillContractOrderArgs, (fill.order, fill.signature, fill.amount, traits, args)
            );
        } else {
            if (fill.signature.length != 64) revert InvalidSignatureLength(fill.signature.length);
            bytes32 r = bytes32(fill.signature[:32]);
            bytes32 vs = bytes32(fill.signature[32:]);
            data = abi.encodeCall(IOrderProtocol.fillOrderArgs, (fill.order, r, vs, fill.amount, traits, args));
        }
        if (fill.limitOrderProtocol.code.length == 0) revert NoCode(fill.limitOrderProtocol);
        (bool ok, bytes memory answer) = fill.limitOrderProtocol.call(data);
        if (!ok) _bubble(answer);
        // An order without a post-interaction fills too, and leaves maker's tokens and deposit at an empty address.
        if (escrow.code.length == 0) revert EscrowMissing(escrow);
        _sweep(address(0));
    }

    function _sweep(address token) private {
        if (token == address(0)) {
            if (address(this).balance == 0) return;
            (bool paid,) = owner.call{value: address(this).balance}("");
            if (!paid) revert SweepFailed(token);
            return;
        }
        uint256 balance = IToken(token).balanceOf(address(this));
        if (balance == 0) return;
        (bool ok, bytes memory answer) =
            token.call(abi.encodeWithSignature("transfer(address,uint256)", owner, balance));
        // Nothing, or the word 1: what tokens say when they have done it.
        bool moved = answer.length == 0 || (answer.length >= 32 && uint256(bytes32(answer)) == 1);
        if (!ok || !moved) revert SweepFailed(token);
    }

    /// @dev The time of this block in the place of the deployment time, as the factory writes it.
    function _deployedNow(uint256 timelocks) private view returns (uint256) {
        return uint256(uint224(timelocks)) | (block.timestamp << DEPLOYED_AT_SHIFT);
    }

    function _bubble(bytes memory answer) private pure {
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }
}
