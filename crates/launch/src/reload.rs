//! A configuration that is changed while the node runs: read and checked as a whole, applied as a whole.

use crate::{
    History, LaunchError, Outcome, Version,
    open::{ConfigSource, LoadedFile},
};
use alloy::primitives::{hex, keccak256};
use bmn_config::{Loaded, NodeConfig, without_secrets};
use bmn_node::Clock;
use parking_lot::Mutex;
use std::{path::Path, sync::Arc};
use tokio::sync::watch;

/// What takes a new configuration, or says why it cannot.
type Take = dyn Fn(&NodeConfig) -> Result<(), String> + Send + Sync;

/// A part of the node that a configuration can be changed of while it runs.
pub struct LivePart {
    name: &'static str,
    check: Box<Take>,
    apply: Box<Take>,
}

impl std::fmt::Debug for LivePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LivePart").field("name", &self.name).finish_non_exhaustive()
    }
}

impl LivePart {
    /// A part. `apply` takes a configuration at once and whole, or not at all; it is called again with the one before
    /// when a later part does not take the new one.
    pub fn new(
        name: &'static str,
        apply: impl Fn(&NodeConfig) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { name, check: Box::new(|_| Ok(())), apply: Box::new(apply) }
    }

    /// With what is looked at before anything is applied.
    #[must_use]
    pub fn checked(
        self,
        check: impl Fn(&NodeConfig) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { check: Box::new(check), ..self }
    }
}

/// What a look at the file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// The file is what holds.
    Unchanged,
    /// It holds from now on.
    Applied {
        /// Its number in the history.
        version: u64,
        /// What of it holds from the next start on.
        needs_restart: Vec<String>,
    },
    /// Something in it is wrong; nothing was changed.
    Refused {
        /// Its number in the history.
        version: u64,
        /// Every problem.
        reason: String,
    },
    /// A part could not be changed; every part has what it had.
    RolledBack {
        /// Its number in the history.
        version: u64,
        /// The part, and why.
        reason: String,
    },
}

/// The configuration of a running node.
pub struct Live {
    source: ConfigSource,
    history: History,
    clock: Arc<dyn Clock>,
    parts: Vec<LivePart>,
    /// The file that was looked at last, and what holds of it.
    state: Mutex<State>,
    current: watch::Sender<Arc<NodeConfig>>,
    outcome: watch::Sender<Reloaded>,
}

/// What has the file looked at on SIGHUP.
pub(crate) const SIGNAL: &str = "signal";

