//! Being told to stop.

use std::future::Future;

/// Ctrl-C, or what a supervisor sends. Heard from this call on and not from the first poll: whoever reads that
/// the program runs may end it at once.
#[cfg(unix)]
pub(crate) fn stop() -> impl Future<Output = ()> + use<> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn heard(signal: Option<Signal>) {
        match signal {
            Some(mut signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
    let signals = [SignalKind::interrupt(), SignalKind::terminate()];
    let [interrupt, terminate] = signals.map(|kind| signal(kind).ok());
    async move {
        tokio::select! {
            () = heard(interrupt) => {}
            () = heard(terminate) => {}
        }
    }
}

/// What has the configuration read again. While it is kept, and after it, the signal does not end the process.
#[cfg(unix)]
pub(crate) fn hangup() -> Option<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok()
}

/// There is no such signal.
#[cfg(not(unix))]
pub(crate) const fn hangup() {}

/// Ctrl-C.
#[cfg(not(unix))]
pub(crate) fn stop() -> impl Future<Output = ()> + use<> {
    async {
        let _ = tokio::signal::ctrl_c().await;
    }
}
