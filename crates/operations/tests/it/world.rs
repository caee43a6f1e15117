//! A port over the handlers' rows.

use crate::{
    fixture::{Fixture, ScriptedIntake, View, Withholds},
    rows,
    wire::{ANY, Answer, send},
};
use bmn_operations::{Limits, Operator, Parts, Port, Recorder, open};
use bmn_rpc::{Acting, AuditLog, BmnRpc, JwtKey, NodeView, ServedChain, Trade};
use bmn_store::Store;
use bmn_swap::Profit;
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// A node of which a test says whether it acts, and for how long it has been up.
pub(crate) struct Acts(pub(crate) Acting, pub(crate) Arc<Mutex<Duration>>);

impl Acts {
    pub(crate) fn new(acting: Acting) -> Self {
        Self(acting, Arc::new(Mutex::new(Duration::from_secs(61))))
    }
}

impl NodeView for Acts {
    fn version(&self) -> String {
        View(None).version()
    }

    fn uptime(&self) -> Duration {
        *self.1.lock()
    }

    fn not_acting(&self) -> Option<String> {
        (self.0 != Acting::Everywhere).then(|| "it does not act".to_owned())
    }

    fn acting(&self) -> Acting {
        self.0
    }

    fn chains(&self) -> Vec<ServedChain> {
        View(None).chains()
    }

    fn profit(&self, trade: &Trade, base_fees: (u128, u128)) -> Option<Profit> {
        View(None).profit(trade, base_fees)
    }
}

pub(crate) struct World {
    pub(crate) fixture: Fixture,
    pub(crate) port: Port,
}

/// Handlers over a store.
pub(crate) fn handlers(store: &Store, view: impl NodeView + 'static) -> BmnRpc {
    let intake = Arc::new(ScriptedIntake::default());
    let committed = watch::channel(0).1;
    BmnRpc::new(store.clone(), intake, Arc::new(view), Arc::new(Withholds), committed)
}

/// The port without an operator.
pub(crate) fn parts(rpc: BmnRpc) -> Parts {
    Parts { rpc, operator: None, hosts: Vec::new(), recorder: None, limits: Limits::default() }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::acting(Acts::new(Acting::Everywhere)).await
    }

    pub(crate) async fn acting(view: impl NodeView + 'static) -> Self {
        Self::with(view, |parts, _| parts).await
    }

    pub(crate) async fn with(
        view: impl NodeView + 'static,
        change: impl FnOnce(Parts, &Store) -> Parts,
    ) -> Self {
        let fixture = Fixture::new();
        let parts = change(parts(handlers(&fixture.store, view)), &fixture.store);
        let port = open(ANY, parts).await.unwrap();
        Self { fixture, port }
    }

    /// With an operator who has this key.
    pub(crate) async fn operated(key: JwtKey, audit: AuditLog) -> Self {
        let view = Acts::new(Acting::Everywhere);
        Self::with(view, |parts, store| {
            let operator = Operator::new(key, rows::modes(store), &Arc::new(audit));
            Parts { operator: Some(operator), ..parts }
        })
        .await
    }

    pub(crate) async fn measured(recorder: Recorder) -> Self {
        let view = Acts::new(Acting::Everywhere);
        Self::with(view, |parts, _| Parts { recorder: Some(recorder), ..parts }).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.port.address(), &format!("GET {path}"), &["connection: close"], "").await
    }

    pub(crate) async fn post(&self, lines: &[&str], body: &str) -> Answer {
        let path = "POST /api/v1/admin/maintenance";
        send(self.port.address(), path, lines, body).await
    }
}
