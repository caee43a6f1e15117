//! The engine with many open swaps: from the block that makes a source withdrawal due to its signed
//! transaction, its work per block, what one more order costs, and memory.
//!
//! `BMN_BENCH_OPEN` says how many swaps are open, 1 000 unless said. The swaps are opened through the
//! engine itself, on two development chains; that takes some milliseconds for each.
#![allow(clippy::disallowed_macros, reason = "a benchmark tells its figures on stdout")]

use bmn_benches::{
    Figures, Market, QuietChain, engine_policy, is_smoke, is_wanted, memory, monotonic, spec,
    spec_b, temporary,
};
use bmn_node::{ChainHost, Resolver, SystemClock, rules_of};
use bmn_primitives::OrderId;
use bmn_queue::{Loaded, market_for, open_orders};
use bmn_sim::{Network, SIMULATION_GENESIS, accounts::DevAccount};
use bmn_store::{Reads, Store, StoreOptions};
use bmn_swap::{Circumstances, Status, assess};
use std::{env, hint::black_box, path::Path, process::Command, sync::Arc};

/// Says to a process of its own which database to open for the memory figures.
const MEMORY_OF: &str = "BMN_BENCH_MEMORY_OF";

fn main() {
    if !is_wanted("engine") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    if let Ok(directory) = env::var(MEMORY_OF) {
        return runtime.block_on(alone(Path::new(&directory)));
    }
    let said = env::var("BMN_BENCH_OPEN").ok().map(|said| said.parse().expect("a number"));
    let open = said.unwrap_or(if is_smoke() { 4 } else { 1_000 });
    let directory = temporary();
    runtime.block_on(measure(open, directory.path()));
    let own = env::current_exe().expect("this program");
    let bench: Vec<String> = env::args().filter(|arg| arg == "--bench").collect();
    let alone = Command::new(own).args(bench).env(MEMORY_OF, directory.path()).status();
    assert!(alone.expect("a process of its own").success());
}

struct Rounds {
    idle: usize,
    single: usize,
    tens: usize,
}

async fn measure(open: usize, directory: &Path) {
    let rounds = if is_smoke() {
        Rounds { idle: 2, single: 1, tens: 0 }
    } else {
        Rounds { idle: 200, single: 300, tens: 20 }
    };
    let due = rounds.single + 10 * rounds.tens;
    let more = if is_smoke() { 1 } else { 200 };
    let store = Store::open(StoreOptions::directory(directory)).expect("a new store");
    let now = monotonic();
    // Those that are settled while others are measured, and as many as are offered at the end, come on top.
    let mut market = Market::new(open + due + more, store).await;
    println!("{} makers funded in {:.0} s", open + due + more, now().as_secs_f64());
    market.open(open + due).await;
    println!("{} swaps opened, {:.0} s", market.count(Status::BothLocked), now().as_secs_f64());
    market.admissions();

    let mut idle = Figures::default();
    for block in 0..rounds.idle {
        market.mine(block % 2);
        idle.push(market.work().await.0);
    }
    println!("{} swaps open", market.count(Status::BothLocked));
    println!("  work of a block, nothing due     {}", idle.spread());
    let mut next = 0;
    settle(&mut market, &mut next, 1, rounds.single).await;
    settle(&mut market, &mut next, 10, rounds.tens).await;
    println!("{} swaps open", market.count(Status::BothLocked));
    for maker in open + due..open + due + more {
        market.offer(maker).await;
    }
    println!("  admission of an order, by RPC    {}", market.admissions().spread());
    functions(market.resolver.store());
    // What was sent is settled, for whoever opens the database next: what is not, he sends again with every
    // block.
    for _ in 0..200 {
        market.pass().await;
        if market.unsettled() == 0 {
            break;
        }
    }
    println!("{} swaps open, {} unsettled", market.count(Status::BothLocked), market.unsettled());
    println!("  resolver's own figure            {}", {
        let mut figures = Figures::default();
        market.resolver.latencies().into_iter().for_each(|took| figures.push(took));
        figures.spread()
    });
}

