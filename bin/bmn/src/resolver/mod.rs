//! `bmn node`: index and resolver over chains behind URLs.

pub(crate) mod args;
mod checks;
pub(crate) mod config;
mod listeners;
pub(crate) mod live;
pub(crate) mod operations;
mod progress;
mod watch;

use crate::{
    failure::Failure,
    hosts::onchain,
    logging,
    onchain::Onchain,
    output::{self, Output},
    signals,
};
use alloy::primitives::Address;
use args::RunArgs;
use bmn_config::{ChainSpec, NodeConfig};
use bmn_executor::Account;
use bmn_launch::{
    ConfigSource, LaunchError, NodeAlerts, PRICES_EVERY, Tree, check_contracts, hosts, keys,
    live_schedules, mode_of, open, price_book, upkeep,
};
use bmn_node::{ChainHost, NodeError, PriceBook, ResolverHandle};
use bmn_primitives::BlockRef;
use bmn_store::{Reads, Store, StoreOptions};
use bmn_supervisor::{Drained, Escalation, Importance, Registry};
use listeners::Listeners;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;
use watch::Watch;

/// How a shell names a program that a second Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Runs until it is told to stop.
pub(crate) async fn run(args: &RunArgs, output: Output) -> Result<(), Failure> {
    // Heard from here on: before that a reload would end the process.
    let _hangup = signals::hangup();
    let source = configured(args)?;
    let file = source.read()?;
    let default = if args.verbose { "info" } else { bmn_telemetry::DEFAULT_FILTER };
    let (traces, log) = logging::start_configured(&file.loaded.config.upkeep.telemetry, default)?;
    live::check_schedules(&file.loaded.config).map_err(Failure::Usage)?;
    let config = file.loaded.config.clone();
    let signer = match &config.signer {
        Some(source) if !config.index_only => Some(keys::account(&config, source)?),
        _ => None,
    };
    let store = open_store(&config)?;
    let us = signer.as_ref().map(Account::address);
    let (hosts, chains) = connect(&config, us, output).await?;
    let started = places(&store, &config)?;
    let watch = Watch::new(chains, store.clone(), output);
    let stop = CancellationToken::new();
    let signing = signer.is_some();
    let prices = price_book(&store, &hosts)?;
    let resolver = open(store.clone(), hosts, signer, &config).map_err(refused)?;
    resolver.begin_in(mode_of(&config)?).map_err(ended)?;
    let mut live = live::start(source, file, resolver.handle())?;
    let records = bmn_launch::records(&config.data_dir)?;
    let (upkeep, ground) = upkeep(&resolver, &config.upkeep, records, &config.data_dir)?;
    live.part(log);
    live.part(live_schedules(&upkeep));
    let alerts = NodeAlerts::new(&ground, Some(upkeep.handle()))?;
    live.part(alerts.live_part());
    let mut listeners = Listeners::open(&resolver, &config).await?;
    let signal = Box::pin(signals::stop());
    announce(&config, us, &listeners, &started, output)?;
    let mut tree = Tree::new(Registry::default());
    for face in std::mem::take(&mut listeners.faces) {
        let face = Arc::new(face);
        tree.face(face.name, move |stop| {
            let face = Arc::clone(&face);
            async move { face.run(stop).await }
        });
    }
    beside(&mut tree, watch, prices, signing.then(|| resolver.handle()));
    live::watch(&mut tree, live);
    tree.upkeep(&upkeep);
    tree.alerts(&alerts);
    tree.engine(resolver);
    let ran = supervise(tree.run(stop.clone()), signal, &stop, output).await;
    close(listeners, output).await;
    logging::stop(traces).await;
    let drained = ran?;
    output.note(&stopped(&drained, &summary(&places(&store, &config)?)));
    Ok(())
}

/// The last words. What was broken off is named: nobody waited for the end of what it was doing.
fn stopped(drained: &Drained, places: &str) -> String {
    if drained.late.is_empty() {
        return format!("Stopped, everything on disk. {places}");
    }
    let late = drained.late.join(", ");
    format!(
        "Stopped. Not ended in time and broken off: {late}. The next start goes on from what is on disk. {places}"
    )
}

