//! Calldata, typed: what somebody's transaction asked for.

use crate::{
    bindings::{IBmnFactory, IEscrow, ILimitOrderProtocol, IOneInchFactory},
    error::DecodeError,
    order::{LimitOrder, OrderSignature},
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
    /// `createSrcEscrow`.
    CreateSource {
        /// What the source escrow is bound to.
        immutables: Immutables,
        /// What the destination must hold.
        complement: Complement,
    },
    /// `createDstEscrow`: the only place on chain where a BMN destination's immutables are.
    CreateDestination {
        /// What the destination escrow is bound to; in `oneinch2` before its creation time is set.
        immutables: Immutables,
        /// `oneinch2` only, unix seconds; the caller's claim.
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

/// Decodes calldata of the calls that move orders and escrows.
///
/// # Errors
/// An unknown or missing selector, or arguments that do not decode.
pub fn decode_calldata(calldata: &[u8]) -> Result<Call, DecodeError> {
    let (selector, _) =
        calldata.split_first_chunk::<4>().ok_or(DecodeError::UnknownCall(Selector::ZERO))?;
    match *selector {
        ILimitOrderProtocol::fillOrderArgsCall::SELECTOR
        | ILimitOrderProtocol::fillContractOrderArgsCall::SELECTOR
        | ILimitOrderProtocol::cancelOrderCall::SELECTOR => decode_order_call(*selector, calldata),
        IBmnFactory::createSrcEscrowCall::SELECTOR
        | IBmnFactory::createDstEscrowCall::SELECTOR
        | IOneInchFactory::createDstEscrowCall::SELECTOR => decode_creation(*selector, calldata),
        IEscrow::withdrawCall::SELECTOR
        | IEscrow::withdrawToCall::SELECTOR
        | IEscrow::publicWithdrawCall::SELECTOR
        | IEscrow::publicWithdrawSignedCall::SELECTOR => decode_withdrawal(*selector, calldata),
        _ => decode_end(*selector, calldata),
    }
}

/// Arguments of `C`, leniently, as the contract itself reads them.
fn arguments<C: SolCall>(calldata: &[u8]) -> Result<C, DecodeError> {
    let call = C::SIGNATURE.split_once('(').map_or(C::SIGNATURE, |(name, _)| name);
    C::abi_decode(calldata)
        .map_err(|error| DecodeError::Arguments { call, reason: error.to_string() })
}

fn decode_order_call(selector: [u8; 4], calldata: &[u8]) -> Result<Call, DecodeError> {
    use ILimitOrderProtocol::{cancelOrderCall, fillContractOrderArgsCall, fillOrderArgsCall};
    Ok(match selector {
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
        _ => {
            let call: cancelOrderCall = arguments(calldata)?;
            Call::CancelOrder {
                maker_traits: MakerTraits(call.makerTraits),
                order_hash: OrderHash(call.orderHash),
            }
        }
    })
}

fn decode_creation(selector: [u8; 4], calldata: &[u8]) -> Result<Call, DecodeError> {
    Ok(match selector {
        IBmnFactory::createSrcEscrowCall::SELECTOR => {
            let call: IBmnFactory::createSrcEscrowCall = arguments(calldata)?;
            Call::CreateSource {
                immutables: call.immutables.into(),
                complement: call.complement.into(),
            }
        }
        IBmnFactory::createDstEscrowCall::SELECTOR => {
            let call: IBmnFactory::createDstEscrowCall = arguments(calldata)?;
            Call::CreateDestination {
                immutables: call.immutables.into(),
                src_cancellation_timestamp: None,
            }
        }
        _ => {
            let call: IOneInchFactory::createDstEscrowCall = arguments(calldata)?;
            Call::CreateDestination {
                immutables: call.immutables.into(),
                src_cancellation_timestamp: Some(call.srcCancellationTimestamp),
            }
        }
    })
}

fn withdrawal(
    secret: B256,
    target: Option<Address>,
    immutables: crate::bindings::Immutables,
    permission: Option<Bytes>,
) -> Call {
    Call::Withdraw {
        secret: Secret::new(secret.0),
        target,
        immutables: immutables.into(),
        permission,
    }
}

fn decode_withdrawal(selector: [u8; 4], calldata: &[u8]) -> Result<Call, DecodeError> {
    use IEscrow::{publicWithdrawCall, publicWithdrawSignedCall, withdrawCall, withdrawToCall};
    Ok(match selector {
        withdrawCall::SELECTOR => {
            let call: withdrawCall = arguments(calldata)?;
            withdrawal(call.secret, None, call.immutables, None)
        }
        withdrawToCall::SELECTOR => {
            let call: withdrawToCall = arguments(calldata)?;
            withdrawal(call.secret, Some(call.target), call.immutables, None)
        }
        publicWithdrawCall::SELECTOR => {
            let call: publicWithdrawCall = arguments(calldata)?;
            withdrawal(call.secret, None, call.immutables, None)
        }
        _ => {
            let call: publicWithdrawSignedCall = arguments(calldata)?;
            withdrawal(call.secret, None, call.immutables, Some(call.signature))
        }
    })
}

fn decode_end(selector: [u8; 4], calldata: &[u8]) -> Result<Call, DecodeError> {
    use IEscrow::{cancelCall, publicCancelCall, publicCancelSignedCall, rescueFundsCall};
    let cancel = |immutables: crate::bindings::Immutables, permission| Call::Cancel {
        immutables: immutables.into(),
        permission,
    };
    Ok(match selector {
        cancelCall::SELECTOR => cancel(arguments::<cancelCall>(calldata)?.immutables, None),
        publicCancelCall::SELECTOR => {
            cancel(arguments::<publicCancelCall>(calldata)?.immutables, None)
        }
        publicCancelSignedCall::SELECTOR => {
            let call: publicCancelSignedCall = arguments(calldata)?;
            cancel(call.immutables, Some(call.signature))
        }
        rescueFundsCall::SELECTOR => {
            let call: rescueFundsCall = arguments(calldata)?;
            Call::Rescue {
                token: call.token,
                amount: call.amount,
                immutables: call.immutables.into(),
            }
        }
        other => return Err(DecodeError::UnknownCall(other.into())),
    })
}
