//! What is answered instead of a result: problem details (RFC 9457).

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bmn_rpc_api::RpcErrorCode;
use jsonrpsee::types::ErrorObjectOwned;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request was not answered (RFC 9457). What was sent is not repeated: it might be a secret.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says what kind it is.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The words of the status.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong here, for people.
    detail: String,
    /// Which parameter is wrong, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// Name of the `bmn_*` error, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// What the `bmn_*` error says beside its words, where it says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            parameter: None,
            code: None,
            data: None,
        }
    }

    /// A parameter and its accepted form.
    pub(crate) fn parameter(name: &str, expected: &str) -> Self {
        let detail = format!("`{name}`: expected {expected}");
        Self { parameter: Some(name.to_owned()), ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// Words that name a parameter between backticks first, as the wire types write them.
    pub(crate) fn form(words: &str) -> Self {
        let name = words.strip_prefix('`').and_then(|rest| rest.split_once("`: "));
        Self {
            parameter: name.map(|(name, _)| name.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, words)
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

const fn status_of(code: RpcErrorCode) -> StatusCode {
    match code {
        RpcErrorCode::InvalidParams | RpcErrorCode::BadCursor | RpcErrorCode::UnreadableOrder => {
            StatusCode::BAD_REQUEST
        }
        RpcErrorCode::NotFound | RpcErrorCode::UnknownHashlock => StatusCode::NOT_FOUND,
        RpcErrorCode::AmbiguousId
        | RpcErrorCode::Reorged
        | RpcErrorCode::NotYet
        | RpcErrorCode::NoPermission
        | RpcErrorCode::NotWanted => StatusCode::CONFLICT,
        RpcErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        RpcErrorCode::LimitExceeded => StatusCode::TOO_MANY_REQUESTS,
        RpcErrorCode::NotSupported => StatusCode::FORBIDDEN,
        RpcErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<ErrorObjectOwned> for Problem {
    fn from(error: ErrorObjectOwned) -> Self {
        let code = RpcErrorCode::from_code(error.code()).unwrap_or(RpcErrorCode::Internal);
        let data = error.data().and_then(|data| serde_json::from_str::<Value>(data.get()).ok());
        let named = match (code, &data) {
            (RpcErrorCode::InvalidParams, Some(Value::String(words))) => Self::form(words),
            _ => Self { data, ..Self::new(status_of(code), error.message()) },
        };
        let parameter = match code {
            RpcErrorCode::BadCursor => Some("cursor".to_owned()),
            _ => named.parameter.clone(),
        };
        Self { code: Some(code.name()), parameter, ..named }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let text = serde_json::to_vec(&self).unwrap_or_default();
        let mut answer = Response::new(Body::from(text));
        *answer.status_mut() = self.status();
        answer.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if self.status() == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_methods_have_a_status_and_name_the_parameter() {
        let problem = |error: ErrorObjectOwned| {
            let problem = Problem::from(error);
            (problem.status, problem.code.unwrap(), problem.parameter)
        };
        let cursor = Some("cursor".to_owned());
        let limit = RpcErrorCode::InvalidParams.with_data("`limit`: expected a whole number");
        for (error, expected) in [
            (limit, (400, "invalidParams", Some("limit".to_owned()))),
            (RpcErrorCode::BadCursor.says("x"), (400, "badCursor", cursor)),
            (RpcErrorCode::NotFound.says("x"), (404, "notFound", None)),
            (RpcErrorCode::AmbiguousId.with_data(["a", "b"]), (409, "ambiguousId", None)),
            (RpcErrorCode::LimitExceeded.says("x"), (429, "limitExceeded", None)),
            (RpcErrorCode::Unavailable.says("x"), (503, "unavailable", None)),
            (ErrorObjectOwned::owned::<()>(-1, "x", None), (500, "internal", None)),
        ] {
            assert_eq!(problem(error), expected);
        }
        let several = Problem::from(RpcErrorCode::AmbiguousId.with_data(["a", "b"]));
        assert_eq!(several.data, Some(serde_json::json!(["a", "b"])));
    }
}
