use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_domain::Actor;
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::Http;
use super::accounts::Success;
use super::body::JsonBody;
use super::caller::caller;
use super::error::{ApiError, ErrorBody};

/// Leaked keys.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeakBody {
    /// A full key, or a text that contains keys, such as a line of a file.
    #[schema(example = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7")]
    key: String,
}

/// Report a leaked key.
///
/// Revokes every key in the text, on every instance, before the response is sent. Anyone who holds a key
/// may have it revoked. The response is the same for keys that were valid, already revoked or never
/// issued. A text without a key is refused. The owner sees the report in the audit trail. The session
/// cookie is ignored.
#[utoipa::path(
    post, path = "/api/v1/leaks", operation_id = "reportLeak", tag = "Verification", security(()),
    request_body = LeakBody,
    responses(
        (status = 200, description = "Every key in the text is revoked", body = Success),
        (status = 400, description = "Invalid request, or no API key in the text", body = ErrorBody),
        (status = 429, description = "More than 60 in a minute from one address; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn report(
    req: HttpRequest,
    http: Data<Http>,
    JsonBody(body): JsonBody<LeakBody>,
) -> Result<HttpResponse, ApiError> {
    // The limit on bodies bounds how many keys there can be.
    let key = Zeroizing::new(body.key);
    let caller = caller(&req, &http, Actor::LeakReport);
    let work = http.clone();
    let revoking =
        async move { work.services.api_keys.report_leaks(key.as_bytes(), &caller).await };
    http.finish(revoking).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}
