//! `bmn_getSwap` of many stored swaps, from many connections at once, beside bare jsonrpsee servers.
//!
//! `BMN_BENCH_SWAPS` says how many swaps are stored.
#![allow(clippy::disallowed_macros, reason = "a benchmark tells its figures on stdout")]

use bmn_benches::{
    Caller, Figures, History, Idle, Mix, Transport, indexer, is_smoke, is_wanted, memory,
    monotonic, order_id, per_second, spec, store_orders, temporary,
};
use bmn_indexer::Share;
use bmn_rpc::{BmnRpc, ServeLimits, serve};
use bmn_store::{Store, StoreOptions};
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerHandle},
};
use std::{env, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet};

/// Connections that ask at once.
const CONNECTIONS: u64 = 64;

/// Source escrows of a block.
const MIX: Mix = Mix { sources: 50, destinations: 0, withdrawals: 0 };

/// Blocks handed over at once.
const AT_ONCE: u64 = 64;

/// Page cache while the store is filled, bytes. It is measured with its own.
const FILL_CACHE: usize = 2 << 30;

/// How much is done.
#[derive(Clone, Copy)]
struct Size {
    swaps: u64,
    /// Requests of each connection.
    requests: u64,
    rounds: u32,
}

fn main() {
    if !is_wanted("api") {
        return;
    }
    let said =
        env::var("BMN_BENCH_SWAPS").ok().map(|said| said.parse().expect("a number of swaps"));
    let swaps = said.unwrap_or(if is_smoke() { 1_000 } else { 1_000_000 });
    let (requests, rounds) = if is_smoke() { (3, 1) } else { (500, 3) };
    let directory = temporary();
    let options = || StoreOptions::directory(directory.path());
    let history = History::new(spec(), MIX);
    let store = Store::open(options().with_cache_bytes(FILL_CACHE)).expect("a new store");
    fill(&store, &history, swaps);
    drop(store);
    let store = Store::open(options()).expect("the same store");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("an async runtime");
    runtime.block_on(measure(store, &history, Size { swaps, requests, rounds }));
}

fn fill(store: &Store, history: &History, swaps: u64) {
    let indexer = indexer(store.clone(), [&spec()]);
    let mut backfill = indexer.backfill(spec().chain_id).expect("a chain of the rules");
    let blocks = swaps.div_ceil(u64::from(MIX.sources));
    let (finalized, now) = (history.at(blocks), monotonic());
    for from in (0..blocks).step_by(AT_ONCE as usize) {
        let event = history.committed(from..blocks.min(from + AT_ONCE));
        backfill.push(&event, finalized, Share::Alone, &now).expect("next blocks");
    }
    backfill.flush(&now).expect("the last rows");
    store_orders(store, history, swaps).expect("our store");
}

/// A server and what it is asked.
struct Rival {
    name: &'static str,
    address: SocketAddr,
    request: fn(&str) -> String,
    _server: ServerHandle,
}

async fn measure(store: Store, history: &History, size: Size) {
    let idle = Arc::new(Idle);
    let (_sender, committed) = watch::channel(0);
    let rpc = BmnRpc::new(store, Arc::clone(&idle) as _, Arc::clone(&idle) as _, idle, committed);
    let limits = ServeLimits { client: None, ..ServeLimits::default() };
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let module = rpc.into_module();
    alone(&module, history, size).await;
    let (server, address) = serve(module, any, &limits).await.expect("a free port");
    let ours = Rival { name: "bmn_getSwap", address, request: get_swap, _server: server };
    let mut caller = Caller::open(Transport::Http, address).await.expect("a connection");
    let id = order_id(history, 0).to_string();
    let length = caller.ask(&get_swap(&id)).await.expect("the first swap");
    println!("{} swaps stored, {CONNECTIONS} connections, answers of {length} bytes", size.swaps);
    let rivals = [ours, bare("echo", None).await, bare("echo of as much", Some(length)).await];
    for transport in [Transport::Http, Transport::WebSocket] {
        compare(transport, &rivals, history, size).await;
    }
    page(address, size).await;
    println!("{} MiB in memory", memory().0 >> 20);
}

