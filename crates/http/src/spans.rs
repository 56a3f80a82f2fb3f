//! A span for each request, for a collector of OpenTelemetry, where the build has the feature `otlp` and
//! the environment names a collector.

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
mod without_otlp;

use std::env;
use std::time::Duration;

use actix_web::http::StatusCode;

#[cfg(feature = "otlp")]
pub(crate) use self::otlp::Span;
#[cfg(feature = "otlp")]
pub use self::otlp::{close, start};
#[cfg(not(feature = "otlp"))]
pub(crate) use self::without_otlp::Span;
#[cfg(not(feature = "otlp"))]
pub use self::without_otlp::{close, start};

/// Why spans can't be sent.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// The names that OpenTelemetry gives to the address of a collector.
const COLLECTORS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// How a request was answered. No part of it is a text of the client's.
#[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "nobody is told"))]
pub(super) struct Answered<'a> {
    pub(super) method: &'static str,
    /// `None` where no route took the request.
    pub(super) route: Option<&'a str>,
    pub(super) status: StatusCode,
    pub(super) code: Option<&'a str>,
    pub(super) took: Duration,
}

/// The setting that names a collector, if one does.
fn collector() -> Option<&'static str> {
    COLLECTORS.into_iter().find(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}
