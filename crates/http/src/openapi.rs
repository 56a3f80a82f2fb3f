use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Header, Object, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::error::ErrorCode;
use super::{
    accounts, admin, api_keys, audit, care, export, leaks, operations, scopes, usage, verify,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Latchkey",
        description = "API keys: issue, list, rotate and revoke them with a session, verify them anywhere.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "Where this document came from")),
    paths(
        api_keys::list, api_keys::create, api_keys::get, api_keys::change, api_keys::rotate,
        api_keys::revoke, api_keys::add_credits, scopes::list,
        usage::of_key, usage::of_owner, usage::refusals,
        verify::verify, leaks::report,
        accounts::sign_up, accounts::sign_in, accounts::sign_out, accounts::session,
        accounts::change_password, care::change_email, care::confirm, care::delete_account,
        care::sessions, care::end_session, care::end_other_sessions, export::export,
        audit::list,
        admin::api_keys::list, admin::api_keys::create, admin::api_keys::get,
        admin::api_keys::change, admin::api_keys::rotate, admin::api_keys::revoke,
        admin::api_keys::add_credits, admin::owners::add_credits,
        admin::usage::of_key, admin::usage::of_owner, admin::usage::refusals,
        admin::search::find, admin::search::revoke, admin::owners::get, admin::owners::put,
        admin::events::list, admin::scopes::list,
        operations::healthz, operations::readyz, operations::metrics,
    ),
    tags(
        (name = "API keys", description = "Create, list, change, rotate and revoke the keys of the signed-in account. These calls need a session, not an API key."),
        (name = "Usage", description = "How much the keys of the signed-in account are used, and why calls with them were refused."),
        (name = "Verification", description = "Verify a key, and report a leaked one."),
        (name = "Accounts", description = "Sign up and in, and manage the account. Signing up or in sets the session cookie."),
        (name = "Audit trail", description = "Who did what, and when, to an account and its keys."),
        (name = "Management", description = "For backends that manage keys of their own users. These calls need a management token; session cookies and API keys are ignored. Pages of another origin cannot make them."),
        (name = "Operations", description = "For operators of the service. No authentication."),
    ),
    security(("session" = []), ("jwt" = [])),
    // What only a parameter names is not found by itself.
    components(schemas(api_keys::StatusFilter, api_keys::IncludeFilter, usage::SpanBody, admin::search::StatusBody)),
    modifiers(&Schemes, &CommonAnswers, &AnswerHeaders, &OptionalBody),
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
        for (name, what) in
            [("bearer", "API key"), ("managementToken", "management token"), ("jwt", "JWT")]
        {
            let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(what);
            components.add_security_scheme(name, SecurityScheme::Http(bearer.build()));
        }
    }
}

/// What every call under `/api/` may answer, and every call with a body.
struct CommonAnswers;

impl Modify for CommonAnswers {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let api = document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with("/api/"));
        for operation in api.flat_map(|(_, item)| {
            [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
        }) {
            let Some(operation) = operation else { continue };
            let mut common = vec![("503", "Temporarily unavailable; see Retry-After")];
            if operation.request_body.is_some() {
                common.push(("408", "The body did not arrive within 10 seconds"));
                common.push(("413", "The body is larger than 16 KiB"));
                common.push(("415", "The body is not application/json in UTF-8"));
            }
            for (status, description) in common {
                let answer = ResponseBuilder::new()
                    .description(description)
                    .content("application/json", error_body())
                    .build();
                operation.responses.responses.insert(status.to_owned(), answer.into());
            }
        }
    }
}

/// What a status brings along on every route: why, for programs, if it is no success; and the cookie of
/// the two calls that start a session.
struct AnswerHeaders;

impl Modify for AnswerHeaders {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let starts_session = path.ends_with("/sign-up") || path.ends_with("/sign-in");
            let operations =
                [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
            let answers =
                operations.into_iter().flatten().flat_map(|it| &mut it.responses.responses);
            for (status, answer) in answers {
                let RefOr::T(answer) = answer else { continue };
                if status.starts_with(['4', '5']) {
                    let header = error_code(status, path);
                    answer.headers.insert("X-Error-Code".to_owned(), header.into());
                }
                match status.as_str() {
                    "401" => add_header(answer, "WWW-Authenticate", "How to authenticate"),
                    "429" | "503" => {
                        add_header(answer, "Retry-After", "Seconds to wait before the next try");
                    }
                    "200" | "201" if starts_session => {
                        add_header(answer, "Set-Cookie", "The session cookie");
                    }
                    _ => {}
                }
            }
        }
    }
}

