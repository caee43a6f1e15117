//! The makers of a run without an end: a fixed number of accounts, each with one swap at a time.

use super::{
    LoadFigures, LoadOptions, REMARKS,
    books::Books,
    expiry::Expiry,
    figures::{Times, count},
};
use crate::{
    Maker, MakerFunds, Network, NetworkChain, SimError, Strangers,
    accounts::maker_signer,
    network::whole,
    rpc::ResolverRpc,
    scenario::{Behaviour, Direction, End, Kind, Payout, SourceToken, SwapSpec, Timing},
};
use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use bmn_primitives::Dialect;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Seconds from an order to its final end, at most: what decides how many accounts there are.
const LONGEST: f64 = 420.0;
/// Accounts there are at least and at most.
const ACCOUNTS: (u32, u32) = (64, 4_096);
/// Accounts that are funded with one pool of transactions.
const FUNDED_AT_ONCE: usize = 64;
/// Whole tokens of each kind on each chain that a maker starts with.
const MAKER_TOKENS: u64 = 10_000_000;
/// Of so many makers one keeps his secret for himself.
const SILENT: u32 = 25;
/// How often a maker looks at his swap.
const LOOK: Duration = Duration::from_secs(1);
/// A swap that is open this long after its last window is lost, seconds.
const PATIENCE: u64 = 180;

/// A swap under way.
struct Open {
    account: u32,
    maker: Maker,
    begun: Duration,
    next_look: Duration,
    /// When it was first seen to be over, and the heads at that moment.
    over: Option<(Duration, [u64; 2])>,
    is_lost: bool,
}

/// Everybody who sells.
pub(super) struct Makers {
    seed: u64,
    rng: ChaCha8Rng,
    accounts: Vec<PrivateKeySigner>,
    idle: VecDeque<u32>,
    open: Vec<Open>,
    books: Books,
    expiry: Expiry,
    begun: u64,
    ended: BTreeMap<&'static str, u64>,
    otherwise: u64,
    lost: u64,
    times: Times,
    remarks: Vec<String>,
}

impl Makers {
    /// Funds the accounts and opens the books.
    pub(super) async fn open(network: &Network, options: &LoadOptions) -> Result<Self, SimError> {
        let wanted = (options.rate * LONGEST).ceil() as u32;
        let wanted = wanted.clamp(ACCOUNTS.0, ACCOUNTS.1);
        let accounts: Vec<_> =
            (0..wanted).map(|account| maker_signer(options.seed, account)).collect();
        // One token after the other: each approval takes the next nonce that is mined.
        for (some, token) in accounts
            .chunks(FUNDED_AT_ONCE)
            .flat_map(|some| [SourceToken::Tka, SourceToken::Usdx].map(|token| (some, token)))
        {
            let funds: Vec<_> =
                some.iter().flat_map(|signer| funds(network, signer, token)).collect();
            network.fund_makers(&funds).await?;
        }
        network.settle()?;
        let addresses: Vec<Address> = accounts.iter().map(PrivateKeySigner::address).collect();
        Ok(Self {
            seed: options.seed,
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            books: Books::open(network, &addresses).await?,
            expiry: Expiry::default(),
            idle: (0..wanted).collect(),
            accounts,
            open: Vec::new(),
            begun: 0,
            ended: BTreeMap::new(),
            otherwise: 0,
            lost: 0,
            times: Times::default(),
            remarks: Vec::new(),
        })
    }

    /// Begins swaps until there were `due`, as far as an account is free.
    pub(super) async fn begin(
        &mut self,
        network: &Network,
        due: u64,
        now: Duration,
    ) -> Result<(), SimError> {
        while self.begun < due {
            let Some(account) = self.idle.pop_front() else { return Ok(()) };
            let spec = self.draw();
            let signer = self.accounts[account as usize].clone();
            let maker = Maker::with_signer(spec, self.seed, 0, network, signer).await?;
            let next_look = now;
            let (over, is_lost) = (None, false);
            self.open.push(Open { account, maker, begun: now, next_look, over, is_lost });
            self.begun += 1;
        }
        Ok(())
    }

    fn draw(&mut self) -> SwapSpec {
        let rng = &mut self.rng;
        SwapSpec {
            index: u32::try_from(self.begun).unwrap_or(u32::MAX),
            direction: if rng.random() { Direction::AToB } else { Direction::BToA },
            kind: if rng.random_ratio(1, 4) { Kind::DirectEscrow } else { Kind::LimitOrder },
            dialect: Dialect::Bmn4,
            token: if rng.random() { SourceToken::Tka } else { SourceToken::Usdx },
            // Coins would only ever leave the resolver: it could not go on for ever.
            payout: Payout::Token,
            behaviour: match rng.random_ratio(1, SILENT) {
                true => Behaviour::Silent,
                false => Behaviour::Honest,
            },
            value: rng.random_range(400_000_000..2_000_000_000),
            margin_bps: rng.random_range(150..300),
            deposit: rng.random_range(1..10) * 100_000_000_000_000,
            start: 0,
            timing: Timing::TIGHT,
            partner: None,
        }
    }

