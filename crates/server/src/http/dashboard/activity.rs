use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_dashboard::ActivityPage;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{ApiKeyId, AuditEvent, EventId, OwnerId};
use url::form_urlencoded;

use super::{Visitor, asked_to_sign_in, page, signed_in};
use crate::app::App;
use crate::http::error::ApiError;

const PAGE: usize = 50;
/// To find the events of one key others are read too, but no more than in so many reads.
const READS: u32 = 5;
const EVENTS_A_READ: u32 = 200;

pub(crate) async fn activity(
    req: HttpRequest,
    app: Data<App>,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let Some(user) = signed_in(visitor)? else { return Ok(asked_to_sign_in(&req)) };
    let asked = Asked::parse(req.query_string())?;
    let owner = user.account.parts().id.owner();
    let (events, older) = look_back(&app, &owner, &asked).await?;
    Ok(page(&ActivityPage {
        account: &user.account,
        now: app.clock.now(),
        events: &events,
        keys: &app.keys.list(&owner).await?,
        key: asked.key,
        is_newest: asked.before.is_none(),
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

    fn is_met_by(&self, event: &AuditEvent) -> bool {
        let AuditEvent { action, .. } = event;
        self.key.is_none() || self.key == action.key() || self.key == action.successor()
    }
}

/// A page of the events of `owner`, newest first, and before which event to look for more, if there
/// may be more.
async fn look_back(
    app: &App,
    owner: &OwnerId,
    asked: &Asked,
) -> Result<(Vec<AuditEvent>, Option<EventId>), StoreError> {
    let (mut found, mut last) = (Vec::new(), asked.before);
    for _ in 0..READS {
        let events = app.trail.events_of(owner, last, EVENTS_A_READ).await?;
        let read = u32::try_from(events.len()).unwrap_or(EVENTS_A_READ);
        for event in events {
            if found.len() == PAGE {
                return Ok((found, last));
            }
            last = Some(event.id);
            if asked.is_met_by(&event) {
                found.push(event);
            }
        }
        if read < EVENTS_A_READ {
            return Ok((found, None));
        }
    }
    Ok((found, last))
}
