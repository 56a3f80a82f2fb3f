use actix_web::http::StatusCode;
use actix_web::web::{self, Json, JsonConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, error};
use latchkey_guard_actix::ApiKeyPrincipal;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .app_data(JsonConfig::default().error_handler(refuse_body))
        .route("/screenshots", web::post().to(screenshot))
        .route("/html-to-image", web::post().to(html_to_image));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScreenshotRequest {
    url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HtmlRequest {
    html: String,
}

/// What would be rendered, and who asked for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rendering<'a> {
    source: &'a str,
    owner: &'a str,
    key_id: String,
    name: &'a str,
}

async fn screenshot(caller: ApiKeyPrincipal, body: Json<ScreenshotRequest>) -> HttpResponse {
    if !(body.url.starts_with("http://") || body.url.starts_with("https://")) {
        return refusal(StatusCode::BAD_REQUEST, "url must be an http or https address");
    }
    accepted(&caller, &body.url)
}

async fn html_to_image(caller: ApiKeyPrincipal, body: Json<HtmlRequest>) -> HttpResponse {
    if body.html.trim().is_empty() {
        return refusal(StatusCode::BAD_REQUEST, "html must not be empty");
    }
    accepted(&caller, "html")
}

fn accepted(caller: &ApiKeyPrincipal, source: &str) -> HttpResponse {
    HttpResponse::Ok().json(Rendering {
        source,
        owner: caller.owner_id.as_str(),
        key_id: caller.key_id.to_string(),
        name: caller.name.as_str(),
    })
}

fn refusal(status: StatusCode, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": message }))
}

fn refuse_body(error: error::JsonPayloadError, _req: &HttpRequest) -> error::Error {
    let status = error::ResponseError::status_code(&error);
    let response = refusal(status, "The body must be the JSON object that this route takes");
    error::InternalError::from_response(error, response).into()
}
