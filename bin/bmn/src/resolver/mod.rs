//! `bmn node`: index and resolver over chains behind URLs.

pub(crate) mod args;
mod checks;
pub(crate) mod config;
mod listeners;
pub(crate) mod operations;
mod progress;
mod watch;

use crate::{
    failure::Failure,
    hosts::onchain,
    onchain::Onchain,
    output::{self, Output},
    signals,
};
use alloy::primitives::Address;
use args::RunArgs;
use bmn_config::{ChainSpec, NodeConfig};
use bmn_executor::Account;
use bmn_launch::{
    LaunchError, PRICES_EVERY, check_contracts, hosts, keys, mode_of, open, price_book,
};
use bmn_node::{ChainHost, NodeError};
use bmn_primitives::BlockRef;
use bmn_store::{Reads, Store, StoreOptions};
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
    let config = configured(args)?;
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
    let listeners = Listeners::open(&resolver, &config).await?;
    let signal = Box::pin(signals::stop());
    announce(&config, us, &listeners, &started, output)?;
    let handle = resolver.handle();
    let (watching, pricing) = (watch.run(signing.then_some(handle)), prices.run(PRICES_EVERY));
    let beside = async {
        tokio::select! {
            never = watching => never,
            never = pricing => never,
        }
    };
    let ran = supervise(resolver.run(stop.clone()), beside, signal, &stop, output).await;
    // Answering goes on until nothing more is written.
    close(listeners, output).await;
    ran?;
    output.note(&format!("Stopped, everything on disk. {}", summary(&places(&store, &config)?)));
    Ok(())
}

fn configured(args: &RunArgs) -> Result<NodeConfig, Failure> {
    if args.admin {
        return Err(Failure::Usage(
            "--admin is gone: the operator's methods have a listener of their own, with a key; write \
             --admin-rpc-addr 127.0.0.1:8548"
                .to_owned(),
        ));
    }
    let mut config = args.config.read(args.index_only)?;
    if let Some(directory) = &args.data_dir {
        config.data_dir.clone_from(directory);
    }
    config.rpc = args.rpc_addr.unwrap_or(config.rpc);
    config.access.admin_rpc = args.admin_rpc_addr.or(config.access.admin_rpc);
    config.operations = args.operations_addr.or(config.operations);
    if args.jwt_secret.is_some() {
        config.access.jwt_secret.clone_from(&args.jwt_secret);
    }
    Ok(config)
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
    running: impl Future<Output = Result<(), NodeError>>,
    watching: impl Future<Output = Infallible>,
    mut signal: Pin<Box<dyn Future<Output = ()>>>,
    stop: &CancellationToken,
    output: Output,
) -> Result<(), Failure> {
    let (mut running, mut watching) = (pin!(running), pin!(watching));
    loop {
        tokio::select! {
            ran = &mut running => return ran.map_err(ended),
            never = &mut watching => match never {},
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
