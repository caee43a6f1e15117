//! A maker: somebody with two wallets, a node on each chain and the resolver's public interface.
//! He knows nothing else of the resolver.

mod disclose;
mod legs;
mod offer;
mod offering;
mod strangers;

pub(crate) use legs::Made;
pub(crate) use offer::Amounts;
pub use strangers::Strangers;

use crate::{
    SimError,
    accounts::{maker_signer, secret_bytes},
    ledger::{Party, Side, Terms},
    network::{MakerFunds, Network, NetworkChain},
    rpc::{Methods, ResolverRpc, RpcFailure},
    scenario::{Behaviour, End, Kind, SwapSpec, Trap},
    wallet::{Sent, Wallet},
};
use alloy::{
    primitives::{Address, U256},
    signers::local::PrivateKeySigner,
};
use bmn_primitives::{BlockRef, Hashlock, Secret};
use bmn_rpc_api::{RpcErrorCode, Swap, SwapStatus};
use bmn_swap::Status;
use offer::{DirectOffer, SignedOffer};

/// A terminal swap is looked at again every so many blocks: a reorg may take its end back.
const REVIEW_EVERY: u64 = 4;
/// Answers like "try later" that a maker puts up with.
const PATIENCE: u32 = 200;

/// How far a maker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// His time has not come.
    Waiting,
    /// A stranger's transaction has to be confirmed first.
    Preparing,
    /// He hands in his order or creates his escrow.
    Offering,
    /// He watches and discloses.
    Watching,
    /// The resolver would not even store his order.
    TurnedAway,
}

/// What he offered.
#[derive(Debug, Clone)]
enum Offer {
    Signed(Box<SignedOffer>),
    Direct(Box<DirectOffer>),
}

/// Tokens that a party locks or burns by its own trap, if the transaction succeeds.
#[derive(Debug, Clone)]
pub(crate) struct Stake {
    pub(crate) party: Party,
    pub(crate) side: Side,
    pub(crate) sent: Sent,
}

/// A maker and his swap.
pub struct Maker {
    spec: SwapSpec,
    seed: u64,
    /// Unix seconds from which the swap's start is counted.
    run_start: u64,
    source: NetworkChain,
    destination: NetworkChain,
    source_wallet: Wallet,
    destination_wallet: Wallet,
    secret: Secret,
    hashlock: Hashlock,
    amounts: Amounts,
    stage: Stage,
    offer: Option<Offer>,
    /// His own transactions: source chain first.
    sent: [Vec<Sent>; 2],
    heads: [Option<BlockRef>; 2],
    view: Option<Swap>,
    refusals: Vec<String>,
    complaints: Vec<String>,
    stakes: Vec<Stake>,
    disclosed: bool,
    wrong_secrets_left: u8,
    refused_to_wait: u32,
}

impl Maker {
    /// What a swap's maker needs before the run.
    pub fn funds(spec: &SwapSpec, seed: u64, network: &Network) -> Result<MakerFunds, SimError> {
        let source = &network.chains[spec.direction.source()];
        let destination = &network.chains[spec.direction.destination()];
        let amounts = offer::amounts(spec, source, destination)?;
        let factory = source.factory(spec.dialect);
        let spender = match spec.kind {
            Kind::LimitOrder => factory.limit_order_protocol,
            Kind::DirectEscrow => factory.address,
        };
        Ok(MakerFunds {
            signer: maker_signer(seed, spec.index),
            chain: source.id(),
            token: amounts.source_token,
            amount: amounts.source,
            spenders: vec![spender],
        })
    }

    /// A maker whose funds are in place.
    pub async fn new(
        spec: SwapSpec,
        seed: u64,
        run_start: u64,
        network: &Network,
    ) -> Result<Self, SimError> {
        let signer = maker_signer(seed, spec.index);
        Self::with_signer(spec, seed, run_start, network, signer).await
    }

