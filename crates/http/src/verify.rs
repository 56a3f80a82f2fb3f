use std::time::Instant;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use latchkey_domain::{ApiKeyId, OverBudget, RefusalReason, RefusedCall, VerifyError};
use latchkey_verifier::{ChargeError, LimitTexts, Missed, Principal};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Http;
use super::body::{drain, has_body};
use super::caller::RequestId;
use super::client_address::client_address;
use super::counts::Outcome;
use super::error::{ApiError, ErrorBody};
use super::price::Price;
use super::required::{VerifyPath, judge, required_text};
use super::wire_metadata::WireMetadata;
use super::wire_restrictions::WireScopes;
use super::wire_time::{ExpirySchema, WireTime};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_API_KEY_ID: HeaderName = HeaderName::from_static("x-api-key-id");
const X_API_KEY_OWNER: HeaderName = HeaderName::from_static("x-api-key-owner");
const X_API_KEY_SCOPES: HeaderName = HeaderName::from_static("x-api-key-scopes");
const X_API_KEY_ENVIRONMENT: HeaderName = HeaderName::from_static("x-api-key-environment");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// A valid key, and its owner.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifiedBody<'a> {
    #[schema(example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")]
    key_id: &'a str,
    /// The owner of the key.
    #[schema(example = "019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13")]
    owner_id: &'a str,
    #[schema(example = "Production")]
    name: &'a str,
    /// The beginning of the key.
    #[schema(example = "sk_live_0123")]
    key_prefix: &'a str,
    #[schema(example = "live")]
    environment: &'static str,
    /// When the key stops working. Null if it does not expire.
    #[schema(value_type = Option<ExpirySchema>, required)]
    expires_at: Option<WireTime>,
    metadata: WireMetadata<'a>,
    scopes: WireScopes<'a>,
}

/// Verify a key.
///
/// Checks whether a key is valid. Any method and any path below this one get the same response, so a
/// gateway can forward the head of a request unchanged.
#[utoipa::path(
    get, path = "/api/v1/verify", operation_id = "verifyApiKey", tag = "Verification", security(("apiKey" = []), ("bearer" = [])),
    params(
        ("scope" = Option<Vec<String>>, Query, description = "A scope the key must have, or several joined by `|`, of which it must have one. Repeat it to require all. Counts on this exact path only", example = json!(["docs:read|docs:write"])),
        ("cost" = Option<u32>, Query, minimum = 0, maximum = 1_000_000, description = "What the call costs, of credits and of each limit; 1 by default. 0 asks whether there is any room. Counts on this exact path only", example = json!(5)),
        ("refusals" = Option<String>, Query, description = "`403`: a full budget is answered by 403 instead of 429, for gateways that know no other. Counts on this exact path only", example = json!("403")),
        ("X-Latchkey-Cost" = Option<u32>, Header, minimum = 0, maximum = 1_000_000, description = "Raises the cost on every path", example = json!(5)),
        ("X-Latchkey-Require" = Option<String>, Header, description = "The same, with commas for repetition. Counts on every path, and adds to the query", example = "docs:read"),
    ),
    responses(
        (status = 200, description = "The key is good", body = VerifiedBody<'_>, headers(
            ("X-Api-Key-Id" = String, description = "For a gateway to pass on"),
            ("X-Api-Key-Owner" = String, description = "For a gateway to pass on"),
            ("X-Api-Key-Environment" = String, description = "For a gateway to pass on"),
            ("RateLimit-Policy" = String, description = "The limits of the key and of its owner, if there are any"),
            ("RateLimit" = String, description = "What is left of each, and in how many seconds its window ends"),
            ("X-Api-Key-Scopes" = String, description = "The scopes of the key, separated by spaces. Left out where the key is not restricted"),
        )),
        (status = 401, description = "Missing or invalid key", body = ErrorBody, headers(
            ("WWW-Authenticate" = String, description = "The two ways to present a key"),
        )),
        (status = 400, description = "The key is good, and the requirement or the cost is malformed", body = ErrorBody),
        (status = 403, description = "The key is good, but not allowed from this address or for this", body = ErrorBody, headers(
            ("WWW-Authenticate" = String, description = "The scopes that are required, if one of them is missing"),
            ("X-Api-Key-Refusal" = String, description = "`scope` or `network`; `rate` or `credits` where the call asked for 403"),
        )),
        (status = 429, description = "The key is good, and a budget has no room", body = ErrorBody, headers(
            ("X-Api-Key-Refusal" = String, description = "`rate` or `credits`"),
            ("Retry-After" = String, description = "For `rate`: the seconds until the window ends"),
        )),
    ),
)]
pub(crate) async fn verify(
    req: HttpRequest,
    payload: Payload,
    http: Data<Http>,
) -> Result<HttpResponse, ApiError> {
    look_up(req, payload, http, VerifyPath::Exact).await
}

