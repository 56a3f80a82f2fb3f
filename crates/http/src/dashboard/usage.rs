use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_dashboard::{Shown, UsagePage, View};
use latchkey_domain::UsageSpan;

use super::{Visitor, asked_to_sign_in, json, page, reader, sign_in_place, signed_in};
use crate::Http;
use crate::error::ApiError;
use crate::error_page::language;
use crate::usage::{UsageBody, last_days};

/// How far back the page can show calls: `assets/usage.js` offers as many days.
const LOOKED_BACK: Duration = Duration::from_hours(89 * 24);

pub(crate) async fn usage(
    req: HttpRequest,
    http: Data<Http>,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    let Some(session) = signed_in(visitor)? else { return Ok(asked_to_sign_in(&req, &http)) };
    let whose = session.owner();
    let now = http.services.clock.now();
    let since = now.saturating_sub(LOOKED_BACK);
    let period = http.services.usage.period(UsageSpan::Day, Some(since), Some(now))?;
    let calls = http.services.usage.of_owner(&whose, &period).await?;
    let keys = http.services.api_keys.list(&whose).await?;
    let days = last_days(&http, &keys).await?;
    let place = sign_in_place(&http);
    Ok(page(&UsagePage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&session, place.as_deref(), &http),
        now,
        calls: &calls,
        usage_json: &json(&UsageBody::new(&period, calls.clone()))?,
        shown: &Shown::of(&keys, &days, &View::most_used(), now),
        days: &days,
    }))
}
