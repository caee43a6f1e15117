//! The shell: waits for slots, claims them, runs jobs, keeps what became of them.

use crate::{
    Book, Clock, Job, JobContext, Memory, Priority, Run, RunResult, Schedule, SchedulerError,
    SchedulerHandle,
    job::{Turn, Turns},
    may_claim, measure,
    run::{Ended, GRACE, attempts},
    status::{Entry, Request, State},
};
use bmn_records::{Records, RecordsError};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Mutex, Notify, mpsc, oneshot, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// The longest wait between two looks at the clock: it may be set, and memory may become free.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Requests that wait to be looked at.
const MOST_REQUESTS: usize = 16;

/// How long the end of the scheduler waits for runs beyond what each has.
const DRAIN: Duration = GRACE.saturating_add(Duration::from_secs(1));

/// Schedules in the place of those of the jobs, by name.
pub type Overrides = BTreeMap<String, Schedule>;

/// What runs may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Runs at once, those of critical jobs not counted (S3-65).
    pub concurrent: usize,
    /// Resident bytes of the process above which only critical jobs are begun (S3-64); none for no limit.
    pub memory_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrent: 4, memory_bytes: None }
    }
}

/// What a scheduler is made of.
pub struct SchedulerParts {
    /// The jobs; their names differ.
    pub jobs: Vec<Arc<dyn Job>>,
    /// Where claims, runs and totals are kept.
    pub records: Records,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Memory of the process.
    pub memory: Arc<dyn Memory>,
    /// Bounds.
    pub limits: Limits,
    /// Schedules that replace those of the jobs. A change is taken within a second; names of no job are ignored.
    pub overrides: watch::Receiver<Overrides>,
}

/// Runs jobs by their schedules. Clones are the same: a supervisor can run another one when one came to an end.
#[derive(Clone)]
pub struct Scheduler {
    handle: SchedulerHandle,
    memory: Arc<dyn Memory>,
    limits: Limits,
    overrides: watch::Receiver<Overrides>,
    requests: Arc<Mutex<mpsc::Receiver<Request>>>,
    ended: Arc<Notify>,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Opens a scheduler: runs that an earlier process left open are noted as interrupted, and a slot that was missed
    /// since is due, once. Blocks while the records are written.
    ///
    /// # Errors
    /// [`SchedulerError::Duplicate`], [`SchedulerError::Records`].
    pub fn open(parts: SchedulerParts) -> Result<Self, SchedulerError> {
        let (book, now) = (Book::new(parts.records), parts.clock.now_ms());
        let ended = Arc::new(Notify::new());
        let mut names = BTreeSet::new();
        let mut entries = Vec::with_capacity(parts.jobs.len());
        let overrides = parts.overrides.borrow().clone();
        for job in parts.jobs {
            let spec = job.spec();
            if !names.insert(spec.name) {
                return Err(SchedulerError::Duplicate(spec.name));
            }
            book.settle(spec.name, now)?;
            let totals = book.totals(spec.name, now)?;
            measure::standing(spec.name, &totals);
            let schedule = overrides.get(spec.name).unwrap_or(&spec.schedule).clone();
            let newest_slot = book.newest_slot(spec.name, now)?;
            let missed = schedule
                .last_at(now)
                .filter(|slot| newest_slot.is_some_and(|it| may_claim(Some(it), *slot, now)));
            let state = State {
                next_ms: schedule.next_after(now),
                since_ms: now,
                due_ms: missed,
                waits: None,
                totals,
                newest_slot,
                schedule,
            };
            let turns = Arc::new(Turns::new(&ended));
            entries.push(Entry { spec, job, turns, state: parking_lot::Mutex::new(state) });
        }
        let (requests, asked) = mpsc::channel(MOST_REQUESTS);
        let handle =
            SchedulerHandle { entries: entries.into(), book, clock: parts.clock, requests };
        let (memory, limits) = (parts.memory, parts.limits);
        let requests = Arc::new(Mutex::new(asked));
        Ok(Self { handle, memory, limits, overrides: parts.overrides, requests, ended })
    }

    /// Tells of the jobs and has them run.
    pub fn handle(&self) -> SchedulerHandle {
        self.handle.clone()
    }

