use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{accounts, api_keys, operations, verify};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Latchkey",
        description = "API keys: issue, list and revoke them with a session, verify them anywhere.",
        license(name = "MIT OR Apache-2.0"),
    ),
    paths(
        accounts::sign_up, accounts::sign_in, accounts::sign_out, accounts::session,
        accounts::change_password,
        api_keys::list, api_keys::create, api_keys::get, api_keys::revoke,
        verify::verify,
        operations::healthz, operations::readyz,
    ),
    security(("session" = [])),
    modifiers(&Schemes),
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let cookie = ApiKey::Cookie(ApiKeyValue::new("session"));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        let header = ApiKey::Header(ApiKeyValue::new("x-api-key"));
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(header));
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// The OpenAPI 3.1 description of the whole API, as committed in `openapi.json`.
pub(crate) fn document() -> String {
    let mut text = Document::openapi().to_pretty_json().expect("the document is plain data");
    text.push('\n');
    text
}

pub(crate) async fn serve() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(document())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_description_is_the_one_that_is_served() {
        let committed = include_str!("../../../../openapi.json");
        assert!(committed == super::document(), "run: just openapi");
    }
}
