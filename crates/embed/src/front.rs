//! The `bmn_*` methods on the node's own servers.
//!
//! The servers are started once and keep their methods, while the resolver behind them may stop and start
//! again. So what they get stands for the resolver of the moment: each call is handed on in process, and
//! answered with `unavailable` and the reason while there is none. Nothing of a stopped resolver is held,
//! for its database cannot be opened again before the last of it is gone.

use bmn_rpc::described;
use bmn_rpc_api::RpcErrorCode;
use jsonrpsee::{
    Methods, PendingSubscriptionSink, RpcModule, SubscriptionMessage, SubscriptionSink,
    core::{
        RegisterMethodError, SubscriptionResult, server::MethodsError, server::Subscription,
        traits::ToRpcParams,
    },
    types::{ErrorObjectOwned, Params},
};
use parking_lot::RwLock;
use serde_json::{Value, value::RawValue};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Methods for everybody.
pub const METHODS: [&str; 26] = [
    "rpc.discover",
    "bmn_status",
    "bmn_health",
    "bmn_submitOrder",
    "bmn_submitSecret",
    "bmn_getSwap",
    "bmn_getSwapProof",
    "bmn_getSwaps",
    "bmn_getEvents",
    "bmn_getWithdrawPermission",
    "bmn_getChanges",
    "bmn_version",
    "bmn_getLastBlock",
    "bmn_indexerStatus",
    "bmn_getChainStatistics",
    "bmn_getDailyMetrics",
    "bmn_getOrder",
    "bmn_getOrders",
    "bmn_getProfitableOrders",
    "bmn_getSources",
    "bmn_getDestinations",
    "bmn_getPendingOrders",
    "bmn_getRevealedSecret",
    "bmn_getStatistics",
    "bmn_getDigest",
    UNSUBSCRIBE,
];

/// Methods for whoever runs the resolver, its reads and what changes how it works: for the authenticated server
/// and for IPC.
pub const ADMIN_METHODS: [&str; 17] = [
    "bmn_explainOrder",
    "bmn_getMode",
    "bmn_shadowReport",
    "bmn_getJobs",
    "bmn_listDeadLetters",
    "bmn_queueMetrics",
    "bmn_performanceMetrics",
    "bmn_schedules",
    "bmn_scheduledRuns",
    "bmn_setMode",
    "bmn_pause",
    "bmn_resume",
    "bmn_runJob",
    "bmn_requeueJob",
    "bmn_dropJob",
    ALERTS.subscribe,
    ALERTS.unsubscribe,
];

/// The subscription for everybody.
pub const SUBSCRIBE: &str = "bmn_subscribe";
const UNSUBSCRIBE: &str = "bmn_unsubscribe";
const EVERYBODY: Names =
    Names { subscribe: SUBSCRIBE, notification: "bmn_subscription", unsubscribe: UNSUBSCRIBE };

/// That for whoever runs the resolver.
const ALERTS: Names = Names {
    subscribe: "bmn_subscribeAlerts",
    notification: "bmn_alerts",
    unsubscribe: "bmn_unsubscribeAlerts",
};

/// The names of a subscription.
#[derive(Clone, Copy)]
struct Names {
    subscribe: &'static str,
    notification: &'static str,
    unsubscribe: &'static str,
}

/// Notifications that wait for a subscriber here, beside those that wait for its socket.
const BUFFERED: usize = 16;

/// Stands for the resolver of the moment.
#[derive(Debug, Clone)]
pub struct Front(Arc<RwLock<Behind>>);

#[derive(Debug)]
enum Behind {
    Nobody(String),
    Resolver { public: Methods, admin: Methods, gone: CancellationToken },
}

impl Front {
    /// Nobody yet, because of `why`.
    pub fn new(why: &str) -> Self {
        Self(Arc::new(RwLock::new(Behind::Nobody(why.to_owned()))))
    }

    /// Answers with these methods until [`leave`](Self::leave).
    pub fn enter(&self, public: impl Into<Methods>, admin: impl Into<Methods>) {
        let gone = CancellationToken::new();
        let resolver = Behind::Resolver { public: public.into(), admin: admin.into(), gone };
        self.replace(resolver);
    }

    /// Answers that there is nobody, and why. Open subscriptions end.
    pub fn leave(&self, why: &str) {
        self.replace(Behind::Nobody(why.to_owned()));
    }

    /// Why nobody answers; none while somebody does.
    pub fn why(&self) -> Option<String> {
        match &*self.0.read() {
            Behind::Nobody(why) => Some(why.clone()),
            Behind::Resolver { .. } => None,
        }
    }