    /// Lets every maker who is due do what there is to do, and closes the swaps whose end is final.
    pub(super) async fn work(
        &mut self,
        network: &Network,
        strangers: &mut Strangers,
        rpc: &dyn ResolverRpc,
        now: Duration,
    ) -> Result<(), SimError> {
        self.books.read(network, false)?;
        let heads = [0, 1].map(|chain| network.chains[chain].chain.head().number);
        let mut closing = Vec::new();
        for (place, open) in self.open.iter_mut().enumerate() {
            if open.next_look > now {
                continue;
            }
            open.next_look = now + LOOK;
            // He hands in his order in the same moment in which he has made up his mind.
            while open.maker.act(strangers, rpc).await? && open.maker.view().is_none() {}
            open.over = match open.over {
                _ if !open.maker.is_over() => None,
                None => Some((now, heads)),
                seen => seen,
            };
            if open.over.is_some_and(|(_, at)| self.books.have_read(at)) {
                open.maker.review(rpc).await?;
                if open.maker.is_over() {
                    closing.push(place);
                }
            }
            let window = open.maker.spec().timing.src_cancellation + PATIENCE;
            if !open.is_lost
                && open.over.is_none()
                && now > open.begun + Duration::from_secs(window)
            {
                open.is_lost = true;
                self.lost += 1;
                let status = open.maker.status();
                let status = status.map_or("not known".to_owned(), |status| status.to_string());
                note(
                    &mut self.remarks,
                    format!("swap {} is lost: {status}", open.maker.spec().index),
                );
            }
        }
        for place in closing.into_iter().rev() {
            let open = self.open.swap_remove(place);
            self.end(network, open).await?;
        }
        self.expiry.look(network, now)
    }

    async fn end(&mut self, network: &Network, open: Open) -> Result<(), SimError> {
        let Open { account, maker, begun, over, is_lost, .. } = open;
        let (spec, end) = (maker.spec(), maker.end());
        let left = self.books.close_swap(network, &maker, account).await?;
        for remark in left.iter().chain(maker.complaints()) {
            note(&mut self.remarks, format!("swap {}: {remark}", spec.index));
        }
        self.lost += u64::from(!left.is_empty());
        if left.is_empty() {
            let windows = Duration::from_secs(spec.timing.src_cancellation + PATIENCE);
            self.expiry.add(&maker, begun + windows);
        }
        count(&mut self.ended, end);
        if !end.is_some_and(|end| spec.expectation().ends.contains(&end)) {
            self.otherwise += 1;
            let reasons = maker.refusals().join(", ");
            let end = end.map_or("nowhere", End::name);
            let name = spec.behaviour.name();
            note(
                &mut self.remarks,
                format!("swap {} of a {name} maker ended {end} {reasons}", spec.index),
            );
        }
        if let (Some((over, _)), Some(End::Completed)) = (over, end) {
            self.times.add(over.saturating_sub(begun));
        }
        // One that was lost and found again is none the less.
        self.lost -= u64::from(is_lost);
        self.idle.push_back(account);
        Ok(())
    }

    /// Whether no swap is open any more, lost ones apart.
    pub(super) fn are_done(&self) -> bool {
        self.open.iter().all(|open| open.is_lost)
    }

    /// Balances that are not what they should be, once the chains stand still.
    pub(super) async fn close(&mut self, network: &Network) -> Result<Vec<String>, SimError> {
        self.books.read(network, true)?;
        self.books.discrepancies(network).await
    }

    /// What is wrong with single swaps.
    pub(super) fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The makers' share of the figures.
    pub(super) fn figures(&self) -> LoadFigures {
        LoadFigures {
            begun: self.begun,
            ended: self.ended.clone(),
            open: self.open.len() as u64,
            lost: self.lost,
            otherwise: self.otherwise,
            p50_ms: self.times.percentile(50),
            p99_ms: self.times.percentile(99),
            ..LoadFigures::default()
        }
    }
}

fn note(remarks: &mut Vec<String>, remark: String) {
    if remarks.len() < REMARKS {
        remarks.push(remark);
    }
}

/// Tokens of a kind on both chains, for limit orders and for escrows of his own.
fn funds(network: &Network, signer: &PrivateKeySigner, token: SourceToken) -> Vec<MakerFunds> {
    let of_chain = |node: &NetworkChain| {
        let factory = node.factory(Dialect::Bmn4);
        let token = node.spec.token_named(token.symbol())?;
        Some(MakerFunds {
            signer: signer.clone(),
            chain: node.id(),
            token: token.address,
            amount: whole(MAKER_TOKENS, token.decimals),
            spenders: vec![factory.limit_order_protocol, factory.address],
        })
    };
    network.chains.iter().filter_map(of_chain).collect()
}
