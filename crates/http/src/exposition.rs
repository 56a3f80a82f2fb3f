//! Prometheus's text format 0.0.4.

use std::fmt::{self, Write as _};

use latchkey_verifier::Durations;

/// The values of a histogram. `labels` are without braces, and empty where there are none.
pub fn histogram(out: &mut String, name: &str, labels: &str, took: &Durations) -> fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    for (end, count) in took.up_to() {
        let end = end.as_secs_f64();
        writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{end}\"}} {count}")?;
    }
    let count = took.count();
    writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}")?;
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    writeln!(out, "{name}_sum{labels} {}", took.sum().as_secs_f64())?;
    writeln!(out, "{name}_count{labels} {count}")
}

/// A series of one value.
pub fn metric(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    value: impl fmt::Display,
) -> fmt::Result {
    head(out, name, kind, help)?;
    writeln!(out, "{name} {value}")
}

/// What stands before the values of a series.
pub fn head(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}
