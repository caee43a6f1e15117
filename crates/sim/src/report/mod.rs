//! What a run did: a table for people, one object for programs, and whether all is well.

mod audit;
mod lanes;
mod table;

use crate::{
    Maker, Network, SimError,
    faults::Coverage,
    ledger::{Ledger, Party, Reason},
    scenario::{End, Scenario},
};
use alloy::primitives::{Address, B256, I256, U256};
use audit::Audit;
use bmn_primitives::ChainId;
use bmn_rpc_api::SwapChange;
use bmn_swap::Price;
pub(crate) use lanes::{NextNonces, gaps, missed_deadlines, next_nonces};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// What the driver knows besides the chains and the makers.
pub(crate) struct Facts {
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    /// Unix seconds of the start.
    pub(crate) start: u64,
    /// Heads at the start.
    pub(crate) floor: [u64; 2],
    pub(crate) reorgs: Option<BTreeMap<String, Vec<u64>>>,
    pub(crate) reorg_count: u64,
    pub(crate) crashes: Option<Coverage>,
    pub(crate) crash_count: u64,
    pub(crate) latencies: Vec<Duration>,
    pub(crate) elapsed: Duration,
    pub(crate) changes: Vec<SwapChange>,
    pub(crate) nonces: NextNonces,
    pub(crate) missed: u64,
}

/// A status and when it was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Status.
    pub status: String,
    /// Seconds of chain time since the start of the run.
    pub at: u64,
}

/// One swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Number in the run.
    pub swap: u32,
    /// Chains and tokens.
    pub route: String,
    /// How it reached the resolver.
    pub kind: &'static str,
    /// What the factories of both legs speak.
    pub dialect: &'static str,
    /// What the maker did.
    pub behaviour: &'static str,
    /// States with times.
    pub path: Vec<Step>,
    /// How it ended, or where it hangs.
    pub end: String,
    /// How it had to end.
    pub expected: String,
    /// Whether it ended as it had to, value included.
    pub ok: bool,
    /// Fees the resolver paid on (source, destination), wei.
    pub gas_wei: (u128, u128),
    /// What the resolver gained, millionths of the reference currency.
    pub profit_micros: i128,
    /// What is wrong with it.
    pub notes: Vec<String>,
}

/// What became of a trap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrapResult {
    /// Its name.
    pub name: &'static str,
    /// How it had to end.
    pub expected: String,
    /// How it ended.
    pub actual: String,
    /// Whether that is the same.
    pub ok: bool,
}

/// What was disturbed, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Disturbances {
    /// Depths of reorgs by state and leg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorgs: Option<BTreeMap<String, Vec<u64>>>,
    /// Crashes by place; zero where one was possible and did not happen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crashes: Option<BTreeMap<String, u64>>,
    /// Places that were reached and where no crash happened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_crashed: Vec<String>,
}

/// The result of a run. Only the keys ending in `_ms` differ between runs of one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Swaps of the run.
    pub swaps: u32,
    /// Both sides paid.
    pub completed: u32,
    /// Every leg given back.
    pub cancelled: u32,
    /// Nothing funded.
    pub refused: u32,
    /// The fill never was mined.
    pub void: u32,
    /// Not as it had to be.
    pub failed: u32,
    /// Every balance of every party changed by exactly what the ends allow.
    pub value_conserved: bool,
    /// Every nonce the resolver gave away is mined, or waits in the pool behind one that is.
    pub nonces_dense: bool,
    /// Withdrawals and permissions that could have been sent and were not by their latest safe time.
    pub missed_deadlines: u64,
    /// Median of the time from due to accepted, milliseconds.
    pub p50_ms: Option<f64>,
    /// The 99th percentile.
    pub p99_ms: Option<f64>,
    /// Wall time of the run, milliseconds.
    pub elapsed_ms: f64,
    /// The seed.
    pub seed: u64,
    /// The scenario.
    pub scenario: &'static str,
    /// Heights at the end, by chain id.
    pub blocks: BTreeMap<u64, u64>,
    /// Hashes of the last blocks, by chain id.
    pub final_hashes: BTreeMap<u64, B256>,
    /// Reorgs.
    pub reorgs: u64,
    /// Crashes.
    pub crashes: u64,
    /// What the disturbances reached.
    pub coverage: Disturbances,
    /// Every trap of the run.
    pub traps: Vec<TrapResult>,
    /// Every swap.
    pub table: Vec<Row>,
    /// Balances and nonces that are not what they should be.
    pub discrepancies: Vec<String>,
}