/// Lets `at_once` makers disclose at a time, and follows their swaps to the end.
async fn settle(market: &mut Market, next: &mut usize, at_once: usize, rounds: usize) {
    let (mut handed, mut work) = (Figures::default(), Figures::default());
    for _ in 0..rounds {
        let makers = *next..*next + at_once;
        *next += at_once;
        let mut seen = 0;
        // A maker discloses when he is safe; the destination's withdrawals are mined, and then the
        // source's are due.
        for _ in 0..60 {
            for maker in makers.clone() {
                while market.call(maker).await {}
            }
            market.work().await;
            market.mine(1);
            let (took, sent) = market.work().await;
            if !sent.is_empty() {
                work.push(took);
                seen += sent.len();
                sent.into_iter().for_each(|took| handed.push(took));
            }
            if seen >= at_once {
                break;
            }
            market.mine(0);
            market.work().await;
        }
        assert_eq!(seen, at_once, "as many source withdrawals as were disclosed");
    }
    if rounds > 0 {
        println!("  source withdrawal, {at_once:>2} due at once: block to signed and handed over");
        println!("                                   {}", handed.spread());
        println!("  work of such a block             {}", work.spread());
    }
}

/// The pure functions, with what an open swap gives them.
fn functions(store: &Store) {
    let us = DevAccount::Resolver.address();
    let rules = rules_of(us, [&spec(), &spec_b()], engine_policy());
    let read = store.read().expect("a snapshot");
    let ids = read.orders_by_status(Status::BothLocked, None, 1_000).expect("orders");
    let (mut load, mut plan) = (Figures::default(), Figures::default());
    let (mut market, mut judge) = (Figures::default(), Figures::default());
    for id in &ids {
        let loaded = load.time(|| Loaded::read(&read, *id, &rules)).expect("readable");
        let loaded = loaded.expect("known");
        plan.time(|| black_box(loaded.plan(&rules)));
        let order = &loaded.order;
        let numbers = market.time(|| market_for(&read, order, &rules)).expect("readable");
        let seen = Circumstances {
            at: order.seen_at,
            gas_price: (1_000_000_000, 1_000_000_000),
            open_orders: open_orders(&read).expect("counts"),
            market: &numbers,
            source: loaded.source.as_ref(),
        };
        judge.time(|| black_box(assess(order, &[], &seen, &rules.terms())));
    }
    println!("  order with its legs read         {}", load.spread());
    println!("  plan()                           {}", plan.spread());
    println!("  what stands against the caps     {}", market.spread());
    println!("  assessment                       {}", judge.spread());
    let mut counted = Figures::default();
    for _ in &ids {
        counted.time(|| black_box(open_orders(&read))).expect("counts");
    }
    println!("  open orders counted              {}", counted.spread());
}

/// The engine over a database with open swaps and nothing else in its process.
async fn alone(directory: &Path) {
    let network = Network::in_memory(SIMULATION_GENESIS).expect("two chains");
    let idle = memory().0;
    let store = Store::open(StoreOptions::directory(directory)).expect("the store");
    let (mut hosts, mut quiet) = (Vec::new(), Vec::new());
    for node in &network.chains {
        let tip = store.read().expect("a snapshot").cursor(node.id()).expect("a cursor").tip;
        let source = QuietChain::new(node.id(), tip.expect("it was indexed"));
        quiet.push(source.clone());
        let source = Box::new(source);
        hosts.push(ChainHost { spec: node.spec.clone(), source, client: node.client.clone() });
    }
    let orders: Vec<OrderId> = store
        .read()
        .expect("a snapshot")
        .orders_by_status(Status::BothLocked, None, usize::MAX)
        .expect("orders");
    let open = orders.len();
    drop(orders);
    let signer = DevAccount::Resolver.signer();
    let clock = Arc::new(SystemClock::new());
    let resolver = Resolver::open(store, hosts, signer, engine_policy(), clock);
    let mut resolver = resolver.expect("the resolver opens");
    let now = monotonic();
    resolver.run_until_idle().await.expect("it catches up");
    let caught_up = now();
    let mut work = Figures::default();
    for block in 0..if is_smoke() { 4 } else { 400 } {
        quiet[block % 2].mine();
        let now = monotonic();
        resolver.run_until_idle().await.expect("it works");
        work.push(now());
    }
    let (resident, peak) = memory();
    let over = |bytes: u64| bytes.saturating_sub(idle) >> 20;
    println!("{open} swaps open, nothing else in the process");
    println!("  derived again after a restart    {:.0} ms", caught_up.as_secs_f64() * 1_000.0);
    println!("  work of a block, nothing due     {}", work.spread());
    println!("  memory over idle                 {} MiB, {} at most", over(resident), over(peak));
}
