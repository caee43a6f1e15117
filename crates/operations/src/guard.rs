//! What stands before every path: who is asked for, how much, how long, and that it is counted.

use crate::{metrics, ports::Ground, problem::Problem};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use tokio::time::{Instant, timeout};

/// Paths that are answered however much else is asked: a flood of lists must not make the node look dead.
const ALWAYS: [&str; 2] = ["/health/live", "/health/ready"];

/// Lets a request in, or says why not.
pub(crate) async fn guard(
    State(ground): State<Arc<Ground>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let path = matched.as_ref().map_or("other", MatchedPath::as_str);
    let mut answer = match admitted(&ground, path, &request) {
        Ok(_permit) => {
            let most = ground.limits.request_time;
            let answered = timeout(most, next.run(request)).await;
            answered.unwrap_or_else(|_| {
                let detail = format!("not answered within {} s", most.as_secs());
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
            })
        }
        Err(problem) => problem.into_response(),
    };
    metrics::answered(path, answer.status().as_u16(), begun.elapsed().as_secs_f64());
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn admitted<'a>(
    ground: &'a Ground,
    path: &str,
    request: &Request,
) -> Result<Option<tokio::sync::SemaphorePermit<'a>>, Problem> {
    // A monitor that speaks HTTP/1.0 names no host, and no web page can do without one.
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    if host.or(request.uri().host()).is_some_and(|host| !ground.entrance.answers_for(host)) {
        let detail = "the Host header names a host that this server does not answer for";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    if stated_length(request.headers()).is_some_and(|bytes| bytes > ground.limits.body_bytes) {
        return Err(too_large(ground.limits.body_bytes));
    }
    if ALWAYS.contains(&path) {
        return Ok(None);
    }
    let busy = "as many requests as there may be are being worked on";
    let permit = ground.at_work.try_acquire();
    permit.map(Some).map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, busy))
}

fn stated_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(crate) fn too_large(most: usize) -> Problem {
    let detail = format!("the body is larger than {most} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}
