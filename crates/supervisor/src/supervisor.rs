//! Runs children: starts them in order, starts them again, stops them in reverse order.

use crate::{
    Child, Decision, Escalation, Failure, History, Lifecycle, Policy, Registry, child::Scope,
    failure::message,
};
use bmn_primitives::ErrorClass;
use futures_util::FutureExt;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Time that all children together have to end.
const DRAIN: Duration = Duration::from_secs(20);

/// How long one that was ended by force is waited for: only a blocked thread takes longer.
const FORCED: Duration = Duration::from_millis(200);

/// Children, and the policy they are kept running by. It is a plan that can be run more than once.
#[derive(Debug, Clone)]
pub struct Supervisor {
    pub(crate) name: String,
    pub(crate) policy: Policy,
    pub(crate) children: Vec<Child>,
    pub(crate) drain: Duration,
}

/// How a tree ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drained {
    /// Who did not end within his deadline and was ended by force.
    pub late: Vec<String>,
}

impl Supervisor {
    /// A supervisor without children.
    pub fn new(name: impl Into<String>, policy: Policy) -> Self {
        Self { name: name.into(), policy, children: Vec::new(), drain: DRAIN }
    }

    /// What its children are kept running by.
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// With one more child, which is started after the others and stopped before them.
    #[must_use]
    pub fn with(mut self, child: Child) -> Self {
        self.children.push(child);
        self
    }

    /// With another deadline for all children together: 20 s otherwise.
    #[must_use]
    pub const fn drains_within(mut self, deadline: Duration) -> Self {
        self.drain = deadline;
        self
    }

    /// Runs until `stop`, until a vital child cannot be kept running, or until every child has ended that may.
    /// However it ends, no child runs any more, but for one that blocks its thread.
    ///
    /// # Errors
    /// [`Escalation`].
    pub async fn run(
        &self,
        registry: &Registry,
        stop: CancellationToken,
    ) -> Result<Drained, Escalation> {
        self.run_at(&self.name, registry, stop).await
    }

    pub(crate) async fn run_at(
        &self,
        path: &str,
        registry: &Registry,
        stop: CancellationToken,
    ) -> Result<Drained, Escalation> {
        let mut running = Running::new(self, path, registry);
        for index in 0..self.children.len() {
            running.start(index);
        }
        loop {
            let due = running.next_look();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Drained { late: running.stop_all().await }),
                Some((index, ended)) = running.next_end() => {
                    if let Some(failure) = running.ended(index, ended).await {
                        let component = running.slots[index].path.clone();
                        let late = running.stop_all().await;
                        return Err(Escalation { component, failure, late });
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    running.look();
                }
            }
            if running.slots.iter().all(|slot| matches!(slot.phase, Phase::Over)) {
                return Ok(Drained::default());
            }
        }
    }
}

type Ended = Result<(), Failure>;

enum Phase {
    Waiting { until: Instant },
    Up { stop: CancellationToken, abort: AbortHandle, since: Instant },
    Over,
}

struct Slot {
    path: String,
    policy: Policy,
    phase: Phase,
    history: History,
}

/// One run of a supervisor. Dropped, it takes its children along.
struct Running<'a> {
    plan: &'a Supervisor,
    registry: &'a Registry,
    tasks: JoinSet<Ended>,
    indices: HashMap<Id, usize>,
    slots: Vec<Slot>,
    /// Ends that came while another child was waited for.
    backlog: VecDeque<(usize, Ended)>,
    began: Instant,
    /// Who was ended by force below children that are supervisors themselves.
    late: Arc<Mutex<Vec<String>>>,
}

impl<'a> Running<'a> {
    fn new(plan: &'a Supervisor, path: &str, registry: &'a Registry) -> Self {
        let slot = |child: &Child| {
            let path = format!("{path}/{}", child.name);
            registry.enter(&path, child.importance);
            let policy = plan.policy.seeded_by(&path);
            Slot { path, policy, phase: Phase::Over, history: History::default() }
        };
        Self {
            slots: plan.children.iter().map(slot).collect(),
            plan,
            registry,
            tasks: JoinSet::new(),
            indices: HashMap::new(),
            backlog: VecDeque::new(),
            began: Instant::now(),
            late: Arc::default(),
        }
    }