struct State {
    digest: String,
    /// With the values of the start wherever those need a restart.
    started: Loaded,
    holds: NodeConfig,
    /// What a part did not take: it is not offered again, nor told of again, until the file changes.
    refused: Option<NodeConfig>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Live {
    /// Begins with the configuration that the node was started with, and keeps it as a version unless it is the newest
    /// one already.
    ///
    /// # Errors
    /// [`LaunchError::File`]: the history cannot be written.
    pub fn start(
        source: ConfigSource,
        file: LoadedFile,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LaunchError> {
        let LoadedFile { text, loaded } = file;
        let history = History::of(&loaded.config.data_dir);
        let (digest, now) = (digest(&text), clock.unix_millis());
        history.settle_pending(&digest, now)?;
        let versions = history.versions()?;
        let newest = versions.iter().rev().find(|it| it.outcome == Outcome::Applied);
        if newest.is_none_or(|version| version.digest != digest) {
            let kept = without_secrets(&text, &loaded.secrets);
            let version = version("start", &digest, Some(kept), now);
            history.begin(Version {
                outcome: Outcome::Applied,
                settled_ms: Some(now),
                ..version
            })?;
        }
        let current = watch::Sender::new(Arc::new(loaded.config.clone()));
        let holds = loaded.config.clone();
        let state = Mutex::new(State { digest, started: loaded, holds, refused: None });
        let outcome = watch::Sender::new(Reloaded::Unchanged);
        Ok(Self { source, history, clock, parts: Vec::new(), state, current, outcome })
    }

    /// With a part that takes changes, after those before it.
    pub fn part(&mut self, part: LivePart) {
        self.parts.push(part);
    }

    /// What holds, now and after every change. Whoever reads it sees one configuration whole.
    pub fn subscribe(&self) -> watch::Receiver<Arc<NodeConfig>> {
        self.current.subscribe()
    }

    /// What each look came to.
    pub fn outcomes(&self) -> watch::Receiver<Reloaded> {
        self.outcome.subscribe()
    }

    /// The file; none where the configuration came from stdin.
    pub fn path(&self) -> Option<&Path> {
        Some(self.source.path()).filter(|path| *path != Path::new("-"))
    }

    /// Looks at the file. `why` is kept with the version. It blocks: reads and writes files.
    ///
    /// # Errors
    /// [`LaunchError::File`]: the history cannot be written; nothing was changed then, or all of it was.
    pub fn reload(&self, why: &str) -> Result<Reloaded, LaunchError> {
        let mut state = self.state.lock();
        let reloaded = self.look(&mut state, why)?;
        tell(&reloaded);
        self.outcome.send_replace(reloaded.clone());
        Ok(reloaded)
    }

    fn look(&self, state: &mut State, why: &str) -> Result<Reloaded, LaunchError> {
        let now = self.clock.unix_millis();
        let text = match self.source.text() {
            Ok(text) => text,
            // A file that is still away is not told of again.
            Err(_) if state.digest.is_empty() => return Ok(Reloaded::Unchanged),
            Err(error) => {
                state.digest.clear();
                return self.refuse(version(why, "", None, now), error.to_string());
            }
        };
        let digest = digest(&text);
        let loaded = match self.source.load(&text) {
            Ok(loaded) => loaded,
            // One that is wrong and was told of already is not told of again.
            Err(_) if digest == state.digest => return Ok(Reloaded::Unchanged),
            Err(error) => {
                state.digest.clone_from(&digest);
                return self.refuse(version(why, &digest, None, now), error.to_string());
            }
        };
        let next = state.started.config.with_live_of(&loaded.config);
        // A signal asks for another look at what a part did not take: a variable may be set by now.
        let is_refused = why != SIGNAL && state.refused.as_ref() == Some(&next);
        if digest == state.digest && (next == state.holds || is_refused) {
            return Ok(Reloaded::Unchanged);
        }
        let kept = without_secrets(&text, &loaded.secrets);
        let version = version(why, &digest, Some(kept), now);
        state.digest = digest;
        for part in &self.parts {
            if let Err(reason) = (part.check)(&next) {
                state.refused = Some(next);
                return self.refuse(version, format!("{}: {reason}", part.name));
            }
        }
        let needs_restart = loaded.needs_restart(&state.started);
        let number = self.history.begin(version)?;
        if let Err(reason) = self.apply(&state.holds, &next) {
            let told = vec![reason.clone()];
            self.settle(number, Outcome::RolledBack, told)?;
            return Ok(Reloaded::RolledBack { version: number, reason });
        }
        state.holds.clone_from(&next);
        self.current.send_replace(Arc::new(next));
        let told = needs_restart.iter().map(|it| format!("{it} needs a restart")).collect();
        self.settle(number, Outcome::Applied, told)?;
        Ok(Reloaded::Applied { version: number, needs_restart })
    }

    /// All parts, or none.
    fn apply(&self, before: &NodeConfig, next: &NodeConfig) -> Result<(), String> {
        for (position, part) in self.parts.iter().enumerate() {
            let Err(reason) = (part.apply)(next) else { continue };
            let mut told = format!("{}: {reason}", part.name);
            for part in self.parts[..=position].iter().rev() {
                if let Err(reason) = (part.apply)(before) {
                    told = format!("{told}; back again, {}: {reason}", part.name);
                }
            }
            return Err(told);
        }
        Ok(())
    }

    fn refuse(&self, version: Version, reason: String) -> Result<Reloaded, LaunchError> {
        let told = vec![reason.clone()];
        let now = self.clock.unix_millis();
        // Its text may be anything: it is not kept.
        let refused = Version {
            outcome: Outcome::Refused,
            told,
            settled_ms: Some(now),
            text: None,
            ..version
        };
        let version = self.history.begin(refused)?;
        Ok(Reloaded::Refused { version, reason })
    }

    fn settle(&self, number: u64, outcome: Outcome, told: Vec<String>) -> Result<(), LaunchError> {
        self.history.settle(number, outcome, told, self.clock.unix_millis())
    }
}

fn tell(reloaded: &Reloaded) {
    match reloaded {
        Reloaded::Unchanged => tracing::debug!(target: "bmn::config", "the file is what holds"),
        Reloaded::Applied { version, needs_restart } if needs_restart.is_empty() => {
            tracing::info!(target: "bmn::config", version, "a changed configuration holds");
        }
        Reloaded::Applied { version, needs_restart } => tracing::warn!(
            target: "bmn::config", version, needs_restart = needs_restart.join(", "),
            "a changed configuration holds; a part of it needs a restart"
        ),
        Reloaded::Refused { version, reason } => tracing::error!(
            target: "bmn::config", version, reason,
            "a changed configuration is refused; the one before goes on"
        ),
        Reloaded::RolledBack { version, reason } => tracing::error!(
            target: "bmn::config", version, reason,
            "a changed configuration could not be applied; the one before goes on"
        ),
    }
}

fn version(why: &str, digest: &str, text: Option<String>, now_ms: u64) -> Version {
    Version {
        number: 0,
        time_ms: now_ms,
        settled_ms: None,
        source: why.to_owned(),
        digest: digest.to_owned(),
        text,
        outcome: Outcome::Pending,
        told: Vec::new(),
    }
}

fn digest(text: &str) -> String {
    hex::encode(keccak256(text))
}