/// What runs beside the resolver. None of it is vital: orders without a price are refused, ways out need none.
fn beside(tree: &mut Tree, watch: Watch, prices: PriceBook, acting: Option<ResolverHandle>) {
    let (watch, prices) = (Arc::new(watch), Arc::new(prices));
    tree.child("prices", Importance::Useful, move |stop| {
        let prices = Arc::clone(&prices);
        until(stop, async move { prices.run(PRICES_EVERY).await })
    });
    tree.child("watch", Importance::Useful, move |stop| {
        let (watch, acting) = (Arc::clone(&watch), acting.clone());
        until(stop, async move { watch.run(acting).await })
    });
}

/// What never ends by itself ends when it is asked to.
async fn until(
    stop: CancellationToken,
    running: impl Future<Output = Infallible>,
) -> Result<(), Infallible> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        never = running => match never {},
    }
}

fn configured(args: &RunArgs) -> Result<ConfigSource, Failure> {
    if args.admin {
        return Err(Failure::Usage(
            "--admin is gone: the operator's methods have a listener of their own, with a key; write \
             --admin-rpc-addr 127.0.0.1:8548"
                .to_owned(),
        ));
    }
    let args = args.clone();
    let source = args.config.source(args.index_only)?;
    Ok(source.adjusted(move |config| {
        if let Some(directory) = &args.data_dir {
            config.data_dir.clone_from(directory);
        }
        config.rpc = args.rpc_addr.unwrap_or(config.rpc);
        config.access.admin_rpc = args.admin_rpc_addr.or(config.access.admin_rpc);
        config.operations = args.operations_addr.or(config.operations);
        if args.jwt_secret.is_some() {
            config.access.jwt_secret.clone_from(&args.jwt_secret);
        }
    }))
}

fn open_store(config: &NodeConfig) -> Result<Store, Failure> {
    Store::open(StoreOptions::directory(&config.data_dir))
        .map_err(|error| Failure::Run(eyre::Report::new(error)))
}

async fn connect(
    config: &NodeConfig,
    us: Option<Address>,
    output: Output,
) -> Result<(Vec<ChainHost>, Vec<(ChainSpec, Onchain)>), Failure> {
    let (mut hosts, mut chains) = (Vec::new(), Vec::new());
    for entry in &config.chains {
        let spec = &entry.spec;
        let host = hosts::connect(entry).await?;
        let chain = onchain(&host, hosts::named(spec));
        check_contracts(&*chain.client, spec).await?;
        if let Some(us) = us {
            checks::account(&chain, spec, us, output).await?;
        }
        hosts.push(ChainHost {
            spec: spec.clone(),
            source: Box::new(host.source()),
            client: Arc::clone(&chain.client),
        });
        chains.push((spec.clone(), chain));
    }
    Ok((hosts, chains))
}

/// Drives everything until it is over. The first signal asks for the end, a second one is the end.
async fn supervise(
    running: impl Future<Output = Result<Drained, Escalation>>,
    mut signal: Pin<Box<dyn Future<Output = ()>>>,
    stop: &CancellationToken,
    output: Output,
) -> Result<Drained, Failure> {
    let mut running = pin!(running);
    loop {
        tokio::select! {
            ran = &mut running => return ran.map_err(|escalation| fallen(&escalation)),
            () = &mut signal => {
                if stop.is_cancelled() {
                    end_at_once(output);
                }
                output.note("Stopping: what is being done is ended first; Ctrl-C again stops at once.");
                stop.cancel();
                signal = Box::pin(signals::stop());
            }
        }
    }
}

fn fallen(escalation: &Escalation) -> Failure {
    Failure::Run(eyre::eyre!("{}", watch::with_cure(escalation.failure.reason())))
}

/// Ends the answering. A client that takes its time does not keep a second signal from being the end.
async fn close(listeners: Listeners, output: Output) {
    let signal = signals::stop();
    tokio::select! {
        () = listeners.stop() => {}
        () = signal => end_at_once(output),
    }
}

