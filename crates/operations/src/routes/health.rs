//! How the node does.

use super::json;
use crate::{ports::Ground, problem::Problem, query};
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use bmn_rpc_api::{BmnApiServer, Health, HealthPart, HealthStatus};
use std::sync::Arc;

async fn look(ground: &Ground) -> Result<Health, Problem> {
    Ok(BmnApiServer::health(&ground.rpc).await?)
}

fn answer(health: &Health, good: bool) -> Result<Response, Problem> {
    let mut answer = json(health)?;
    if !good {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(answer)
}

/// How the node does, part by part.
///
/// For people and monitors: as `bmn_health`. A degraded node works, and a person should look.
#[utoipa::path(get, path = "/health", tag = "health", responses(
    (status = 200, description = "Healthy or degraded", body = ref("#/components/schemas/Health")),
    (status = 503, description = "Unhealthy", body = ref("#/components/schemas/Health")),
))]
pub(super) async fn health(
    State(ground): State<Arc<Ground>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    let health = look(&ground).await?;
    answer(&health, health.status != HealthStatus::Unhealthy)
}

/// Whether the process answers and its database can be read.
///
/// For a supervisor that starts it again when not. A chain that is behind does not count: a restart mends nothing.
#[utoipa::path(get, path = "/health/live", tag = "health", responses(
    (status = 200, description = "It lives", body = ref("#/components/schemas/Health")),
    (status = 503, description = "The database cannot be read", body = ref("#/components/schemas/Health")),
))]
pub(super) async fn live(
    State(ground): State<Arc<Ground>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    let health = look(&ground).await?;
    let is_down = |status| status == HealthStatus::Unhealthy;
    let store = health.components.iter().find(|part| part.name == HealthPart::Store);
    answer(&health, !store.is_none_or(|part| is_down(part.status)))
}

/// Whether it takes requests: every chain's index is live, and it does all that it is told to do.
///
/// For whoever decides where requests go.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "It takes requests", body = ref("#/components/schemas/Health")),
    (status = 503, description = "Not yet, or not any more", body = ref("#/components/schemas/Health")),
))]
pub(super) async fn ready(
    State(ground): State<Arc<Ground>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    let health = look(&ground).await?;
    answer(&health, health.ready)
}