    fn start(&mut self, index: usize) {
        let (slot, child) = (&mut self.slots[index], &self.plan.children[index]);
        let stop = CancellationToken::new();
        let (run, registry, path) = (child.run.clone(), self.registry.clone(), slot.path.clone());
        let scope = Scope {
            stop: stop.clone(),
            registry: registry.clone(),
            path: path.clone(),
            late: Arc::clone(&self.late),
        };
        if !slot.history.is_left_off() {
            self.registry.set(&slot.path, Lifecycle::Starting);
        }
        // Making the future may panic as well as running it.
        let caught = AssertUnwindSafe(async move {
            registry.begun(&path);
            run(scope).await
        })
        .catch_unwind();
        let abort = self.tasks.spawn(async move {
            caught.await.unwrap_or_else(|panic| {
                Err(Failure::transient(format_args!("it panicked: {}", message(&*panic))))
            })
        });
        self.indices.insert(abort.id(), index);
        slot.phase = Phase::Up { stop, abort, since: Instant::now() };
    }

    /// When something is to be done although nobody ended.
    fn next_look(&self) -> Option<Instant> {
        let look = |slot: &Slot| match &slot.phase {
            Phase::Waiting { until } => Some(*until),
            Phase::Up { since, .. } if slot.history.is_on_trial() => {
                Some(*since + slot.policy.healthy_after)
            }
            _ => None,
        };
        self.slots.iter().filter_map(look).min()
    }

