//! How the node and its chains do (S3-30 to S3-36).

use crate::{Ground, ground::records};
use async_trait::async_trait;
use bmn_records::{Reads as _, Records, RecordsError, Table};
use bmn_rpc_api::HealthStatus;
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};
use metrics::gauge;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A chain's host that takes longer for its head is slow (S3-31).
const SLOW: Duration = Duration::from_secs(1);

/// A host that takes longer does not answer.
const NO_ANSWER: Duration = Duration::from_secs(10);

const HEALTH: Table<HealthRecord> = Table::new("health");
const LATEST: &[u8] = b"latest";
const PREVIOUS: &[u8] = b"previous";

/// A look at the health of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthRecord {
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// Of the whole: `healthy`, `degraded` or `unhealthy`.
    pub status: String,
    /// Parts that are less than healthy, each with why.
    pub parts: Vec<String>,
}

/// The newest look and the one before it.
///
/// # Errors
/// See [`RecordsError`].
pub fn latest_health(of: &Records) -> Result<[Option<HealthRecord>; 2], RecordsError> {
    let read = of.read()?;
    Ok([read.get(&HEALTH, LATEST, 0)?, read.get(&HEALTH, PREVIOUS, 0)?])
}

pub(super) struct HealthCheck(pub(super) Ground);

#[async_trait]
impl Job for HealthCheck {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("healthCheck", self.0.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let measured = self.0.rpc.measures().await;
        let measures = measured.map_err(|error| JobError::of(error.class(), error))?;
        let mut parts: Vec<String> = Vec::new();
        for part in &measures.health.components {
            if part.status != HealthStatus::Healthy {
                let chain =
                    part.chain.map(|chain| format!(" of chain {chain}")).unwrap_or_default();
                parts.push(format!("{}{chain}: {}", part.name.name(), part.detail));
            }
        }
        let mut status = measures.health.status;
        let (slow, silent) = self.probe(&mut parts).await;
        if slow + silent > 0 {
            status = status.max(HealthStatus::Degraded);
        }
        let record = HealthRecord { at_ms: ctx.now_ms, status: status.name().to_owned(), parts };
        let found = record.parts.len() as u64;
        let note = record.parts.first().cloned();
        let beside = self.0.records.clone();
        let before = ctx.blocking(move || kept(&beside, &record).map_err(records)).await?;
        if before.as_deref().is_some_and(|before| before != status.name()) {
            let (from, to) = (before.unwrap_or_default(), status.name());
            tracing::warn!(target: "bmn::upkeep", from, to, why = note, "the node's health changed");
        }
        let outcome = Outcome::counted([
            ("partsLessThanHealthy", found),
            ("hostsSlow", slow),
            ("hostsSilent", silent),
        ]);
        Ok(match note {
            Some(note) => outcome.noted(format!("{}: {note}", status.name())),
            None => outcome.noted(status.name()),
        })
    }
}

impl HealthCheck {
    /// Asks every chain's host for its head; how many were slow, and how many said nothing.
    async fn probe(&self, parts: &mut Vec<String>) -> (u64, u64) {
        let (mut slow, mut silent) = (0, 0);
        for (spec, client) in self.0.chains() {
            let begun = tokio::time::Instant::now();
            let asked = tokio::time::timeout(NO_ANSWER, client.head()).await;
            let took = begun.elapsed();
            let chain = spec.chain_id;
            match asked {
                Ok(Ok(_)) if took < SLOW => {}
                Ok(Ok(_)) => {
                    slow += 1;
                    parts.push(format!("host of chain {chain}: took {} ms", took.as_millis()));
                }
                // Its words may name the host's address, which is for the log.
                Ok(Err(error)) => {
                    silent += 1;
                    tracing::debug!(target: "bmn::upkeep", %chain, %error, "no head");
                    parts.push(format!("host of chain {chain}: does not answer"));
                }
                Err(_) => {
                    silent += 1;
                    parts.push(format!("host of chain {chain}: no answer within 10 s"));
                }
            }
            gauge!("bmn_chain_probe_seconds", "chain" => chain.to_string()).set(took.as_secs_f64());
        }
        (slow, silent)
    }
}

/// Keeps a look as the newest, and the newest as the one before; its status.
fn kept(of: &Records, record: &HealthRecord) -> Result<Option<String>, RecordsError> {
    let tx = of.write()?;
    let before = tx.get(&HEALTH, LATEST, 0)?;
    if let Some(before) = &before {
        tx.put(&HEALTH, PREVIOUS, before, None)?;
    }
    tx.put(&HEALTH, LATEST, record, None)?;
    tx.commit()?;
    Ok(before.map(|before| before.status))
}
