use actix_web::dev::ServiceRequest;
use actix_web::http::header;

use super::error::{ApiError, ErrorCode};
use super::mount::path_in;

const MAX_URI: usize = 8 * 1024;
const MAX_HEADER: usize = 8 * 1024;
const MAX_HEADERS: usize = 16 * 1024;

/// Limits that the framework does not have, or has wider.
pub(super) fn refuse_head(req: &ServiceRequest) -> Option<ApiError> {
    if req.uri().path_and_query().is_some_and(|it| it.as_str().len() > MAX_URI) {
        return Some(ApiError::new(ErrorCode::UriTooLarge, "The address is longer than 8 KiB"));
    }
    let (mut all, mut longest) = (0, 0);
    for (name, value) in req.headers() {
        all += name.as_str().len() + value.len() + 4;
        longest = longest.max(value.len());
    }
    if all > MAX_HEADERS || longest > MAX_HEADER {
        let message = "A header is over 8 KiB, or all are over 16 KiB";
        return Some(ApiError::new(ErrorCode::HeadTooLarge, message));
    }
    let expect = req.headers().get(header::EXPECT);
    if expect.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        let message = "Only Expect: 100-continue is understood";
        return Some(ApiError::new(ErrorCode::ExpectationFailed, message));
    }
    (!path_in(req).is_some_and(is_literal)).then(ApiError::not_found)
}

/// The router decodes a path before it matches. No route of ours needs that, so that `/%61pi/` is
/// not another spelling of `/api/`; only below `verify`, and as an id, may anything stand.
fn is_literal(path: &str) -> bool {
    let id =
        path.strip_prefix("/api/v1/api-keys/").map(|it| it.strip_suffix("/rotate").unwrap_or(it));
    let id = id.is_some_and(|id| !id.contains('/'));
    !path.contains('%') || id || path.starts_with("/api/v1/verify/")
}
