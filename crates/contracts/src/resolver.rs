//! What our resolver contract is told to do.

use crate::{
    bindings::IResolver,
    error::DecodeError,
    order::{LimitOrder, OrderSignature},
    traits::TakerTraits,
};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_primitives::Immutables;
use std::fmt;

/// Most inner calls that are decoded. Calldata may let them all point at the same bytes, so their
/// number times the length of the calldata is what decoding them can cost.
pub const MAX_INNER_CALLS: usize = 64;

/// One call that the resolver contract makes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct InnerCall {
    /// Whom it calls.
    pub to: Address,
    /// Coins sent along, wei.
    pub value: U256,
    /// The calldata; a withdrawal's contain its secret.
    pub data: Bytes,
}

impl InnerCall {
    /// A call without coins.
    pub const fn new(to: Address, data: Bytes) -> Self {
        Self { to, value: U256::ZERO, data }
    }

    /// The same call with coins, wei.
    #[must_use]
    pub fn paying(self, value: U256) -> Self {
        Self { value, ..self }
    }
}

impl fmt::Debug for InnerCall {
    /// Selector and length stand for the calldata, which may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let selector = self.data.get(..4).map(Bytes::copy_from_slice);
        f.debug_struct("InnerCall")
            .field("to", &self.to)
            .field("value", &self.value)
            .field("selector", &selector)
            .field("data_length", &self.data.len())
            .finish()
    }
}

impl From<InnerCall> for IResolver::Call {
    fn from(call: InnerCall) -> Self {
        Self { to: call.to, value: call.value, data: call.data }
    }
}

impl From<IResolver::Call> for InnerCall {
    fn from(call: IResolver::Call) -> Self {
        Self { to: call.to, value: call.value, data: call.data }
    }
}

/// A fill whose maker's tokens go straight into the source escrow, the safety deposit having been put
/// there before, all in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolverFill {
    /// The source's; the contract puts the block's time in the place of the deployment time.
    pub immutables: Immutables,
    /// The factory that says where the escrow will be, and makes it.
    pub factory: Address,
    /// The limit-order protocol that fills.
    pub limit_order_protocol: Address,
    /// The order.
    pub order: LimitOrder,
    /// The maker's signature.
    pub signature: OrderSignature,
    /// Making or taking amount, as the traits say; smallest unit.
    pub amount: U256,
    /// Options of the fill. The contract sets the flag of the target.
    pub taker_traits: TakerTraits,
    /// Extension and interaction; the contract puts the target before them.
    pub args: Bytes,
}

impl From<&ResolverFill> for IResolver::Fill {
    fn from(fill: &ResolverFill) -> Self {
        let (signature, by_contract) = match &fill.signature {
            OrderSignature::Compact { r, vs } => ([*r, *vs].concat().into(), false),
            OrderSignature::Contract(signature) => (signature.clone(), true),
        };
        Self {
            factory: fill.factory,
            limitOrderProtocol: fill.limit_order_protocol,
            order: (&fill.order).into(),
            signature,
            byContract: by_contract,
            amount: fill.amount,
            takerTraits: fill.taker_traits.0,
            args: fill.args.clone(),
        }
    }
}

impl ResolverFill {
    /// The arguments of `call`, typed.
    ///
    /// # Errors
    /// A key's signature is not the 64 bytes of its compact form.
    pub(crate) fn decoded(
        call: &'static str,
        immutables: Immutables,
        fill: IResolver::Fill,
    ) -> Result<Self, DecodeError> {
        let signature = match (fill.byContract, fill.signature.split_at_checked(32)) {
            (true, _) => OrderSignature::Contract(fill.signature.clone()),
            (false, Some((r, vs))) if vs.len() == 32 => {
                OrderSignature::Compact { r: B256::from_slice(r), vs: B256::from_slice(vs) }
            }
            (false, _) => {
                let length = fill.signature.len();
                let reason = format!("`signature`: expected r and vs, 64 bytes, found {length}");
                return Err(DecodeError::Arguments { call, reason });
            }
        };
        Ok(Self {
            immutables,
            factory: fill.factory,
            limit_order_protocol: fill.limitOrderProtocol,
            order: fill.order.into(),
            signature,
            amount: fill.amount,
            taker_traits: TakerTraits(fill.takerTraits),
            args: fill.args,
        })
    }
}

/// Looks at the number of inner calls before anything is copied.
///
/// # Errors
/// More than [`MAX_INNER_CALLS`], or calldata that end before the number.
pub(crate) fn check_call_count(calldata: &[u8]) -> Result<(), DecodeError> {
    let arguments = calldata.get(4..).unwrap_or_default();
    let word = |at: usize| arguments.get(at..at.checked_add(32)?).map(U256::from_be_slice);
    let count = word(0).and_then(|offset| word(usize::try_from(offset).ok()?));
    let wrong = |reason| DecodeError::Arguments { call: "run", reason };
    let count = count.ok_or_else(|| wrong("`calls`: the calldata end before them".to_owned()))?;
    if count > U256::from(MAX_INNER_CALLS) {
        return Err(wrong(format!("`calls`: expected at most {MAX_INNER_CALLS}, found {count}")));
    }
    Ok(())
}
