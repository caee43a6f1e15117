//! Looks at the configuration again when its file changes, or when the process is told to (SIGHUP).

use crate::{LaunchError, Live, reload::SIGNAL};
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A file that is written in several steps is looked at so long after the last one.
const SETTLES: Duration = Duration::from_millis(100);
/// Longest that a file which never rests keeps the look waiting, in such pauses.
const MOST_PAUSES: u32 = 5;

/// Watches the file of a configuration.
#[derive(Debug, Clone)]
pub struct ConfigWatch {
    live: Arc<Live>,
}

impl ConfigWatch {
    /// A watch of this configuration's file.
    pub const fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    /// Watches until it is told to stop. Where the system cannot watch files, SIGHUP is what is left.
    ///
    /// # Errors
    /// [`LaunchError::File`]: the history cannot be written.
    pub async fn run(self, stop: CancellationToken) -> Result<(), LaunchError> {
        let (changed, mut changes) = mpsc::channel(1);
        // Kept until the end: without it nothing is told.
        let _watcher = self.live.path().and_then(|path| watch(path, changed.clone()));
        let mut hangup = Hangup::new();
        // It may have changed since the node read it, or since this was left off.
        let mut first = Some("file");
        loop {
            let why = if let Some(why) = first.take() {
                why
            } else {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    Some(()) = changes.recv() => {
                        settle(&mut changes).await;
                        "file"
                    }
                    () = hangup.heard() => SIGNAL,
                }
            };
            let live = Arc::clone(&self.live);
            let looked = tokio::task::spawn_blocking(move || live.reload(why)).await;
            match looked {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
                Err(error) => {
                    tracing::error!(target: "bmn::config", %error, "a look at the file broke off");
                }
            }
        }
    }
}

/// Waits until nothing is written for a moment.
async fn settle(changes: &mut mpsc::Receiver<()>) {
    for _ in 0..MOST_PAUSES {
        if tokio::time::timeout(SETTLES, changes.recv()).await.is_err() {
            return;
        }
    }
}

/// Editors put a new file in the place of the old one, so the directory is what is watched.
fn watch(path: &Path, changed: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let name = path.file_name()?.to_owned();
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    let directory = parent.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let told = move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| concerns(&event, &name)) {
            // One that waits stands for all.
            let _ = changed.try_send(());
        }
    };
    let watcher = notify::recommended_watcher(told).and_then(|mut watcher| {
        watcher.watch(&directory, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watcher
        .inspect_err(|error| {
            tracing::warn!(
                target: "bmn::config", %error,
                "the configuration cannot be watched: SIGHUP has it read again"
            );
        })
        .ok()
}

/// Whether an event may have changed the file: its own, a specification beside it, or a link that both stand behind.
fn concerns(event: &Event, name: &OsStr) -> bool {
    let is_write = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    let is_near = |path: &PathBuf| {
        let is_link = path.file_name() == Some(OsStr::new("..data"));
        path.file_name() == Some(name) || is_link || path.extension() == Some(OsStr::new("toml"))
    };
    is_write && event.paths.iter().any(is_near)
}

#[cfg(unix)]
struct Hangup(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Hangup {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self(signal(SignalKind::hangup()).ok())
    }

    async fn heard(&mut self) {
        match &mut self.0 {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Hangup;

#[cfg(not(unix))]
impl Hangup {
    const fn new() -> Self {
        Self
    }

    async fn heard(&mut self) {
        std::future::pending().await
    }
}
