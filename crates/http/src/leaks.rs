use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_domain::{Actor, Secret};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::Http;
use super::accounts::Success;
use super::body::JsonBody;
use super::caller::caller;
use super::error::{ApiError, ErrorBody};
use super::limited::{client_network, count};

/// Leaked keys.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeakBody {
    /// The full key, or a text that holds keys: a line of a file, a header.
    #[schema(example = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7")]
    key: String,
}

/// Report a leaked key.
///
/// Revokes every key in the text, on every instance before this call is answered: anybody who holds a key
/// may have it revoked. The answer is the same for keys that were valid, were revoked before, or belong to
/// nobody; a text without a key is refused. The owner sees the report in the audit trail. A session cookie
/// is ignored.
#[utoipa::path(
    post, path = "/api/v1/leaks", operation_id = "reportLeak", tag = "Verification", security(()),
    request_body = LeakBody,
    responses(
        (status = 200, description = "No key of the text works any more", body = Success),
        (status = 400, description = "Malformed, or no API key in the text", body = ErrorBody),
        (status = 429, description = "More than 60 in a minute from one address; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn report(
    req: HttpRequest,
    http: Data<Http>,
    JsonBody(body): JsonBody<LeakBody>,
) -> Result<HttpResponse, ApiError> {
    let key = Zeroizing::new(body.key);
    let message = "Too many reports; try again later";
    count(&http.services.limits.leak_reports, client_network(&req, &http), message).map(drop)?;
    // The limit on bodies bounds how many there can be.
    let secrets: Vec<_> = Secret::find_in(key.as_bytes()).map(|(_, secret)| secret).collect();
    if secrets.is_empty() {
        return Err(ApiError::bad_request("No API key found in this text"));
    }
    let caller = caller(&req, &http, Actor::LeakReport);
    let work = http.clone();
    let revoking = async move { work.services.api_keys.report_leaks(&secrets, &caller).await };
    http.finish(revoking).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}
