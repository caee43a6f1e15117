//! Orders and statistics, as the methods of `bmn_*` answer them.

use super::json;
use crate::{
    ports::Ground,
    problem::Problem,
    query::{self, Asked, ORDERS, STATISTICS},
};
use axum::{
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::Response,
};
use bmn_rpc_api::{BmnApiServer, Cursor, IndexApiServer, Limit, SwapKey};
use std::sync::Arc;

/// Orders this node was given or adopted, by filter, in the order of their ids.
///
/// As `bmn_getSwaps`: at most 200 a page, 50 without a limit. A page may hold fewer while more follow: go on with
/// `next` as `cursor`, and the same filter, until it is `null`.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", responses(
    (status = 200, description = "A page", body = ref("#/components/schemas/SwapPage")),
    (status = 414, description = "The query is too long", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn orders(
    State(ground): State<Arc<Ground>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut asked = Asked::read(query.as_deref(), &ORDERS)?;
    let (cursor, limit) = (asked.take::<Cursor>("cursor")?, asked.take::<Limit>("limit")?);
    let page = BmnApiServer::get_swaps(&ground.rpc, Some(asked.filter()?), cursor, limit).await?;
    json(&page)
}

/// Everything about one order.
///
/// As `bmn_getSwap`, by any id it takes.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders",
    params(("id" = String, Path, description = SwapKey::FORM)),
    responses(
        (status = 200, description = "The order", body = ref("#/components/schemas/Swap")),
        (status = 404, description = "No order has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Several orders have this id; `data` lists their full ids", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn order(
    State(ground): State<Arc<Ground>>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    // What is no text is no id either.
    let Path(id) = id.map_err(|_| Problem::parameter("id", SwapKey::FORM))?;
    let id =
        serde_json::from_value(id.into()).map_err(|error| Problem::form(&error.to_string()))?;
    json(&BmnApiServer::get_swap(&ground.rpc, id).await?)
}

/// What happened on each chain on each day.
///
/// As `bmn_getStatistics`: at most 200 days a page, 50 without a limit.
#[utoipa::path(get, path = "/api/v1/statistics", tag = "statistics", responses(
    (status = 200, description = "A page", body = ref("#/components/schemas/StatisticsPage")),
    (status = 414, description = "The query is too long", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn statistics(
    State(ground): State<Arc<Ground>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut asked = Asked::read(query.as_deref(), &STATISTICS)?;
    let (cursor, limit) = (asked.take::<Cursor>("cursor")?, asked.take::<Limit>("limit")?);
    let filter = Some(asked.filter()?);
    json(&IndexApiServer::get_statistics(&ground.rpc, filter, cursor, limit, None).await?)
}
