//! Error responses, as OpenAI's error object.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use glasshouse_protocol::{ErrorKind, ErrorReport};
use serde_json::{Value, json};

/// `Retry-After` in seconds if all places are taken.
const AGAIN: u16 = 1;

#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
}

impl Refusal {
    pub(super) fn bad(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::new(StatusCode::BAD_REQUEST, None, message) }
    }

    pub(super) fn new(status: StatusCode, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code }
    }

    pub(super) fn no_model(message: impl Into<String>) -> Self {
        let code = Some("model_not_found");
        Self { param: Some("model".to_owned()), ..Self::new(StatusCode::NOT_FOUND, code, message) }
    }

    pub(super) fn full(most: usize) -> Self {
        let message =
            format!("all {most} places are taken by running and waiting requests; retry in a moment");
        Self::new(StatusCode::TOO_MANY_REQUESTS, Some("rate_limit_exceeded"), message)
    }

    pub(super) fn gone() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, None, "the engine ended; restart the server")
    }

    /// The text was stopped on the server.
    pub(super) fn stopped() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, None, "the text was stopped on the server; retry")
    }

    /// The error object for OpenAI's clients.
    pub(super) fn body(&self) -> Value {
        let kind = match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        json!({ "error": { "message": self.message, "type": kind, "param": self.param, "code": self.code } })
    }
}

impl From<ErrorReport> for Refusal {
    fn from(error: ErrorReport) -> Self {
        let ErrorReport { kind, message, field, .. } = error;
        match kind {
            ErrorKind::Unknown => {
                // The message begins with the project's folder, which clients should not learn.
                let reason = message.split_once(": ").map_or(message.as_str(), |(_, reason)| reason);
                Self::no_model(reason)
            }
            ErrorKind::Invalid => {
                let too_long = matches!(field.as_deref(), Some("prompt" | "max_tokens"));
                let code = too_long.then_some("context_length_exceeded");
                Self { param: field, ..Self::new(StatusCode::BAD_REQUEST, code, message) }
            }
            ErrorKind::Refused => Self::new(StatusCode::BAD_REQUEST, None, message),
            ErrorKind::Busy | ErrorKind::Cancelled => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, None, message)
            }
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, None, message),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = super::routes::json_response(self.status, &self.body());
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(AGAIN));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
