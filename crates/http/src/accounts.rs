use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use latchkey_accounts::{Account, Email, Password};
use latchkey_domain::Actor;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::Http;
use super::body::{InOrder, JsonBody};
use super::caller::caller;
use super::care::account_of;
use super::cross_site::{self, SameSite};
use super::error::{ApiError, ErrorBody, ErrorCode};
use super::session::{Presented, Session, clearing, granting, presented};
use super::settings::SignUp;
use super::this_machine::is_local;
use super::wire_time::WireTime;

/// An e-mail address and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    /// Any characters.
    #[schema(format = Password, min_length = 12, max_length = 128, example = "correct horse battery staple")]
    password: String,
}

/// The current password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PasswordChange {
    #[schema(format = Password, max_length = 128, example = "correct horse battery staple")]
    current_password: String,
    /// Any characters.
    #[schema(format = Password, min_length = 12, max_length = 128, example = "a longer battery staple")]
    new_password: String,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountBody {
    /// The owner of the keys that the account makes.
    #[schema(example = "019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13")]
    id: String,
    #[schema(example = "ada@example.com")]
    email: String,
    created_at: WireTime,
}

/// Returns the account or owner that the session is for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionBody {
    /// The owner of the keys: the account, or what the other system says.
    #[schema(example = "019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13")]
    id: String,
    /// Null if another system does not say it.
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    /// When the account was created. Null in a session of another system.
    #[schema(required)]
    created_at: Option<WireTime>,
}

/// Success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Success {
    #[schema(example = true)]
    success: bool,
}

/// Lets a sign-up through where strangers may make accounts.
#[derive(Debug)]
pub(crate) struct SignUpOpen(());

impl FromRequest for SignUpOpen {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        std::future::ready(cross_site::check(req).and_then(|_same_site| Self::check(req)))
    }
}

impl SignUpOpen {
    /// Whether this request may sign somebody up, if its page may call at all.
    pub(crate) fn check(req: &HttpRequest) -> Result<Self, ApiError> {
        let closed = "Sign-up is closed; ask the operator of this service for an account";
        let refused = |why: &str| Err(ApiError::new(ErrorCode::SignUpClosed, why.to_owned()));
        let Some(http) = req.app_data::<Data<Http>>() else { return refused(closed) };
        let setting = http.settings.names.open_sign_up;
        match http.settings.sign_up {
            SignUp::Open => Ok(Self(())),
            SignUp::OpenToThisMachine if is_local(req, http) => Ok(Self(())),
            SignUp::OpenToThisMachine => {
                http.hints.local_only("a sign-up", setting);
                refused(&format!(
                    "Sign-up is open on this machine only: open the page by the address of this machine, \
                     such as http://localhost:8080, or set {setting}"
                ))
            }
            SignUp::Closed => refused(closed),
        }
    }
}

/// Sign up.
///
/// Creates an account and signs in to it.
#[utoipa::path(
    post, path = "/api/v1/auth/sign-up", operation_id = "signUp", tag = "Accounts", security(()),
    request_body = Credentials,
    responses(
        (status = 201, description = "The account; the answer sets the session cookie", body = AccountBody),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 403, description = "Sign-up is closed, or the call came from another site", body = ErrorBody),
        (status = 409, description = "The address is taken, or the browser sends too many cookies of the session's name", body = ErrorBody),
        (status = 429, description = "Too many sign-ups from one address; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn sign_up(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(_, JsonBody(body)): InOrder<SignUpOpen, JsonBody<Credentials>>,
) -> Result<HttpResponse, ApiError> {
    let email = Email::parse(&body.email)?;
    let password =
        Password::chosen(Zeroizing::new(body.password), &email).map_err(ApiError::weak_password)?;
    cookies_in(&req, &http)?;
    let caller = caller(&req, &http, Actor::Anonymous);
    let work = http.clone();
    let signing_up = async move { work.services.accounts.sign_up(email, password, &caller).await };
    let (account, token) = http.finish(signing_up).await??;
    Ok(HttpResponse::Created()
        .insert_header((header::SET_COOKIE, granting(&http, &token)))
        .json(AccountBody::from(&account)))
}

