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

/// What stands before an owner.
const OWNERS: [&str; 3] = ["/api/v1/admin/owners/", "/operator/api/owners/", "/operator/owners/"];

/// The router decodes a path before it matches. No route of ours needs that, so that `/%61pi/` is
/// not another spelling of `/api/`; only below `verify`, and as an owner or an id, may anything stand.
fn is_literal(path: &str) -> bool {
    let of_owner = OWNERS.iter().find_map(|before| path.strip_prefix(before));
    let rest = match of_owner {
        Some(owner) => without_its_first(owner),
        None => path.strip_prefix("/api/v1/").unwrap_or(path),
    };
    let rest = rest.strip_prefix("api-keys/").map_or(rest, without_its_first);
    !rest.contains('%') || path.starts_with("/api/v1/verify/")
}

fn without_its_first(segments: &str) -> &str {
    segments.split_once('/').map_or("", |(_first, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_and_an_id_may_be_spelled_in_any_way_and_nothing_else() {
        for path in [
            "/api/v1/api-keys",
            "/api/v1/api-keys/%41",
            "/api/v1/api-keys/%41/rotate",
            "/api/v1/admin/owners/org%2F1",
            "/api/v1/admin/owners/org%2F1/api-keys",
            "/api/v1/admin/owners/org%2F1/api-keys/%41/rotate",
            "/api/v1/verify/%2e%2e/",
            "/operator/owners/org%2F1",
            "/operator/api/owners/org%2F1",
            "/operator/api/owners/org%2F1/api-keys/%41",
        ] {
            assert!(is_literal(path), "{path}");
        }
        for path in [
            "/%61pi/v1/api-keys",
            "/api/v1/%61pi-keys",
            "/api/v1/api-keys/a/ro%74ate",
            "/api/v1/admin/own%65rs/a",
            "/api/v1/admin/owners/a/%61pi-keys",
            "/api/v1/admin/owners/a/api-keys/b/ro%74ate",
            "/api/v1/admin/%61pi-keys",
            "/operator/%6fwners/a",
            "/operator/api/owners/a/%61pi-keys",
            "/operator/keys/%41",
            "/%",
        ] {
            assert!(!is_literal(path), "{path}");
        }
    }
}
