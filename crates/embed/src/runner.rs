//! The thread that the resolver lives on.
//!
//! One of its own, with a runtime of its own: the resolver writes to its database and waits for it, which no
//! thread of the node's runtime should do, and whatever becomes of the thread, the node's are untouched.

use crate::{
    front::Front,
    local::LocalChain,
    session::{self, Options, SessionError},
    supervise::{Backoff, supervise},
};
use std::{io, sync::Arc, thread};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Runs the resolver until `stop`. What is answered ends when the thread has ended, with everything on disk.
/// `unfit` says why this node cannot be acted through, if it cannot.
pub fn start(
    options: Options,
    local: Arc<dyn LocalChain>,
    front: Front,
    unfit: Option<String>,
    stop: CancellationToken,
) -> oneshot::Receiver<()> {
    let (done, ended) = oneshot::channel();
    let telling = front.clone();
    let started = thread::Builder::new().name("bmn-resolver".to_owned()).spawn(move || {
        // Dropped however the thread ends.
        let _done = done;
        if let Err(error) = run(&options, &local, &front, unfit, stop) {
            not_started(&front, &error);
        }
    });
    if let Err(error) = started {
        not_started(&telling, &error);
    }
    ended
}

fn not_started(front: &Front, error: &io::Error) {
    tracing::error!(target: "bmn::embed", %error, "the resolver's thread; the node goes on");
    front.leave(&format!("its thread could not be started: {error}"));
}

fn run(
    options: &Options,
    local: &Arc<dyn LocalChain>,
    front: &Front,
    unfit: Option<String>,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    // Its threads that read the node's storage, too, so that all of ours can be told from the node's.
    let runtime = runtime.enable_all().thread_name("bmn-blocking").build()?;
    let session = || {
        let (options, local, front) = (options.clone(), Arc::clone(local), front.clone());
        let (unfit, stop) = (unfit.clone(), stop.child_token());
        async move {
            match unfit {
                Some(unfit) => Err(SessionError::Unfit(unfit)),
                None => session::run(options, local, front, stop).await,
            }
        }
    };
    runtime.block_on(supervise(front.clone(), stop.clone(), Backoff::default(), session));
    Ok(())
}
