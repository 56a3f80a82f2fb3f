//! What people see and change about their own accounts. A session of another system has no account here.

use std::net::IpAddr;

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_accounts::{Email, Password, Session as Stored, SignedIn};
use latchkey_domain::Actor;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::Http;
use super::accounts::{AccountBody, Success};
use super::body::{InOrder, JsonBody};
use super::caller::caller;
use super::error::{ApiError, ErrorBody, ErrorCode};
use super::session::{Session, clearing};
use super::wire_time::WireTime;

/// The password, to prove who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proof {
    #[schema(format = Password, max_length = 128, example = "correct horse battery staple")]
    password: String,
}

/// Another address, and the password to prove who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailChange {
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    #[schema(format = Password, max_length = 128, example = "correct horse battery staple")]
    password: String,
}

/// A session of the account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnSessionBody {
    #[schema(example = "019d2070-9a40-7e15-b3c8-6f2a4d8c0e91")]
    id: String,
    created_at: WireTime,
    /// When the session was last used. Updated about once a minute.
    last_seen_at: WireTime,
    /// The address it began from; null where that is not known.
    #[schema(required, example = "192.0.2.7")]
    address: Option<String>,
    /// The beginning of the `User-Agent` it began with, without control and hidden characters.
    #[schema(required, max_length = 256, example = "Mozilla/5.0")]
    user_agent: Option<String>,
    /// Whether this call uses the session.
    current: bool,
}

/// How many sessions ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ended {
    #[schema(example = 2)]
    ended: u64,
}

/// List the sessions.
///
/// Returns the active sessions of the account, newest first, at most 1,000.
#[utoipa::path(
    get, path = "/api/v1/auth/sessions", operation_id = "listSessions", tag = "Accounts",
    responses(
        (status = 200, description = "The sessions", body = Vec<OwnSessionBody>),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 409, description = "The session is of another system", body = ErrorBody),
    ),
)]
pub(crate) async fn sessions(http: Data<Http>, session: Session) -> Result<HttpResponse, ApiError> {
    let who = account_of(session)?;
    let sessions = http.services.accounts.sessions(&who).await?;
    let bodies: Vec<_> = sessions.iter().map(|one| OwnSessionBody::of(one, &who)).collect();
    Ok(HttpResponse::Ok().json(bodies))
}

/// End a session.
///
/// Ends a session on the server. If it is the session of this call, the cookie is not cleared.
#[utoipa::path(
    delete, path = "/api/v1/auth/sessions/{id}", operation_id = "endSession", tag = "Accounts",
    params(("id" = String, Path, description = "The ID of the session", example = "019d2070-9a40-7e15-b3c8-6f2a4d8c0e91")),
    responses(
        (status = 200, description = "Ended", body = Success),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 404, description = "No such session of this account, or it has ended", body = ErrorBody),
        (status = 409, description = "The session is of another system", body = ErrorBody),
    ),
)]
pub(crate) async fn end_session(
    req: HttpRequest,
    http: Data<Http>,
    session: Session,
) -> Result<HttpResponse, ApiError> {
    let who = account_of(session)?;
    let caller = caller(&req, &http, Actor::Anonymous);
    let id = req.match_info().get("id").unwrap_or_default().to_owned();
    let work = http.clone();
    let ending = async move { work.services.accounts.end_listed(&who, &id, &caller).await };
    if http.finish(ending).await?? {
        Ok(HttpResponse::Ok().json(Success::DONE))
    } else {
        Err(ApiError::new(ErrorCode::NotFound, "Session not found"))
    }
}

/// End all other sessions.
///
/// Ends every session of the account except the one of this call.
#[utoipa::path(
    post, path = "/api/v1/auth/sessions/end-others", operation_id = "endOtherSessions", tag = "Accounts",
    responses(
        (status = 200, description = "How many ended", body = Ended),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 409, description = "The session is of another system", body = ErrorBody),
    ),
)]
pub(crate) async fn end_other_sessions(
    req: HttpRequest,
    http: Data<Http>,
    session: Session,
) -> Result<HttpResponse, ApiError> {
    let who = account_of(session)?;
    let caller = caller(&req, &http, Actor::Anonymous);
    let work = http.clone();
    let ending = async move { work.services.accounts.end_others(&who, &caller).await };
    let ended = http.finish(ending).await??.ok_or_else(ApiError::session_required)?;
    Ok(HttpResponse::Ok().json(Ended { ended }))
}

