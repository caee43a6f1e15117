//! Looks every second, for as long as the node runs.

use crate::{
    AlertError, Clock, Courier, Engine, Facts, Heartbeat, Outbox, Pulse, Route, Thresholds, publish,
};
use async_trait::async_trait;
use bmn_records::Records;
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// A look that takes long is followed by a pause so many times as long: alerts never take more than a tenth of a
/// thread from the rest.
const REST: u32 = 10;

/// Where facts come from.
#[async_trait]
pub trait FactSource: Send + Sync {
    /// What is so now. What cannot be read is left out, and said.
    async fn facts(&self) -> Facts;
}

/// What may change while the node runs.
#[derive(Debug, Default)]
pub struct Settings {
    /// Name of the node in messages.
    pub node: String,
    /// From when on facts are wrong.
    pub thresholds: Thresholds,
    /// Who is told.
    pub routes: Vec<Route>,
    /// The dead-man signal.
    pub heartbeat: Option<Arc<Heartbeat>>,
}

/// Alerts of a running node.
pub struct AlertLoop {
    source: Arc<dyn FactSource>,
    engine: Arc<Mutex<Engine>>,
    outbox: Outbox,
    settings: watch::Receiver<Arc<Settings>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for AlertLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertLoop")
            .field("settings", &*self.settings.borrow())
            .finish_non_exhaustive()
    }
}

impl AlertLoop {
    /// Alerts that go on where the process before ended.
    ///
    /// # Errors
    /// [`AlertError::Records`].
    pub fn new(
        source: Arc<dyn FactSource>,
        records: Records,
        settings: watch::Receiver<Arc<Settings>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AlertError> {
        let engine = Engine::open(records, clock.now_ms())?;
        let outbox = engine.outbox();
        Ok(Self { source, engine: Arc::new(Mutex::new(engine)), outbox, settings, clock })
    }

    /// Looks, tells and calls out until it is stopped. Messages that did not arrive wait on disk.
    ///
    /// # Errors
    /// [`AlertError::Interrupted`]: a look broke off.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), AlertError> {
        let (pulse, heard) = watch::channel(Pulse::unknown());
        loop {
            let settings = Arc::clone(&self.settings.borrow_and_update());
            let round = stop.child_token();
            let mut beside = JoinSet::new();
            for route in &settings.routes {
                let (outbox, node) = (self.outbox.clone(), settings.node.clone());
                let courier = Courier::new(route.clone(), outbox, node, Arc::clone(&self.clock));
                beside.spawn(courier.run(round.clone()));
            }
            if let Some(heartbeat) = &settings.heartbeat {
                beside.spawn(Arc::clone(heartbeat).run(heard.clone(), round.clone()));
            }
            let looked = self.look_until_changed(&settings, &pulse, &stop).await;
            round.cancel();
            while beside.join_next().await.is_some() {}
            looked?;
            if stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    async fn look_until_changed(
        &mut self,
        settings: &Arc<Settings>,
        pulse: &watch::Sender<Pulse>,
        stop: &CancellationToken,
    ) -> Result<(), AlertError> {
        loop {
            let begun = Instant::now();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                looked = self.look(settings, pulse) => looked?,
            }
            let pause = EVERY.max(begun.elapsed().saturating_mul(REST));
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = self.settings.changed() => match changed {
                    Ok(()) => return Ok(()),
                    // Nobody can change them any more.
                    Err(_) => tokio::time::sleep(pause).await,
                },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn look(
        &self,
        settings: &Arc<Settings>,
        pulse: &watch::Sender<Pulse>,
    ) -> Result<(), AlertError> {
        let mut facts = self.source.facts().await;
        let (engine, settings) = (Arc::clone(&self.engine), Arc::clone(settings));
        let looked = tokio::task::spawn_blocking(move || {
            let mut engine = engine.lock();
            engine.look(&facts, &settings.thresholds, &settings.routes);
            let failed = engine.records_failed().map(str::to_owned);
            facts.records_failed = facts.records_failed.or(failed);
            publish(&facts, engine.stands());
            Pulse::of(&facts, &settings.thresholds)
        });
        let seen = looked.await.map_err(|error| AlertError::Interrupted(error.to_string()))?;
        pulse.send_replace(seen);
        Ok(())
    }
}