/// Sign in.
///
/// The session ends when you sign out, change the password, or after the time that the service allows.
#[utoipa::path(
    post, path = "/api/v1/auth/sign-in", operation_id = "signIn", tag = "Accounts", security(()),
    request_body = Credentials,
    responses(
        (status = 200, description = "The account; the answer sets the session cookie", body = AccountBody),
        (status = 400, description = "Invalid request", body = ErrorBody),
        (status = 401, description = "No such account, or a wrong password", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 409, description = "The browser sends too many cookies of the session's name", body = ErrorBody),
        (status = 429, description = "Too many failures or sign-ins; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn sign_in(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(_, JsonBody(body)): InOrder<SameSite, JsonBody<Credentials>>,
) -> Result<HttpResponse, ApiError> {
    let password = Password::presented(Zeroizing::new(body.password))?;
    let previous = cookies_in(&req, &http)?;
    let caller = caller(&req, &http, Actor::Anonymous);
    let work = http.clone();
    let signing_in = async move {
        work.services.accounts.sign_in(&body.email, password, &previous.tokens, &caller).await
    };
    let (account, token) = http.finish(signing_in).await??;
    Ok(HttpResponse::Ok()
        .insert_header((header::SET_COOKIE, granting(&http, &token)))
        .json(AccountBody::from(&account)))
}

/// Sign out.
///
/// Ends the session on the server and clears the cookie. A session of another system ends only here: the
/// cookie is cleared, and the token stays valid.
#[utoipa::path(
    post, path = "/api/v1/auth/sign-out", operation_id = "signOut", tag = "Accounts",
    responses(
        (status = 200, description = "Signed out; the answer clears the cookie", body = Success),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
    ),
)]
pub(crate) async fn sign_out(
    req: HttpRequest,
    http: Data<Http>,
    session: Session,
) -> Result<HttpResponse, ApiError> {
    if let Session::Account(user) = session {
        let caller = caller(&req, &http, Actor::Anonymous);
        let work = http.clone();
        let ending = async move { work.services.accounts.end_session(&user, &caller).await };
        http.finish(ending).await??;
    }
    let cookie = clearing(&http.settings);
    Ok(HttpResponse::Ok().insert_header((header::SET_COOKIE, cookie)).json(Success::DONE))
}

/// Get the session.
///
/// Returns the account or owner that the session is for.
#[utoipa::path(
    get, path = "/api/v1/auth/session", operation_id = "getSession", tag = "Accounts",
    responses(
        (status = 200, description = "Who is signed in", body = SessionBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
    ),
)]
pub(crate) async fn session(session: Session) -> HttpResponse {
    HttpResponse::Ok().json(match session {
        Session::Account(user) => {
            let AccountBody { id, email, created_at } = AccountBody::from(&user.account);
            SessionBody { id, email: Some(email), created_at: Some(created_at) }
        }
        Session::Foreign(session) => {
            let id = session.owner.as_str().to_owned();
            SessionBody { id, email: session.email, created_at: None }
        }
    })
}

/// Change the password.
///
/// Changes the password and ends all other sessions of the account.
#[utoipa::path(
    post, path = "/api/v1/auth/password", operation_id = "changePassword", tag = "Accounts",
    request_body = PasswordChange,
    responses(
        (status = 200, description = "Changed", body = Success),
        (status = 400, description = "Invalid request, or the current password is wrong", body = ErrorBody),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 403, description = "The call came from another site", body = ErrorBody),
        (status = 409, description = "The account was changed at the same time, or the session is of another system", body = ErrorBody),
        (status = 429, description = "The current password was wrong too often; see Retry-After", body = ErrorBody),
    ),
)]
pub(crate) async fn change_password(
    req: HttpRequest,
    http: Data<Http>,
    InOrder(session, JsonBody(body)): InOrder<Session, JsonBody<PasswordChange>>,
) -> Result<HttpResponse, ApiError> {
    let user = account_of(session)?;
    let current = Password::presented(Zeroizing::new(body.current_password))?;
    let new = Password::chosen(Zeroizing::new(body.new_password), &user.account.parts().email)
        .map_err(ApiError::weak_password)?;
    let caller = caller(&req, &http, Actor::Anonymous);
    let work = http.clone();
    let changing =
        async move { work.services.accounts.change_password(&user, current, new, &caller).await };
    http.finish(changing).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}

/// The session cookies that come with a sign-in, unless there are so many that it would not hold.
fn cookies_in(req: &HttpRequest, http: &Http) -> Result<Presented, ApiError> {
    let name = &http.settings.session_cookie;
    let presented = presented(req.headers(), name);
    if presented.are_too_many() {
        let message = format!(
            "Your browser sends too many cookies named {name}; clear the cookies of this site and its domain, then try again"
        );
        return Err(ApiError::new(ErrorCode::Conflict, message));
    }
    Ok(presented)
}

impl Success {
    pub(crate) const DONE: Self = Self { success: true };
}

impl From<&Account> for AccountBody {
    fn from(account: &Account) -> Self {
        let parts = account.parts();
        Self {
            id: parts.id.to_string(),
            email: parts.email.to_string(),
            created_at: WireTime(parts.created_at),
        }
    }
}