/// Change the e-mail address.
///
/// Sessions of the account stay signed in. The audit trail keeps neither address.
#[utoipa::path(
    post, path = "/api/v1/auth/email", operation_id = "changeEmail", tag = "Accounts",
    request_body = EmailChange,
    responses(
        (status = 200, description = "The account with its new address", body = AccountBody),
        (status = 400, description = "Invalid request, or the password is wrong", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 409, description = "The address is taken, the account was changed at the same time, or the session is of another system", body = ErrorBody),
        (status = 429, description = "The password was wrong too often; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn change_email(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(session, JsonBody(body)): InOrder<Session, JsonBody<EmailChange>>,
) -> Result<HttpResponse, ApiError> {
    let email = Email::parse(&body.email)?;
    let password = Password::presented(Zeroizing::new(body.password))?;
    let who = account_of(session)?;
    let caller = caller(&req, &http, Actor::Anonymous);
    let work = http.clone();
    let changing =
        async move { work.services.accounts.change_email(&who, email, password, &caller).await };
    let account = http.finish(changing).await??;
    Ok(HttpResponse::Ok().json(AccountBody::from(&account)))
}

/// Delete the account.
///
/// Revokes all keys of the account on every instance before the response is sent, then deletes the
/// account, its sessions and its keys. Personal data is removed from its audit events.
#[utoipa::path(
    delete, path = "/api/v1/auth/account", operation_id = "deleteAccount", tag = "Accounts",
    request_body = Proof,
    responses(
        (status = 200, description = "Deleted; the answer clears the cookie", body = Success),
        (status = 400, description = "Invalid request, or the password is wrong", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 409, description = "The account was changed at the same time, or the session is of another system", body = ErrorBody),
        (status = 429, description = "The password was wrong too often; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn delete_account(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(session, JsonBody(body)): InOrder<Session, JsonBody<Proof>>,
) -> Result<HttpResponse, ApiError> {
    let password = Password::presented(Zeroizing::new(body.password))?;
    let who = account_of(session)?;
    let caller = caller(&req, &http, Actor::Anonymous);
    let work = http.clone();
    let deleting = async move { work.services.accounts.delete_own(&who, password, &caller).await };
    http.finish(deleting).await??;
    let cookie = clearing(&http.settings);
    Ok(HttpResponse::Ok().insert_header((header::SET_COOKIE, cookie)).json(Success::DONE))
}

/// Confirm the password.
///
/// Confirms the password again for this session. If the service asks for it, only sessions that signed in or confirmed
/// recently can create, rotate and revoke keys.
#[utoipa::path(
    post, path = "/api/v1/auth/confirm", operation_id = "confirmPassword", tag = "Accounts",
    request_body = Proof,
    responses(
        (status = 200, description = "Confirmed", body = Success),
        (status = 400, description = "Invalid request, or the password is wrong", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 409, description = "The session is of another system", body = ErrorBody),
        (status = 429, description = "The password was wrong too often; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn confirm(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(session, JsonBody(body)): InOrder<Session, JsonBody<Proof>>,
) -> Result<HttpResponse, ApiError> {
    let password = Password::presented(Zeroizing::new(body.password))?;
    let who = account_of(session)?;
    let caller = caller(&req, &http, Actor::Anonymous);
    let work = http.clone();
    let confirming = async move { work.services.accounts.confirm(&who, password, &caller).await };
    http.finish(confirming).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}

/// Who is signed in to an account here; 409 where the session is of another system.
pub(crate) fn account_of(session: Session) -> Result<SignedIn, ApiError> {
    match session {
        Session::Account(who) => Ok(who),
        Session::Foreign(_) => {
            let message = "This session is of another system, which keeps the account too";
            Err(ApiError::new(ErrorCode::Conflict, message))
        }
    }
}

impl OwnSessionBody {
    pub(crate) fn of(session: &Stored, who: &SignedIn) -> Self {
        Self {
            id: session.id.to_string(),
            created_at: WireTime(session.created_at),
            last_seen_at: WireTime(session.last_seen_at),
            address: session.address.as_ref().map(IpAddr::to_string),
            user_agent: session.user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
            current: session.id == who.session.id,
        }
    }
}