    /// Runs until `stop` is cancelled, then waits some seconds for what runs. What becomes of a job never ends it.
    ///
    /// # Errors
    /// None: the type is that of every part which a supervisor runs.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), SchedulerError> {
        let requests = Arc::clone(&self.requests);
        // Whoever runs it a second time waits for the first to end.
        let mut requests = requests.lock().await;
        let (mut runs, mut open) = (JoinSet::new(), BTreeMap::new());
        let (mut before, mut may_change) = (self.handle.clock.now_ms(), true);
        while !stop.is_cancelled() {
            let now = self.handle.clock.now_ms();
            self.look_at_clock(before, now);
            before = now;
            self.begin_due(&mut runs, &mut open, now, &stop);
            let wait = self.wait(now);
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(wait) => {}
                () = self.ended.notified() => {}
                Some(done) = runs.join_next_with_id(), if !runs.is_empty() => {
                    let id = done.map_or_else(|error| error.id(), |(id, ())| id);
                    open.remove(&id);
                }
                changed = self.overrides.changed(), if may_change => {
                    may_change = changed.is_ok();
                    self.reschedule();
                }
                Some(request) = requests.recv() => {
                    self.asked(request, &mut runs, &mut open, &stop);
                }
            }
        }
        let drained = timeout(DRAIN, async { while runs.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!(target: "bmn::scheduler", runs = runs.len(), "runs were cut short");
        }
        runs.shutdown().await;
        // Whoever asked too late is told so.
        while requests.try_recv().is_ok() {}
        Ok(())
    }

    /// Notes the slots that have come; several of one job are one.
    fn look_at_clock(&self, before: u64, now: u64) {
        for entry in &*self.handle.entries {
            let mut state = entry.state.lock();
            let has_come = state.next_ms.is_some_and(|next| next <= now);
            if has_come {
                state.due_ms = state.schedule.last_at(now);
            }
            // Set back: a next slot in the far future would be waited for.
            if has_come || now < before {
                state.next_ms = state.schedule.next_after(now);
            }
            drop(state);
            measure::health(entry.spec.name, entry.health(now));
        }
    }

    fn begin_due(
        &self,
        runs: &mut JoinSet<()>,
        open: &mut BTreeMap<tokio::task::Id, Priority>,
        now: u64,
        stop: &CancellationToken,
    ) {
        let due = |place: usize| self.handle.entries[place].state.lock().due_ms;
        let mut order: Vec<_> = (0..self.handle.entries.len())
            .filter_map(|place| {
                Some((self.handle.entries[place].spec.priority, due(place)?, place))
            })
            .collect();
        order.sort_unstable();
        let full = order.iter().any(|(priority, ..)| *priority != Priority::Critical)
            && self.is_over_memory();
        for (priority, slot, place) in order {
            let others = open.values().filter(|it| **it != Priority::Critical).count();
            let entry = &self.handle.entries[place];
            let waits = if entry.spec.exclusive && entry.turns.open() > 0 {
                Some("the run before it is under way".to_owned())
            } else if priority != Priority::Critical && full {
                Some("memory is short".to_owned())
            } else if priority != Priority::Critical && others >= self.limits.concurrent {
                Some("others are running".to_owned())
            } else {
                entry.job.waits_for()
            };
            let begins = waits.is_none();
            let mut state = entry.state.lock();
            state.waits = waits;
            if begins {
                state.due_ms = None;
                drop(state);
                self.begin(place, Some(slot), now, None, (&mut *runs, &mut *open), stop);
            }
        }
    }

    fn is_over_memory(&self) -> bool {
        let Some(most) = self.limits.memory_bytes else { return false };
        self.memory.resident_bytes().is_some_and(|used| used > most)
    }

    fn wait(&self, now: u64) -> Duration {
        let next = self.handle.entries.iter().filter_map(|entry| entry.state.lock().next_ms).min();
        let wait =
            next.map_or(LONGEST_WAIT, |next| Duration::from_millis(next.saturating_sub(now)));
        wait.min(LONGEST_WAIT)
    }

    fn reschedule(&mut self) {
        let (overrides, now) =
            (self.overrides.borrow_and_update().clone(), self.handle.clock.now_ms());
        for entry in &*self.handle.entries {
            let schedule = overrides.get(entry.spec.name).unwrap_or(&entry.spec.schedule);
            let mut state = entry.state.lock();
            if state.schedule != *schedule {
                tracing::info!(
                    target: "bmn::scheduler", job = entry.spec.name, %schedule, "another schedule"
                );
                state.next_ms = schedule.next_after(now);
                state.schedule = schedule.clone();
                state.since_ms = now;
                state.due_ms = None;
            }
        }
    }

    fn asked(
        &self,
        request: Request,
        runs: &mut JoinSet<()>,
        open: &mut BTreeMap<tokio::task::Id, Priority>,
        stop: &CancellationToken,
    ) {
        let entry = &self.handle.entries[request.job];
        if entry.turns.open() > 0 {
            let refused = SchedulerError::Running(entry.spec.name.to_owned());
            let _ = request.answer.send(Err(refused));
            return;
        }
        let now = self.handle.clock.now_ms();
        self.begin(request.job, None, now, Some(request.answer), (runs, open), stop);
    }

    fn begin(
        &self,
        place: usize,
        slot_ms: Option<u64>,
        now: u64,
        answer: Option<oneshot::Sender<Result<u64, SchedulerError>>>,
        (runs, open): (&mut JoinSet<()>, &mut BTreeMap<tokio::task::Id, Priority>),
        stop: &CancellationToken,
    ) {
        let entry = &self.handle.entries[place];
        let turn = Turn::of(&entry.turns);
        let handle = self.handle.clone();
        let ctx = JobContext { now_ms: now, slot_ms, stop: stop.clone(), turn };
        let span = tracing::info_span!(
            target: "bmn::scheduler", "job", name = entry.spec.name, slot = slot_ms
        );
        let task =
            runs.spawn(async move { carry_out(handle, place, ctx, answer).await }.instrument(span));
        open.insert(task.id(), entry.spec.priority);
    }
}

