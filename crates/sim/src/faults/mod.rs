//! A resolver process that dies where it hurts.
//!
//! A crash happens at a storage operation or at a call to a chain. From that moment the disk
//! refuses everything, every call to a chain waits for ever, and what the resolver was doing is
//! dropped where it stands. What a restart finds is what was synced.
//!
//! No transaction of the store is held across a call to a chain, so the calls cut each piece of
//! work into segments. A crash at the first storage operation of a segment is one before its
//! commit: nothing of it is kept. A crash at the call that follows is one after it.

mod hosts;
mod points;

pub use hosts::{FaultyClient, FaultySource};
pub use points::{CallKind, Context, Coverage, Moment, Point};

use bmn_store::testing::{CrashBackend, Side};
use parking_lot::Mutex;
use points::Plan;
use std::sync::Arc;

/// Operations are counted from 1.
const NEVER: u64 = 0;

/// The switchboard of a run with crashes. Clones share it.
#[derive(Clone)]
pub struct Faults(Arc<Mutex<Board>>);

struct Board {
    plan: Plan,
    disk: CrashBackend,
    dead: bool,
    context: Context,
    target: Option<Point>,
    /// The place a crash of the disk would be.
    armed: Option<Point>,
    /// The place of the crash, when it was at a call.
    fatal: Option<Point>,
    /// Storage operations when the last segment of the current work ended.
    segment_start: u64,
    /// Storage operations when the current work began.
    work_start: u64,
    /// Segments of the current work that wrote something.
    commits: u32,
}

impl Faults {
    /// A board that plans its crashes from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Board {
            plan: Plan::new(seed),
            disk: CrashBackend::new(),
            dead: false,
            context: Context::Open,
            target: None,
            armed: None,
            fatal: None,
            segment_start: 0,
            work_start: 0,
            commits: 0,
        })))
    }

    /// The disk the store of the living process is on.
    pub fn disk(&self) -> CrashBackend {
        self.0.lock().disk.clone()
    }

    /// Whether the process is dead.
    pub fn is_dead(&self) -> bool {
        self.0.lock().is_dead()
    }

    /// What was hit so far, and what is known and was not.
    pub fn coverage(&self) -> Coverage {
        self.0.lock().plan.coverage()
    }

    /// No crash from here on.
    pub fn stop(&self) {
        self.0.lock().plan.stop();
    }

    /// A new process on what the dead one had synced.
    pub fn restart(&self) -> CrashBackend {
        let mut board = self.0.lock();
        board.disk = CrashBackend::from_image(board.disk.synced_image());
        board.dead = false;
        board.disk.clone()
    }

    /// A piece of work begins: decides whether and where it is cut off.
    pub fn begin(&self, context: Context) {
        let mut board = self.0.lock();
        board.context = context;
        board.commits = 0;
        board.segment_start = board.disk.operations();
        board.work_start = board.segment_start;
        board.target = board.plan.choose(context);
        board.arm_storage();
    }

    /// The piece of work is over, as far as the resolver is concerned. True when it died in it.
    pub fn end(&self) -> bool {
        let mut board = self.0.lock();
        board.close_segment();
        let died = board.is_dead();
        let operations = board.disk.operations() - board.work_start;
        let context = board.context;
        if died {
            board.note_hit();
        } else {
            board.plan.took(context, operations);
        }
        board.disarm();
        died
    }

    /// A call to a chain is made or answered. True when the caller is dead and never comes back.
    fn passes(&self, kind: CallKind, moment: Moment) -> bool {
        let mut board = self.0.lock();
        if moment == Moment::Before {
            board.close_segment();
        }
        let here = Point::Call { context: board.context, kind, moment };
        board.plan.saw(here);
        if !board.is_dead() && board.is_fatal(here) {
            board.die(here);
        }
        if board.is_dead() {
            return true;
        }
        if moment == Moment::After {
            board.segment_start = board.disk.operations();
            board.arm_storage();
        }
        false
    }
}

impl Board {
    /// The storage was used since the last call to a chain: that was a commit.
    fn close_segment(&mut self) {
        if self.is_dead() {
            return;
        }
        let operations = self.disk.operations();
        if operations > self.segment_start {
            self.commits += 1;
            let (context, ordinal) = (self.context, self.commits);
            for moment in [Moment::Before, Moment::After] {
                self.plan.saw(Point::Commit { context, ordinal, moment });
            }
            let after = Point::Commit { context, ordinal, moment: Moment::After };
            if self.is_fatal(after) {
                self.die(after);
            }
        }
        self.segment_start = operations;
    }

    fn is_fatal(&self, point: Point) -> bool {
        self.target == Some(point) || self.plan.is_fresh(point)
    }

    fn is_dead(&self) -> bool {
        self.dead || self.disk.has_crashed()
    }

    fn arm_storage(&mut self) {
        let (context, ordinal) = (self.context, self.commits + 1);
        let before = Point::Commit { context, ordinal, moment: Moment::Before };
        if self.is_fatal(before) {
            self.disk.crash_at(self.disk.operations() + 1, Side::Before);
            self.armed = Some(before);
        } else if let Some(storage @ Point::Storage { operation, .. }) = self.target {
            self.disk.crash_at(self.work_start + 1 + u64::from(operation), Side::After);
            self.armed = Some(storage);
        } else {
            self.disk.crash_at(NEVER, Side::Before);
            self.armed = None;
        }
    }

    /// An armed operation that did not come must not hit the next piece of work.
    fn disarm(&mut self) {
        self.target = None;
        self.armed = None;
        self.fatal = None;
        self.disk.crash_at(NEVER, Side::Before);
    }

    fn die(&mut self, at: Point) {
        self.fatal = Some(at);
        self.dead = true;
        self.disk.crash_now();
    }

    fn note_hit(&mut self) {
        if let Some(place) = self.fatal.or(self.armed) {
            self.plan.hit(place);
        }
    }
}
