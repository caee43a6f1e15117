//! Prices behind a URL.

use super::{PriceFault, PriceSource, Word};
use crate::Clock;
use async_trait::async_trait;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Largest answer, bytes.
const MOST_BYTES: usize = 256 * 1024;

const PATIENCE: Duration = Duration::from_secs(4);

/// A number in a JSON document. The URL is never told: it may hold a key.
pub struct HttpPrice {
    client: reqwest::Client,
    url: reqwest::Url,
    pointer: String,
    time_pointer: Option<String>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for HttpPrice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpPrice").field("pointer", &self.pointer).finish_non_exhaustive()
    }
}

impl HttpPrice {
    /// The number at a JSON pointer, and the unix second at another one; without that, the answer is of
    /// the moment of the question.
    ///
    /// # Errors
    /// [`PriceFault::Nonsense`] when the URL is none, without repeating it.
    pub fn new(
        url: &str,
        pointer: String,
        time_pointer: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PriceFault> {
        let url = url.parse().map_err(|_| PriceFault::Nonsense("its URL is none".to_owned()))?;
        // A price that is moved elsewhere is another price.
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| PriceFault::Silent(error.without_url().to_string()))?;
        Ok(Self { client, url, pointer, time_pointer, clock })
    }

    async fn document(&self) -> Result<Value, PriceFault> {
        let silent = |error: reqwest::Error| PriceFault::Silent(error.without_url().to_string());
        let mut answer = self.client.get(self.url.clone()).send().await.map_err(silent)?;
        if !answer.status().is_success() {
            return Err(PriceFault::Silent(format!("status {}", answer.status().as_u16())));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(silent)? {
            if bytes.len() + chunk.len() > MOST_BYTES {
                return Err(PriceFault::Nonsense(format!("more than {MOST_BYTES} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes)
            .map_err(|_| PriceFault::Nonsense("the answer is no JSON".to_owned()))
    }
}

#[async_trait]
impl PriceSource for HttpPrice {
    async fn ask(&self) -> Result<Word, PriceFault> {
        let asked = self.clock.unix_seconds();
        let document = self.document().await?;
        let micros = read_price(&document, &self.pointer)?;
        let at = match &self.time_pointer {
            None => asked,
            Some(pointer) => {
                let found = document.pointer(pointer);
                let at = found.and_then(|value| match value {
                    Value::String(text) => text.parse().ok(),
                    other => other.as_u64(),
                });
                at.ok_or_else(|| PriceFault::Nonsense(format!("no unix second at {pointer}")))?
            }
        };
        Ok(Word { micros, at })
    }
}

/// The number or text at a JSON pointer in millionths, rounded down: a plain decimal above zero.
///
/// # Errors
/// [`PriceFault::Nonsense`].
pub fn read_price(document: &Value, pointer: &str) -> Result<u64, PriceFault> {
    let nonsense = |what: &str| PriceFault::Nonsense(format!("{what} at {pointer}"));
    let text = match document.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(nonsense("no number")),
        None => return Err(nonsense("nothing")),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(nonsense("no plain decimal above zero"));
    }
    let millionths = format!("{fraction:0<6}");
    let micros = format!("{whole}{}", &millionths[..6]).parse::<u64>();
    match micros {
        Ok(0) => Err(nonsense("zero")),
        Ok(micros) => Ok(micros),
        Err(_) => Err(nonsense("a price too large for 64 bits")),
    }
}