impl Report {
    /// Whether everything ended as it had to.
    pub fn is_good(&self) -> bool {
        self.failed == 0
            && self.value_conserved
            && self.nonces_dense
            && self.missed_deadlines == 0
            && self.coverage.not_crashed.is_empty()
    }

    pub(crate) async fn close(
        network: &Network,
        makers: &[Maker],
        ledger: Ledger,
        facts: Facts,
    ) -> Result<Self, SimError> {
        let audit = Audit::of(network, makers, ledger, facts.floor).await?;
        let table: Vec<Row> =
            makers.iter().map(|maker| row(network, maker, &audit, &facts)).collect();
        let gaps = lanes::gaps(network, &facts.nonces).await?;
        let mut report = Self::assemble(network, makers, table, audit.discrepancies(), facts);
        report.nonces_dense = gaps.is_empty();
        report.discrepancies.extend(gaps);
        Ok(report)
    }

    fn assemble(
        network: &Network,
        makers: &[Maker],
        table: Vec<Row>,
        discrepancies: Vec<String>,
        facts: Facts,
    ) -> Self {
        let total = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let ended = |end: End| {
            total(
                makers.iter().zip(&table).filter(|(m, row)| row.ok && m.end() == Some(end)).count(),
            )
        };
        let mut latencies = facts.latencies;
        latencies.sort_unstable();
        let heads = network.chains.iter().map(|node| (node.id().0, node.chain.head()));
        let heads: BTreeMap<_, _> = heads.collect();
        let crashes = facts.crashes.unwrap_or_default();
        Self {
            swaps: total(table.len()),
            completed: ended(End::Completed),
            cancelled: ended(End::Cancelled),
            refused: ended(End::Refused),
            void: ended(End::Void),
            failed: total(table.iter().filter(|row| !row.ok).count()),
            value_conserved: discrepancies.is_empty(),
            nonces_dense: true,
            missed_deadlines: facts.missed,
            p50_ms: percentile(&latencies, 50),
            p99_ms: percentile(&latencies, 99),
            elapsed_ms: facts.elapsed.as_secs_f64() * 1e3,
            seed: facts.seed,
            scenario: facts.scenario.name(),
            blocks: heads.iter().map(|(chain, head)| (*chain, head.number)).collect(),
            final_hashes: heads.iter().map(|(chain, head)| (*chain, head.hash)).collect(),
            reorgs: facts.reorg_count,
            crashes: facts.crash_count,
            coverage: Disturbances {
                not_crashed: crashes.missing(),
                reorgs: facts.reorgs,
                crashes: Some(crashes.hits).filter(|hits| !hits.is_empty()),
            },
            traps: makers.iter().zip(&table).filter_map(|(m, row)| trap(m, row)).collect(),
            table,
            discrepancies,
        }
    }
}

fn trap(maker: &Maker, row: &Row) -> Option<TrapResult> {
    let trap = maker.spec().trap()?;
    let reasons = maker.refusals().join(", ");
    let actual =
        if reasons.is_empty() { row.end.clone() } else { format!("{}: {reasons}", row.end) };
    let expected = row.expected.clone();
    Some(TrapResult { name: trap.name(), expected, actual, ok: row.ok })
}

/// Nearest-rank percentile in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|duration| duration.as_secs_f64() * 1e3)
}

