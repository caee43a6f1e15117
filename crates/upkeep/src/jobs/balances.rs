//! What our account has on every chain (S3-37 to S3-41).

use crate::{
    Balance, Ground,
    ground::{balance_of, records, tokens_of},
};
use alloy::primitives::Address;
use async_trait::async_trait;
use bmn_primitives::ChainId;
use bmn_records::{RecordsError, Table};
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};

/// How long snapshots are kept, milliseconds (S3-38).
pub(crate) const KEPT_MS: u64 = 7 * 86_400_000;

/// Balances by chain, token and time: big-endian bytes of the amount.
const SNAPSHOTS: Table<[u8; 32]> = Table::new("balance_snapshots");

pub(super) struct BalanceMonitor(pub(super) Ground);

fn key(chain: ChainId, token: Address, at_ms: u64) -> Vec<u8> {
    [&chain.0.to_be_bytes()[..], token.as_slice(), &at_ms.to_be_bytes()].concat()
}

#[async_trait]
impl Job for BalanceMonitor {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("balanceMonitor", self.0.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let us = self.0.rules().us;
        if us.is_zero() {
            return Ok(Outcome::default().noted("no account: this node only indexes"));
        }
        let (mut read, mut failed, mut low) = (Vec::new(), 0, Vec::new());
        let mut last_error = None;
        for (spec, client) in self.0.chains() {
            for (token, symbol) in tokens_of(spec) {
                if ctx.stop.is_cancelled() {
                    return Err(JobError::Transient("told to end".to_owned()));
                }
                match balance_of(&**client, token, us).await {
                    Ok(amount) => {
                        let named = (!token.is_zero()).then_some(token);
                        let threshold = self.0.config.balances.of(spec.chain_id, named);
                        let (chain, at_ms) = (spec.chain_id, ctx.now_ms);
                        read.push(Balance { chain, token, symbol, amount, threshold, at_ms });
                    }
                    Err(error) => {
                        failed += 1;
                        last_error = Some(error.to_string());
                    }
                }
            }
        }
        for balance in &read {
            let before = self.0.balances.note(balance.clone());
            if balance.is_low() {
                low.push(format!("{} on chain {}", balance.symbol, balance.chain));
            }
            tell(balance, before.as_ref());
        }
        self.keep(ctx, &read).await?;
        if read.is_empty() && failed > 0 {
            let why = last_error.unwrap_or_default();
            return Err(JobError::Transient(format!("no balance could be read: {why}")));
        }
        let outcome = Outcome::counted([
            ("balancesRead", read.len() as u64),
            ("balancesLow", low.len() as u64),
            ("readsFailed", failed),
        ]);
        Ok(if low.is_empty() { outcome } else { outcome.noted(format!("low: {}", low.join(", "))) })
    }
}

/// Once when it becomes low, and once when it is not any more.
fn tell(balance: &Balance, before: Option<&Balance>) {
    let was_low = before.is_some_and(Balance::is_low);
    let (chain, symbol, amount) = (balance.chain, &balance.symbol, balance.amount);
    let threshold = balance.threshold.unwrap_or_default();
    if balance.is_low() && !was_low {
        tracing::warn!(target: "bmn::upkeep", %chain, symbol, %amount, threshold, "balance is low");
    } else if was_low && !balance.is_low() {
        tracing::info!(target: "bmn::upkeep", %chain, symbol, %amount, threshold, "balance is enough");
    }
}

impl BalanceMonitor {
    async fn keep(&self, ctx: &JobContext, read: &[Balance]) -> Result<(), JobError> {
        let rows: Vec<_> = read
            .iter()
            .map(|it| (key(it.chain, it.token, it.at_ms), it.amount.to_be_bytes::<32>()))
            .collect();
        let (beside, ends) = (self.0.records.clone(), ctx.now_ms.saturating_add(KEPT_MS));
        ctx.blocking(move || {
            let put = || -> Result<(), RecordsError> {
                let tx = beside.write()?;
                for (key, amount) in &rows {
                    tx.put(&SNAPSHOTS, key, amount, Some(ends))?;
                }
                tx.commit()
            };
            put().map_err(records)
        })
        .await
    }
}
