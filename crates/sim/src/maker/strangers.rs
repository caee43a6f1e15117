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
    sol_types::SolCall,
};
use bmn_contracts::{LimitOrder, TakerTraits, bindings::IBmnFactory, calldata};
use bmn_primitives::{Dialect, Immutables};

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
        let traits = TakerTraits::bmn_fill(offer.extension.len(), offer.order.taking_amount);
        let data = calldata::fill_order_args(
            &offer.order,
            &offer.signature,
            U256::ONE,
            traits,
            offer.extension.clone(),
        );
        let payload =
            Payload::call(node.factory(Dialect::Bmn4).limit_order_protocol, data, FILL_GAS);
        self.send(node, payload, tip.unwrap_or_default()).await
    }

    /// Calls the post-interaction of `bmn302` as if a limit-order protocol did at the end of a fill by
    /// `taker`: what he allows the factory would go into an escrow of the stranger's.
    pub(super) async fn call_post_interaction(
        &mut self,
        node: &NetworkChain,
        offer: &SignedOffer,
        taker: Address,
    ) -> Result<Sent, SimError> {
        let order = LimitOrder { maker: self.address().into(), ..offer.order.clone() };
        let (_, extra) = order
            .check_extension(&offer.extension)
            .and_then(|extension| {
                extension.post_interaction().map(|(at, data)| (at, data.to_vec()))
            })
            .map_err(|error| SimError::Signature(error.to_string()))?;
        let call = IBmnFactory::postInteractionCall {
            order: (&order).into(),
            extension: offer.extension.clone(),
            orderHash: offer.id.hash.0,
            taker,
            makingAmount: order.making_amount,
            takingAmount: order.taking_amount,
            remainingMakingAmount: order.making_amount,
            extraData: extra.into(),
        };
        let factory = node.factory(Dialect::Bmn302).address;
        let payload = Payload::call(factory, call.abi_encode().into(), FILL_GAS);
        self.send(node, payload, IN_FRONT_TIP).await
    }

    /// Creates a destination of a 1inch dialect with these immutables, at his own expense.
    pub(super) async fn create_destination(
        &mut self,
        node: &NetworkChain,
        dialect: Dialect,
        immutables: &Immutables,
    ) -> Result<Sent, SimError> {
        let payload = Payload {
            to: Some(node.factory(dialect).address),
            value: immutables.safety_deposit,
            data: calldata::create_dst_escrow(dialect, immutables, None),
            gas: FILL_GAS,
        };
        self.send(node, payload, 0).await
    }

    async fn send(
        &mut self,
        node: &NetworkChain,
        payload: Payload,
        tip: u128,
    ) -> Result<Sent, SimError> {
        let index = self.wallets.iter().position(|wallet| wallet.chain() == node.id());
        let index = index.ok_or(SimError::Stuck("a chain without a stranger"))?;
        let wallet = &mut self.wallets[index];
        wallet.bid(tip);
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