fn row(network: &Network, maker: &Maker, audit: &Audit, facts: &Facts) -> Row {
    let spec = maker.spec();
    let expectation = spec.expectation();
    let end = maker.end();
    let mut notes = maker.complaints().to_vec();
    if !end.is_some_and(|end| expectation.ends.contains(&end)) {
        notes.push(format!("it had to end {expectation}"));
    }
    let reasoned = |code: &str| maker.refusals().iter().any(|reason| reason == code);
    if let Some(code) = expectation.refusal.filter(|code| !reasoned(code)) {
        notes.push(format!("`{code}` is not among the reasons"));
    }
    notes.extend(audit.notes_of(spec.index));
    let gas = gas_of(maker, audit);
    Row {
        swap: spec.index,
        route: route(network, maker),
        kind: spec.kind.name(),
        dialect: spec.dialect.name(),
        behaviour: spec.behaviour.name(),
        path: path(maker, facts),
        end: end.map_or_else(
            || maker.status().map_or("nothing".to_owned(), |status| status.to_string()),
            |end| end.to_string(),
        ),
        expected: expectation.to_string(),
        ok: notes.is_empty(),
        profit_micros: profit(network, maker, gas),
        gas_wei: gas,
        notes,
    }
}

fn route(network: &Network, maker: &Maker) -> String {
    let direction = maker.spec().direction;
    let terms = maker.terms();
    let symbol = |index: usize, token| {
        let spec = &network.chains[index].spec;
        spec.token(token).map_or_else(
            || if token.is_zero() { spec.native.symbol.clone() } else { "?".to_owned() },
            |token| token.symbol.clone(),
        )
    };
    let from = symbol(direction.source(), terms.source.token);
    let to = symbol(direction.destination(), terms.destination.token);
    format!("{}/{from} → {}/{to}", terms.source.chain, terms.destination.chain)
}

fn path(maker: &Maker, facts: &Facts) -> Vec<Step> {
    let Some(view) = maker.view() else { return Vec::new() };
    let changes = facts.changes.iter().filter(|change| change.order_id == view.order_id);
    changes
        .map(|change| {
            let time = change.heads.iter().map(|head| head.block.time).max();
            let at = time.unwrap_or_default().saturating_sub(facts.start);
            Step { status: change.to.to_string(), at }
        })
        .collect()
}

/// Fees the resolver paid for a swap on (source, destination), wei.
fn gas_of(maker: &Maker, audit: &Audit) -> (u128, u128) {
    let paid = audit.ledger.of_swap(maker.spec().index, Party::Resolver, Reason::Gas);
    let on = |chain: ChainId| {
        let sum: I256 =
            paid.iter().filter(|(held, _)| held.chain == chain).map(|(_, amount)| *amount).sum();
        u128::try_from(sum.unsigned_abs()).unwrap_or(u128::MAX)
    };
    let terms = maker.terms();
    (on(terms.source.chain), on(terms.destination.chain))
}

/// Value gained minus value paid minus fees, millionths of the reference currency.
fn profit(network: &Network, maker: &Maker, gas: (u128, u128)) -> i128 {
    let terms = maker.terms();
    let value = |index: usize, token: Address, amount| {
        let spec = &network.chains[index].spec;
        let (price, decimals) = match spec.token(token) {
            Some(token) => (token.price, token.decimals),
            None if token.is_zero() => (spec.native.price, spec.native.decimals),
            None => (0, 0),
        };
        i128::try_from(Price(price).value(amount, decimals)).unwrap_or(i128::MAX)
    };
    let direction = maker.spec().direction;
    let (source, destination) = (direction.source(), direction.destination());
    let coin = |index, wei: u128| value(index, Address::ZERO, U256::from(wei));
    let fees = coin(source, gas.0) + coin(destination, gas.1);
    let traded = if maker.end() == Some(End::Completed) {
        value(source, terms.source.token, terms.source.amount)
            - value(destination, terms.destination.token, terms.destination.amount)
    } else {
        0
    };
    traded - fees
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let ms: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&ms, 50), Some(100.0));
        assert_eq!(percentile(&ms, 99), Some(198.0));
        assert_eq!(percentile(&ms[..1], 99), Some(1.0));
        assert_eq!(percentile(&[], 50), None);
    }
}
