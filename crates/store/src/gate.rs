//! Who goes first at the writer.

use parking_lot::{Condvar, Mutex};

/// Live work before work that can wait. redb gives its writer to whoever comes first; a backfill
/// that commits one slice after the other would come first most of the time.
#[derive(Default)]
pub(crate) struct Gate {
    waiting: Mutex<usize>,
    none: Condvar,
}

impl Gate {
    /// Begins what must not wait for anything that waits here.
    pub(crate) fn go_first<T>(&self, begin: impl FnOnce() -> T) -> T {
        *self.waiting.lock() += 1;
        let begun = begin();
        let mut waiting = self.waiting.lock();
        *waiting -= 1;
        if *waiting == 0 {
            self.none.notify_all();
        }
        begun
    }

    /// Returns when nobody is in [`go_first`](Self::go_first).
    pub(crate) fn wait(&self) {
        let mut waiting = self.waiting.lock();
        while *waiting > 0 {
            self.none.wait(&mut waiting);
        }
    }
}
