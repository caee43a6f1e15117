//! From the commit of a block to the subscribers that are told of it, over WebSocket.
#![allow(clippy::disallowed_macros, reason = "a benchmark tells its figures on stdout")]

use bmn_benches::{
    Figures, History, Idle, Listener, Mix, indexer, is_smoke, is_wanted, memory, monotonic, spec,
    temporary,
};
use bmn_rpc::{BmnRpc, ServeLimits, serve};
use bmn_store::{Store, StoreOptions};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

/// Blocks before those that are measured.
const WARM: u64 = 10;

fn main() {
    if !is_wanted("told") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("an async runtime");
    let (blocks, crowd) = if is_smoke() { (3, 20) } else { (200, 1_000) };
    println!(
        "block committed to subscriber told, over WebSocket, {blocks} blocks of one order each"
    );
    for kind in ["blocks", "orders"] {
        for subscribers in [1, crowd] {
            runtime.block_on(measure(kind, subscribers, blocks));
        }
    }
}

async fn measure(kind: &str, subscribers: usize, blocks: u64) {
    let directory = temporary();
    let store = Store::open(StoreOptions::directory(directory.path())).expect("a new store");
    let (indexer, chain) = (indexer(store.clone(), [&spec()]), spec().chain_id);
    let history = History::new(spec(), Mix { sources: 1, destinations: 0, withdrawals: 0 });
    let (committed, commits) = watch::channel(0_u64);
    let idle = Arc::new(Idle);
    let rpc = BmnRpc::new(store, Arc::clone(&idle) as _, Arc::clone(&idle) as _, idle, commits);
    let limits = ServeLimits { client: None, ..ServeLimits::default() };
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let (server, address) = serve(rpc.into_module(), any, &limits).await.expect("a free port");

    let before = memory().0;
    let clock = Arc::new(monotonic());
    let (heard, mut hears) = mpsc::unbounded_channel();
    let mut crowd = listeners(address, kind, subscribers, &clock, &heard).await;
    let held = memory().0.saturating_sub(before);
    let (mut each, mut last) = (Figures::default(), Figures::default());
    for number in 0..WARM + blocks {
        indexer.apply(chain, &history.committed(number..number + 1), None).expect("the next block");
        let durable = clock();
        committed.send_modify(|commits| *commits += 1);
        let mut latest = Duration::ZERO;
        for _ in 0..subscribers {
            // Whoever was just looking finds the block before anybody says that it is there.
            let heard = hears.recv().await.expect("every subscriber is told of every block");
            let took = heard.saturating_sub(durable);
            latest = latest.max(took);
            if number >= WARM {
                each.push(took);
            }
        }
        if number >= WARM {
            last.push(latest);
        }
    }
    crowd.abort_all();
    let _ = server.stop();
    println!("{kind}, {subscribers} subscribers");
    println!("  each         {}", each.spread());
    println!("  the last one {}", last.spread());
    let each = held / 1_024 / subscribers as u64;
    // A later crowd has the memory of the first.
    if subscribers > 1 && each > 0 {
        println!("  memory {each} KiB each, both ends");
    }
}

/// Subscribers that say when they were told.
async fn listeners(
    address: SocketAddr,
    kind: &str,
    count: usize,
    clock: &Arc<impl Fn() -> Duration + Send + Sync + 'static>,
    heard: &mpsc::UnboundedSender<Duration>,
) -> JoinSet<()> {
    let request =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"bmn_subscribe","params":["{kind}"]}}"#);
    let mut crowd = JoinSet::new();
    for _ in 0..count {
        let mut listener = Listener::subscribed(address, &request).await.expect("a subscription");
        let (clock, heard) = (Arc::clone(clock), heard.clone());
        crowd.spawn(async move {
            while listener.next().await.is_ok() && heard.send(clock()).is_ok() {}
        });
    }
    crowd
}
