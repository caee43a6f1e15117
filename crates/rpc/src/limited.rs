//! The limits of one connection's client, around the methods.

use crate::{
    clients::{Client, Clients, Place, exceeded},
    socket::Connection,
};
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
    pub(crate) connection: Arc<Connection>,
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

    fn begin(&self) -> Result<Option<Place>, ErrorObjectOwned> {
        self.clients.as_ref().map(|clients| clients.begin(self.client)).transpose()
    }

    fn too_long(&self) -> ErrorObjectOwned {
        let message = format!("not answered within {} s", self.request_time.as_secs());
        exceeded("requestTime", message, 0)
    }

    /// The client's place stays taken until he has taken the answer: what waits for him is held here.
    fn answered(&self, place: Option<Place>, answer: MethodResponse) -> MethodResponse {
        let Some(place) = place else { return answer };
        // What begins a subscription was sent on its own, and a notification has no answer.
        if answer.is_method_call() || answer.is_batch() {
            self.connection.owes(answer.as_json().get().len(), place);
        }
        answer
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
            let place = match begun {
                Ok(place) => place,
                Err(error) => return MethodResponse::error(id, error),
            };
            let answer = tokio::time::timeout(limits.request_time, service.call(request)).await;
            let answer = answer.unwrap_or_else(|_| MethodResponse::error(id, limits.too_long()));
            limits.answered(place, answer)
        }
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Self { service, limits } = self.clone();
        async move {
            limits.ask_for_each(&mut batch);
            let place = match limits.begin() {
                Ok(place) => place,
                Err(error) => return MethodResponse::error(Id::Null, error),
            };
            let answer = tokio::time::timeout(limits.request_time, service.batch(batch)).await;
            let answer =
                answer.unwrap_or_else(|_| MethodResponse::error(Id::Null, limits.too_long()));
            limits.answered(place, answer)
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