    /// The same with a key of his own choice: one who makes several swaps, one after the other.
    pub(crate) async fn with_signer(
        spec: SwapSpec,
        seed: u64,
        run_start: u64,
        network: &Network,
        signer: PrivateKeySigner,
    ) -> Result<Self, SimError> {
        let source = network.chains[spec.direction.source()].clone();
        let destination = network.chains[spec.direction.destination()].clone();
        let secret = Secret::new(secret_bytes(seed, spec.index));
        let copied = spec.partner.map(|partner| Secret::new(secret_bytes(seed, partner)));
        Ok(Self {
            amounts: offer::amounts(&spec, &source, &destination)?,
            source_wallet: Wallet::open(signer.clone(), source.client.clone()).await?,
            destination_wallet: Wallet::open(signer, destination.client.clone()).await?,
            hashlock: copied.as_ref().unwrap_or(&secret).hashlock(),
            secret,
            spec,
            seed,
            run_start,
            source,
            destination,
            stage: Stage::Waiting,
            offer: None,
            sent: [Vec::new(), Vec::new()],
            heads: [None, None],
            view: None,
            refusals: Vec::new(),
            complaints: Vec::new(),
            stakes: Vec::new(),
            disclosed: false,
            wrong_secrets_left: 2,
            refused_to_wait: 0,
        })
    }

    /// His swap.
    pub const fn spec(&self) -> &SwapSpec {
        &self.spec
    }

    /// His account, the same on both chains.
    pub fn address(&self) -> Address {
        self.source_wallet.address()
    }

    /// The hashlock of his order.
    pub const fn hashlock(&self) -> Hashlock {
        self.hashlock
    }

    /// What the resolver last said of his swap.
    pub const fn view(&self) -> Option<&Swap> {
        self.view.as_ref()
    }

    /// Reasons the resolver gave against his order.
    pub fn refusals(&self) -> &[String] {
        &self.refusals
    }

