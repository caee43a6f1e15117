//! `bmn-reth`: reth's own commands and flags, and `--bmn.*`.

use bmn_embed::session::Options;
use bmn_reth::{
    cli::{BmnArgs, Namespaces},
    dev::{DevNetwork, FLAG, Layout},
    node::Extension,
};
use clap::Parser;
use reth_ethereum::{
    cli::{Cli, allocator, chainspec::EthereumChainSpecParser, sigsegv_handler},
    node::EthereumNode,
};
use std::{convert::Infallible, ffi::OsString};
use tempfile::TempDir;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::new_allocator();

type Command = Cli<EthereumChainSpecParser, BmnArgs, Namespaces>;

#[allow(clippy::disallowed_macros, reason = "there is no log any more when reth gives up")]
fn main() {
    sigsegv_handler::install();
    if let Err(error) = run(std::env::args_os().collect()) {
        eprintln!("Error: {error:?}");
        std::process::exit(1);
    }
}

fn run(given: Vec<OsString>) -> eyre::Result<()> {
    let dev = development(&given)?;
    let arguments = match &dev {
        Some(dev) => dev.layout.arguments(given),
        None => given,
    };
    let layout = dev.as_ref().map(|dev| dev.layout.clone());
    Command::parse_from(arguments).run(async move |builder, bmn: BmnArgs| {
        let network = match &layout {
            Some(layout) => Some(DevNetwork::start(layout).await?),
            None => None,
        };
        let options = match &layout {
            Some(layout) => Some(Options {
                config: layout.config(),
                data_dir: None,
                mode: None,
                index_only: false,
            }),
            None => bmn.options(),
        };
        let node = builder.node(EthereumNode::default());
        let Some(options) = options else {
            return node.launch_with_debug_capabilities().await?.wait_for_node_exit().await;
        };
        let extension = Extension::new(options);
        let (inside, front) = (extension.clone(), extension.front());
        let node = node
            // Ready at once and without a way to fail: reth stops when an extension does not start.
            .install_exex("bmn", async move |ctx| Ok(inside.exex(ctx)))
            .extend_rpc_modules(move |ctx| extension.enter_rpc(ctx));
        let handle = node.launch_with_debug_capabilities().await?;
        let showing = async {
            match network {
                Some(network) => network.show(front).await,
                None => std::future::pending::<Infallible>().await,
            }
        };
        tokio::select! {
            ran = handle.wait_for_node_exit() => ran,
            never = showing => match never {},
        }
    })
}

/// A development network, and its directory where nobody named one.
struct Development {
    layout: Layout,
    /// Removed at the end.
    _temporary: Option<TempDir>,
}

/// reth reads its arguments itself, so what a development node needs is there before it does.
fn development(given: &[OsString]) -> eyre::Result<Option<Development>> {
    if !given.iter().any(|argument| argument == FLAG) {
        return Ok(None);
    }
    // A wrong flag, or a question for help, ends here, before there is anything to clear away.
    let _fits = Command::parse_from(given);
    let (directory, temporary) = match bmn_reth::dev::data_dir(given) {
        Some(directory) => (directory.join("bmn-dev"), None),
        None => {
            let temporary = tempfile::tempdir()?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    let layout = Layout { directory };
    layout.prepare()?;
    Ok(Some(Development { layout, _temporary: temporary }))
}
