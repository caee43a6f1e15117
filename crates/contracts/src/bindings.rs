//! `sol!` bindings of the contracts, as they are called and as they log.
//!
//! Members that Solidity declares as `type Address is uint256` are `uint256` here too: decoding them
//! as `address` would drop the high bits that the contracts hash.
#![allow(missing_docs)] // The names are the ABI's own; `protocol.md` section 15 lists them.
#![allow(clippy::too_many_arguments)]

use alloy::sol;
use bmn_primitives::AddressWord;

sol! {
    /// `IBaseEscrow.Immutables`.
    struct Immutables {
        bytes32 orderHash;
        bytes32 hashlock;
        uint256 maker;
        uint256 taker;
        uint256 token;
        uint256 amount;
        uint256 safetyDeposit;
        uint256 timelocks;
        bytes parameters;
    }

    /// `DstImmutablesComplement`.
    struct Complement {
        uint256 maker;
        uint256 amount;
        uint256 token;
        uint256 safetyDeposit;
        uint256 chainId;
        bytes parameters;
    }

    /// `IBaseEscrow.Immutables` of the dialects without parameters: eight words.
    struct PlainImmutables {
        bytes32 orderHash;
        bytes32 hashlock;
        uint256 maker;
        uint256 taker;
        uint256 token;
        uint256 amount;
        uint256 safetyDeposit;
        uint256 timelocks;
    }

    /// `DstImmutablesComplement` of the dialects without parameters: five words.
    struct PlainComplement {
        uint256 maker;
        uint256 amount;
        uint256 token;
        uint256 safetyDeposit;
        uint256 chainId;
    }

    /// `IOrderMixin.Order`.
    struct Order {
        uint256 salt;
        uint256 maker;
        uint256 receiver;
        uint256 makerAsset;
        uint256 takerAsset;
        uint256 makingAmount;
        uint256 takingAmount;
        uint256 makerTraits;
    }

    /// BMN `SimplifiedEscrowFactory` v4.0.0.
    interface IBmnFactory {
        event SrcEscrowCreated(Immutables srcImmutables, Complement dstImmutablesComplement);
        event DstEscrowCreated(address indexed escrow, bytes32 indexed hashlock, address indexed taker);
        event PostInteractionEscrowCreated(address indexed escrow, bytes32 indexed hashlock, address indexed protocol, address taker, uint256 amount);
        event ResolverWhitelisted(address indexed resolver);
        event ResolverRemoved(address indexed resolver);
        event MakerWhitelisted(address indexed maker);
        event MakerRemoved(address indexed maker);
        event EmergencyPause(bool paused);
        event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

        function ESCROW_SRC_IMPLEMENTATION() external view returns (address);
        function ESCROW_DST_IMPLEMENTATION() external view returns (address);
        function ESCROW_SRC_PROXY_BYTECODE_HASH() external view returns (bytes32);
        function ESCROW_DST_PROXY_BYTECODE_HASH() external view returns (bytes32);
        function addMaker(address maker) external;
        function removeMaker(address maker) external;
        function addResolver(address resolver) external;
        function removeResolver(address resolver) external;
        function addressOfEscrow(Immutables immutables, bool isSrc) external view returns (address);
        function createSrcEscrow(Immutables immutables, Complement complement) external returns (address escrow);
        function createDstEscrow(Immutables immutables) external payable returns (address escrow);
        function emergencyPaused() external view returns (bool);
        function escrows(bytes32 key) external view returns (address);
        function escrowImmutables(bytes32 salt) external view returns (bytes32 orderHash, bytes32 hashlock, uint256 maker, uint256 taker, uint256 token, uint256 amount, uint256 safetyDeposit, uint256 timelocks, bytes parameters);
        function getMakingAmount(Order order, bytes extension, bytes32 orderHash, address taker, uint256 takingAmount, uint256 remainingMakingAmount, bytes extraData) external view returns (uint256);
        function getTakingAmount(Order order, bytes extension, bytes32 orderHash, address taker, uint256 makingAmount, uint256 remainingMakingAmount, bytes extraData) external view returns (uint256);
        function isWhitelistedResolver(address resolver) external view returns (bool);
        function makerWhitelistEnabled() external view returns (bool);
        function owner() external view returns (address);
        function pause() external;
        function unpause() external;
        function postInteraction(Order order, bytes extension, bytes32 orderHash, address taker, uint256 makingAmount, uint256 takingAmount, uint256 remainingMakingAmount, bytes extraData) external;
        function renounceOwnership() external;
        function rescueFunds(address token, uint256 amount) external;
        function resolverCount() external view returns (uint256);
        function setMakerWhitelistEnabled(bool enabled) external;
        function setWhitelistBypassed(bool bypassed) external;
        function transferOwnership(address newOwner) external;
        function whitelistBypassed() external view returns (bool);
        function whitelistedMakers(address maker) external view returns (bool);
        function whitelistedResolvers(address resolver) external view returns (bool);
    }

    /// 1inch Fusion+ `EscrowFactory` of 2025; what it shares with BMN's is bound there.
    interface IOneInchFactory {
        event DstEscrowCreated(address escrow, bytes32 hashlock, uint256 taker);

        function addressOfEscrowSrc(Immutables immutables) external view returns (address);
        function addressOfEscrowDst(Immutables immutables) external view returns (address);
        function createDstEscrow(Immutables immutables, uint256 srcCancellationTimestamp) external payable;
        function lastValidated(bytes32 key) external view returns (uint256 index, bytes32 leaf);
        function takerInteraction(Order order, bytes extension, bytes32 orderHash, address taker, uint256 makingAmount, uint256 takingAmount, uint256 remainingMakingAmount, bytes extraData) external;
    }

    /// 1inch Fusion+ `EscrowFactory` 1.0.0 of 2024, whose events BMN v1.0 has too.
    interface IOneInchFactory1 {
        event SrcEscrowCreated(PlainImmutables srcImmutables, PlainComplement dstImmutablesComplement);

        function FEE_BANK() external view returns (address);
        function addressOfEscrowSrc(PlainImmutables immutables) external view returns (address);
        function addressOfEscrowDst(PlainImmutables immutables) external view returns (address);
        function availableCredit(address account) external view returns (uint256);
        function createDstEscrow(PlainImmutables immutables, uint256 srcCancellationTimestamp) external payable;
        function decreaseAvailableCredit(address account, uint256 amount) external returns (uint256);
        function increaseAvailableCredit(address account, uint256 amount) external returns (uint256);
        function preInteraction(Order order, bytes extension, bytes32 orderHash, address taker, uint256 makingAmount, uint256 takingAmount, uint256 remainingMakingAmount, bytes extraData) external;
    }

    /// Where resolvers pay in for fills of `oneinch1` orders that do not list them.
    interface IFeeBank {
        function availableCredit(address account) external view returns (uint256);
        function deposit(uint256 amount) external returns (uint256);
        function withdraw(uint256 amount) external returns (uint256);
    }

    /// BMN `EscrowFactory` v1.1 and `CrossChainEscrowFactory` v2.1.
    interface IBmnFactory11 {
        event SrcEscrowCreated(address indexed escrow, PlainImmutables srcImmutables, PlainComplement dstImmutablesComplement);
        event DstEscrowCreated(address indexed escrow, bytes32 indexed hashlock, uint256 taker);
        /// Named only: nobody published what its members mean.
        event SwapInitiated(address indexed, address indexed, address indexed, uint256, uint256, uint256);
    }

    /// BMN `SimplifiedEscrowFactory` v2.2 to v3.0; what v4 kept is bound there.
    interface IBmnFactory23 {
        event SrcEscrowCreated(address indexed escrow, bytes32 indexed orderHash, address indexed maker, address taker, uint256 amount);

        function addressOfEscrow(PlainImmutables immutables, bool isSrc) external view returns (address);
        function createSrcEscrow(PlainImmutables immutables, address maker, address token, uint256 amount) external returns (address escrow);
        function createDstEscrow(PlainImmutables immutables) external payable returns (address escrow);
    }

    /// Escrow clones of the dialects without parameters; what the others have too is bound there.
    interface IPlainEscrow {
        function withdraw(bytes32 secret, PlainImmutables immutables) external;
        function withdrawTo(bytes32 secret, address target, PlainImmutables immutables) external;
        function publicWithdraw(bytes32 secret, PlainImmutables immutables) external;
        function publicWithdrawSigned(bytes32 secret, PlainImmutables immutables, bytes signature) external;
        function cancel(PlainImmutables immutables) external;
        function publicCancel(PlainImmutables immutables) external;
        function publicCancelSigned(PlainImmutables immutables, bytes signature) external;
        function rescueFunds(address token, uint256 amount, PlainImmutables immutables) external;
    }

    /// Source and destination escrow clones of the dialects with parameters. `withdrawTo`, `publicCancel` exist on
    /// sources only; the `Signed` ones and the two helpers with an underscore in BMN only.
    interface IEscrow {
        event EscrowWithdrawal(bytes32 secret);
        event EscrowCancelled();
        event FundsRescued(address token, uint256 amount);

        function FACTORY() external view returns (address);
        function PROXY_BYTECODE_HASH() external view returns (bytes32);
        function RESCUE_DELAY() external view returns (uint256);
        function _hashPublicAction(bytes32 orderHash, address caller, string action) external view returns (bytes32);
        function _recover(bytes32 digest, bytes signature) external pure returns (address);
        function withdraw(bytes32 secret, Immutables immutables) external;
        function withdrawTo(bytes32 secret, address target, Immutables immutables) external;
        function publicWithdraw(bytes32 secret, Immutables immutables) external;
        function publicWithdrawSigned(bytes32 secret, Immutables immutables, bytes signature) external;
        function cancel(Immutables immutables) external;
        function publicCancel(Immutables immutables) external;
        function publicCancelSigned(Immutables immutables, bytes signature) external;
        function rescueFunds(address token, uint256 amount, Immutables immutables) external;
    }

    /// Limit Order Protocol v4 and BMN's fork of it. The owner functions exist in 1inch's only.
    interface ILimitOrderProtocol {
        event OrderFilled(bytes32 orderHash, uint256 remainingAmount);
        event OrderCancelled(bytes32 orderHash);
        event BitInvalidatorUpdated(address indexed maker, uint256 slotIndex, uint256 slotValue);
        event EpochIncreased(address indexed maker, uint256 series, uint256 newEpoch);
        event EIP712DomainChanged();
        event Paused(address account);
        event Unpaused(address account);

        function DOMAIN_SEPARATOR() external view returns (bytes32);
        function advanceEpoch(uint96 series, uint256 amount) external;
        function and(uint256 offsets, bytes data) external view returns (bool);
        function arbitraryStaticCall(address target, bytes data) external view returns (uint256);
        function bitInvalidatorForOrder(address maker, uint256 slot) external view returns (uint256);
        function bitsInvalidateForOrder(uint256 makerTraits, uint256 additionalMask) external;
        function cancelOrder(uint256 makerTraits, bytes32 orderHash) external;
        function cancelOrders(uint256[] makerTraits, bytes32[] orderHashes) external;
        function checkPredicate(bytes predicate) external view returns (bool);
        function eip712Domain() external view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions);
        function epoch(address maker, uint96 series) external view returns (uint256);
        function epochEquals(address maker, uint256 series, uint256 makerEpoch) external view returns (bool);
        function eq(uint256 value, bytes data) external view returns (bool);
        function fillOrder(Order order, bytes32 r, bytes32 vs, uint256 amount, uint256 takerTraits) external payable returns (uint256 makingAmount, uint256 takingAmount, bytes32 orderHash);
        function fillOrderArgs(Order order, bytes32 r, bytes32 vs, uint256 amount, uint256 takerTraits, bytes args) external payable returns (uint256 makingAmount, uint256 takingAmount, bytes32 orderHash);
        function fillContractOrder(Order order, bytes signature, uint256 amount, uint256 takerTraits) external returns (uint256 makingAmount, uint256 takingAmount, bytes32 orderHash);
        function fillContractOrderArgs(Order order, bytes signature, uint256 amount, uint256 takerTraits, bytes args) external returns (uint256 makingAmount, uint256 takingAmount, bytes32 orderHash);
        function gt(uint256 value, bytes data) external view returns (bool);
        function hashOrder(Order order) external view returns (bytes32);
        function increaseEpoch(uint96 series) external;
        function lt(uint256 value, bytes data) external view returns (bool);
        function not(bytes data) external view returns (bool);
        function or(uint256 offsets, bytes data) external view returns (bool);
        function owner() external view returns (address);
        function pause() external;
        function paused() external view returns (bool);
        function permitAndCall(bytes permit, bytes action) external payable;
        function rawRemainingInvalidatorForOrder(address maker, bytes32 orderHash) external view returns (uint256);
        function remainingInvalidatorForOrder(address maker, bytes32 orderHash) external view returns (uint256);
        function renounceOwnership() external;
        function simulate(address target, bytes data) external;
        function transferOwnership(address newOwner) external;
        function unpause() external;
    }

    /// Our resolver contract.
    interface IResolver {
        struct Call {
            address to;
            uint256 value;
            bytes data;
        }

        struct Fill {
            address factory;
            address limitOrderProtocol;
            Order order;
            bytes signature;
            bool byContract;
            uint256 amount;
            uint256 takerTraits;
            bytes args;
        }

        event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner);
        event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

        function acceptOwnership() external;
        function fill8(PlainImmutables immutables, Fill fill) external payable returns (address escrow);
        function fill9(Immutables immutables, Fill fill) external payable returns (address escrow);
        function owner() external view returns (address);
        function pendingOwner() external view returns (address);
        function run(Call[] calls, address[] sweep) external payable;
        function transferOwnership(address newOwner) external;
    }

    /// ERC-20, plus the open faucet of our development tokens.
    interface IErc20 {
        event Transfer(address indexed from, address indexed to, uint256 value);
        event Approval(address indexed owner, address indexed spender, uint256 value);

        function name() external view returns (string);
        function symbol() external view returns (string);
        function decimals() external view returns (uint8);
        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 amount) external returns (bool);
        function transfer(address to, uint256 amount) external returns (bool);
        function transferFrom(address from, address to, uint256 amount) external returns (bool);
        function mint(address to, uint256 amount) external;
    }

    /// EIP-1271.
    interface IErc1271 {
        function isValidSignature(bytes32 digest, bytes signature) external view returns (bytes4);
    }
}

