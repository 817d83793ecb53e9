//! An answer on its way out.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use domain::units::Seq;

use crate::error::Error;
use crate::json::{Digits, Json};

static SEQUENCE: HeaderName = HeaderName::from_static("x-buttonwood-sequence");
static USED_WEIGHT: HeaderName = HeaderName::from_static("x-mbx-used-weight-1m");
static USED_WEIGHT_OLD: HeaderName = HeaderName::from_static("x-mbx-used-weight");

/// Status, body, and the sequence it reflects.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    /// Absent: whatever the read model was at when the request came.
    pub(crate) seq: Option<Seq>,
}

impl Reply {
    /// 200 with what `fill` writes.
    pub(crate) fn ok(fill: impl FnOnce(&mut Json)) -> Self {
        Self::with(StatusCode::OK, fill)
    }

    pub(crate) fn with(status: StatusCode, fill: impl FnOnce(&mut Json)) -> Self {
        let mut json = Json::new();
        fill(&mut json);
        Self { status, body: json.into_bytes(), seq: None }
    }

    pub(crate) fn at(mut self, seq: Seq) -> Self {
        self.seq = Some(seq);
        self
    }

    /// `under_v1`: the sequence is in the body as well.
    pub(crate) fn of_error(error: &Error, seq: Seq, under_v1: bool) -> Self {
        let fill = |json: &mut Json| {
            json.object(|json| {
                error.write_members(json);
                if under_v1 {
                    json.number("sequence", seq.0);
                }
            });
        };
        Self::with(error.status, fill).at(seq)
    }

    pub(crate) fn into_response(self, seq: Seq, used_weight: u64) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
        headers.insert(&SEQUENCE, number(self.seq.unwrap_or(seq).0));
        headers.insert(&USED_WEIGHT, number(used_weight));
        headers.insert(&USED_WEIGHT_OLD, number(used_weight));
        response
    }
}

fn number(number: u64) -> HeaderValue {
    let mut digits = Digits::new();
    HeaderValue::from_bytes(digits.of(u128::from(number))).unwrap_or(HeaderValue::from_static("0"))
}
