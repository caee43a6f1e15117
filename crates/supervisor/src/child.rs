//! A child: how it is made, and what its failure means.

use crate::{Failure, Importance, Registry, Supervisor};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::{future::Future, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Time that a child has to end when it is asked to.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a nested supervisor has beyond its own deadline, to end by force who is late.
const FORCE: Duration = Duration::from_secs(2);

/// Where a child runs.
pub(crate) struct Scope {
    pub(crate) stop: CancellationToken,
    pub(crate) registry: Registry,
    pub(crate) path: String,
    /// Who below it was ended by force.
    pub(crate) late: Arc<Mutex<Vec<String>>>,
}

pub(crate) type Factory =
    Arc<dyn Fn(Scope) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// A child of a [`Supervisor`].
#[derive(Clone)]
pub struct Child {
    pub(crate) name: String,
    pub(crate) importance: Importance,
    pub(crate) deadline: Duration,
    pub(crate) may_end: bool,
    pub(crate) run: Factory,
}

impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Child")
            .field("name", &self.name)
            .field("importance", &self.importance)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Child {
    /// A child that is made anew for each start. Its future ends soon after the token is cancelled; one that ends
    /// before that has failed.
    pub fn new<F, R, E>(name: impl Into<String>, importance: Importance, factory: F) -> Self
    where
        F: Fn(CancellationToken) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure> + 'static,
    {
        let run: Factory = Arc::new(move |scope: Scope| {
            let running = factory(scope.stop);
            Box::pin(async move { running.await.map_err(Into::into) })
        });
        Self { name: name.into(), importance, deadline: DEADLINE, may_end: false, run }
    }

    /// A supervisor as a child of another: when it escalates, it is started again with all of its children.
    pub fn group(supervisor: Supervisor, importance: Importance) -> Self {
        let deadline = supervisor.drain.saturating_add(FORCE);
        let supervisor = Arc::new(supervisor);
        let name = supervisor.name.clone();
        let run: Factory = Arc::new(move |scope: Scope| {
            let supervisor = Arc::clone(&supervisor);
            Box::pin(async move {
                let ran = supervisor.run_at(&scope.path, &scope.registry, scope.stop).await;
                let told = |escalated: crate::Escalation| {
                    Failure::new(escalated.to_string(), escalated.class())
                };
                // Whoever runs the whole is to know of everybody who was late.
                ran.map(|drained| scope.late.lock().extend(drained.late)).map_err(told)
            })
        });
        Self { name, importance, deadline, may_end: false, run }
    }

    /// With another deadline to end by when it is asked to: 5 s otherwise.
    #[must_use]
    pub const fn ends_within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// One that may end by itself, with its work done.
    #[must_use]
    pub const fn may_end(mut self) -> Self {
        self.may_end = true;
        self
    }
}
