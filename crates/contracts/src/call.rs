//! Calldata, typed: what somebody's transaction asked for.

use crate::{
    bindings::{
        IBmnFactory, IBmnFactory23, IErc20, IEscrow, ILimitOrderProtocol, IOneInchFactory,
        IOneInchFactory1, IPlainEscrow, IResolver,
    },
    error::DecodeError,
    order::{LimitOrder, OrderSignature},
    resolver::{self, InnerCall, ResolverFill},
    traits::{MakerTraits, TakerTraits},
};
use alloy::{
    primitives::{Address, B256, Bytes, Selector, U256},
    sol_types::SolCall,
};
use bmn_primitives::{Complement, Immutables, OrderHash, Secret};

/// A decoded call. Secrets stay redacted: calldata may come from a transaction not yet mined.
#[derive(Debug, Clone)]
pub enum Call {
    /// `fillOrderArgs` or `fillContractOrderArgs`, as the signature's form says.
    FillOrder {
        /// The order.
        order: LimitOrder,
        /// The maker's signature.
        signature: OrderSignature,
        /// Making or taking amount, as the traits say; smallest unit.
        amount: U256,
        /// Options of the fill, with the lengths of the parts of `args`.
        taker_traits: TakerTraits,
        /// Target, extension and interaction, one after the other.
        args: Bytes,
    },
    /// `cancelOrder`.
    CancelOrder {
        /// Options of the order.
        maker_traits: MakerTraits,
        /// The order.
        order_hash: OrderHash,
    },
    /// `createSrcEscrow` of `bmn4`.
    CreateSource {
        /// What the source escrow is bound to.
        immutables: Immutables,
        /// What the destination must hold.
        complement: Complement,
    },
    /// `createSrcEscrow` of `bmn23` and `bmn302`, which pulls what it is told and does not compare it
    /// with the immutables (`protocol.md` 11.15).
    CreatePlainSource {
        /// What the source escrow is bound to.
        immutables: Immutables,
        /// Named as maker in the event.
        maker: Address,
        /// The token that is pulled from the caller.
        token: Address,
        /// How much of it, smallest unit.
        amount: U256,
    },
    /// `createDstEscrow`: the only place on chain where a BMN destination's immutables are.
    CreateDestination {
        /// What the destination escrow is bound to; on 1inch before its creation time is set.
        immutables: Immutables,
        /// 1inch and BMN before v2.2, unix seconds; the caller's claim.
        src_cancellation_timestamp: Option<U256>,
    },
    /// `withdraw`, `withdrawTo`, `publicWithdraw` or `publicWithdrawSigned`.
    Withdraw {
        /// Opens the escrow, if the call succeeds.
        secret: Secret,
        /// `withdrawTo`'s receiver.
        target: Option<Address>,
        /// The supplied immutables.
        immutables: Immutables,
        /// `publicWithdrawSigned`'s permission.
        permission: Option<Bytes>,
    },
    /// `cancel`, `publicCancel` or `publicCancelSigned`.
    Cancel {
        /// The supplied immutables; `publicCancelSigned` of a destination does not check them.
        immutables: Immutables,
        /// `publicCancelSigned`'s permission.
        permission: Option<Bytes>,
    },
    /// `rescueFunds` of an escrow.
    Rescue {
        /// Token to take out; zero is the native coin.
        token: Address,
        /// How much, smallest unit.
        amount: U256,
        /// The supplied immutables.
        immutables: Immutables,
    },
    /// `run` of our resolver contract. Decode each inner call on its own.
    ResolverRun {
        /// What it calls, in order.
        calls: Vec<InnerCall>,
        /// Tokens whose whole balance goes to the owner at the end; zero is the native coin.
        sweep: Vec<Address>,
    },
    /// `fill8` or `fill9` of our resolver contract.
    ResolverFill(Box<ResolverFill>),
    /// ERC-20 `approve`.
    Approve {
        /// Who may take from the caller.
        spender: Address,
        /// How much, smallest unit.
        amount: U256,
    },
    /// ERC-20 `transfer`.
    Transfer {
        /// Who receives.
        to: Address,
        /// How much, smallest unit.
        amount: U256,
    },
    /// ERC-20 `transferFrom`.
    TransferFrom {
        /// Whose tokens.
        from: Address,
        /// Who receives.
        to: Address,
        /// How much, smallest unit.
        amount: U256,
    },
}