    fn replace(&self, behind: Behind) {
        let before = std::mem::replace(&mut *self.0.write(), behind);
        if let Behind::Resolver { gone, .. } = before {
            gone.cancel();
        }
    }

    fn methods(&self, is_admin: bool) -> Result<(Methods, CancellationToken), ErrorObjectOwned> {
        match &*self.0.read() {
            Behind::Resolver { public, admin, gone } => {
                let methods = if is_admin { admin } else { public };
                Ok((methods.clone(), gone.clone()))
            }
            Behind::Nobody(why) => Err(unavailable(why)),
        }
    }

    /// The methods for everybody.
    ///
    /// # Errors
    /// None: each name is registered once, which a test sees to.
    pub fn module(&self) -> Result<RpcModule<()>, RegisterMethodError> {
        let mut module = RpcModule::new(());
        for name in METHODS.into_iter().filter(|name| *name != UNSUBSCRIBE) {
            self.forward(&mut module, name, false)?;
        }
        module.merge(self.subscription(EVERYBODY, false)?)?;
        Ok(module)
    }

    /// The methods for the operator alone.
    ///
    /// # Errors
    /// As [`module`](Self::module).
    pub fn admin_module(&self) -> Result<RpcModule<()>, RegisterMethodError> {
        let mut module = RpcModule::new(());
        let of_alerts = [ALERTS.subscribe, ALERTS.unsubscribe];
        for name in ADMIN_METHODS.into_iter().filter(|name| !of_alerts.contains(name)) {
            self.forward(&mut module, name, true)?;
        }
        module.merge(self.subscription(ALERTS, true)?)?;
        Ok(module)
    }

    fn subscription(
        &self,
        names: Names,
        is_admin: bool,
    ) -> Result<RpcModule<()>, RegisterMethodError> {
        let (front, mut module) = (self.clone(), RpcModule::new(()));
        let Names { subscribe, notification, unsubscribe } = names;
        let follow = move |params: Params<'static>, pending, _, _| {
            let front = front.clone();
            async move { front.subscribe(subscribe, is_admin, &params, pending).await }
        };
        module.register_subscription(subscribe, notification, unsubscribe, follow)?;
        // Calls are held against their description behind this. The end of a subscription never gets there.
        Ok(described(module))
    }

    fn forward(
        &self,
        module: &mut RpcModule<()>,
        name: &'static str,
        is_admin: bool,
    ) -> Result<(), RegisterMethodError> {
        let front = self.clone();
        module.register_async_method(name, move |params, _, _| {
            let front = front.clone();
            async move { front.call(name, is_admin, &params).await }
        })?;
        Ok(())
    }

    async fn call(
        &self,
        name: &str,
        is_admin: bool,
        params: &Params<'_>,
    ) -> Result<Value, ErrorObjectOwned> {
        let (methods, gone) = self.methods(is_admin)?;
        tokio::select! {
            answer = methods.call::<_, Value>(name, Raw::of(params)) => answer.map_err(refused),
            () = gone.cancelled() => Err(unavailable("the resolver stopped meanwhile")),
        }
    }

    async fn subscribe(
        &self,
        name: &'static str,
        is_admin: bool,
        params: &Params<'_>,
        pending: PendingSubscriptionSink,
    ) -> SubscriptionResult {
        let subscribed = async {
            let (methods, gone) = self.methods(is_admin)?;
            let inner = methods.subscribe(name, Raw::of(params), BUFFERED).await;
            Ok::<_, ErrorObjectOwned>((inner.map_err(refused)?, gone))
        };
        match subscribed.await {
            Err(error) => {
                pending.reject(error).await;
                Ok(())
            }
            Ok((inner, gone)) => {
                let sink = pending.accept().await?;
                pass_on(inner, &sink, &gone).await
            }
        }
    }
}

/// Hands on what the resolver tells, until one of both ends. A subscriber that does not read holds nothing
/// up but itself: the resolver lets it go when the buffer here is full.
async fn pass_on(
    mut inner: Subscription,
    sink: &SubscriptionSink,
    gone: &CancellationToken,
) -> SubscriptionResult {
    loop {
        let told = tokio::select! {
            () = gone.cancelled() => return Ok(()),
            () = sink.closed() => return Ok(()),
            told = inner.next::<Box<RawValue>>() => told,
        };
        let Some(told) = told else { return Ok(()) };
        let (value, _) = told?;
        let message = SubscriptionMessage::new(sink.method_name(), sink.subscription_id(), &value)?;
        tokio::select! {
            () = gone.cancelled() => return Ok(()),
            sent = sink.send(message) => if sent.is_err() { return Ok(()) },
        }
    }
}