impl From<&bmn_primitives::Immutables> for Immutables {
    fn from(value: &bmn_primitives::Immutables) -> Self {
        Self {
            orderHash: value.order_hash.0,
            hashlock: value.hashlock.0,
            maker: value.maker.0,
            taker: value.taker.0,
            token: value.token.0,
            amount: value.amount,
            safetyDeposit: value.safety_deposit,
            timelocks: value.timelocks.0,
            parameters: value.parameters.clone(),
        }
    }
}

impl From<Immutables> for bmn_primitives::Immutables {
    fn from(value: Immutables) -> Self {
        Self {
            order_hash: bmn_primitives::OrderHash(value.orderHash),
            hashlock: bmn_primitives::Hashlock(value.hashlock),
            maker: AddressWord(value.maker),
            taker: AddressWord(value.taker),
            token: AddressWord(value.token),
            amount: value.amount,
            safety_deposit: value.safetyDeposit,
            timelocks: bmn_primitives::Timelocks(value.timelocks),
            parameters: value.parameters,
        }
    }
}

impl From<&bmn_primitives::Complement> for Complement {
    fn from(value: &bmn_primitives::Complement) -> Self {
        Self {
            maker: value.maker.0,
            amount: value.amount,
            token: value.token.0,
            safetyDeposit: value.safety_deposit,
            chainId: value.chain_id,
            parameters: value.parameters.clone(),
        }
    }
}

