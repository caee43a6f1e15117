//! Fees of `oneinch2`: shares of the destination amount, fixed in the fill, paid by the escrow.

use crate::{error::OrderError, fill_terms::Admission};
use alloy::primitives::{Address, Bytes, U256, U512};
use bmn_primitives::{AddressWord, Dialect, Immutables};

/// One whole of a fee.
const FEE_BASE: u64 = 100_000;
/// One whole of a share or a discount.
const PERCENT_BASE: u64 = 100;

/// What a `oneinch2` order says about fees; by default there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeeTerms {
    /// Gets the integrator's fee.
    pub integrator: Address,
    /// Gets the protocol's fee.
    pub protocol: Address,
    /// On top of what the maker gets, in 1/100 000.
    pub integrator_fee: u16,
    /// The integrator's part of that in percent, at most 100; the rest is the protocol's.
    pub integrator_share: u8,
    /// On top of what the maker gets, in 1/100 000; the protocol's.
    pub resolver_fee: u16,
    /// Percent of the resolver's fee that is left for those on the whitelist, at most 100.
    pub whitelist_discount: u8,
    /// Another contract that the factory calls in the fill, with its data: foreign code.
    pub post_interaction: Option<(Address, Bytes)>,
}

impl FeeTerms {
    /// The fees of a fill of `taking` (smallest unit), as the factory computes them.
    pub fn of_fill(&self, admission: Admission, taking: U256) -> DestinationFees {
        let integrator = u64::from(self.integrator_fee);
        let resolver = match admission {
            Admission::Whitelisted => {
                u64::from(self.resolver_fee) * u64::from(self.whitelist_discount) / PERCENT_BASE
            }
            Admission::AccessToken => u64::from(self.resolver_fee),
        };
        let whole = FEE_BASE + integrator + resolver;
        let integration = share(taking, integrator, whole);
        // A share is at most a hundred percent, or the factory would have refused the order.
        let percent = u64::from(self.integrator_share).min(PERCENT_BASE);
        let integrator_amount = share(integration, percent, PERCENT_BASE);
        DestinationFees {
            protocol_amount: share(taking, resolver, whole) + (integration - integrator_amount),
            integrator_amount,
            protocol: self.protocol,
            integrator: self.integrator,
        }
    }
}

/// `amount * part / whole`, rounded down, with `part <= whole`: never more than `amount`.
fn share(amount: U256, part: u64, whole: u64) -> U256 {
    (U512::from(amount) * U512::from(part) / U512::from(whole)).saturating_to()
}

/// The fees in a destination escrow's `parameters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DestinationFees {
    /// Smallest unit of the destination token.
    pub protocol_amount: U256,
    /// Smallest unit of the destination token.
    pub integrator_amount: U256,
    /// Who gets the protocol's.
    pub protocol: Address,
    /// Who gets the integrator's.
    pub integrator: Address,
}

impl DestinationFees {
    /// The `parameters`: `abi.encode` of amounts and recipients, the protocol's first.
    pub fn parameters(&self) -> Bytes {
        let words = [
            self.protocol_amount,
            self.integrator_amount,
            AddressWord::from(self.protocol).0,
            AddressWord::from(self.integrator).0,
        ];
        words.map(|word| word.to_be_bytes::<32>()).concat().into()
    }

    /// Reads `parameters` as the escrow does: both amounts must be there, a recipient only when he gets
    /// something, and what follows is ignored.
    ///
    /// # Errors
    /// [`OrderError::ParametersTooShort`], where the escrow's withdrawals revert with `IndexOutOfRange`.
    pub fn decode(parameters: &[u8]) -> Result<Self, OrderError> {
        let word = |index: usize| {
            let found = parameters.get(index * 32..(index + 1) * 32);
            let too_short = OrderError::ParametersTooShort(parameters.len());
            found.map(U256::from_be_slice).ok_or(too_short)
        };
        let recipient = |amount: U256, index| {
            let word = if amount.is_zero() { Ok(U256::ZERO) } else { word(index) };
            word.map(|word| AddressWord(word).masked())
        };
        let (protocol_amount, integrator_amount) = (word(0)?, word(1)?);
        Ok(Self {
            protocol_amount,
            integrator_amount,
            protocol: recipient(protocol_amount, 2)?,
            integrator: recipient(integrator_amount, 3)?,
        })
    }
}

/// Who gets what of a destination escrow's amount when the secret opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Payout {
    /// What is left for the maker, smallest unit.
    pub maker: U256,
    /// Paid before it.
    pub fees: DestinationFees,
}

impl Payout {
    /// The payout of a destination with these immutables: all of it to the maker, except in `oneinch2`.
    ///
    /// # Errors
    /// Parameters that are too short, or fees above the amount: no withdrawal can ever succeed.
    pub fn of(dialect: Dialect, immutables: &Immutables) -> Result<Self, OrderError> {
        let fees = match dialect {
            Dialect::OneInch2 => DestinationFees::decode(&immutables.parameters)?,
            _ => DestinationFees::default(),
        };
        let amount = immutables.amount;
        let rest = amount.checked_sub(fees.integrator_amount);
        let maker = rest.and_then(|rest| rest.checked_sub(fees.protocol_amount));
        let maker = maker.ok_or(OrderError::FeesAboveAmount(amount))?;
        Ok(Self { maker, fees })
    }
}
