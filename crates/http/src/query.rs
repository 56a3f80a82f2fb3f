use actix_web::HttpRequest;
use actix_web::error::QueryPayloadError;
use actix_web::web::Query;
use serde::de::DeserializeOwned;

use super::body::of_member;
use super::error::ApiError;

/// The query of a call. A parameter that `T` does not know is refused, if it denies unknown fields, and
/// one that is repeated: who sends them means something that would not happen. `expected` says what is
/// wrong with any other value.
pub(crate) fn query_in<T: DeserializeOwned>(
    req: &HttpRequest,
    expected: &'static str,
) -> Result<T, ApiError> {
    Query::from_query(req.query_string()).map(Query::into_inner).map_err(|error| {
        let QueryPayloadError::Deserialize(error) = error else {
            return ApiError::bad_request(expected);
        };
        let what = error.to_string();
        let of_a_name = what.starts_with("unknown field") || what.starts_with("duplicate field");
        if of_a_name {
            ApiError::bad_request(of_member("", &what))
        } else {
            ApiError::bad_request(expected)
        }
    })
}
