//! What is done beside the swaps: the records, and the scheduled jobs over them.

use crate::{LaunchError, LivePart, Tree};
use bmn_config::{NodeConfig, Upkeep as UpkeepConfig};
use bmn_node::Resolver;
use bmn_records::Records;
use bmn_scheduler::{Limits, ProcessMemory, SystemClock, memory_limit};
use bmn_supervisor::{Failure, Importance};
use bmn_upkeep::{Ground, Machine, Upkeep};
use std::{path::Path, sync::Arc};

/// The records of a data directory. Where they cannot be opened there are some that are gone with the process: they hold
/// history alone, and no swap waits for it.
///
/// # Errors
/// [`LaunchError::Records`], which memory does not give.
pub fn records(directory: &Path) -> Result<Records, LaunchError> {
    match Records::open(directory) {
        Ok(records) => Ok(records),
        Err(error) => {
            tracing::error!(
                target: "bmn::launch", %error,
                "the records cannot be opened: what is noted now is forgotten at the end"
            );
            Ok(Records::in_memory()?)
        }
    }
}

/// Makes the scheduled jobs of a resolver, and has its methods tell of them. `directory` has the store.
///
/// # Errors
/// [`LaunchError::Scheduler`].
pub fn upkeep(
    resolver: &Resolver,
    config: &UpkeepConfig,
    records: Records,
    directory: &Path,
) -> Result<(Upkeep, Ground), LaunchError> {
    let ground = Ground {
        resolver: resolver.handle(),
        rpc: resolver.handlers(),
        records,
        directory: directory.to_owned(),
        config: Arc::new(config.clone()),
        balances: Default::default(),
    };
    let machine = Machine {
        clock: Arc::new(SystemClock),
        memory: Arc::new(ProcessMemory),
        limits: Limits { memory_bytes: memory_budget(), ..Limits::default() },
    };
    Ok((Upkeep::new(&ground, machine)?, ground))
}

/// Nine tenths of the memory that the process may have; none where that is not known.
fn memory_budget() -> Option<u64> {
    memory_limit().map(|bytes| bytes / 10 * 9)
}

impl Tree {
    /// With the scheduled jobs. None of them is vital.
    pub fn upkeep(&mut self, upkeep: &Upkeep) {
        let upkeep = upkeep.clone();
        self.child("jobs", Importance::Useful, move |stop| {
            let upkeep = upkeep.clone();
            async move {
                let ran = upkeep.run(stop).await;
                ran.map_err(|error| Failure::new(error.to_string(), error.class()))
            }
        });
    }
}

/// The schedules, as a part of the configuration that changes while the node runs.
pub fn live_schedules(upkeep: &Upkeep) -> LivePart {
    let upkeep = upkeep.clone();
    LivePart::new("schedules", move |config: &NodeConfig| {
        let refused = upkeep.reschedule(&config.upkeep.schedules);
        if refused.is_empty() { Ok(()) } else { Err(refused.join("\n")) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_cannot_be_opened_stop_no_node() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(bmn_records::RECORDS_FILE);
        std::fs::write(&path, b"no database").expect("written");
        let records = records(directory.path()).expect("others, in memory");
        assert_ne!(records.path(), path);
        assert_eq!(std::fs::read(&path).expect("it is left alone"), b"no database");
    }
}