/// The same below the path, where the query says nothing.
pub(crate) async fn verify_below(
    req: HttpRequest,
    payload: Payload,
    http: Data<Http>,
) -> Result<HttpResponse, ApiError> {
    look_up(req, payload, http, VerifyPath::Below).await
}

/// A verification, with all that it is judged and counted by.
struct Asked<'r> {
    req: &'r HttpRequest,
    path: VerifyPath,
    http: &'r Http,
    began: Instant,
    /// That of the answer.
    request_id: &'r HeaderValue,
}

/// A good key that may be used for the call, and that is not charged yet.
struct Uncharged(Principal, Price);

/// A verification that was refused, and what it counts as.
type NotGood = (Outcome, ApiError);

impl Asked<'_> {
    /// Judges the key by all but its budgets.
    fn judge(
        &self,
        verified: Option<Result<Principal, VerifyError>>,
    ) -> Result<(Principal, Price), NotGood> {
        let verified = verified.ok_or_else(|| (Outcome::Missing, ApiError::key_required()))?;
        let principal = verified.map_err(|error| {
            if let VerifyError::Refused(refused) = &error
                && let Some((key, reason)) = refused.of_key()
            {
                self.refused(key, reason);
            }
            (Outcome::from(&error), error.into())
        })?;
        match judge(&principal, self.req, self.path, self.http) {
            Ok(price) => Ok((principal, price)),
            Err(why) => {
                if let Some(reason) = why.reason() {
                    self.refused(principal.key(), reason);
                }
                Err((Outcome::from(&why), why.into()))
            }
        }
    }

    /// The budgets have been charged, or have no room.
    fn finish(
        &self,
        principal: &Principal,
        price: Price,
        charged: Result<(), ChargeError>,
    ) -> Result<HttpResponse, NotGood> {
        let verifier = &self.http.services.verifier;
        let over = match charged {
            Ok(()) => {
                verifier.accepted(principal, price.cost);
                let limits = self.http.settings.limit_headers.then(|| verifier.limits(principal));
                return Ok(good(principal, limits.and_then(LimitTexts::of)));
            }
            Err(ChargeError::Store(error)) => {
                return Err((Outcome::Unavailable, ApiError::unavailable(error)));
            }
            Err(ChargeError::Over(over)) => over,
        };
        let outcome = match over {
            OverBudget::Rate { .. } => Outcome::OverLimit,
            OverBudget::Credits => Outcome::NoCredits,
        };
        self.refused(principal.key(), over.reason());
        Err((outcome, ApiError::over_budget(over, price.forbids)))
    }

    /// Counts the call, and gives its answer.
    fn answer(&self, finished: Result<HttpResponse, NotGood>) -> Result<HttpResponse, ApiError> {
        let (outcome, answer) = match finished {
            Ok(good) => (Outcome::Accepted, Ok(good)),
            Err((outcome, error)) => (outcome, Err(error)),
        };
        self.http.counts.verifications.count(outcome, self.began.elapsed());
        answer
    }

    /// Counts the refusal for the key, and keeps what an owner may want to know of it.
    fn refused(&self, key: ApiKeyId, reason: RefusalReason) {
        let call = RefusedCall {
            address: client_address(self.req, self.http),
            request_id: self.request_id.to_str().ok().map(str::to_owned),
            required: required_text(self.req, self.path),
        };
        self.http.services.verifier.refused(key, reason, call);
    }
}

