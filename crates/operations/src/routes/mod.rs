//! The paths.

mod admin;
mod api;
mod health;
mod text;

use crate::{ports::Ground, problem::Problem};
use axum::{
    Router,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Every path, with its description.
pub(crate) fn routes() -> OpenApiRouter<Arc<Ground>> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(text::metrics))
        .routes(routes!(text::openapi))
        .routes(routes!(api::orders))
        .routes(routes!(api::order))
        .routes(routes!(api::statistics))
        .routes(routes!(admin::maintenance))
}

/// What is answered where there is no path, or no such method of one.
pub(crate) fn fallbacks(router: Router<Arc<Ground>>) -> Router<Arc<Ground>> {
    router.fallback(nothing).method_not_allowed_fallback(no_method)
}

async fn nothing() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "there is nothing at this path; /openapi.json lists what there is",
    )
}

async fn no_method() -> Problem {
    let detail = "this path has other methods; the Allow header names them";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

fn written(kind: HeaderValue, text: impl Into<Body>) -> Response {
    let mut answer = Response::new(text.into());
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_vec(value).map_err(failed)?;
    Ok(written(JSON, text))
}

/// What is not the client's to know is in the log.
fn failed(error: impl std::fmt::Display) -> Problem {
    tracing::error!(target: "bmn::operations", %error, "a request failed");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the node failed to answer; its log says why")
}
