use http::header::WWW_AUTHENTICATE;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use latchkey_domain::{
    ApiKeyId, Environment, Grants, KeyName, KeyPrefix, Metadata, OwnerId, Secret,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::AskError;
use crate::refusal::{LIMITS, X_API_KEY_REFUSAL};
use crate::{Principal, Refusal};

/// What Latchkey says of a good key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedBody {
    key_id: String,
    owner_id: String,
    name: String,
    key_prefix: String,
    environment: String,
    /// `deserialize_with` makes the member required, though it may be null.
    #[serde(deserialize_with = "Option::deserialize")]
    expires_at: Option<String>,
    /// A Latchkey from before this was kept leaves it out.
    metadata: Option<Box<RawValue>>,
    /// A Latchkey from before there were any leaves them out.
    scopes: Option<Vec<String>>,
}

/// What Latchkey says where it refuses.
#[derive(Deserialize)]
struct RefusedBody {
    error: String,
}

/// Whether the answer says that `secret` is good, or that it is not. Anything else, such as the 401 or
/// the 429 of a proxy in between, says neither.
pub(super) fn read(
    head: &Parts,
    body: &[u8],
    secret: &Secret,
) -> Result<Result<Principal, Refusal>, AskError> {
    let challenge = head.headers.get(WWW_AUTHENTICATE);
    match head.status {
        StatusCode::OK => principal(head, body, secret).map(Ok),
        StatusCode::UNAUTHORIZED
            if challenge.is_some_and(|it| it.as_bytes().starts_with(b"ApiKey ")) =>
        {
            refusal(head, body, secret).map(Err)
        }
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
            if head.headers.contains_key(X_API_KEY_REFUSAL) =>
        {
            refusal(head, body, secret).map(Err)
        }
        other => Err(AskError::Status(other)),
    }
}

fn refusal(head: &Parts, body: &[u8], secret: &Secret) -> Result<Refusal, AskError> {
    let RefusedBody { error } = parsed(body)?;
    if error.is_empty() {
        return Err(AskError::Value("error"));
    }
    let refusal = Refusal::passed_on(head.status, &head.headers, &error);
    let headers = refusal.response().headers().values().map(HeaderValue::as_bytes);
    for text in headers.chain([error.as_bytes()]) {
        expect_no_key(text, secret)?;
    }
    Ok(refusal)
}

/// What is passed on reaches the caller, and logs on the way.
fn expect_no_key(text: &[u8], secret: &Secret) -> Result<(), AskError> {
    let key = secret.expose().as_bytes();
    let repeats = text.windows(key.len()).any(|window| window == key);
    if repeats { Err(AskError::RepeatsKey) } else { Ok(()) }
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, AskError> {
    serde_json::from_slice(body)
        .map_err(|error| AskError::Unreadable { line: error.line(), column: error.column() })
}

fn principal(head: &Parts, body: &[u8], secret: &Secret) -> Result<Principal, AskError> {
    let body: VerifiedBody = parsed(body)?;
    // An answer that was cached or mixed up on its way must not lend its owner to another key.
    if body.key_prefix != secret.prefix().as_str() {
        return Err(AskError::OtherKey);
    }
    let wrong = AskError::Value;
    let metadata = body.metadata.map(|raw| Metadata::parse(raw.get())).transpose();
    let metadata = metadata.map_err(|_no_metadata| wrong("metadata"))?.unwrap_or_default();
    let scopes = body.scopes.map(|texts| Grants::parse(texts.iter().map(String::as_str)));
    let scopes = scopes.transpose().map_err(|_no_scopes| wrong("scopes"))?.unwrap_or_default();
    let headers = limits(&head.headers);
    let texts = [&*body.owner_id, &body.name, metadata.as_str()].map(str::as_bytes);
    for text in texts.into_iter().chain(headers.values().map(HeaderValue::as_bytes)) {
        expect_no_key(text, secret)?;
    }
    let expires_at = body.expires_at.map(|text| OffsetDateTime::parse(&text, &Rfc3339)).transpose();
    Ok(Principal {
        key_id: ApiKeyId::parse(&body.key_id).map_err(|_malformed| wrong("keyId"))?,
        owner_id: OwnerId::parse(body.owner_id).map_err(|_malformed| wrong("ownerId"))?,
        name: KeyName::restore(body.name).map_err(|_malformed| wrong("name"))?,
        key_prefix: KeyPrefix::parse(body.key_prefix).map_err(|_malformed| wrong("keyPrefix"))?,
        environment: Environment::parse(&body.environment)
            .map_err(|_unknown| wrong("environment"))?,
        expires_at: expires_at.map_err(|_not_rfc_3339| wrong("expiresAt"))?.map(Into::into),
        metadata,
        scopes,
        headers,
    })
}

fn limits(told: &HeaderMap) -> HeaderMap {
    LIMITS.into_iter().filter_map(|name| Some((name.clone(), told.get(name)?.clone()))).collect()
}
