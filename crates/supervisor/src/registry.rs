//! How every component of a tree does, for whoever asks.

use crate::{Importance, measured};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Where a component is in its life (S4-09).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// It is given to the runtime and has not run yet.
    Starting,
    /// It runs.
    Running,
    /// It was asked to end.
    Stopping,
    /// It has ended as it should.
    Stopped,
    /// It failed, and what is above it decides.
    Failed,
    /// It failed and is started again after a pause.
    Restarting,
    /// It failed too often: it is off, or on trial, and tried again at a slow pace.
    Degraded,
}

impl Lifecycle {
    /// Its name in answers and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Restarting => "restarting",
            Self::Degraded => "degraded",
        }
    }

    const fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Stopping)
    }
}

/// How a component does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentState {
    /// Its path, as `node/upkeep/prices`.
    pub name: String,
    /// What its failure means.
    pub importance: Importance,
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// How long it has been there.
    pub since: Duration,
    /// How often it was started again after a failure, since the process began.
    pub restarts: u64,
    /// Why it last failed, in words for the operator.
    pub last_error: Option<String>,
}

#[derive(Debug)]
struct Row {
    importance: Importance,
    lifecycle: Lifecycle,
    since: Instant,
    restarts: u64,
    last_error: Option<String>,
}

/// The components of a process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<String, Row>>>);

impl Registry {
    /// Every component, by path.
    pub fn state(&self) -> Vec<ComponentState> {
        let rows = self.0.lock();
        rows.iter().map(|(name, row)| row.told(name)).collect()
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<ComponentState> {
        self.0.lock().get(name).map(|row| row.told(name))
    }

    /// Those that are neither running nor ended as they should.
    pub fn ailing(&self) -> Vec<ComponentState> {
        let is_ailing = |state: &ComponentState| {
            use Lifecycle::{Degraded, Failed, Restarting};
            matches!(state.lifecycle, Failed | Restarting | Degraded)
        };
        self.state().into_iter().filter(is_ailing).collect()
    }

    pub(crate) fn enter(&self, name: &str, importance: Importance) {
        let mut rows = self.0.lock();
        let row = rows.entry(name.to_owned()).or_insert_with(|| Row {
            importance,
            lifecycle: Lifecycle::Stopped,
            since: Instant::now(),
            restarts: 0,
            last_error: None,
        });
        row.importance = importance;
        measured::up(name, row.lifecycle.is_up());
    }

    pub(crate) fn set(&self, name: &str, lifecycle: Lifecycle) {
        if let Some(row) = self.0.lock().get_mut(name)
            && row.lifecycle != lifecycle
        {
            row.lifecycle = lifecycle;
            row.since = Instant::now();
            measured::up(name, lifecycle.is_up());
        }
    }

    /// It runs, unless somebody has already asked it to end, or it is on trial.
    pub(crate) fn begun(&self, name: &str) {
        let now = self.0.lock().get(name).map(|row| row.lifecycle);
        if now == Some(Lifecycle::Starting) {
            self.set(name, Lifecycle::Running);
        }
    }

    /// It does not run any more. That it failed is still so.
    pub(crate) fn let_go(&self, name: &str) {
        let now = self.0.lock().get(name).map(|row| row.lifecycle);
        if now != Some(Lifecycle::Failed) {
            self.set(name, Lifecycle::Stopped);
        }
    }

    pub(crate) fn restarted(&self, name: &str) {
        if let Some(row) = self.0.lock().get_mut(name) {
            row.restarts = row.restarts.saturating_add(1);
            measured::restarted(name);
        }
    }

    pub(crate) fn failed(&self, name: &str, why: &str) {
        if let Some(row) = self.0.lock().get_mut(name) {
            row.last_error = Some(why.to_owned());
        }
    }
}

impl Row {
    fn told(&self, name: &str) -> ComponentState {
        ComponentState {
            name: name.to_owned(),
            importance: self.importance,
            lifecycle: self.lifecycle,
            since: self.since.elapsed(),
            restarts: self.restarts,
            last_error: self.last_error.clone(),
        }
    }
}
