use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_dashboard::ActivityPage;
use latchkey_domain::{ApiKeyId, EventId};
use url::form_urlencoded;

use super::{Visitor, asked_to_sign_in, page, reader, sign_in_place, signed_in};
use crate::Http;
use crate::error::ApiError;
use crate::error_page::language;

/// How many events are shown at a time.
const SHOWN: usize = 50;
/// One more tells whether there are older ones.
const READ: u32 = 51;

pub(crate) async fn activity(
    req: HttpRequest,
    http: Data<Http>,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let Some(session) = signed_in(visitor)? else { return Ok(asked_to_sign_in(&req, &http)) };
    let Asked { key, before } = Asked::parse(req.query_string())?;
    let mut events = http.services.trail.events_of(&session.owner(), key, before, READ).await?;
    let there_are_more = events.len() > SHOWN;
    events.truncate(SHOWN);
    let older = events.last().map(|event| event.id).filter(|_| there_are_more);
    let place = sign_in_place(&http);
    Ok(page(&ActivityPage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&session, place.as_deref(), &http),
        now: http.services.clock.now(),
        events: &events,
        key,
        is_newest: before.is_none(),
        older,
    }))
}

/// Which part of the trail is asked for.
#[derive(Debug, Default)]
struct Asked {
    /// The events of this key alone.
    key: Option<ApiKeyId>,
    /// The events before this one.
    before: Option<EventId>,
}

impl Asked {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let malformed = |_no_id| ApiError::bad_request(format!("{name} must be an id"));
            match &*name {
                "key" => asked.key = Some(ApiKeyId::parse(&value).map_err(malformed)?),
                "before" => asked.before = Some(EventId::parse(&value).map_err(malformed)?),
                _ => {}
            }
        }
        Ok(asked)
    }
}
