//! `bmn doctor`: is everything there that a resolver needs, and what mends what is not?

mod chain;
mod files;
mod finding;
mod machine;
mod reads;
mod remote;
mod running;

use crate::{chains::ChainArgs, failure::Failure, operator::OperatorArgs, output::Output};
use alloy::primitives::Address;
use bmn_config::{Balances, ChainSpec, DEFAULT_RPC, EndpointSource, NodeConfig};
use bmn_launch::hosts::named;
use bmn_node::{Clock, SystemClock};
use bmn_rpc_api::NodeStatus;
use bmn_store::DATABASE_FILE;
use clap::Args;
use finding::{Finding, Severity};
use futures_util::future::join_all;
use serde_json::json;
use std::{
    future::Future,
    io::IsTerminal,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

const EXAMPLES: &str = "\
Examples:
  bmn doctor --config bmn.toml                          before the first start, and whenever something is odd
  bmn doctor --config bmn.toml --json | jq '.findings[] | select(.severity != \"ok\")'
  bmn doctor --rpc http://127.0.0.1:8547                a node without its configuration, as that of `bmn dev`
  bmn doctor --chain-rpc http://127.0.0.1:8545 --chain-rpc http://127.0.0.1:8546

Without --config it looks at bmn.toml in this directory, where there is one. All checks run at once, each with
a time limit; nothing is changed, and no key and no part of a URL that may be one is shown. A line that begins
with $ is a command that mends the finding above it.

Exit codes: 0 nothing is wrong, warnings apart; 1 something is; 2 wrong arguments.";

/// Look for what is wrong with a resolver: configuration, keys, disk, clock, chains, account, node.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Configuration of `bmn node`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A chain's node to look at besides those of the configuration; may be repeated.
    #[arg(long, value_name = "URL")]
    chain_rpc: Vec<String>,

    #[command(flatten)]
    operator: OperatorArgs,

    #[command(flatten)]
    chains: ChainArgs,
}

/// Looked at without --config, where it is there.
const USUAL: &str = "bmn.toml";
/// The longest that any check may take. A keystore alone takes a second or two.
const LIMIT: Duration = Duration::from_secs(25);

/// A chain to look at.
pub(crate) struct Subject {
    /// Its name, for findings.
    name: String,
    spec: ChainSpec,
    endpoints: Vec<EndpointSource>,
    account: Option<Address>,
    /// Thresholds of balances.
    least: Balances,
    /// The configuration it is of.
    config: Option<String>,
}

/// Runs every check and says what was found.
///
/// # Errors
/// [`Failure::No`] when something is wrong.
pub(crate) async fn run(args: &DoctorArgs, output: &Output) -> Result<(), Failure> {
    let usual = Path::new(USUAL);
    let path = args.config.clone().or_else(|| usual.exists().then(|| usual.to_owned()));
    let findings = finding::sorted(examine(args, path.as_deref()).await?);
    let summary = finding::summary(&findings);
    let value = json!({ "findings": findings, "summary": summary });
    output.result(&value, || format!("{}\n\n{summary}", finding::text(&findings, columns())))?;
    let errors = findings.iter().filter(|it| it.severity == Severity::Error).count();
    match errors {
        0 => Ok(()),
        1 => Err(Failure::No("something is wrong: see the line with ERROR".to_owned())),
        many => Err(Failure::No(format!("{many} things are wrong: see the lines with ERROR"))),
    }
}

/// How wide the table may be: the window, or what COLUMNS says, or 80.
fn columns() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse::<usize>().ok());
    let window = || {
        let size = std::io::stdout().is_terminal().then(|| crossterm::terminal::size().ok());
        size.flatten().map(|(columns, _)| usize::from(columns))
    };
    told.or_else(window).unwrap_or(80).clamp(60, 400)
}

async fn examine(args: &DoctorArgs, path: Option<&Path>) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let mut config = None;
    match path.map(files::configuration) {
        Some(Ok((read, found))) => {
            config = Some(read);
            findings.push(found);
        }
        Some(Err(problems)) => findings.extend(problems),
        None => findings.push(
            Finding::ok("config", "none was named: keys, disk and database are not looked at")
                .say("--config FILE, as for bmn node, has them looked at as well."),
        ),
    }
    let file = path.map(|path| path.display().to_string());
    let operator = told_of(args, config.as_ref());
    let (node, key) = tokio::join!(
        limited(running::check(&operator, file.as_deref())),
        limited(account(config.clone())),
    );
    let status = match node {
        Some(node) => {
            findings.extend(node.findings);
            node.status
        }
        None => {
            findings.push(late("node"));
            None
        }
    };
    let (found, us) = key.unwrap_or_else(|| (vec![late("key")], None));
    findings.extend(found);
    let subjects = subjects(args, config.as_ref(), file.as_deref(), status.as_ref(), us).await?;
    let checked = checks(config.as_ref(), file.as_deref(), status.is_some());
    let (chains, machine) = tokio::join!(
        join_all(subjects.iter().map(|subject| limited(chain::check(subject)))),
        join_all(checked.into_iter().map(|(area, check)| async move {
            limited(check).await.unwrap_or_else(|| vec![late(area)])
        })),
    );
    let mut heads = Vec::new();
    for (subject, found) in subjects.iter().zip(chains) {
        let (found, seen) = found.unwrap_or_else(|| (vec![late(&subject.name)], Vec::new()));
        findings.extend(found);
        heads.extend(seen);
    }
    findings.extend(machine.into_iter().flatten());
    findings.extend(machine::clock(&heads));
    if let (Some(status), Some(config)) = (&status, &config) {
        let ids = config.chains.iter().map(|chain| chain.spec.chain_id.0).collect();
        findings.extend(running::same_chains(status, &ids));
    }
    Ok(findings)
}

