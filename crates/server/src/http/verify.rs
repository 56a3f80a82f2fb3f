#![expect(single_use_lifetimes, reason = "fires in what the schema derive writes")]

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::drain;
use super::error::{ApiError, ErrorBody};
use super::wire_time::WireTime;
use crate::app::App;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_API_KEY_ID: HeaderName = HeaderName::from_static("x-api-key-id");
const X_API_KEY_OWNER: HeaderName = HeaderName::from_static("x-api-key-owner");
const X_API_KEY_ENVIRONMENT: HeaderName = HeaderName::from_static("x-api-key-environment");

/// A good key: whose it is and what it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifiedBody<'a> {
    key_id: &'a str,
    owner_id: &'a str,
    name: &'a str,
    key_prefix: &'a str,
    #[schema(example = "live")]
    environment: &'static str,
    #[schema(required)]
    expires_at: Option<WireTime>,
}

/// Whether the presented key is good. Any method, and any path below this one, is answered alike, so
/// that a gateway can forward a request's head as it is.
#[utoipa::path(
    get, path = "/api/v1/verify", operation_id = "verifyApiKey", tag = "Verification", security(("apiKey" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The key is good", body = VerifiedBody<'_>, headers(
            ("X-Api-Key-Id" = String, description = "For a gateway to pass on"),
            ("X-Api-Key-Owner" = String, description = "For a gateway to pass on"),
            ("X-Api-Key-Environment" = String, description = "For a gateway to pass on"),
        )),
        (status = 401, description = "No key, or not a good one", body = ErrorBody),
    ),
)]
pub(crate) async fn verify(
    req: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, ApiError> {
    drain(&req, &mut payload.into_inner()).await;
    let presented = presented(req.headers())?;
    let key = app.api_keys.verify(presented).await?;
    let key = key.parts();
    app.last_uses.note(key.id);

    let id = key.id.to_string();
    let body = VerifiedBody {
        key_id: &id,
        owner_id: key.owner.as_str(),
        name: key.name.as_str(),
        key_prefix: key.prefix.as_str(),
        environment: key.environment.as_str(),
        expires_at: key.expires_at.map(WireTime),
    };
    Ok(HttpResponse::Ok()
        .insert_header((X_API_KEY_ID, id.as_str()))
        .insert_header((X_API_KEY_OWNER, body.owner_id))
        .insert_header((X_API_KEY_ENVIRONMENT, body.environment))
        .json(body))
}

/// The text in `x-api-key`; only where that header is absent, in `Authorization: Bearer`. A header
/// sent twice could mean two things, and so is no key.
fn presented(headers: &HeaderMap) -> Result<&[u8], ApiError> {
    let only = |name: HeaderName| -> Result<Option<&HeaderValue>, ApiError> {
        let mut values = headers.get_all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_second) => Err(ApiError::key_refused("Invalid API key")),
        }
    };
    let key = match only(X_API_KEY)? {
        Some(value) => Some(value.as_bytes()),
        None => only(header::AUTHORIZATION)?.and_then(|value| bearer(value.as_bytes())),
    };
    let key = key.map(<[u8]>::trim_ascii).filter(|key| !key.is_empty());
    key.ok_or_else(|| ApiError::key_refused("API key required"))
}

fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}
