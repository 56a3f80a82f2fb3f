use diesel::prelude::*;
#[cfg(feature = "accounts")]
use latchkey_domain::UsageSpan;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{
    ApiKeyId, CountedCalls, KeptRefusal, RecentUsage, RefusalReason, RefusedCall,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::fault::Place;
use crate::schema::key_refusals;
#[cfg(feature = "accounts")]
use crate::schema::key_usage;

/// The outcome of calls that were accepted.
pub(crate) const ACCEPTED: &str = "accepted";

/// A refusal that is kept.
#[derive(Insertable, Queryable)]
#[diesel(table_name = key_refusals)]
pub(crate) struct RefusalRow {
    key_id: Uuid,
    minute: OffsetDateTime,
    reason: String,
    at: OffsetDateTime,
    address: Option<String>,
    request_id: Option<String>,
    required: Option<String>,
}

/// Calls with one outcome of an hour or a day.
#[cfg(feature = "accounts")]
#[derive(Insertable)]
#[diesel(table_name = key_usage)]
pub(crate) struct UsageRow {
    key_id: Uuid,
    span: &'static str,
    start: OffsetDateTime,
    outcome: &'static str,
    calls: i64,
    cost: i64,
}

#[cfg(feature = "accounts")]
impl UsageRow {
    /// Nothing where a number is beyond what Postgres keeps.
    pub(crate) fn of(key: ApiKeyId, span: UsageSpan, counted: &CountedCalls) -> Option<Self> {
        let CountedCalls { start, refused, calls, cost } = counted;
        Some(Self {
            key_id: key.as_uuid(),
            span: span.as_str(),
            start: (*start).into(),
            outcome: refused.map_or(ACCEPTED, RefusalReason::as_str),
            calls: i64::try_from(*calls).ok()?,
            cost: i64::try_from(*cost).ok()?,
        })
    }
}

/// The accepted calls of the days up to the last hour that is over, and of the hour that is not.
#[derive(Queryable)]
pub(crate) struct RecentRow {
    key_id: Uuid,
    last_day: Option<OffsetDateTime>,
    calls: Option<String>,
    hour: OffsetDateTime,
    accepted: i64,
}

impl RecentRow {
    pub(crate) fn read(self) -> Result<(ApiKeyId, RecentUsage), StoreError> {
        let place = Place { table: "recent_usage", row: self.key_id };
        let hour = self.hour.into();
        let mut recent = match (self.last_day, self.calls) {
            (Some(last_day), Some(calls)) => {
                let recent = RecentUsage::from_storage(last_day.into(), &calls);
                place.read("calls", recent)?
            }
            _ => RecentUsage::none(hour),
        };
        let accepted = u64::try_from(self.accepted).ok();
        recent.add(hour, Place { table: "last_uses", ..place }.read("accepted", accepted)?);
        Ok((ApiKeyId::new(self.key_id), recent))
    }
}

impl RefusalRow {
    #[cfg(feature = "accounts")]
    pub(crate) fn of(key: ApiKeyId, kept: &KeptRefusal) -> Self {
        let RefusedCall { address, request_id, required } = kept.call.clone();
        Self {
            key_id: key.as_uuid(),
            minute: kept.minute().into(),
            reason: kept.reason.as_str().to_owned(),
            at: kept.at.into(),
            address: address.map(|address| address.to_string()),
            request_id,
            required,
        }
    }

    pub(crate) fn read(self) -> Result<KeptRefusal, StoreError> {
        let place = Place { table: "key_refusals", row: self.key_id };
        let address = self.address.map(|text| text.parse()).transpose();
        Ok(KeptRefusal {
            at: self.at.into(),
            reason: place.read("reason", RefusalReason::parse(&self.reason).ok())?,
            call: RefusedCall {
                address: place.read("address", address.ok())?,
                request_id: self.request_id,
                required: self.required,
            },
        })
    }
}

/// Calls with one outcome, which are those of one key or of several.
pub(crate) fn counted(
    key: Uuid,
    start: OffsetDateTime,
    outcome: &str,
    calls: i64,
    cost: i64,
) -> Result<CountedCalls, StoreError> {
    let place = Place { table: "key_usage", row: key };
    let refused = match outcome {
        ACCEPTED => None,
        reason => Some(place.read("outcome", RefusalReason::parse(reason).ok())?),
    };
    Ok(CountedCalls {
        start: start.into(),
        refused,
        calls: place.read("calls", u64::try_from(calls).ok())?,
        cost: place.read("cost", u64::try_from(cost).ok())?,
    })
}
