//! `bmn order submit`.

use super::read;
use crate::{failure::Failure, node::NodeArgs, output::Output};
use bmn_rpc_api::{BmnApiClient, OrderDecision, OrderSubmission};
use clap::Args;
use std::path::PathBuf;

/// Hand a signed order to the node.
///
/// Exits with 1 when the node refuses it; every reason is shown. Submitting it again is harmless.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bmn order submit order.json")]
pub(crate) struct SubmitArgs {
    /// Signed order file; `-` is stdin.
    file: PathBuf,

    #[command(flatten)]
    node: NodeArgs,
}

/// Submits the order.
pub(super) async fn run(args: &SubmitArgs, output: &Output) -> Result<(), Failure> {
    let file = read::file(&args.file)?;
    if file.signature.is_none() {
        let path = args.file.display();
        return Err(Failure::Usage(format!("{path} is not signed: run `bmn order sign` first")));
    }
    file.read().map_err(|error| Failure::Usage(error.to_string()))?;
    let answer =
        args.node.http()?.submit_order(file).await.map_err(|error| args.node.failed(error))?;
    output.result(&answer, || text(&answer))?;
    match answer.decision {
        OrderDecision::Accepted => Ok(()),
        OrderDecision::Refused => Err(Failure::No("the order was refused".to_owned())),
    }
}

fn text(answer: &OrderSubmission) -> String {
    let decision = match answer.decision {
        OrderDecision::Accepted => "accepted",
        OrderDecision::Refused => "refused",
    };
    let mut fields = vec![
        ("decision", decision.to_owned()),
        ("order", answer.order_id.clone()),
        ("hashlock", answer.hashlock.to_string()),
    ];
    fields.extend(answer.profit.map(|profit| ("resolver's profit", format!("{} bps", profit.bps))));
    let reasons = answer.refusals.iter();
    fields.extend(reasons.map(|r| ("reason", format!("{} ({})", r.message, r.code))));
    crate::output::fields(&fields)
}
