use actix_web::HttpResponse;
use actix_web::web::Data;

use super::proof::{AnyRight, By, Prover};
use crate::Http;
use crate::error::ErrorBody;
use crate::scopes::{ScopeBody, listed};

/// List the catalogue of scopes.
///
/// Returns the scopes that keys may be given, in the order of the service's catalogue. Without a catalogue every scope
/// may be given, and the list is empty. Any token may ask.
#[utoipa::path(
    get, path = "/api/v1/admin/scopes", operation_id = "listScopesForToken", tag = "Management",
    security(("managementToken" = [])),
    responses(
        (status = 200, description = "The scopes", body = Vec<ScopeBody<'_>>),
        (status = 401, description = "Missing or invalid management token", body = ErrorBody),
    ),
)]
pub(crate) async fn list<P: Prover>(http: Data<Http>, _: By<AnyRight, P>) -> HttpResponse {
    listed(&http)
}