/// The handler without a network, one request after another.
async fn alone(module: &RpcModule<()>, history: &History, size: Size) {
    let (mut figures, clock) = (Figures::default(), monotonic());
    for n in 0..size.requests * CONNECTIONS {
        let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size.swaps;
        let request = get_swap(&order_id(history, n).to_string());
        let began = clock();
        module.raw_json_request(&request, 1).await.expect("an answer");
        figures.push(clock() - began);
    }
    println!("in process, one at a time");
    println!("  {:<16} {}", "bmn_getSwap", figures.spread());
}

fn get_swap(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"bmn_getSwap","params":["{id}"]}}"#)
}

fn echo(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"echo","params":["{id}"]}}"#)
}

/// A server of jsonrpsee and nothing else, whose answer is the parameter, or so many bytes.
async fn bare(name: &'static str, length: Option<usize>) -> Rival {
    let mut module = RpcModule::new(length.map(|length| "x".repeat(length)));
    let registered = module.register_method("echo", |params, answer, _| {
        let asked: String = params.one().unwrap_or_default();
        answer.clone().unwrap_or(asked)
    });
    registered.expect("one method");
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let server = Server::builder().build(any).await.expect("a free port");
    let address = server.local_addr().expect("its address");
    Rival { name, address, request: echo, _server: server.start(module) }
}

/// All of them, turn by turn.
async fn compare(transport: Transport, rivals: &[Rival; 3], history: &History, size: Size) {
    let mut rates = [const { Vec::new() }; 3];
    let mut times = [Figures::default(), Figures::default(), Figures::default()];
    for round in 0..size.rounds {
        for (index, rival) in rivals.iter().enumerate() {
            let asked = ask(transport, rival, history, (u64::from(round), size)).await;
            rates[index].push(asked.0);
            asked.1.into_iter().for_each(|took| times[index].push(took));
        }
    }
    println!("{transport:?}, {} rounds of {} requests", size.rounds, CONNECTIONS * size.requests);
    let median = rates.map(|mut rates: Vec<f64>| {
        rates.sort_unstable_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    for ((rival, rate), times) in rivals.iter().zip(median).zip(times) {
        let share = median[0] / rate;
        println!("  {:<16} {rate:>8.0} a second, ours {share:.2} of it", rival.name);
        println!("  {:<16} {}", "", times.spread());
    }
}

/// Requests a second of all connections together, and what each request took.
async fn ask(
    transport: Transport,
    rival: &Rival,
    history: &History,
    (round, size): (u64, Size),
) -> (f64, Vec<Duration>) {
    let mut callers = Vec::new();
    for connection in 0..CONNECTIONS {
        let first = (round * CONNECTIONS + connection) * size.requests;
        let requests: Vec<_> = (first..first + size.requests)
            .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size.swaps)
            .map(|n| (rival.request)(&order_id(history, n).to_string()))
            .collect();
        let caller = Caller::open(transport, rival.address).await.expect("a connection");
        callers.push((caller, requests));
    }
    let clock = Arc::new(monotonic());
    let began = clock();
    let mut asking = JoinSet::new();
    for (mut caller, requests) in callers {
        let clock = Arc::clone(&clock);
        asking.spawn(async move {
            let mut times = Vec::with_capacity(requests.len());
            for request in &requests {
                let began = clock();
                caller.ask(request).await.expect("an answer");
                times.push(clock() - began);
            }
            times
        });
    }
    let times = asking.join_all().await.concat();
    (per_second(times.len() as u64, clock() - began), times)
}

/// Pages of 100 swaps of one status, one after another.
async fn page(address: SocketAddr, size: Size) {
    let mut caller = Caller::open(Transport::Http, address).await.expect("a connection");
    for status in ["sourceLocked", "completed"] {
        let request = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"bmn_getSwaps","params":[{{"status":"{status}"}},null,100]}}"#
        );
        let (mut figures, clock) = (Figures::default(), monotonic());
        let mut length = 0;
        for _ in 0..size.requests {
            let began = clock();
            length = caller.ask(&request).await.expect("a page");
            figures.push(clock() - began);
        }
        println!("a page of 100 swaps that are {status}, {length} bytes");
        println!("  {:<16} {}", "", figures.spread());
    }
}
