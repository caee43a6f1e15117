//! JSON-RPC over HTTP.

use crate::{
    Endpoint, Limits,
    fault::Fault,
    transport::{Answer, Heads, Request, Transport},
    wire,
};
use alloy::transports::http::reqwest::{
    self, Client, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect::Policy,
};
use async_trait::async_trait;
use parking_lot::RwLock;
use std::time::Duration;

pub(crate) struct HttpTransport {
    endpoint: Endpoint,
    max_bytes: usize,
    connect_timeout: Duration,
    client: RwLock<Option<Client>>,
}

impl HttpTransport {
    pub(crate) const fn new(endpoint: Endpoint, limits: &Limits) -> Self {
        Self {
            endpoint,
            max_bytes: limits.max_response_bytes,
            connect_timeout: limits.request_timeout,
            client: RwLock::new(None),
        }
    }

    fn client(&self) -> Result<Client, Fault> {
        if let Some(client) = &*self.client.read() {
            return Ok(client.clone());
        }
        // A redirect could take the request, and the key in it, to another host.
        let builder = Client::builder().redirect(Policy::none());
        let client = builder.connect_timeout(self.connect_timeout).build().map_err(unreachable)?;
        Ok(self.client.write().get_or_insert(client).clone())
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > self.max_bytes {
                return Err(Fault::Oversized(self.max_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// The error without the URL, which may hold a key.
fn unreachable(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    Fault::Unreachable(reason)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, requests: &[Request]) -> Result<Vec<Answer>, Fault> {
        let request = self.client()?.post(self.endpoint.url().clone());
        let request = request.header(CONTENT_TYPE, "application/json");
        let body = wire::body(requests).to_string();
        let response = request.body(body).send().await.map_err(unreachable)?;
        let (status, after) = (response.status(), retry_after(&response));
        if status == StatusCode::TOO_MANY_REQUESTS
            || (status == StatusCode::SERVICE_UNAVAILABLE && after.is_some())
        {
            return Err(Fault::RateLimited(after));
        }
        let body = self.read(response).await?;
        let answers = wire::answers(&body, requests.len());
        if status.is_success() {
            return answers;
        }
        // Some nodes send a JSON-RPC error with a status that says error, too.
        match answers {
            Ok(answers) if answers.iter().all(Result::is_err) => Ok(answers),
            _ if status == StatusCode::PAYLOAD_TOO_LARGE => Err(Fault::TooMuch { works: None }),
            _ => Err(Fault::Http(status.as_u16())),
        }
    }

    async fn new_heads(&self) -> Result<Option<Heads>, Fault> {
        Ok(None)
    }

    fn reconnect(&self) {
        *self.client.write() = None;
    }
}
