//! What runs beside the resolver, in the tree of a node, on a clock of its own: one of it breaks, the others go on.

use crate::{Outcome, WELL_WITHIN};
use bmn_launch::Tree;
use bmn_records::{RECORDS_FILE, Records};
use bmn_rpc::{ServeLimits, serve};
use bmn_supervisor::{Failure, Importance, Lifecycle, Registry};
use jsonrpsee::{RpcModule, server::ServerHandle};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How a component is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It cannot do its work.
    Fails,
    /// It fails after a while.
    FailsLate,
    /// A mistake of ours.
    Panics,
    /// It ends as if nobody needed it.
    Ends,
    /// The file it needs is no database.
    Records,
    /// What listened listens no more.
    Listener,
}

/// What the component meets.
#[derive(Default)]
struct Cause {
    is_there: bool,
    listener: Option<(ServerHandle, SocketAddr)>,
}

type Shared = Arc<Mutex<Cause>>;

fn lock(cause: &Shared) -> std::sync::MutexGuard<'_, Cause> {
    cause.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn component(
    broken: Broken,
    cause: Shared,
    directory: std::path::PathBuf,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let is_broken = lock(&cause).is_there;
    match broken {
        Broken::Fails if is_broken => return Err(Failure::transient("connection refused")),
        Broken::FailsLate if is_broken => {
            sleep(Duration::from_secs(2)).await;
            return Err(Failure::transient("no answer within 2 s"));
        }
        Broken::Ends if is_broken => return Ok(()),
        Broken::Panics => assert!(!is_broken, "a mistake of ours"),
        Broken::Records => {
            let _open = Records::open(&directory).map_err(Failure::transient)?;
            stop.cancelled().await;
        }
        Broken::Listener => return listen(&cause, &stop).await,
        _ => {}
    }
    // A cause that comes while it runs ends it.
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(Duration::from_millis(500)) => {}
        }
        if lock(&cause).is_there {
            assert!(broken != Broken::Panics, "a mistake of ours");
            return Err(Failure::transient("connection refused"));
        }
    }
}

async fn listen(cause: &Shared, stop: &CancellationToken) -> Result<(), Failure> {
    let at = lock(cause).listener.as_ref().map(|(_, address)| *address);
    if lock(cause).is_there {
        return Err(Failure::transient("address in use"));
    }
    let address = at.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let served = serve(RpcModule::new(()), address, &ServeLimits::default()).await;
    let (handle, bound) = served.map_err(Failure::transient)?;
    lock(cause).listener = Some((handle.clone(), bound));
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        () = handle.clone().stopped() => Err(Failure::transient("nothing listens any more")),
    }
}

fn begin(broken: Broken, cause: &Shared, file: &std::path::Path) {
    lock(cause).is_there = true;
    if broken == Broken::Records {
        std::fs::write(file, b"no database").expect("written");
    }
    if let Some((handle, _)) = &lock(cause).listener {
        let _ = handle.stop();
    }
}

/// Breaks a component for a minute and mends it.
pub(crate) async fn run(name: &'static str, broken: Broken) -> Outcome {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join(RECORDS_FILE);
    let (cause, stop, registry) =
        (Shared::default(), CancellationToken::new(), Registry::default());
    if broken == Broken::Records {
        // It is met at the start: one that is open is not opened again.
        begin(broken, &cause, &file);
    }
    let mut tree = Tree::new(registry.clone());
    let (met, at) = (Arc::clone(&cause), directory.path().to_owned());
    let factory = move |stop| component(broken, Arc::clone(&met), at.clone(), stop);
    if broken == Broken::Listener {
        tree.face(name, factory);
    } else {
        tree.child(name, Importance::Useful, factory);
    }
    tree.child("beside", Importance::Useful, |stop: CancellationToken| async move {
        stop.cancelled().await;
        Ok::<_, Failure>(())
    });
    let (ending, seen) = (stop.clone(), registry.clone());
    let watched = async {
        let outcome = watch(name, broken, &cause, &file, &seen).await;
        ending.cancel();
        outcome
    };
    let (ended, mut outcome) = tokio::join!(tree.run(stop), watched);
    if ended.as_ref().is_ok_and(|drained| !drained.late.is_empty()) || ended.is_err() {
        outcome.wrong = Some(format!("{ended:?}"));
    }
    outcome
}

async fn watch(
    name: &str,
    broken: Broken,
    cause: &Shared,
    file: &std::path::Path,
    registry: &Registry,
) -> Outcome {
    let branch = if broken == Broken::Listener { "faces" } else { "upkeep" };
    let state = |name: &str| registry.get(name).map(|state| state.lifecycle);
    let path = format!("node/{branch}/{name}");
    tokio::time::pause();
    sleep(Duration::from_secs(2)).await;
    begin(broken, cause, file);
    let (mut seen, mut is_off, mut others_run) = (Vec::new(), false, true);
    for _ in 0..60 {
        sleep(Duration::from_secs(1)).await;
        let now = state(&path);
        is_off |= matches!(now, Some(Lifecycle::Degraded | Lifecycle::Restarting));
        others_run &= state("node/upkeep/beside") == Some(Lifecycle::Running);
        let told = format!("{now:?}");
        if seen.last() != Some(&told) {
            seen.push(told);
        }
    }
    lock(cause).is_there = false;
    if broken == Broken::Records {
        std::fs::remove_file(file).expect("removed");
    }
    let mut recovered_after = None;
    for seconds in 0..=2 * WELL_WITHIN {
        if state(&path) == Some(Lifecycle::Running) {
            recovered_after = Some(seconds);
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let restarts = registry.get(&path).map_or(0, |state| state.restarts);
    let wrong = match (others_run, restarts < 16) {
        (false, _) => Some("it took others along".to_owned()),
        (_, false) => Some(format!("{restarts} restarts: it loops")),
        _ => None,
    };
    tokio::time::resume();
    Outcome { seen, is_expected: is_off, recovered_after, wrong }
}