/// Claims, runs, and keeps what became of it.
async fn carry_out(
    handle: SchedulerHandle,
    place: usize,
    ctx: JobContext,
    answer: Option<oneshot::Sender<Result<u64, SchedulerError>>>,
) {
    let entry = &handle.entries[place];
    let run = Run::begun(entry.spec.name, ctx.slot_ms, ctx.now_ms);
    let claimed = claim(&handle, entry, &run).await;
    let begins = matches!(claimed, Ok(true));
    if let Some(answer) = answer {
        let _ = answer.send(claimed.map(|_| run.started_ms));
    }
    if !begins {
        return;
    }
    entry.state.lock().totals.last_start_ms = Some(run.started_ms);
    let is_alone = || entry.turns.open() <= 1;
    let ended = attempts(&*entry.job, &entry.spec, &ctx, is_alone).await;
    note(&handle, entry, run, ended).await;
}

/// True when the run may begin. A critical job is run although the records cannot be written: in this process no slot
/// is given away twice.
async fn claim(handle: &SchedulerHandle, entry: &Entry, run: &Run) -> Result<bool, SchedulerError> {
    if let Some(slot) = run.slot_ms {
        let newest = entry.state.lock().newest_slot;
        if !may_claim(newest, slot, run.started_ms) {
            return Ok(false);
        }
    }
    let (book, row) = (handle.book.clone(), run.clone());
    let claimed = tokio::task::spawn_blocking(move || book.begin(&row)).await;
    let claimed = flat(claimed);
    // Not before it is durable: a slot whose claim could not be kept was given to nobody.
    let is_given = claimed.is_ok() || entry.spec.priority == Priority::Critical;
    if let Some(slot) = run.slot_ms.filter(|_| is_given) {
        let mut state = entry.state.lock();
        if may_claim(state.newest_slot, slot, run.started_ms) {
            state.newest_slot = Some(slot);
        }
    }
    match claimed {
        Err(error) if entry.spec.priority == Priority::Critical => {
            tracing::error!(target: "bmn::scheduler", job = run.job, %error, "run without a record");
            Ok(true)
        }
        Err(error) => {
            tracing::error!(target: "bmn::scheduler", job = run.job, %error, "not run");
            Err(error)
        }
        claimed => claimed,
    }
}

async fn note(handle: &SchedulerHandle, entry: &Entry, run: Run, ended: Ended) {
    let run = Run {
        ended_ms: Some(handle.clock.now_ms().max(run.started_ms)),
        result: ended.result,
        attempts: ended.attempts,
        counters: ended.outcome.counters,
        note: ended.outcome.note,
        error: ended.error,
        ..run
    };
    said(entry, &run);
    let (book, row) = (handle.book.clone(), run.clone());
    let totals = match flat(tokio::task::spawn_blocking(move || book.end(row)).await) {
        Ok(totals) => totals,
        Err(error) => {
            tracing::error!(target: "bmn::scheduler", job = run.job, %error, "a run is not kept");
            entry.state.lock().totals.clone().with(&run)
        }
    };
    measure::ended(entry.spec.name, &run, &totals);
    entry.state.lock().totals = totals;
}

fn said(entry: &Entry, run: &Run) {
    let took = run.ended_ms.map(|ended| ended.saturating_sub(run.started_ms));
    let error = run.error.as_deref().unwrap_or_default();
    match run.result {
        RunResult::Succeeded | RunResult::Stopped => tracing::debug!(
            target: "bmn::scheduler", job = run.job, result = run.result.name(), took_ms = took,
            counters = ?run.counters, "job done"
        ),
        _ if entry.spec.priority == Priority::Critical => tracing::error!(
            target: "bmn::scheduler", job = run.job, result = run.result.name(), error,
            attempts = run.attempts, alarm = true, "a critical job failed"
        ),
        _ => tracing::warn!(
            target: "bmn::scheduler", job = run.job, result = run.result.name(), error,
            attempts = run.attempts, "a job failed"
        ),
    }
}

fn flat<T>(
    done: Result<Result<T, RecordsError>, tokio::task::JoinError>,
) -> Result<T, SchedulerError> {
    match done {
        Ok(done) => Ok(done?),
        Err(error) => Err(SchedulerError::Interrupted(error.to_string())),
    }
}
