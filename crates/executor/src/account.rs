//! The account that acts: who signs for it and what it may spend.

use alloy::{
    primitives::{Address, U256},
    signers::local::PrivateKeySigner,
};
use bmn_chain::AccountSigner;
use bmn_primitives::ChainId;
use bmn_store::{Reads, Spending, StoreError};
use bmn_swap::Action;
use std::{collections::BTreeMap, sync::Arc};

/// Most that may be spent of a token on a day of a chain's time. What has no cap is not bounded here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DailyCaps(BTreeMap<(ChainId, Address), U256>);

impl DailyCaps {
    /// No caps.
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Caps what is spent of `token` on `chain`, smallest unit; zero is the coin.
    #[must_use]
    pub fn with(mut self, chain: ChainId, token: Address, most: U256) -> Self {
        self.0.insert((chain, token), most);
        self
    }

    /// Why `next` may not be spent beside what is counted already; `None` when it may.
    ///
    /// Only what takes a new risk is held back. Ways out (withdrawing, cancelling, rescuing, using a
    /// nonce up) cost gas and save what is locked, so no cap stops them; they are counted all the
    /// same.
    pub(crate) fn over(
        &self,
        read: &impl Reads,
        chain: ChainId,
        action: Action,
        next: &Spending,
    ) -> Result<Option<String>, StoreError> {
        if !takes_risk(action) {
            return Ok(None);
        }
        let coin = (Address::ZERO, next.coin);
        for (token, amount) in next.token.into_iter().chain([coin]) {
            let Some(cap) = self.0.get(&(chain, token)) else { continue };
            let spent = read.spent(chain, next.day, token)?;
            if spent.saturating_add(amount) > *cap {
                let what = if token.is_zero() { "coin".to_owned() } else { token.to_string() };
                return Ok(Some(format!(
                    "today's cap of {cap} ({what}) on chain {chain}: {spent} spent, {amount} needed"
                )));
            }
        }
        Ok(None)
    }
}

/// Whether money goes out for a profit that may be waived.
pub(crate) const fn takes_risk(action: Action) -> bool {
    matches!(action, Action::Fill | Action::FundDestination) || action.is_keeper()
}

/// The day of a block time, unix seconds.
pub(crate) fn day_of(time: u64) -> u32 {
    u32::try_from(time / 86_400).unwrap_or(u32::MAX)
}

/// The account that acts on every chain.
#[derive(Clone)]
pub struct Account {
    pub(crate) signer: Arc<dyn AccountSigner>,
    pub(crate) caps: DailyCaps,
    pub(crate) max_fee: Option<u128>,
}

impl Account {
    /// An account without caps.
    pub fn new(signer: Arc<dyn AccountSigner>) -> Self {
        Self { signer, caps: DailyCaps::none(), max_fee: None }
    }

    /// Caps what it spends in a day.
    #[must_use]
    pub fn with_caps(mut self, caps: DailyCaps) -> Self {
        self.caps = caps;
        self
    }

    /// Never bids more than this for gas, wei.
    #[must_use]
    pub const fn with_max_fee(mut self, wei: u128) -> Self {
        self.max_fee = Some(wei);
        self
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.signer.account()
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Account");
        shown.field("address", &self.address()).field("caps", &self.caps).finish_non_exhaustive()
    }
}

impl From<PrivateKeySigner> for Account {
    fn from(key: PrivateKeySigner) -> Self {
        Self::new(Arc::new(key))
    }
}