async fn look_up(
    req: HttpRequest,
    payload: Payload,
    http: Data<Http>,
    path: VerifyPath,
) -> Result<HttpResponse, ApiError> {
    let began = Instant::now();
    drain(&req, &mut payload.into_inner()).await;
    // Taken out first: the look-up must not hold the borrow.
    let missed = req.extensions_mut().remove::<Missed>();
    let uncharged = req.extensions_mut().remove::<Uncharged>();
    let request_id = req.extensions_mut().remove::<RequestId>();
    let RequestId(request_id) = request_id.ok_or_else(|| ApiError::internal("no request id"))?;
    let asked = Asked { req: &req, path, http: &http, began, request_id: &request_id };
    let verifier = &http.services.verifier;
    let judged = match (uncharged, missed, presented(req.headers())) {
        (Some(Uncharged(principal, price)), _, _) => Ok((principal, price)),
        (None, Some(missed), _) => asked.judge(Some(verifier.look_up(missed).await)),
        (None, None, Some(text)) => asked.judge(Some(verifier.verify(text).await)),
        (None, None, None) => asked.judge(None),
    };
    asked.answer(match judged {
        Err(refused) => Err(refused),
        Ok((principal, price)) => {
            let charged = verifier.charge(&principal, price.cost).await;
            asked.finish(&principal, price, charged)
        }
    })
}

/// The same, where it waits for nothing: there is no body, the cache knows, and what the call costs is at hand. What the
/// cache does not know, or a key that is not charged yet, is left with the request for [`look_up`], so that the key is
/// parsed and hashed once.
pub(crate) fn from_cache(
    req: &HttpRequest,
    path: VerifyPath,
    http: &Http,
    began: Instant,
    request_id: &HeaderValue,
) -> Option<Result<HttpResponse, ApiError>> {
    if has_body(req.headers()) {
        return None;
    }
    let verified = match presented(req.headers()) {
        None => None,
        Some(text) => match http.services.verifier.verify_from_cache(text) {
            Ok(answer) => Some(answer.map_err(VerifyError::Refused)),
            Err(missed) => {
                req.extensions_mut().insert(missed);
                return None;
            }
        },
    };
    let asked = Asked { req, path, http, began, request_id };
    let (principal, price) = match asked.judge(verified) {
        Ok(judged) => judged,
        Err(refused) => return Some(asked.answer(Err(refused))),
    };
    let Some(charged) = http.services.verifier.charge_from_memory(&principal, price.cost) else {
        req.extensions_mut().insert(Uncharged(principal, price));
        return None;
    };
    let finished = asked.finish(&principal, price, charged.map_err(ChargeError::Over));
    Some(asked.answer(finished))
}

fn good(principal: &Principal, limits: Option<LimitTexts>) -> HttpResponse {
    let mut buffer = Uuid::encode_buffer();
    let id: &str = principal.key().as_uuid().hyphenated().encode_lower(&mut buffer);
    let scopes = &principal.restrictions().scopes;
    let body = VerifiedBody {
        key_id: id,
        owner_id: principal.owner(),
        name: principal.name(),
        key_prefix: principal.prefix(),
        environment: principal.environment().as_str(),
        expires_at: principal.expires_at().map(WireTime),
        metadata: WireMetadata(principal.metadata()),
        scopes: WireScopes(scopes),
    };
    let mut response = HttpResponse::Ok();
    if let Some(scopes) = scopes.joined() {
        response.insert_header((X_API_KEY_SCOPES, scopes));
    }
    if let Some(LimitTexts { policy, state }) = limits {
        response.insert_header((RATELIMIT_POLICY, policy)).insert_header((RATELIMIT, state));
    }
    response
        .insert_header((X_API_KEY_ID, id))
        .insert_header((X_API_KEY_OWNER, body.owner_id))
        .insert_header((X_API_KEY_ENVIRONMENT, HeaderValue::from_static(body.environment)))
        .json(body)
}

fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let all = |name: HeaderName| headers.get_all(name).map(HeaderValue::as_bytes);
    latchkey_domain::presented(all(X_API_KEY), all(header::AUTHORIZATION))
}
