//! The limits of one connection's client, around the methods.

use crate::clients::{AtWork, Client, Clients, exceeded};
use jsonrpsee::{
    server::{
        MethodResponse,
        middleware::rpc::{Batch, BatchEntry, BatchEntryErr, Notification, Request, RpcServiceT},
    },
    types::{ErrorObjectOwned, Id},
};
use std::{future::Future, sync::Arc, time::Duration};
use tower::Layer;

/// Puts [`Limited`] around the methods of one connection.
#[derive(Debug, Clone)]
pub(crate) struct LimitLayer {
    /// None where a client may ask what he likes.
    pub(crate) clients: Option<Arc<Clients>>,
    pub(crate) client: Client,
    pub(crate) request_time: Duration,
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limited<S>;

    fn layer(&self, service: S) -> Limited<S> {
        Limited { service, limits: self.clone() }
    }
}

/// Refuses what is above a limit.
#[derive(Debug, Clone)]
pub(crate) struct Limited<S> {
    service: S,
    limits: LimitLayer,
}

impl LimitLayer {
    fn ask(&self) -> Result<(), ErrorObjectOwned> {
        self.clients.as_ref().map_or(Ok(()), |clients| clients.ask(self.client))
    }

    fn begin(&self) -> Result<Option<AtWork>, ErrorObjectOwned> {
        self.clients.as_ref().map(|clients| clients.begin(self.client)).transpose()
    }

    fn too_long(&self) -> ErrorObjectOwned {
        let message = format!("not answered within {} s", self.request_time.as_secs());
        exceeded("requestTime", message, 0)
    }

    /// Each call of a batch is counted: those above the rate are answered with the error, one by one.
    fn ask_for_each(&self, batch: &mut Batch<'_>) {
        for entry in batch.iter_mut() {
            let Err(error) = self.ask() else { continue };
            if let Ok(BatchEntry::Call(request)) = entry {
                *entry = Err(BatchEntryErr::new(request.id.clone(), error));
            }
        }
    }
}

impl<S> RpcServiceT for Limited<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Send
        + Sync
        + Clone
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Self { service, limits } = self.clone();
        async move {
            let id = request.id.clone().into_owned();
            let begun = limits.ask().and_then(|()| limits.begin());
            let _at_work = match begun {
                Ok(at_work) => at_work,
                Err(error) => return MethodResponse::error(id, error),
            };
            let answer = tokio::time::timeout(limits.request_time, service.call(request)).await;
            answer.unwrap_or_else(|_| MethodResponse::error(id, limits.too_long()))
        }
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Self { service, limits } = self.clone();
        async move {
            limits.ask_for_each(&mut batch);
            let _at_work = match limits.begin() {
                Ok(at_work) => at_work,
                Err(error) => return MethodResponse::error(Id::Null, error),
            };
            let answer = tokio::time::timeout(limits.request_time, service.batch(batch)).await;
            answer.unwrap_or_else(|_| MethodResponse::error(Id::Null, limits.too_long()))
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        // Nobody waits for an answer, and the methods do nothing with one: counting it is enough.
        let counted = self.limits.ask();
        let service = self.service.clone();
        async move {
            match counted {
                Ok(()) => service.notification(notification).await,
                Err(_) => MethodResponse::notification(),
            }
        }
    }
}
