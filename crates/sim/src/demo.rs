//! One swap of the development maker, through a resolver's public interface: what a person does with
//! `bmn order new`, `sign`, `submit` and `bmn secret submit`.

use crate::{
    SimError,
    accounts::DevAccount,
    network::whole,
    rpc::{Methods, ResolverRpc},
};
use alloy::primitives::{B256, U256};
use bmn_config::ChainSpec;
use bmn_contracts::{
    ExtraData, MakerTraits, OrderDraft, OrderError, OrderFile, order_domain, sign_order,
};
use bmn_primitives::{AddressWord, Dialect, Secret};
use bmn_rpc_api::{OrderDecision, SwapStatus};

/// Whole tokens sold, and bought: in the development specifications a price that is taken.
const SOLD: u64 = 1_000;
const BOUGHT: u64 = 1_950;
/// Seconds from the newest block of the source chain to the start of withdrawals on the destination chain, and
/// to the source's cancellation.
const DST_WITHDRAWAL_IN: u64 = 60;
const SRC_CANCELLATION_IN: u64 = 1_800;

/// How far a demo is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DemoStep {
    /// The order was handed in and taken.
    Accepted {
        /// Its id.
        order_id: String,
    },
    /// The swap's status is another one.
    Status(SwapStatus),
    /// Both escrows stand: the secret was disclosed.
    Disclosed,
}

/// A swap of [`DevAccount::Maker`]: 1 000 TKA on one development chain for 1 950 USDX on the other.
#[derive(Debug)]
pub struct Demo {
    file: OrderFile,
    secret: Secret,
    order_id: Option<String>,
    status: Option<SwapStatus>,
    disclosed: bool,
    is_over: bool,
}

impl Demo {
    /// An order that nobody has seen yet. `now` is the time of the source chain's newest block, unix seconds;
    /// `secret` must be new: a hashlock works once.
    ///
    /// # Errors
    /// [`SimError::Stuck`]: the specifications are not those of the development chains.
    pub fn new(
        source: &ChainSpec,
        destination: &ChainSpec,
        now: u64,
        secret: [u8; 32],
    ) -> Result<Self, SimError> {
        let lacks = || SimError::Stuck("a chain that is not one of the development chains");
        let factory = source.factories.iter().find(|factory| factory.dialect == Dialect::Bmn4);
        let factory = factory.ok_or_else(lacks)?;
        let sold = source.token_named("TKA").ok_or_else(lacks)?;
        let bought = destination.token_named("USDX").ok_or_else(lacks)?;
        let taker_asset = source.true_tokens.first().ok_or_else(lacks)?;
        let secret = Secret::new(secret);
        let signer = DevAccount::Maker.signer();
        let times = (now + SRC_CANCELLATION_IN, now + DST_WITHDRAWAL_IN);
        let draft = OrderDraft {
            dialect: Dialect::Bmn4,
            factory: factory.address,
            maker: signer.address().into(),
            receiver: AddressWord::ZERO,
            maker_asset: sold.address.into(),
            making_amount: whole(SOLD, sold.decimals),
            taker_asset: (*taker_asset).into(),
            taking_amount: whole(BOUGHT, bought.decimals),
            extra: ExtraData {
                hashlock: secret.hashlock(),
                dst_chain_id: U256::from(destination.chain_id.0),
                dst_token: bought.address.into(),
                deposits: ExtraData::pack_deposits(Dialect::Bmn4, 0, 0),
                timelocks: ExtraData::pack_bmn_times(times.0, times.1),
            },
            fill_terms: None,
            maker_traits: MakerTraits::cross_chain().with_nonce(nonce_of(&secret)),
            entropy: U256::from_be_bytes(secret.hashlock().0.0),
        };
        let wrong = |error: OrderError| SimError::Signature(error.to_string());
        let domain = order_domain(Dialect::Bmn4, source.chain_id, factory.limit_order_protocol);
        let extension = draft.extension().map_err(wrong)?;
        let order = draft.order(&extension);
        let signature = sign_order(&signer, order.hash(&domain)).map_err(wrong)?;
        let file = draft.file(&domain).map_err(wrong)?.signed(&signature);
        Ok(Self { file, secret, order_id: None, status: None, disclosed: false, is_over: false })
    }

    /// Does what is next and answers what changed, if anything did. A resolver that is not ready or gone for a
    /// moment is asked again at the next call.
    ///
    /// # Errors
    /// [`SimError::DemoRefused`]; an answer that cannot be read.
    pub async fn step(&mut self, rpc: &dyn ResolverRpc) -> Result<Option<DemoStep>, SimError> {
        let methods = Methods(rpc);
        let Some(order_id) = self.order_id.clone() else { return self.submit(methods).await };
        let Ok(swap) = methods.swap(&order_id).await? else { return Ok(None) };
        if swap.status == SwapStatus::BothLocked && !self.disclosed {
            self.disclosed = methods.submit_secret(&self.secret, &order_id).await?.is_ok();
            return Ok(self.disclosed.then_some(DemoStep::Disclosed));
        }
        if self.status == Some(swap.status) {
            return Ok(None);
        }
        self.status = Some(swap.status);
        self.is_over = swap.terminal;
        Ok(Some(DemoStep::Status(swap.status)))
    }

    async fn submit(&mut self, methods: Methods<'_>) -> Result<Option<DemoStep>, SimError> {
        match methods.submit_order(&self.file).await? {
            Ok(taken) if taken.decision == OrderDecision::Accepted => {
                self.order_id = Some(taken.order_id.clone());
                Ok(Some(DemoStep::Accepted { order_id: taken.order_id }))
            }
            Ok(refused) => {
                let reasons = refused.refusals.iter().map(|reason| reason.message.clone());
                Err(SimError::DemoRefused(reasons.collect::<Vec<_>>().join("; ")))
            }
            // Not read far enough yet, or between two runs.
            Err(_) => Ok(None),
        }
    }

    /// Where the swap stands; none before the order was taken.
    pub const fn status(&self) -> Option<SwapStatus> {
        self.status
    }

    /// Whether nothing more will come, but for a reorg.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }
}

/// A nonce of the maker's that two demos do not share: his orders are told apart by their secrets.
fn nonce_of(secret: &Secret) -> u64 {
    let bytes = B256::from(secret.hashlock().0);
    U256::from_be_bytes(bytes.0).as_limbs()[0] >> 24
}