/// The node of the configuration, unless another one is named.
fn told_of(args: &DoctorArgs, config: Option<&NodeConfig>) -> OperatorArgs {
    let mut operator = args.operator.clone();
    let usual = format!("http://{DEFAULT_RPC}");
    if let Some(config) = config.filter(|_| operator.node.rpc == usual) {
        let mut address = config.rpc;
        // Where it listens everywhere it is also here.
        if address.ip().is_unspecified() {
            address.set_ip(DEFAULT_RPC.ip());
        }
        operator.node.rpc = format!("http://{address}");
    }
    operator
}

/// A check that took too long stops no other.
async fn limited<T>(check: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(LIMIT, check).await.ok()
}

fn late(area: &str) -> Finding {
    Finding::error(area, format!("no result within {} s", LIMIT.as_secs()))
        .say("Run this again; if it stays, what is looked at here hangs.")
}

/// The key, which may take a while to open, and its account.
async fn account(config: Option<NodeConfig>) -> (Vec<Finding>, Option<Address>) {
    let Some(config) = config else { return (Vec::new(), None) };
    let signer = config.signer.clone();
    let read = tokio::task::spawn_blocking(move || files::key(&config)).await;
    let (mut found, us) =
        read.unwrap_or_else(|error| (vec![Finding::error("key", error.to_string())], None));
    if let Some(source) = &signer {
        found.extend(remote::check(source).await);
    }
    (found, us)
}

type Check = Pin<Box<dyn Future<Output = Vec<Finding>> + Send>>;

/// Everything that is asked of this machine.
fn checks(
    config: Option<&NodeConfig>,
    file: Option<&str>,
    running: bool,
) -> Vec<(&'static str, Check)> {
    fn of(
        area: &'static str,
        check: impl FnOnce() -> Vec<Finding> + Send + 'static,
    ) -> (&'static str, Check) {
        let blocking = async move {
            let ran = tokio::task::spawn_blocking(check).await;
            ran.unwrap_or_else(|error| vec![Finding::error(area, error.to_string())])
        };
        (area, Box::pin(blocking))
    }
    let Some(config) = config.cloned() else { return Vec::new() };
    let (data, now) = (config.data_dir.clone(), SystemClock::new().unix_seconds());
    let file = file.unwrap_or_default().to_owned();
    let size = std::fs::metadata(data.join(DATABASE_FILE)).map_or(0, |metadata| metadata.len());
    // A connection is a file each, and the database, the chains and the log take a few.
    let needed = u64::from(config.access.limits.connections).saturating_add(512);
    let ports = [
        ("rpc", Some(config.rpc)),
        ("admin_rpc", config.access.admin_rpc),
        ("operations", config.operations),
    ];
    let (at, in_it, of_admin) = (data.clone(), data.clone(), config.clone());
    let mut checks = vec![
        of("disk", move || machine::disk(&data, size)),
        of("data", move || files::directory(&at)),
        of("database", move || files::database(&in_it, running)),
        of("admin", move || files::admin_key(&of_admin)),
        of("backup", move || files::backups(&config, &file, now, running)),
        of("limits", move || machine::open_files(needed)),
    ];
    for (what, address) in ports {
        let Some(address) = address else { continue };
        checks.push(of("ports", move || machine::port(what, address, running)));
    }
    checks
}

/// The chains of the configuration, or those behind `--chain-rpc` that are known.
async fn subjects(
    args: &DoctorArgs,
    config: Option<&NodeConfig>,
    file: Option<&str>,
    status: Option<&NodeStatus>,
    us: Option<Address>,
) -> Result<Vec<Subject>, Failure> {
    let mut subjects: Vec<Subject> = config
        .iter()
        .flat_map(|config| config.chains.iter().map(|chain| (chain, &config.upkeep.balances)))
        .map(|(chain, least)| Subject {
            name: named(&chain.spec),
            spec: chain.spec.clone(),
            endpoints: chain.endpoints.clone(),
            account: us,
            least: least.clone(),
            config: file.map(str::to_owned),
        })
        .collect();
    let known = args.chains.load()?;
    for url in &args.chain_rpc {
        let id = crate::chain_rpc::Node::new("--chain-rpc", url)?;
        let id = reads::chain_id(&id).await?;
        let source = EndpointSource::Url(url.clone());
        if let Some(subject) = subjects.iter_mut().find(|it| it.spec.chain_id.0 == id) {
            subject.endpoints.push(source);
            continue;
        }
        let spec = known.named(&id.to_string())?.clone();
        let told = status.and_then(|status| status.chains.iter().find(|chain| chain.id == id));
        // A node that only indexes names no account.
        let account = told.map(|chain| chain.account).filter(|account| !account.is_zero());
        subjects.push(Subject {
            name: named(&spec),
            spec,
            endpoints: vec![source],
            account,
            least: Balances::default(),
            config: None,
        });
    }
    Ok(subjects)
}