fn end_at_once(output: Output) -> ! {
    output.note("Stopped at once; the next start goes on from what is on disk.");
    std::process::exit(INTERRUPTED);
}

fn refused(error: LaunchError) -> Failure {
    match error {
        LaunchError::Node(error) => ended(error),
        other => other.into(),
    }
}

fn ended(error: NodeError) -> Failure {
    let report = eyre::Report::new(error);
    Failure::Run(eyre::eyre!("{}", watch::with_cure(&crate::failure::chain(report.chain()))))
}

/// Each chain, and its newest block that is on disk.
type Places = Vec<(ChainSpec, Option<BlockRef>)>;

fn places(store: &Store, config: &NodeConfig) -> Result<Places, Failure> {
    let failed = |error| Failure::Run(eyre::Report::new(error));
    let read = store.read().map_err(failed)?;
    let place = |spec: &ChainSpec| {
        read.cursor(spec.chain_id).map(|cursor| (spec.clone(), cursor.tip)).map_err(failed)
    };
    config.chains.iter().map(|chain| place(&chain.spec)).collect()
}

fn summary(places: &Places) -> String {
    let at = places.iter().map(|(spec, tip)| match tip {
        Some(tip) => format!("{} at block {}", hosts::named(spec), tip.number),
        None => format!("{} not begun", hosts::named(spec)),
    });
    format!("{}.", at.collect::<Vec<_>>().join(", "))
}

fn announce(
    config: &NodeConfig,
    us: Option<Address>,
    listeners: &Listeners,
    places: &Places,
    output: Output,
) -> Result<(), Failure> {
    let url = format!("http://{}", listeners.public);
    let admin = listeners.admin.as_ref();
    let admin =
        admin.map(|(address, key)| (format!("http://{address}"), key.display().to_string()));
    let operations = listeners.operations.as_ref();
    let operations = operations.map(|port| format!("http://{}", port.address()));
    let chains: Vec<Value> = places
        .iter()
        .map(|(spec, tip)| {
            let resumes = tip.map(|tip| json!({ "number": tip.number, "hash": tip.hash }));
            json!({
                "id": spec.chain_id.0, "name": spec.name, "startBlock": spec.start_block,
                "resumesAfter": resumes,
            })
        })
        .collect();
    let value = json!({
        "rpc": url, "adminRpc": admin.as_ref().map(|admin| &admin.0),
        "operations": operations, "indexOnly": config.index_only, "account": us, "chains": chains,
    });
    output.result(&value, || {
        let acts = us.map_or_else(|| "nobody: index only".to_owned(), |us| us.to_string());
        let mut rows = vec![("answers at", format!("{url}  (bmn_*)"))];
        rows.extend(admin.map(|(url, key)| ("operator's", format!("{url}  (key in {key})"))));
        rows.extend(
            operations.map(|url| ("operations", format!("{url}  (/health, /metrics, /api/v1)"))),
        );
        rows.push(("acts as", acts));
        rows.extend(places.iter().map(|(spec, tip)| {
            let place = match tip {
                Some(tip) => format!("resumes after block {} ({})", tip.number, tip.hash),
                None => format!("begins at block {}", spec.start_block),
            };
            ("follows", format!("{}, {place}", hosts::named(spec)))
        }));
        output::fields(&rows)
    })?;
    if let Some(warning) = listeners.warning() {
        tracing::warn!(target: "bmn::rpc", warning, "anybody may read along");
        output.note(&warning);
    }
    output.note("Running. Ctrl-C stops it.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_broken_off_is_named_and_not_said_to_be_done() {
        let said = stopped(&Drained::default(), "Block 7.");
        assert_eq!(said, "Stopped, everything on disk. Block 7.");
        let late = vec!["node/engine/resolver".to_owned(), "node/upkeep/jobs".to_owned()];
        let said = stopped(&Drained { late }, "Block 7.");
        assert!(
            said.contains("node/engine/resolver, node/upkeep/jobs") && said.ends_with("Block 7.")
        );
        assert!(!said.contains("everything on disk"), "{said}");
    }
}
