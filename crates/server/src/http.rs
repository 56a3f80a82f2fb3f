//! Joins HTTP to the use cases: extractors, the envelope around every answer, a file for each
//! group of routes.

mod accounts;
mod api_keys;
pub(crate) mod audit;
mod body;
mod caller;
mod client_address;
mod cross_site;
mod dashboard;
mod envelope;
pub(crate) mod error;
mod error_page;
mod head;
mod leaks;
mod limited;
mod name_schema;
mod openapi;
mod operations;
mod query;
mod routes;
mod session;
pub(crate) mod spans;
mod this_machine;
mod trace_context;
mod verify;
pub(crate) mod wire_time;

pub(crate) use envelope::refuse_unread;
pub(crate) use openapi::document;
pub(crate) use routes::{metrics_service, service};