    /// Starts who is due, and believes who has been running for long.
    fn look(&mut self) {
        let now = Instant::now();
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            match &slot.phase {
                Phase::Waiting { until } if *until <= now => self.start(index),
                Phase::Up { since, .. }
                    if slot.history.is_on_trial() && *since + slot.policy.healthy_after <= now =>
                {
                    slot.history.healthy();
                    self.registry.set(&slot.path, Lifecycle::Running);
                }
                _ => {}
            }
        }
    }

    async fn next_end(&mut self) -> Option<(usize, Ended)> {
        if let Some(waiting) = self.backlog.pop_front() {
            return Some(waiting);
        }
        let joined = self.tasks.join_next_with_id().await?;
        self.told(joined)
    }

    /// Whose end that was. None for one that was given up before.
    fn told(&mut self, joined: Result<(Id, Ended), JoinError>) -> Option<(usize, Ended)> {
        let (id, ended) = match joined {
            Ok(told) => told,
            Err(error) => (error.id(), Err(Failure::transient("it was ended by force"))),
        };
        let index = self.indices.remove(&id)?;
        self.slots[index].phase = Phase::Over;
        Some((index, ended))
    }

    /// Deals with the end of a child that nobody asked to end. Answers its failure when that escalates.
    async fn ended(&mut self, index: usize, ended: Ended) -> Option<Failure> {
        let (slot, child) = (&mut self.slots[index], &self.plan.children[index]);
        let failure = match ended {
            Ok(()) if child.may_end => {
                self.registry.set(&slot.path, Lifecycle::Stopped);
                return None;
            }
            Ok(()) => Failure::transient("it ended by itself"),
            Err(failure) => failure,
        };
        self.registry.failed(&slot.path, failure.reason());
        let (now, class) = (self.began.elapsed(), failure.class());
        let decision = slot.policy.decide(&mut slot.history, child.importance, class, now);
        say(&slot.path, &failure, class, decision);
        match decision {
            Decision::Escalate => {
                self.registry.set(&slot.path, Lifecycle::Failed);
                return Some(failure);
            }
            Decision::Degrade(after) => {
                self.registry.set(&slot.path, Lifecycle::Degraded);
                self.registry.restarted(&slot.path);
                slot.phase = Phase::Waiting { until: Instant::now() + after };
            }
            Decision::Restart(after) => self.restart(index, after).await,
        }
        None
    }

    async fn restart(&mut self, failed: usize, after: Duration) {
        self.registry.set(&self.slots[failed].path, Lifecycle::Restarting);
        self.registry.restarted(&self.slots[failed].path);
        let affected = self.plan.policy.affected(failed, self.slots.len());
        let is_off = |slot: &Slot| slot.history.is_left_off() || matches!(slot.phase, Phase::Over);
        let mut again = vec![failed];
        for index in affected.clone().rev().filter(|index| *index != failed) {
            // Who has done his work, or is left off, is not part of what is begun again.
            if is_off(&self.slots[index]) && !self.is_waiting_to_be_told(index) {
                continue;
            }
            let by = Instant::now() + self.plan.children[index].deadline;
            self.stop_one(index, by).await;
            again.push(index);
        }
        self.backlog.retain(|(index, _)| !affected.contains(index));
        let until = Instant::now() + after;
        for index in again {
            self.registry.set(&self.slots[index].path, Lifecycle::Restarting);
            self.slots[index].phase = Phase::Waiting { until };
        }
    }

    fn is_waiting_to_be_told(&self, index: usize) -> bool {
        let child = &self.plan.children[index];
        self.backlog.iter().any(|(told, ended)| *told == index && !(child.may_end && ended.is_ok()))
    }

    /// Stops everybody in reverse order. Answers who was late, those below children included.
    async fn stop_all(&mut self) -> Vec<String> {
        let by = Instant::now() + self.plan.drain;
        let mut late = Vec::new();
        // Who was late when he was started again runs anew, or is stopped now.
        self.late.lock().clear();
        for index in (0..self.slots.len()).rev() {
            let own = Instant::now() + self.plan.children[index].deadline;
            if self.stop_one(index, own.min(by)).await {
                late.push(self.slots[index].path.clone());
            }
            self.registry.let_go(&self.slots[index].path);
        }
        late.append(&mut self.late.lock());
        late
    }

    /// True when it had to be ended by force.
    async fn stop_one(&mut self, index: usize, by: Instant) -> bool {
        let phase = std::mem::replace(&mut self.slots[index].phase, Phase::Over);
        let Phase::Up { stop, abort, .. } = phase else { return false };
        self.registry.set(&self.slots[index].path, Lifecycle::Stopping);
        stop.cancel();
        if self.saw_end_of(index, by).await {
            return false;
        }
        tracing::warn!(
            target: "bmn::supervisor", component = %self.slots[index].path,
            "did not end in time and is ended by force"
        );
        abort.abort();
        if !self.saw_end_of(index, Instant::now() + FORCED).await {
            // Its thread is blocked. What it says one day is not for its successor.
            self.indices.remove(&abort.id());
        }
        true
    }

    async fn saw_end_of(&mut self, awaited: usize, by: Instant) -> bool {
        while let Ok(joined) = timeout_at(by, self.tasks.join_next_with_id()).await {
            let Some(joined) = joined else { return true };
            match self.told(joined) {
                Some((index, _)) if index == awaited => return true,
                Some(other) => self.backlog.push_back(other),
                None => {}
            }
        }
        false
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Dropped in the middle by whoever lost patience: the tasks are aborted with their set.
        for slot in &self.slots {
            self.registry.let_go(&slot.path);
        }
    }
}

fn say(component: &str, failure: &Failure, class: ErrorClass, decision: Decision) {
    match decision {
        Decision::Restart(after) => tracing::warn!(
            target: "bmn::supervisor", component, %failure, ?class, ?after, "failed, started again"
        ),
        Decision::Degrade(after) => tracing::error!(
            target: "bmn::supervisor", component, %failure, ?class, ?after,
            "left off: the others go on without it, it is tried again at a slow pace"
        ),
        Decision::Escalate => tracing::error!(
            target: "bmn::supervisor", component, %failure, ?class, "cannot be kept running"
        ),
    }
}
