use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use latchkey_verifier::Durations;

use crate::exposition::{head, histogram};

/// Requests by their route, without verifications, which are [counted elsewhere](super::Verifications):
/// here is a lock.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<Routes>);

/// By route and method.
#[derive(Debug, Default)]
struct Routes(BTreeMap<(String, &'static str), Answered>);

#[derive(Debug, Default)]
struct Answered {
    statuses: BTreeMap<u16, u64>,
    took: Durations,
}

impl Requests {
    /// Counts one. `route` is a pattern of ours, never what somebody sent.
    pub(crate) fn count(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        self.lock().count((route.to_owned(), known_method(method)), status, took);
    }

    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        self.lock().write(out)
    }

    fn lock(&self) -> MutexGuard<'_, Routes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Routes {
    fn count(&mut self, route: (String, &'static str), status: StatusCode, took: Duration) {
        let answered = self.0.entry(route).or_default();
        *answered.statuses.entry(status.as_u16()).or_default() += 1;
        answered.took.note(took);
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let name = "latchkey_http_requests_total";
        head(
            out,
            name,
            "counter",
            "Requests other than verifications, by route, method and status.",
        )?;
        for ((route, method), answered) in &self.0 {
            for (status, count) in &answered.statuses {
                let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
                writeln!(out, "{name}{{{labels}}} {count}")?;
            }
        }
        let name = "latchkey_http_request_duration_seconds";
        head(
            out,
            name,
            "histogram",
            "Time from the head of a request other than a verification to its answer.",
        )?;
        for ((route, method), answered) in &self.0 {
            let labels = format!("route=\"{route}\",method=\"{method}\"");
            histogram(out, name, &labels, &answered.took)?;
        }
        Ok(())
    }
}

/// A client may send any method; as a label it would be a series of its own.
pub(crate) fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
