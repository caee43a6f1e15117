//! Documents: what is measured, and what there is.

use super::{JSON, failed, written};
use crate::{document, metrics, ports::Ground, problem::Problem, query};
use axum::{
    extract::{RawQuery, State},
    http::HeaderValue,
    response::Response,
};
use std::sync::Arc;

const PROMETHEUS: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What is measured, as Prometheus reads it.
///
/// docs/metrics.md has every name.
#[utoipa::path(get, path = "/metrics", tag = "metrics", responses(
    (status = 200, description = "Prometheus text", body = String, content_type = "text/plain; version=0.0.4"),
))]
pub(super) async fn metrics(
    State(ground): State<Arc<Ground>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    let measures = ground.rpc.measures().await.map_err(failed)?;
    let mut text = metrics::standing(&measures).map_err(failed)?;
    if let Some(recorder) = &ground.recorder {
        text.push_str(&recorder.render());
    }
    Ok(written(PROMETHEUS, text))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "metrics", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
))]
pub(super) async fn openapi(RawQuery(query): RawQuery) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    Ok(written(JSON, document::COMMITTED))
}