fn add_header(answer: &mut Response, name: &str, description: &str) {
    let mut header = Header::new(Object::with_type(Type::String));
    header.description = Some(description.to_owned());
    answer.headers.insert(name.to_owned(), header.into());
}

/// Rotation alone may come without its body. An `Option` would say that the body may be `null`.
struct OptionalBody;

impl Modify for OptionalBody {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let paths = document.paths.paths.iter_mut().filter(|(path, _)| path.ends_with("/rotate"));
        for (_, rotate) in paths {
            let body = rotate.post.as_mut().and_then(|it| it.request_body.as_mut());
            if let Some(RefOr::T(body)) = body {
                body.required = Some(Required::False);
            }
        }
    }
}

fn error_code(status: &str, path: &str) -> Header {
    let status = status.parse().expect("a status of ours");
    let codes = ErrorCode::of(status).filter(|code| code.may_be_of(path));
    let codes = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .enum_values(Some(codes.map(ErrorCode::as_str)));
    let mut header = Header::new(codes);
    header.description = Some("The reason, as a code for programs".to_owned());
    header
}

impl ErrorCode {
    /// Whether calls of this path may be refused with this code, if with its status.
    fn may_be_of(self, path: &str) -> bool {
        let auth = path.strip_prefix("/api/v1/auth/");
        let is_admin = path.starts_with("/api/v1/admin/");
        let is_verify = path == "/api/v1/verify";
        let is_entry = matches!(auth, Some("sign-up" | "sign-in"));
        match self {
            Self::WrongPassword => {
                matches!(auth, Some("password" | "email" | "account" | "confirm"))
            }
            Self::WeakPassword => matches!(auth, Some("sign-up" | "password")),
            Self::InvalidCredentials => auth == Some("sign-in"),
            Self::KeyRequired | Self::InvalidKey => is_verify,
            Self::TokenRequired
            | Self::InvalidToken
            | Self::MissingRight
            | Self::OwnerNotAllowed => is_admin,
            Self::SessionRequired => !is_admin && !is_verify && !is_entry,
            Self::CrossSite => !is_admin,
            Self::SignUpClosed => auth == Some("sign-up"),
            Self::ReauthenticationRequired => path.starts_with("/api/v1/api-keys"),
            Self::KeyNotFound => path.contains("/api-keys/"),
            Self::NotFound => !path.contains("/api-keys/"),
            Self::AddressTaken => matches!(auth, Some("sign-up" | "email")),
            Self::LimitReached => path.contains("/api-keys"),
            Self::OwnerSuspended => {
                path.contains("/api-keys") && !path.ends_with("/api-keys/revoke")
            }
            _ => true,
        }
    }
}

fn error_body() -> Content {
    Content::new(Some(Ref::from_schema_name("ErrorBody")))
}

/// The OpenAPI 3.1 description of the whole API, as committed in `openapi.json`.
pub fn document() -> String {
    document_at("/")
}

/// The same for routes that are mounted at `place`.
fn document_at(place: &str) -> String {
    let mut document = Document::openapi();
    for server in document.servers.iter_mut().flatten() {
        place.clone_into(&mut server.url);
    }
    let mut text = document.to_pretty_json().expect("the document is plain data");
    text.push('\n');
    text
}

pub(crate) async fn serve(req: HttpRequest) -> HttpResponse {
    let mount = req.path().strip_suffix("/openapi.json").unwrap_or_default();
    let place = if mount.is_empty() { "/" } else { mount };
    HttpResponse::Ok().content_type(ContentType::json()).body(document_at(place))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_description_is_the_one_that_is_served() {
        let committed = include_str!("../../../openapi.json");
        assert!(committed == super::document(), "run: just openapi");
    }
}