    /// What the resolver did that it must not do.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    pub(crate) fn stakes(&self) -> &[Stake] {
        &self.stakes
    }

    /// What the swap moves when it completes.
    pub fn terms(&self) -> Terms {
        let Amounts { source_token, source, destination_token, destination } = self.amounts;
        Terms {
            swap: self.spec.index,
            source: Side { chain: self.source.id(), token: source_token, amount: source },
            destination: Side {
                chain: self.destination.id(),
                token: destination_token,
                amount: destination,
            },
            deposit: U256::from(self.spec.deposit),
            source_deposit: U256::from(self.spec.source_deposit()),
            fees: offer::fees(self.spec.dialect, destination),
        }
    }

    /// The status of his swap, as far as there is one.
    pub fn status(&self) -> Option<Status> {
        let status = self.view.as_ref()?.status;
        Status::from_name(&status.to_string())
    }

    /// How his swap ended; none while it has not.
    pub fn end(&self) -> Option<End> {
        match self.stage {
            Stage::TurnedAway => return Some(End::Refused),
            Stage::Watching => {}
            _ => return None,
        }
        match (self.status(), self.spec.trap()) {
            (Some(status), _) => End::of(status),
            // An escrow that names somebody else is no order: there is nothing to fund.
            (None, Some(Trap::DirectWrongTaker)) => {
                self.creation_confirmed().then_some(End::Refused)
            }
            (None, _) => None,
        }
    }

    fn creation_confirmed(&self) -> bool {
        let Some(creation) = self.sent[0].first() else { return false };
        let receipt = self.source.chain.receipt(creation.hash).ok().flatten();
        receipt.is_some_and(|receipt| {
            let confirmations = receipt.block.confirmations(self.source.chain.head().number);
            receipt.success && confirmations >= self.source.spec.confirmations
        })
    }

    /// Whether nothing more will happen, good or bad.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::TurnedAway
            || self.end().is_some()
            || self.status().is_some_and(Status::is_terminal)
    }

    /// Does what there is to do now. True when he did something that others may react to.
    pub async fn act(
        &mut self,
        strangers: &mut Strangers,
        rpc: &dyn ResolverRpc,
    ) -> Result<bool, SimError> {
        let moved = self.look_at_chains().await?;
        match self.stage {
            Stage::Waiting => self.begin(strangers).await,
            Stage::Preparing => self.await_preparation(strangers).await,
            Stage::Offering => self.make_offer(strangers, rpc).await,
            Stage::Watching => {
                if !self.is_over() || moved.is_some_and(|head| head % REVIEW_EVERY == 0) {
                    return self.watch(rpc).await;
                }
                Ok(false)
            }
            Stage::TurnedAway => Ok(false),
        }
    }

    /// Asks for his swap once more, whatever it was before.
    pub(crate) async fn review(&mut self, rpc: &dyn ResolverRpc) -> Result<(), SimError> {
        if self.stage == Stage::Watching
            && let Some(id) = self.order_id()
            && let Ok(swap) = Methods(rpc).swap(&id).await?
        {
            self.view = Some(swap);
        }
        Ok(())
    }

    /// Sends again what a reorg dropped. Answers the source chain's height when something moved.
    async fn look_at_chains(&mut self) -> Result<Option<u64>, SimError> {
        let heads =
            [self.source.client.head().await?, self.destination.client.head().await?].map(Some);
        if heads == self.heads {
            return Ok(None);
        }
        self.heads = heads;
        for (wallet, sent) in
            [&self.source_wallet, &self.destination_wallet].into_iter().zip(&self.sent)
        {
            for tx in sent {
                wallet.keep_alive(tx).await?;
            }
        }
        Ok(heads[0].map(|head| head.number))
    }

    /// A refusal that is not about him: he tries again, but not for ever.
    fn put_off(&mut self, failure: &RpcFailure) {
        if let RpcFailure::Refused { code, message, .. } = failure {
            self.refused_to_wait += 1;
            let later = RpcErrorCode::from_code(*code).is_some_and(|code| {
                matches!(code, RpcErrorCode::Unavailable | RpcErrorCode::LimitExceeded)
            });
            if !later || self.refused_to_wait == PATIENCE {
                self.complain(format!("the resolver answered {code}: {message}"));
            }
        }
    }

    fn complain(&mut self, complaint: String) {
        if !self.complaints.contains(&complaint) {
            self.complaints.push(complaint);
        }
    }

    fn order_id(&self) -> Option<String> {
        Some(match self.offer.as_ref()? {
            Offer::Signed(signed) => signed.id.to_string(),
            Offer::Direct(direct) => direct.id.to_string(),
        })
    }

    async fn watch(&mut self, rpc: &dyn ResolverRpc) -> Result<bool, SimError> {
        let Some(id) = self.order_id() else { return Ok(false) };
        match Methods(rpc).swap(&id).await? {
            Ok(swap) => {
                if self.refusals.is_empty() {
                    self.refusals =
                        swap.refusals.iter().map(|reason| reason.code.clone()).collect();
                }
                self.view = Some(swap);
            }
            Err(RpcFailure::Gone) => return Ok(false),
            // A direct escrow is unknown until its block is indexed.
            Err(failure) if failure.is(RpcErrorCode::NotFound) => {
                self.view = None;
                return Ok(false);
            }
            Err(failure) => {
                self.put_off(&failure);
                return Ok(false);
            }
        }
        self.react(rpc, &id).await
    }

    fn has_status(&self, wanted: &[SwapStatus]) -> bool {
        self.view.as_ref().is_some_and(|view| wanted.contains(&view.status))
    }

    async fn react(&mut self, rpc: &dyn ResolverRpc, id: &str) -> Result<bool, SimError> {
        match self.spec.behaviour {
            Behaviour::Silent => Ok(false),
            Behaviour::Honest => self.disclose_when_safe(rpc, id).await,
            Behaviour::Trap(trap) if trap.maker_is_honest() => {
                self.disclose_when_safe(rpc, id).await
            }
            Behaviour::Trap(_) => Ok(false),
            Behaviour::WrongSecrets => self.try_wrong_secrets(rpc, id).await,
            Behaviour::LateInTime => self.disclose_late(rpc, id).await,
            Behaviour::TooLate => self.disclose_too_late(rpc, id).await,
            Behaviour::AfterRefund => self.disclose_after_refund(rpc, id).await,
            Behaviour::WithdrawsAlone => self.withdraw_alone(rpc, id).await,
        }
    }
}
