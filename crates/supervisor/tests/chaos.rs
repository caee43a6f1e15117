//! Trees that fail, panic, hang and are stopped at any moment. None of them may stand still, start anything more often
//! than allowed, stop in another order than it promised, or leave anything behind (S4-21).

use bmn_primitives::ErrorClass;
use bmn_supervisor::{
    Child, Failure, Importance, Lifecycle, Policy, Registry, Strategy, Supervisor,
};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const RUNS: u64 = 10_000;

/// What a child does when it is started.
#[derive(Debug, Clone, Copy)]
enum Habit {
    /// Runs, and ends so many milliseconds after it was asked.
    Good(u64),
    /// Runs and does not listen.
    Deaf,
    /// Fails after so long.
    Fails(u64, ErrorClass),
    /// Panics after so long.
    Panics(u64),
    /// Panics before there is anything to run.
    StillBorn,
    /// Ends after so long as if its work were done.
    Ends(u64),
    /// Fails the first so many times, then is good.
    Mends(usize, u64),
}

fn habit(random: &mut ChaCha8Rng) -> Habit {
    let soon = random.random_range(0..20_000);
    match random.random_range(0..13) {
        0..4 => Habit::Good(random.random_range(0..3_000)),
        4 => Habit::Deaf,
        5 => Habit::Fails(soon, ErrorClass::Transient),
        6 => {
            let classes = [ErrorClass::Permanent, ErrorClass::Corrupt];
            Habit::Fails(soon, *classes.choose(random).expect("two"))
        }
        7 => Habit::Panics(soon),
        8 => Habit::StillBorn,
        9 | 10 => Habit::Ends(soon),
        _ => Habit::Mends(random.random_range(1..8), random.random_range(0..2_000)),
    }
}

/// What was seen of a run.
#[derive(Default)]
struct Seen {
    living: AtomicUsize,
    starts: Mutex<Vec<(String, Instant)>>,
    stops: Mutex<Vec<(String, Instant)>>,
}

/// Counts who lives, however he ends.
struct Alive(Arc<Seen>);

impl Alive {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.living.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(seen))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.living.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn live(
    habit: Habit,
    run: usize,
    name: String,
    seen: Arc<Seen>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let _alive = Alive::new(&seen);
    let until = |after: u64| {
        let stop = stop.clone();
        async move {
            tokio::select! {
                () = stop.cancelled() => true,
                () = sleep(Duration::from_millis(after)) => false,
            }
        }
    };
    let stopped = match habit {
        Habit::Deaf => std::future::pending().await,
        Habit::Fails(after, class) if !until(after).await => {
            return Err(Failure::new("as told", class));
        }
        Habit::Panics(after) if !until(after).await => panic!("as told"),
        Habit::Ends(after) if !until(after).await => return Ok(()),
        Habit::Mends(times, after) if run <= times && !until(after).await => {
            return Err(Failure::transient("not yet"));
        }
        Habit::Good(after) => {
            stop.cancelled().await;
            seen.stops.lock().expect("whole").push((name, Instant::now()));
            sleep(Duration::from_millis(after)).await;
            return Ok(());
        }
        _ => stop.cancelled(),
    };
    stopped.await;
    seen.stops.lock().expect("whole").push((name, Instant::now()));
    Ok(())
}

fn leaf(name: String, path: String, random: &mut ChaCha8Rng, seen: &Arc<Seen>) -> Child {
    let (habit, seen, runs) = (habit(random), Arc::clone(seen), AtomicUsize::new(0));
    let importance = importance(random);
    let may_end = random.random_bool(0.5);
    let child = Child::new(name, importance, move |stop| {
        let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
        seen.starts.lock().expect("whole").push((path.clone(), Instant::now()));
        assert!(!matches!(habit, Habit::StillBorn), "as told");
        live(habit, run, path.clone(), Arc::clone(&seen), stop)
    });
    let child = child.ends_within(Duration::from_millis(random.random_range(100..4_000)));
    if may_end { child.may_end() } else { child }
}

fn importance(random: &mut ChaCha8Rng) -> Importance {
    if random.random_bool(0.3) { Importance::Vital } else { Importance::Useful }
}

fn policy(random: &mut ChaCha8Rng) -> Policy {
    let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
    Policy {
        strategy: *strategies.choose(random).expect("three"),
        most: random.random_range(0..6),
        within: Duration::from_secs(random.random_range(1..60)),
        seed: random.random(),
        ..Policy::default()
    }
}

const DRAIN: Duration = Duration::from_secs(10);