impl From<Complement> for bmn_primitives::Complement {
    fn from(value: Complement) -> Self {
        Self {
            maker: AddressWord(value.maker),
            amount: value.amount,
            token: AddressWord(value.token),
            safety_deposit: value.safetyDeposit,
            chain_id: value.chainId,
            parameters: value.parameters,
        }
    }
}

/// Drops `parameters`, which these dialects do not have.
impl From<&bmn_primitives::Immutables> for PlainImmutables {
    fn from(value: &bmn_primitives::Immutables) -> Self {
        Self {
            orderHash: value.order_hash.0,
            hashlock: value.hashlock.0,
            maker: value.maker.0,
            taker: value.taker.0,
            token: value.token.0,
            amount: value.amount,
            safetyDeposit: value.safety_deposit,
            timelocks: value.timelocks.0,
        }
    }
}

impl From<PlainImmutables> for bmn_primitives::Immutables {
    fn from(value: PlainImmutables) -> Self {
        Self {
            order_hash: bmn_primitives::OrderHash(value.orderHash),
            hashlock: bmn_primitives::Hashlock(value.hashlock),
            maker: AddressWord(value.maker),
            taker: AddressWord(value.taker),
            token: AddressWord(value.token),
            amount: value.amount,
            safety_deposit: value.safetyDeposit,
            timelocks: bmn_primitives::Timelocks(value.timelocks),
            parameters: Default::default(),
        }
    }
}

/// Drops `parameters`, which these dialects do not have.
impl From<&bmn_primitives::Complement> for PlainComplement {
    fn from(value: &bmn_primitives::Complement) -> Self {
        Self {
            maker: value.maker.0,
            amount: value.amount,
            token: value.token.0,
            safetyDeposit: value.safety_deposit,
            chainId: value.chain_id,
        }
    }
}
