use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};
use latchkey_domain::{Actor, Caller, UserAgent};

use super::Http;
use super::client_address::client_address;

/// The id of a request, as it is answered and logged.
pub(crate) struct RequestId(pub(crate) HeaderValue);

/// Who asks, for the audit trail.
pub(crate) fn caller(req: &HttpRequest, http: &Http, actor: impl Into<Actor>) -> Caller {
    let agent = req.headers().get(header::USER_AGENT);
    let agent = agent.and_then(|it| UserAgent::of(&String::from_utf8_lossy(it.as_bytes())));
    let extensions = req.extensions();
    let request_id = extensions.get::<RequestId>().and_then(|id| id.0.to_str().ok());
    Caller {
        actor: actor.into(),
        address: client_address(req, http),
        user_agent: agent,
        request_id: request_id.map(ToOwned::to_owned),
    }
}