impl Call {
    /// The extension inside a fill's arguments; `None` for other calls and when the traits' lengths do
    /// not fit.
    pub fn extension(&self) -> Option<&[u8]> {
        let Self::FillOrder { taker_traits, args, .. } = self else { return None };
        let target = if taker_traits.has_target() { 20 } else { 0 };
        args.get(target..target + taker_traits.extension_length())
    }
}

/// Decodes calldata of the calls that move orders, escrows and tokens, in every dialect: the selector
/// tells whether immutables carry `parameters`.
///
/// # Errors
/// An unknown or missing selector, or arguments that do not decode.
pub fn decode_calldata(calldata: &[u8]) -> Result<Call, DecodeError> {
    let (selector, _) =
        calldata.split_first_chunk::<4>().ok_or(DecodeError::UnknownCall(Selector::ZERO))?;
    let call = match decode_order_call(*selector, calldata)? {
        None => decode_creation(*selector, calldata)?,
        found => found,
    };
    let call = match call {
        None => decode_withdrawal(*selector, calldata)?,
        found => found,
    };
    let call = match call {
        None => decode_end(*selector, calldata)?,
        found => found,
    };
    let call = match call {
        None => decode_resolver(*selector, calldata)?,
        found => found,
    };
    let call = match call {
        None => decode_token(*selector, calldata)?,
        found => found,
    };
    call.ok_or_else(|| DecodeError::UnknownCall((*selector).into()))
}

/// Arguments of `C`, leniently, as the contract itself reads them.
fn arguments<C: SolCall>(calldata: &[u8]) -> Result<C, DecodeError> {
    let call = C::SIGNATURE.split_once('(').map_or(C::SIGNATURE, |(name, _)| name);
    C::abi_decode(calldata)
        .map_err(|error| DecodeError::Arguments { call, reason: error.to_string() })
}

fn decode_order_call(selector: [u8; 4], calldata: &[u8]) -> Result<Option<Call>, DecodeError> {
    use ILimitOrderProtocol::{cancelOrderCall, fillContractOrderArgsCall, fillOrderArgsCall};
    Ok(Some(match selector {
        fillOrderArgsCall::SELECTOR => {
            let call: fillOrderArgsCall = arguments(calldata)?;
            Call::FillOrder {
                order: call.order.into(),
                signature: OrderSignature::Compact { r: call.r, vs: call.vs },
                amount: call.amount,
                taker_traits: TakerTraits(call.takerTraits),
                args: call.args,
            }
        }
        fillContractOrderArgsCall::SELECTOR => {
            let call: fillContractOrderArgsCall = arguments(calldata)?;
            Call::FillOrder {
                order: call.order.into(),
                signature: OrderSignature::Contract(call.signature),
                amount: call.amount,
                taker_traits: TakerTraits(call.takerTraits),
                args: call.args,
            }
        }
        cancelOrderCall::SELECTOR => {
            let call: cancelOrderCall = arguments(calldata)?;
            Call::CancelOrder {
                maker_traits: MakerTraits(call.makerTraits),
                order_hash: OrderHash(call.orderHash),
            }
        }
        _ => return Ok(None),
    }))
}

fn decode_creation(selector: [u8; 4], calldata: &[u8]) -> Result<Option<Call>, DecodeError> {
    let destination = |immutables, src_cancellation_timestamp| Call::CreateDestination {
        immutables,
        src_cancellation_timestamp,
    };
    Ok(Some(match selector {
        IBmnFactory::createSrcEscrowCall::SELECTOR => {
            let call: IBmnFactory::createSrcEscrowCall = arguments(calldata)?;
            Call::CreateSource {
                immutables: call.immutables.into(),
                complement: call.complement.into(),
            }
        }
        IBmnFactory23::createSrcEscrowCall::SELECTOR => {
            let call: IBmnFactory23::createSrcEscrowCall = arguments(calldata)?;
            Call::CreatePlainSource {
                immutables: call.immutables.into(),
                maker: call.maker,
                token: call.token,
                amount: call.amount,
            }
        }
        IBmnFactory::createDstEscrowCall::SELECTOR => {
            let call: IBmnFactory::createDstEscrowCall = arguments(calldata)?;
            destination(call.immutables.into(), None)
        }
        IBmnFactory23::createDstEscrowCall::SELECTOR => {
            let call: IBmnFactory23::createDstEscrowCall = arguments(calldata)?;
            destination(call.immutables.into(), None)
        }
        IOneInchFactory::createDstEscrowCall::SELECTOR => {
            let call: IOneInchFactory::createDstEscrowCall = arguments(calldata)?;
            destination(call.immutables.into(), Some(call.srcCancellationTimestamp))
        }
        IOneInchFactory1::createDstEscrowCall::SELECTOR => {
            let call: IOneInchFactory1::createDstEscrowCall = arguments(calldata)?;
            destination(call.immutables.into(), Some(call.srcCancellationTimestamp))
        }
        _ => return Ok(None),
    }))
}

