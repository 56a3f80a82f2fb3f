use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, HttpResponse, ResponseError as _};
use futures_util::future::{Either, LocalBoxFuture};
use latchkey_dashboard::Language;
use latchkey_domain::FoundSecret;
use latchkey_domain::ports::Clock;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::Http;
use super::caller::RequestId;
use super::counts::known_method;
use super::cross_site::trusted_origin;
use super::error::{ApiError, ErrorCode, X_ERROR_CODE};
use super::error_page::{for_people, language, prefers_html};
use super::head::refuse_head;
use super::mount::path_in;
use super::progress::Progress;
use super::required::VerifyPath;
use super::session::{AnsweredFor, X_LATCHKEY_ACCOUNT};
use super::spans::{Answered, Span};
use super::this_machine::forwarding;
use super::trace_context::trace_id;
use super::verify;
use super::wire_time::WireTime;

/// Of requests that no route took.
const UNKNOWN_ROUTE: &str = "unknown";
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What time it is, to the millisecond: pages tell times by it, for the clock of their reader may be
/// wrong. Not `Date`, which proxies such as nginx replace by their own.
const X_LATCHKEY_TIME: HeaderName = HeaderName::from_static("x-latchkey-time");
pub(crate) const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; object-src 'none'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; sandbox";

/// What every request and answer has in common: limits on the head, the request id, the security
/// headers, and a line in the log for every change and every failure.
///
/// A verification that asks nobody is answered here: routing, extracting and waiting cost more than
/// it does.
pub(crate) struct Middleware {
    pub(crate) http: Data<Http>,
    /// Whether keys are verified here.
    pub(crate) verifies: bool,
}

/// A service in a [`Middleware`].
pub(crate) struct MiddlewareService<S> {
    next: S,
    http: Data<Http>,
    verifies: bool,
}

impl<S, B> Transform<S, ServiceRequest> for Middleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = MiddlewareService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, next: S) -> Self::Future {
        let (http, verifies) = (Data::clone(&self.http), self.verifies);
        ready(Ok(MiddlewareService { next, http, verifies }))
    }
}

impl<S, B> Service<ServiceRequest> for MiddlewareService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Either<
        Ready<Result<Self::Response, Error>>,
        LocalBoxFuture<'static, Result<Self::Response, Error>>,
    >;

    forward_ready!(next);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let began = Instant::now();
        let common = Common::of(&req, &self.http);
        let answer = match refuse_head(&req) {
            Some(error) => Some(Err(error)),
            None if !self.http.host.is_prepared()
                && !path_in(&req).is_some_and(is_about_the_server) =>
            {
                Some(Err(ApiError::unavailable("the database was away at the start")))
            }
            None if common.kind == Kind::Verify && self.verifies => {
                let path = VerifyPath::of(path_in(&req));
                verify::from_cache(req.request(), path, &self.http, began, &common.request_id)
            }
            None => None,
        };
        if let Some(answer) = answer {
            let response = match answer {
                Ok(response) => req.into_response(response),
                Err(error) => req.error_response(error),
            };
            let response = response.map_into_right_body();
            return Either::Left(ready(Ok(common.complete(response, began, &self.http))));
        }
        if common.kind != Kind::Verify
            && self.http.settings.public_url.is_none()
            && let Some(header) = forwarding(req.headers())
        {
            self.http.hints.forwarded(header, self.http.settings.names.public_url);
        }
        if common.kind.is_call() || common.kind == Kind::Verify {
            req.extensions_mut().insert(RequestId(common.request_id.clone()));
        }
        let handling = req.conn_data::<Arc<Progress>>().map(Progress::handling);
        let trace = trace_id(req.headers()).map(str::to_owned);
        let http = Data::clone(&self.http);
        let answering = timeout(common.kind.time_limit(), self.next.call(req));
        Either::Right(Box::pin(async move {
            let _until_answered = handling;
            match answering.await {
                Ok(response) => Ok(common.complete(response?.map_into_left_body(), began, &http)),
                // The request went with the call; an error is all that is left to answer with.
                Err(elapsed) => Err(common.too_late(elapsed, trace.as_deref(), &http)),
            }
        }))
    }
}

