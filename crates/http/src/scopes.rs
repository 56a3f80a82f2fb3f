#![expect(single_use_lifetimes, reason = "fires in what the schema derive writes")]

use actix_web::HttpResponse;
use actix_web::web::Data;
use latchkey_domain::{CataloguedScope, ScopeCatalogue};
use serde::Serialize;
use utoipa::ToSchema;

use super::Http;
use super::acting::ActingFor;
use super::error::ErrorBody;

/// A scope that keys may be given.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScopeBody<'a> {
    #[schema(example = "docs:read")]
    name: &'a str,
    /// What it lets a key do, for people.
    #[schema(example = "Read documents")]
    description: &'a str,
    /// What it is shown with.
    #[schema(required, example = "Documents")]
    group: Option<&'a str>,
    /// Whether a key has it that was created without `scopes`.
    default: bool,
    /// Whether it can be given by management tokens only.
    restricted: bool,
}

/// List scopes.
///
/// Returns the scopes that keys may be given, in the order of the service's catalogue. Without a catalogue every scope
/// may be given, and the list is empty.
#[utoipa::path(
    get, path = "/api/v1/scopes", operation_id = "listScopes", tag = "API keys",
    responses(
        (status = 200, description = "The scopes", body = Vec<ScopeBody<'_>>),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
    ),
)]
pub(crate) async fn list(http: Data<Http>, _: ActingFor) -> HttpResponse {
    listed(&http)
}

/// The catalogue, for persons and for tokens.
pub(crate) fn listed(http: &Http) -> HttpResponse {
    HttpResponse::Ok().json(bodies(&http.services.api_keys.scope_catalogue()))
}

/// The catalogue as it is answered.
pub(crate) fn bodies(catalogue: &ScopeCatalogue) -> Vec<ScopeBody<'_>> {
    catalogue.scopes().iter().map(ScopeBody::from).collect()
}

impl<'a> From<&'a CataloguedScope> for ScopeBody<'a> {
    fn from(scope: &'a CataloguedScope) -> Self {
        let CataloguedScope { name, description, group, is_default, is_restricted } = scope;
        let (default, restricted) = (*is_default, *is_restricted);
        Self { name, description, group: group.as_deref(), default, restricted }
    }
}
