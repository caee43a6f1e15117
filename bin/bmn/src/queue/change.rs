//! `bmn queue requeue` and `bmn queue drop`.

use crate::{failure::Failure, operator::OperatorArgs, output::Output};
use alloy::primitives::Address;
use bmn_rpc_api::{DeadLetterKey, QueueAdminApiClient};
use clap::Args;

const EXAMPLES: &str = "\
Example:
  bmn queue requeue 1:0x5FC8…:0x…:65535 fundDestination

`bmn queue list` shows order ids and actions. --rpc names the node's admin_rpc and --jwt-secret the file
with its key. What the order's plan does not want any more is not requeued, and what it still wants is not
dropped.";

/// Requeue or drop a dead letter.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ChangeArgs {
    /// Full id of the order (chain:contract:orderHash:leaf).
    order: String,

    /// The step, for example fundDestination.
    action: String,

    /// Chain id, where the step was given up on several chains.
    #[arg(long, value_name = "ID")]
    chain: Option<u64>,

    /// Escrow, where the step was given up for several.
    #[arg(long, value_name = "ADDRESS")]
    escrow: Option<Address>,

    #[command(flatten)]
    operator: OperatorArgs,
}

impl ChangeArgs {
    fn key(&self) -> DeadLetterKey {
        DeadLetterKey {
            order: self.order.clone(),
            action: self.action.clone(),
            chain: self.chain,
            escrow: self.escrow,
        }
    }
}

/// Makes a dead letter a job again.
pub(super) async fn requeue(args: &ChangeArgs, output: &Output) -> Result<(), Failure> {
    let job = args.operator.http()?.requeue_job(args.key()).await;
    let job = job.map_err(|error| args.operator.failed(error))?;
    output.result(&job, || format!("{} on chain {} is {}", job.action, job.chain, job.state))
}

/// Forgets a dead letter.
pub(super) async fn drop_letter(args: &ChangeArgs, output: &Output) -> Result<(), Failure> {
    let letter = args.operator.http()?.drop_job(args.key()).await;
    let letter = letter.map_err(|error| args.operator.failed(error))?;
    output.result(&letter, || {
        let reason = super::list::plain(&letter.reason);
        format!("dropped {} on chain {}: {reason}", letter.action, letter.chain)
    })
}
