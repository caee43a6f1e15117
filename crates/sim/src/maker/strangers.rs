//! The stranger who uses other people's hashlocks.

use super::offer::SignedOffer;
use crate::{
    SimError,
    accounts::DevAccount,
    network::{Network, NetworkChain},
    wallet::{Payload, Sent, Wallet},
};
use alloy::{
    primitives::{Address, U256},
    signers::local::PrivateKeySigner,
};
use bmn_contracts::{TakerTraits, calldata};

/// Bid that gets a transaction in front of ordinary ones, wei per gas.
pub(super) const IN_FRONT_TIP: u128 = 50_000_000_000;
const FILL_GAS: u64 = 700_000;

/// A stranger with an account on each chain.
pub struct Strangers {
    wallets: Vec<Wallet>,
    sent: Vec<(usize, Sent)>,
}

impl Strangers {
    /// His wallets.
    pub async fn new(network: &Network) -> Result<Self, SimError> {
        let mut wallets = Vec::new();
        for chain in &network.chains {
            let signer = DevAccount::Griefer.signer();
            wallets.push(Wallet::open(signer, chain.client.clone()).await?);
        }
        Ok(Self { wallets, sent: Vec::new() })
    }

    /// His account on every chain.
    pub fn address(&self) -> Address {
        DevAccount::Griefer.address()
    }

    pub(super) fn signer(&self) -> &PrivateKeySigner {
        self.wallets[0].signer()
    }

    /// Fills one unit of an order, in front of everybody else when a tip is given.
    pub(super) async fn fill_one_unit(
        &mut self,
        node: &NetworkChain,
        offer: &SignedOffer,
        tip: Option<u128>,
    ) -> Result<Sent, SimError> {
        let index = self.wallets.iter().position(|wallet| wallet.chain() == node.id());
        let index = index.ok_or(SimError::Stuck("a chain without a stranger"))?;
        let traits = TakerTraits::bmn_fill(offer.extension.len(), offer.order.taking_amount);
        let data = calldata::fill_order_args(
            &offer.order,
            &offer.signature,
            U256::ONE,
            traits,
            offer.extension.clone(),
        );
        let payload = Payload::call(node.factory().limit_order_protocol, data, FILL_GAS);
        let wallet = &mut self.wallets[index];
        wallet.bid(tip.unwrap_or_default());
        let sent = wallet.send(payload).await?;
        self.sent.push((index, sent.clone()));
        Ok(sent)
    }

    /// Sends again what a reorg dropped.
    pub async fn keep_alive(&self) -> Result<(), SimError> {
        for (index, sent) in &self.sent {
            self.wallets[*index].keep_alive(sent).await?;
        }
        Ok(())
    }
}
