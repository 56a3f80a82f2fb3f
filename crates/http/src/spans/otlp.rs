use std::env;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use actix_web::http::header::{HeaderMap, HeaderName};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::StartError;
use super::{Answered, collector};
use crate::trace_context::trace_id;

/// How long the end of the process waits for the collector.
const PATIENCE: Duration = Duration::from_secs(2);

static SENDER: OnceLock<Sender> = OnceLock::new();

struct Sender {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Begins to send spans, if a collector is named. What else there is to set, OpenTelemetry's own names
/// say: `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME` and so on.
pub fn start() -> Result<(), StartError> {
    let Some(name) = collector() else { return Ok(()) };
    let exporter = SpanExporter::builder().with_http().build();
    let exporter = exporter.map_err(|error| format!("{name}: {error}"))?;
    let mut resource = Resource::builder();
    if env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("latchkey");
    }
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.with_attribute(version).build())
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("latchkey");
    SENDER.get_or_init(|| Sender { provider, tracer });
    tracing::info!("sending a span for each sampled request");
    Ok(())
}

/// Sends what waits, if the collector takes it soon. It blocks the thread.
pub fn close() {
    if let Some(sender) = SENDER.get()
        && let Err(error) = sender.provider.shutdown_with_timeout(PATIENCE)
    {
        tracing::warn!(%error, "could not send the last spans");
    }
}

/// A request whose span is sent when it is answered; with the trace that it belongs to.
pub(crate) struct Span(Option<Context>);

impl Span {
    pub(crate) fn begin(headers: &HeaderMap) -> Self {
        Self(SENDER.get().map(|_sender| {
            let parent = Context::new();
            match trace_id(headers) {
                Some(_) => {
                    let propagator = TraceContextPropagator::new();
                    propagator.extract_with_context(&parent, &Headers(headers))
                }
                None => parent,
            }
        }))
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    #[expect(clippy::disallowed_methods, reason = "a collector orders spans by microseconds")]
    pub(crate) fn end(&self, answered: &Answered<'_>) {
        let (Some(parent), Some(sender)) = (&self.0, SENDER.get()) else { return };
        let Answered { method, route, status, code, took } = *answered;
        // As OpenTelemetry's conventions call it.
        let method = if method == "other" { "_OTHER" } else { method };
        let now = SystemTime::now();
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
        ];
        let texts = [("http.route", route), ("error.type", code)];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?.to_owned())));
        attributes.extend(texts.map(|(name, text)| KeyValue::new(name, text)));
        let mut span = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_start_time(now.checked_sub(took).unwrap_or(now))
            .with_attributes(attributes)
            .start_with_context(&sender.tracer, parent);
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(now);
    }
}

/// The headers of a request, as OpenTelemetry reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