/// What is answered also while the database has never been there.
fn is_about_the_server(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// What is added to every answer.
struct Common {
    kind: Kind,
    method: Method,
    span: Span,
    request_id: HeaderValue,
    /// Where errors are for a person to read: in which language.
    reader: Option<Language>,
    cors: Option<HeaderValue>,
    /// Of an answer that says what time it is.
    clock: Option<Arc<dyn Clock>>,
    is_https: bool,
}

impl Common {
    fn of(req: &ServiceRequest, http: &Http) -> Self {
        let kind = path_in(req).map_or(Kind::Other, Kind::of);
        Self {
            kind,
            method: req.method().clone(),
            span: Span::begin(req.headers()),
            request_id: request_id(req.headers(), http),
            reader: (kind == Kind::Other && http.settings.pages && prefers_html(req))
                .then(|| language(req)),
            cors: trusted_origin(req.headers(), http).filter(|_| kind == Kind::Management),
            clock: kind.is_call().then(|| Arc::clone(&http.services.clock)),
            is_https: http.settings.is_https(),
        }
    }

    fn complete<B: MessageBody + 'static>(
        self,
        response: ServiceResponse<EitherBody<B>>,
        began: Instant,
        http: &Http,
    ) -> ServiceResponse<EitherBody<B>> {
        self.note(&response, began, http);
        let mut response = if let Some(language) = self.reader {
            let (req, response) = response.into_parts();
            let page = for_people(response, &http.settings.product, language, &self.request_id);
            let response = page.map_or_else(|it| it, HttpResponse::map_into_right_body);
            ServiceResponse::new(req, response)
        } else {
            response
        };
        if matches!(self.kind, Kind::Management | Kind::Operator) {
            let account = response.request().extensions().get::<AnsweredFor>().cloned();
            if let Some(AnsweredFor(account)) = account {
                response.headers_mut().insert(X_LATCHKEY_ACCOUNT, account);
            }
        }
        self.add_to(response.headers_mut());
        close_if_draining(response.response_mut(), http);
        response
    }

    /// Counts it, and logs what is to be logged. It is the route and not the path: somebody may have put a
    /// key there.
    fn note(&self, response: &ServiceResponse<impl MessageBody>, began: Instant, http: &Http) {
        let status = response.status();
        let is_good_verification = self.kind == Kind::Verify && status.is_success();
        if is_good_verification && !self.span.is_wanted() {
            return;
        }
        let (request, took) = (response.request(), began.elapsed());
        let route = request.match_pattern();
        let code = response.headers().get(X_ERROR_CODE).and_then(|code| code.to_str().ok());
        self.end_span(route.as_deref(), status, code, took);
        if is_good_verification {
            return;
        }
        let route = route.as_deref().unwrap_or(UNKNOWN_ROUTE);
        if self.kind != Kind::Verify {
            http.counts.requests.count(route, &self.method, status, took);
        }
        let method = self.method.as_str();
        let request_id = self.request_id.to_str().unwrap_or_default();
        let trace_id = trace_id(request.headers());
        let elapsed_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let is_good_read = self.method.is_safe() && status.is_success();
        let status = status.as_u16();
        let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
        let failed = error.and_then(|error| Some((error.code(), error.cause_chain()?)));
        if let Some((failed, cause)) = failed {
            if failed != ErrorCode::Unavailable || http.outages.is_first(self.kind.name(), &cause) {
                tracing::error!(
                    request_id,
                    trace_id,
                    method,
                    route,
                    status,
                    code,
                    elapsed_us,
                    cause,
                    "request failed"
                );
            }
        } else if self.kind.is_call() && !is_good_read {
            tracing::info!(
                request_id, trace_id, method, route, status, code, elapsed_us, "request"
            );
        } else {
            tracing::debug!(
                request_id, trace_id, method, route, status, code, elapsed_us, "request"
            );
        }
    }

    fn end_span(
        &self,
        route: Option<&str>,
        status: StatusCode,
        code: Option<&str>,
        took: Duration,
    ) {
        let method = known_method(&self.method);
        self.span.end(&Answered { method, route, status, code, took });
    }

    fn add_to(self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID, self.request_id);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.kind != Kind::Other {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if self.kind != Kind::Verify {
            secure(headers, self.is_https);
        }
        if self.kind == Kind::Management {
            headers.insert(header::VARY, HeaderValue::from_static("Origin, Sec-Fetch-Site"));
        }
        if let Some(clock) = self.clock {
            let now = HeaderValue::try_from(WireTime(clock.now()).to_string());
            headers.insert(X_LATCHKEY_TIME, now.expect("digits and signs"));
        }
        if let Some(origin) = self.cors {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let allow = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, allow);
            let exposed = HeaderValue::from_static(
                "x-request-id, retry-after, x-error-code, x-latchkey-account, x-latchkey-time",
            );
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }

    fn too_late(self, elapsed: Elapsed, trace_id: Option<&str>, http: &Http) -> Error {
        let what = "no answer in time";
        if http.outages.is_first(self.kind.name(), what) {
            let request_id = self.request_id.to_str().unwrap_or_default();
            tracing::error!(request_id, trace_id, kind = self.kind.name(), "{what}");
        }
        let (status, took) = (StatusCode::SERVICE_UNAVAILABLE, self.kind.time_limit());
        if self.kind != Kind::Verify {
            http.counts.requests.count(UNKNOWN_ROUTE, &self.method, status, took);
        }
        let error = ApiError::unavailable(elapsed);
        self.end_span(None, status, Some(error.code().as_str()), took);
        let mut response = error.error_response();
        if let Some(language) = self.reader {
            response = for_people(response, &http.settings.product, language, &self.request_id)
                .unwrap_or_else(|it| it);
        }
        self.add_to(response.headers_mut());
        InternalError::from_response(error, response).into()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Asks whether a key is good: as few headers as may be, and no line for a success.
    Verify,
    /// A backend that manages keys by a token: no page, so nothing about origins.
    Admin,
    /// Everything else under `/api/`.
    Management,
    /// A page of operators calls: no page of another origin.
    Operator,
    /// Health, documents, and what is not there.
    Other,
}

impl Kind {
    /// Then the answer is 503, whatever hangs: a database that is frozen or a disk that is stuck. A
    /// change that was begun goes on. Management leaves time for a slow body and a slow hash.
    const fn time_limit(self) -> Duration {
        match self {
            Self::Verify => Duration::from_secs(5),
            Self::Admin | Self::Management | Self::Operator | Self::Other => {
                Duration::from_secs(20)
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Admin => "admin",
            Self::Management => "management",
            Self::Operator => "operator",
            Self::Other => "other",
        }
    }

    /// Whether it is a call whose caller the audit trail may name.
    const fn is_call(self) -> bool {
        matches!(self, Self::Management | Self::Admin | Self::Operator)
    }

    fn of(path: &str) -> Self {
        match path.strip_prefix("/api/") {
            None if path.starts_with("/operator/api/") => Self::Operator,
            None => Self::Other,
            Some("v1/verify") => Self::Verify,
            Some(path) if path.starts_with("v1/verify/") => Self::Verify,
            Some(path) if path.starts_with("v1/admin/") => Self::Admin,
            Some(_) => Self::Management,
        }
    }
}

/// A client that opens its next connection elsewhere meets no connection that is about to close.
fn close_if_draining<B>(response: &mut HttpResponse<B>, http: &Http) {
    if http.host.is_draining() {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
}

fn request_id(headers: &HeaderMap, http: &Http) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        (1..=64).contains(&value.len())
            && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
            // It is logged and kept.
            && !FoundSecret::is_in(value.as_bytes())
    };
    headers.get(X_REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| http.request_ids.next())
}

/// The answer to a head that the framework could not read, and so no handler saw.
pub fn refuse_unread(status: StatusCode, http: &Http) -> HttpResponse {
    let error = match status {
        StatusCode::REQUEST_TIMEOUT => {
            ApiError::new(ErrorCode::Timeout, "The request did not arrive in time")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ApiError::new(ErrorCode::HeadTooLarge, "The headers are too large")
        }
        status if status.is_client_error() => {
            ApiError::bad_request("This is no valid HTTP request")
        }
        _ => ApiError::internal("the framework gave up on a request"),
    };
    let mut response = error.error_response();
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, http.request_ids.next());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    secure(headers, http.settings.is_https());
    response
}

fn secure(headers: &mut HeaderMap, is_https: bool) {
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Pages and what they load bring wider ones of their own.
    if !headers.contains_key(CROSS_ORIGIN_RESOURCE_POLICY) {
        let same_origin = HeaderValue::from_static("same-origin");
        headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, same_origin);
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if is_https {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}
