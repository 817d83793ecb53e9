//! What a request is told that is not carried out: Binance's codes and words where it has them.

use std::borrow::Cow;

use axum::http::StatusCode;

use crate::json::Json;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) status: StatusCode,
    pub(crate) code: i32,
    pub(crate) message: Cow<'static, str>,
    /// Further members of the answer, as JSON without braces.
    pub(crate) details: Vec<u8>,
}

impl Error {
    /// The request is at fault.
    pub(crate) fn bad(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn new(status: StatusCode, code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new() }
    }

    pub(crate) fn with_detail(mut self, name: &str, text: &str) -> Self {
        let mut json = Json::new();
        json.text(name, text);
        self.details.push(b',');
        self.details.extend(json.into_bytes());
        self
    }

    pub(crate) fn illegal(parameter: &str, range: &str) -> Self {
        Self::bad(-1100, format!("Illegal characters found in parameter '{parameter}'; legal range is '{range}'."))
    }

    pub(crate) fn mandatory(parameter: &str) -> Self {
        Self::bad(-1102, format!("Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed."))
    }

    pub(crate) fn empty(parameter: &str) -> Self {
        Self::bad(-1105, format!("Parameter '{parameter}' was empty."))
    }

    pub(crate) fn not_required(parameter: &str) -> Self {
        Self::bad(-1106, format!("Parameter '{parameter}' sent when not required."))
    }

    pub(crate) fn too_precise(parameter: &str) -> Self {
        Self::bad(-1111, format!("Parameter '{parameter}' has too much precision."))
    }

    pub(crate) fn invalid_data(parameter: &str) -> Self {
        Self::bad(-1130, format!("Data sent for parameter '{parameter}' is not valid."))
    }

    pub(crate) fn filter(filter: &str) -> Self {
        Self::bad(-1013, format!("Filter failure: {filter}"))
    }

    pub(crate) fn unauthorized(code: i32, message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// Nothing was done and nothing is wrong with the request: the same may be asked again.
    pub(crate) fn unavailable(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }

    /// The error as it stands inside a larger answer.
    pub(crate) fn write(&self, json: &mut Json) {
        json.object(|json| self.write_members(json));
    }

    pub(crate) fn write_members(&self, json: &mut Json) {
        json.raw("code", self.code.to_string().as_bytes());
        json.text("msg", &self.message);
        if let Some(details) = self.details.get(1..).filter(|details| !details.is_empty()) {
            json.raw_value(details);
        }
    }
}
