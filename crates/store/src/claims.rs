//! What makers have offered and not yet given: their open orders, each against one balance.

use crate::rows::{Rows, row};
use crate::totals::{self, Total};
use crate::{StoreError, WriteTx, tables};
use alloy::primitives::{Address, U256, U512};
use bmn_primitives::{ChainId, OrderId};
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, StoreError>;

/// What one accepted order will take from its maker once it is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakerClaim {
    /// Who sells.
    pub maker: Address,
    /// Token on the order's own chain.
    pub token: Address,
    /// Smallest unit; of an order that takes several fills, what is left of it.
    pub amount: U256,
}

/// Reads of it, on a snapshot and inside a write transaction.
pub trait ClaimReads: Rows {
    /// What an order claims; `None` once it is filled or at an end.
    fn claim(&self, order: OrderId) -> Result<Option<MakerClaim>> {
        row(self, tables::CLAIMS, &order.to_bytes())
    }

    /// What all orders claim of a maker's token on a chain, smallest unit.
    fn claimed(&self, chain: ChainId, token: Address, maker: Address) -> Result<U256> {
        totals::claimed(self, &Total::Claimed(chain, token, maker))
    }

    /// The same, of those that are filled through one limit-order contract: what its allowance has to
    /// cover.
    fn claimed_through(
        &self,
        chain: ChainId,
        contract: Address,
        token: Address,
        maker: Address,
    ) -> Result<U256> {
        totals::claimed(self, &Total::ClaimedThrough(chain, contract, token, maker))
    }
}

impl<T: Rows> ClaimReads for T {}

impl WriteTx {
    /// Stores what an order claims, in the place of what it claimed before.
    ///
    /// # Errors
    /// [`StoreError::Storage`], [`StoreError::Undecodable`].
    pub fn set_claim(&mut self, order: OrderId, claim: Option<&MakerClaim>) -> Result<()> {
        let before = self.claim(order)?;
        if before.as_ref() == claim {
            return Ok(());
        }
        // First what is added: what is the same before and after never passes through nothing.
        for total in claim.into_iter().flat_map(|claim| totals_of(order, claim)) {
            self.raise(&total.0, total.1)?;
        }
        for total in before.iter().flat_map(|before| totals_of(order, before)) {
            self.lower(&total.0, total.1)?;
        }
        match claim {
            Some(claim) => self.put_row(tables::CLAIMS, &order.to_bytes(), claim),
            None => self.remove(tables::CLAIMS, &order.to_bytes()),
        }
    }
}

/// The sums that a claim counts in.
pub(crate) fn totals_of(order: OrderId, claim: &MakerClaim) -> [(Total, U512); 2] {
    let MakerClaim { maker, token, amount } = *claim;
    let amount = U512::from(amount);
    [
        (Total::Claimed(order.chain, token, maker), amount),
        (Total::ClaimedThrough(order.chain, order.contract, token, maker), amount),
    ]
}