fn tree(
    name: &str,
    path: &str,
    depth: u32,
    random: &mut ChaCha8Rng,
    seen: &Arc<Seen>,
) -> Supervisor {
    let mut supervisor = Supervisor::new(name, policy(random)).drains_within(DRAIN);
    for index in 0..random.random_range(1..5) {
        let name = format!("{index}");
        let path = format!("{path}/{name}");
        let child = if depth > 0 && random.random_bool(0.25) {
            Child::group(tree(&name, &path, depth - 1, random, seen), importance(random))
        } else {
            leaf(name, path, random, seen)
        };
        supervisor = supervisor.with(child);
    }
    supervisor
}

/// Longest time from the request to stop to the end: whoever is being stopped for a restart, then everybody.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Default)]
struct Tally {
    stopped: u64,
    escalated: u64,
    ended: u64,
    forced: usize,
    restarts: u64,
    left_off: usize,
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_trees_end_and_leave_nothing_behind() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        if !text.contains("as told") {
            let _ =
                std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes());
        }
    }));
    let mut tally = Tally::default();
    for seed in 0..RUNS {
        run(seed, &mut tally).await;
    }
    let _ = std::panic::take_hook();
    // Everything that can happen has happened, or the runs prove little.
    assert!(tally.stopped > 2_000 && tally.escalated > 1_000 && tally.ended > 0, "{tally:?}");
    assert!(tally.forced > 1_000 && tally.restarts > 10_000 && tally.left_off > 1_000, "{tally:?}");
}

async fn run(seed: u64, tally: &mut Tally) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (seen, registry, stop) =
        (Arc::new(Seen::default()), Registry::default(), CancellationToken::new());
    let supervisor = tree("root", "root", 2, &mut random, &seen);
    let stops_after = Duration::from_millis(random.random_range(0..90_000));
    let stopping = async {
        sleep(stops_after).await;
        tally.left_off +=
            registry.state().iter().filter(|it| it.lifecycle == Lifecycle::Degraded).count();
        stop.cancel();
        Instant::now()
    };
    let running = async {
        let ended = timeout(stops_after + PATIENCE, supervisor.run(&registry, stop.clone())).await;
        (ended, stop.is_cancelled())
    };
    let ((ended, was_stopped), stopped_at) = tokio::join!(running, stopping);
    let ended = ended.unwrap_or_else(|_| panic!("seed {seed}: it stands still: {supervisor:?}"));
    match ended {
        Ok(drained) if was_stopped => {
            tally.stopped += 1;
            tally.forced += drained.late.len();
            stops_in_reverse(seed, &seen, stopped_at);
        }
        Ok(_) => tally.ended += 1,
        Err(escalated) => {
            tally.escalated += 1;
            assert!(escalated.component.starts_with("root/"), "seed {seed}: {escalated}");
        }
    }
    // Those that were ended by force are let go of when the runtime comes to them.
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.living.load(Ordering::Relaxed), 0, "seed {seed}: somebody lives on");
    for state in registry.state() {
        let over = matches!(state.lifecycle, Lifecycle::Stopped | Lifecycle::Failed);
        assert!(over, "seed {seed}: {state:?}");
        tally.restarts += state.restarts;
    }
    is_within_limits(seed, &supervisor, &seen);
}

/// Among the root's own children, who was asked to stop later stands earlier.
fn stops_in_reverse(seed: u64, seen: &Seen, stopped_at: Instant) {
    let stops = seen.stops.lock().expect("whole");
    let order: Vec<usize> = stops
        .iter()
        // A nested group goes on having its own children started again until its turn comes.
        .filter(|(path, at)| *at >= stopped_at && path.matches('/').count() == 1)
        .filter_map(|(path, _)| path.split('/').nth(1)?.parse().ok())
        .collect();
    assert!(order.is_sorted_by(|a, b| a >= b), "seed {seed}: {order:?}");
}

/// Starts of a child of the root within any window, the slow ones of one that is left off included. The policy is only
/// that of the child itself where nobody else has it started again.
fn is_within_limits(seed: u64, supervisor: &Supervisor, seen: &Seen) {
    let policy = supervisor.policy();
    if policy.strategy != Strategy::OneForOne {
        return;
    }
    let starts = seen.starts.lock().expect("whole");
    let slow = policy.within.as_millis() / (policy.slow / 2).as_millis() + 1;
    let most = 1 + policy.most as usize + slow as usize;
    let mut children: Vec<_> = starts.iter().map(|(path, _)| path).collect();
    children.sort();
    children.dedup();
    for child in children.iter().filter(|path| path.matches('/').count() == 1) {
        let at: Vec<_> =
            starts.iter().filter(|(path, _)| path == *child).map(|(_, at)| *at).collect();
        for (index, first) in at.iter().enumerate() {
            let near = at[index..].iter().take_while(|at| **at < *first + policy.within).count();
            assert!(near <= most, "seed {seed}: {child} was started {near} times, {most} allowed");
        }
    }
}
