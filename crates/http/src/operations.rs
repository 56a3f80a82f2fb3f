use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::Http;
use super::error::{ApiError, ErrorBody, ErrorCode};
use super::this_machine::is_local;

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Health.
///
/// Responds as long as the process runs.
#[utoipa::path(
    get, path = "/healthz", tag = "Operations", security(()),
    responses((status = 200, description = "Alive", body = Health)),
)]
pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Readiness.
///
/// Checks that the server can work: the database is reachable, writable and has the current schema, and
/// the server is not stopping.
#[utoipa::path(
    get, path = "/readyz", tag = "Operations", security(()),
    responses(
        (status = 200, description = "Ready", body = Health),
        (status = 503, description = "Not ready", body = ErrorBody),
    ),
)]
pub(crate) async fn readyz(http: Data<Http>) -> Result<HttpResponse, ApiError> {
    if http.host.ready().await? {
        return Ok(HttpResponse::Ok().json(Health { status: "ok" }));
    }
    let error = ApiError::new(ErrorCode::Unavailable, "The server is stopping");
    Err(error.with(header::RETRY_AFTER, HeaderValue::from_static("1")))
}

/// Metrics.
///
/// Counters and gauges for Prometheus. They are on the listener of `LATCHKEY_METRICS_LISTEN` if it is
/// set; otherwise here, but only for requests from the server's own machine.
#[utoipa::path(
    get, path = "/metrics", tag = "Operations", security(()),
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String)),
)]
pub(crate) async fn metrics(http: Data<Http>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(http.host.metrics(&http.counts).await)
}

/// The same, on the main listener, for requests of this machine alone.
pub(crate) async fn local_metrics(
    req: HttpRequest,
    http: Data<Http>,
) -> Result<HttpResponse, ApiError> {
    if is_local(&req, &http) {
        return Ok(metrics(http).await);
    }
    http.hints.local_only("/metrics", http.settings.names.metrics_listener);
    Err(ApiError::not_found())
}
