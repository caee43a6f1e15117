//! What changes the node.

use super::json;
use crate::{guard::too_large, maintenance::Maintenance, ports::Ground, problem::Problem, query};
use axum::{
    Extension,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bmn_rpc::Caller;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::sync::Arc;

const NO_KEY: &str = "the operator's methods have no key on this node: set admin_rpc or jwt_secret in its \
                      configuration";

/// Takes no new orders, or takes them again. Open orders are finished either way.
///
/// For whoever has the operator's key: `Authorization: Bearer` and a JWT signed with HS256, whose `iat` is at most
/// 60 s away. Each call is kept in the audit log, with the reason.
#[utoipa::path(post, path = "/api/v1/admin/maintenance", tag = "admin", request_body = Maintenance,
    security(("operator" = [])),
    responses(
        (status = 200, description = "What holds now", body = ref("#/components/schemas/NodeModes")),
        (status = 401, description = "No token, or not a good one", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn maintenance(
    State(ground): State<Arc<Ground>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Problem> {
    let operator =
        ground.operator.as_ref().ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, NO_KEY))?;
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if let Some(fault) = operator.refusal(authorization, caller) {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, fault));
    }
    query::none(query.as_deref())?;
    let most = ground.limits.body_bytes;
    let body = Limited::new(body, most).collect().await.map_err(|error| match error
        .downcast_ref::<LengthLimitError>()
    {
        Some(_) => too_large(most),
        None => Problem::new(StatusCode::BAD_REQUEST, "the body did not arrive whole"),
    })?;
    let asked = Maintenance::read(&body.to_bytes())?;
    // Whoever hangs up half-way has changed it all the same: it is done and kept as one.
    json(&operator.maintain(&asked, caller).await?)
}