fn unavailable(why: &str) -> ErrorObjectOwned {
    let code = RpcErrorCode::Unavailable;
    ErrorObjectOwned::owned(code.code(), format!("the resolver is not running: {why}"), None::<()>)
}

fn refused(error: MethodsError) -> ErrorObjectOwned {
    match error {
        MethodsError::JsonRpc(error) => error,
        other => {
            let code = RpcErrorCode::Internal.code();
            ErrorObjectOwned::owned(code, other.to_string(), None::<()>)
        }
    }
}

/// Parameters as they came.
struct Raw(Option<Box<RawValue>>);

impl Raw {
    fn of(params: &Params<'_>) -> Self {
        Self(params.as_str().and_then(|text| RawValue::from_string(text.to_owned()).ok()))
    }
}

impl ToRpcParams for Raw {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answering(text: &'static str) -> RpcModule<()> {
        let mut module = RpcModule::new(());
        let answer = move |params: Params<'_>, _: &(), _: &_| {
            format!("{text} {}", params.as_str().unwrap_or_default())
        };
        module.register_method("bmn_status", answer).unwrap();
        module.register_method("bmn_setMode", answer).unwrap();
        module
    }

    async fn ask(module: &RpcModule<()>, name: &str) -> Result<String, String> {
        let asked = module.call(name, (1, "two")).await;
        asked.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn calls_reach_the_resolver_of_the_moment() {
        let front = Front::new("it has not started yet");
        let (public, admin) = (front.module().unwrap(), front.admin_module().unwrap());
        let refused = ask(&public, "bmn_status").await.unwrap_err();
        assert!(refused.contains("not started yet"), "{refused}");
        for text in ["one", "two"] {
            front.enter(answering(text), answering(text));
            assert_eq!(ask(&public, "bmn_status").await.unwrap(), format!("{text} [1,\"two\"]"));
            assert_eq!(ask(&admin, "bmn_setMode").await.unwrap(), format!("{text} [1,\"two\"]"));
        }
        front.leave("the disk is full");
        assert_eq!(front.why().as_deref(), Some("the disk is full"));
        assert!(ask(&public, "bmn_status").await.unwrap_err().contains("the disk is full"));
    }

    #[tokio::test]
    async fn nobody_reaches_an_operators_method_through_the_public_module() {
        let front = Front::new("");
        front.enter(answering("public"), answering("admin"));
        let public = front.module().unwrap();
        let names: Vec<_> = public.method_names().collect();
        assert!(ADMIN_METHODS.iter().all(|name| !names.contains(name)));
        assert!(ask(&public, "bmn_setMode").await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_id_of_a_subscription_is_refused_by_name() {
        let front = Front::new("");
        for (module, name) in [
            (front.module().unwrap(), UNSUBSCRIBE),
            (front.admin_module().unwrap(), ALERTS.unsubscribe),
        ] {
            let ended: bool = module.call(name, [7]).await.unwrap();
            assert!(!ended, "there is no such subscription");
            let refused = module.call::<_, bool>(name, [true]).await.unwrap_err().to_string();
            assert!(refused.contains("`subscription`: expected"), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_subscription_ends_with_its_resolver_and_holds_nothing_of_it() {
        let front = Front::new("");
        let held = Arc::new(());
        let mut inner = RpcModule::new(Arc::clone(&held));
        inner
            .register_subscription(
                SUBSCRIBE,
                EVERYBODY.notification,
                UNSUBSCRIBE,
                |_, pending, held, _| async move {
                    let sink = pending.accept().await?;
                    for number in [1, 2] {
                        sink.send(SubscriptionMessage::new(
                            sink.method_name(),
                            sink.subscription_id(),
                            &number,
                        )?)
                        .await?;
                    }
                    sink.closed().await;
                    drop(held);
                    SubscriptionResult::Ok(())
                },
            )
            .unwrap();
        front.enter(inner, RpcModule::new(()));
        let public = front.module().unwrap();
        let mut subscription = public.subscribe(SUBSCRIBE, ["swaps"], 4).await.unwrap();
        for number in [1, 2] {
            let (told, _) = subscription.next::<u64>().await.unwrap().unwrap();
            assert_eq!(told, number);
        }
        front.leave("stopped");
        assert!(subscription.next::<u64>().await.is_none(), "it ended");
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
