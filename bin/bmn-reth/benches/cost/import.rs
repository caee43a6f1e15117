//! Importing blocks, with the resolver inside and without.

use crate::{
    blocks::{self, MEASURED, WARM},
    figures::Sample,
    node::{Inside, Node, Setup, launch},
    process,
    resolver::{configure, until_indexed},
};
use bmn_embed::{front::Front, session::Options};
use bmn_reth::node::Extension;
use bmn_sim::accounts::DevAccount;
use reth_ethereum::rpc::types::engine::ExecutionData;
use reth_node_metrics::recorder::install_prometheus_recorder;
use serde_json::{Value, json};
use std::{fs, path::Path, time::Instant};

/// The key of a resolver that acts, and the lines of a configuration that name it.
pub(crate) fn signer(directory: &Path) -> &'static str {
    let key = directory.join("development-only.key");
    fs::write(&key, DevAccount::Resolver.key().to_string()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    "[signer]\nkey_file = \"development-only.key\"\n"
}

fn acting(directory: &Path, chain_b: &str) -> Options {
    let chains = format!("\n[[chains]]\nspec = \"dev-b\"\nendpoints = [\"{chain_b}\"]\n");
    configure(directory, signer(directory), &chains)
}

async fn start(inside: Inside, directory: &Path) -> Box<dyn Node> {
    launch(Setup::new(blocks::chain(), inside), &directory.join("reth")).await
}

/// What is inside, by its name, and how a resolver is asked.
fn named(name: &str, directory: &Path, chain_b: &str) -> (Inside, Option<Front>) {
    let resolver = |options| {
        let extension = Extension::new(options);
        let front = extension.front();
        (Inside::Resolver(extension), Some(front))
    };
    match name {
        "nothing" => (Inside::Nothing, None),
        "idle" => (Inside::Idle, None),
        "index" => resolver(configure(directory, "index_only = true", "")),
        _ => resolver(acting(directory, chain_b)),
    }
}

async fn until_begun(front: Option<&Front>) {
    if let Some(front) = front {
        until_indexed(front, 0).await;
    }
}

async fn import(node: &dyn Node, block: ExecutionData) -> f64 {
    let hash = block.payload.block_hash();
    let began = Instant::now();
    node.insert(block).await;
    node.choose(hash).await;
    began.elapsed().as_secs_f64() * 1e3
}

/// One block after another, as fast as they are taken.
pub(crate) async fn run(what: &str, file: &str, chain_b: &str) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let (inside, front) = named(what, directory.path(), chain_b);
    let node = start(inside, directory.path()).await;
    until_begun(front.as_ref()).await;
    let mut blocks = blocks::read(Path::new(file)).into_iter();
    for block in blocks.by_ref().take(WARM) {
        import(&*node, block).await;
    }
    if let Some(front) = &front {
        until_indexed(front, WARM as u64).await;
    }
    let before = (process::cpu(), process::cpu_of_threads("bmn-"), taking());
    let mut latencies = Vec::with_capacity(MEASURED);
    for block in blocks {
        latencies.push(import(&*node, block).await);
    }
    if let Some(front) = &front {
        until_indexed(front, (WARM + MEASURED) as u64).await;
    }
    let sample = Sample {
        latencies,
        process: process::cpu() - before.0,
        ours: process::cpu_of_threads("bmn-") - before.1,
        taking: taking() - before.2,
    };
    sample.told()
}

/// One block, and the next when it is durable.
pub(crate) async fn paced(file: &str, chain_b: &str) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let (inside, front) = named("resolver", directory.path(), chain_b);
    let node = start(inside, directory.path()).await;
    until_begun(front.as_ref()).await;
    let front = front.unwrap();
    let blocks = blocks::read(Path::new(file));
    for (number, block) in (1..).zip(blocks) {
        import(&*node, block).await;
        until_indexed(&front, number).await;
    }
    let of =
        |quantile: &str| 1e3 * shown("durable_seconds", &format!("{{quantile=\"{quantile}\"}}"));
    json!({
        "blocks": shown("durable_seconds", "_count"),
        "p50": of("0.5"),
        "p90": of("0.9"),
        "p99": of("0.99"),
        "taking_p99": 1e3 * shown("notification_seconds", "{quantile=\"0.99\"}"),
    })
}

fn taking() -> f64 {
    1e3 * shown("notification_seconds", "_sum")
}

/// A measure of ours on the node's recorder; zero where it is not there.
fn shown(name: &str, of: &str) -> f64 {
    let text = install_prometheus_recorder().handle().render();
    let start = format!("reth_bmn_extension_{name}{of} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.and_then(|value| value.parse().ok()).unwrap_or_default()
}