/// Returns what `$make` makes of the call when the selector is its, in either form of immutables.
macro_rules! escrow_call {
    ($selector:expr, $calldata:expr, $name:ident, |$call:ident| $make:expr) => {
        if $selector == IEscrow::$name::SELECTOR {
            let $call: IEscrow::$name = arguments($calldata)?;
            return Ok(Some($make));
        }
        if $selector == IPlainEscrow::$name::SELECTOR {
            let $call: IPlainEscrow::$name = arguments($calldata)?;
            return Ok(Some($make));
        }
    };
}

fn decode_withdrawal(selector: [u8; 4], calldata: &[u8]) -> Result<Option<Call>, DecodeError> {
    let withdrawal = |secret: B256, target, immutables, permission| Call::Withdraw {
        secret: Secret::new(secret.0),
        target,
        immutables,
        permission,
    };
    escrow_call!(selector, calldata, withdrawCall, |call| withdrawal(
        call.secret,
        None,
        call.immutables.into(),
        None
    ));
    escrow_call!(selector, calldata, withdrawToCall, |call| withdrawal(
        call.secret,
        Some(call.target),
        call.immutables.into(),
        None
    ));
    escrow_call!(selector, calldata, publicWithdrawCall, |call| withdrawal(
        call.secret,
        None,
        call.immutables.into(),
        None
    ));
    escrow_call!(selector, calldata, publicWithdrawSignedCall, |call| withdrawal(
        call.secret,
        None,
        call.immutables.into(),
        Some(call.signature)
    ));
    Ok(None)
}

fn decode_end(selector: [u8; 4], calldata: &[u8]) -> Result<Option<Call>, DecodeError> {
    let cancel = |immutables, permission| Call::Cancel { immutables, permission };
    escrow_call!(selector, calldata, cancelCall, |call| cancel(call.immutables.into(), None));
    escrow_call!(selector, calldata, publicCancelCall, |call| cancel(call.immutables.into(), None));
    escrow_call!(selector, calldata, publicCancelSignedCall, |call| cancel(
        call.immutables.into(),
        Some(call.signature)
    ));
    escrow_call!(selector, calldata, rescueFundsCall, |call| Call::Rescue {
        token: call.token,
        amount: call.amount,
        immutables: call.immutables.into(),
    });
    Ok(None)
}

fn decode_resolver(selector: [u8; 4], calldata: &[u8]) -> Result<Option<Call>, DecodeError> {
    Ok(Some(match selector {
        IResolver::runCall::SELECTOR => {
            resolver::check_call_count(calldata)?;
            let call: IResolver::runCall = arguments(calldata)?;
            let calls = call.calls.into_iter().map(InnerCall::from).collect();
            Call::ResolverRun { calls, sweep: call.sweep }
        }
        IResolver::fill8Call::SELECTOR => {
            let call: IResolver::fill8Call = arguments(calldata)?;
            let fill = ResolverFill::decoded("fill8", call.immutables.into(), call.fill)?;
            Call::ResolverFill(Box::new(fill))
        }
        IResolver::fill9Call::SELECTOR => {
            let call: IResolver::fill9Call = arguments(calldata)?;
            let fill = ResolverFill::decoded("fill9", call.immutables.into(), call.fill)?;
            Call::ResolverFill(Box::new(fill))
        }
        _ => return Ok(None),
    }))
}

fn decode_token(selector: [u8; 4], calldata: &[u8]) -> Result<Option<Call>, DecodeError> {
    Ok(Some(match selector {
        IErc20::approveCall::SELECTOR => {
            let call: IErc20::approveCall = arguments(calldata)?;
            Call::Approve { spender: call.spender, amount: call.amount }
        }
        IErc20::transferCall::SELECTOR => {
            let call: IErc20::transferCall = arguments(calldata)?;
            Call::Transfer { to: call.to, amount: call.amount }
        }
        IErc20::transferFromCall::SELECTOR => {
            let call: IErc20::transferFromCall = arguments(calldata)?;
            Call::TransferFrom { from: call.from, to: call.to, amount: call.amount }
        }
        _ => return Ok(None),
    }))
}
