use diesel::prelude::*;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{
    ApiKeyId, CountedCalls, KeptRefusal, KeyRefused, RecentUsage, RefusalReason, RefusedCall,
    Timestamp, UsageSpan,
};
use uuid::Uuid;

use super::{id_bytes, id_from};
use crate::fault::{Corrupt, DbResult, Fault, Place};
use crate::schema::{key_refusals, key_usage, recent_usage};

/// The outcome of calls that were accepted.
pub(crate) const ACCEPTED: &str = "accepted";

/// Calls of one outcome in an hour or a day.
#[derive(Insertable, Queryable)]
#[diesel(table_name = key_usage)]
pub(crate) struct UsageRow {
    key_id: Vec<u8>,
    span: String,
    start: i64,
    outcome: String,
    calls: i64,
    cost: i64,
}

/// A refusal that is kept.
#[derive(Insertable, AsChangeset, Queryable)]
#[diesel(table_name = key_refusals, treat_none_as_null = true)]
pub(crate) struct RefusalRow {
    pub(crate) key_id: Vec<u8>,
    minute: i64,
    reason: String,
    at: i64,
    address: Option<String>,
    request_id: Option<String>,
    required: Option<String>,
}

/// The accepted calls of the days up to the last hour that is over.
#[derive(Insertable, AsChangeset, Queryable)]
#[diesel(table_name = recent_usage)]
pub(crate) struct RecentRow {
    key_id: Vec<u8>,
    last_day: i64,
    calls: String,
}

/// A number as SQLite keeps it.
pub(crate) fn integer(number: u64) -> DbResult<i64> {
    i64::try_from(number).map_err(|beyond| Fault(StoreError::new(beyond)))
}

fn place(table: &'static str, key: &[u8]) -> Place {
    Place { table, row: id_from(key).unwrap_or(Uuid::nil()) }
}

impl UsageRow {
    /// Those of accepted calls of the hour that begins at `hour`: of the hour, and of its day.
    pub(crate) fn of_accepted(
        key: &[u8],
        hour: i64,
        calls: i64,
        cost: i64,
    ) -> Result<[Self; 2], Corrupt> {
        let hour = place("last_uses", key).read("hour", Timestamp::from_unix_millis(hour))?;
        Ok(UsageSpan::ALL.map(|span| Self {
            key_id: key.to_vec(),
            span: span.as_str().to_owned(),
            start: span.start_of(hour).unix_millis(),
            outcome: ACCEPTED.to_owned(),
            calls,
            cost,
        }))
    }

    /// Those of refused calls: of the hour, and of its day.
    pub(crate) fn of_refused(refused: &KeyRefused) -> DbResult<[Self; 2]> {
        let calls = integer(refused.calls)?;
        Ok(UsageSpan::ALL.map(|span| Self {
            key_id: id_bytes(refused.key.as_uuid()),
            span: span.as_str().to_owned(),
            start: span.start_of(refused.last.at).unix_millis(),
            outcome: refused.last.reason.as_str().to_owned(),
            calls,
            cost: 0,
        }))
    }

    /// The place of a row in the order of the table.
    #[cfg(feature = "accounts")]
    pub(crate) fn place(
        key: ApiKeyId,
        span: UsageSpan,
        counted: &CountedCalls,
    ) -> (Vec<u8>, &'static str, i64, &'static str) {
        let outcome = counted.refused.map_or(ACCEPTED, RefusalReason::as_str);
        (id_bytes(key.as_uuid()), span.as_str(), counted.start.unix_millis(), outcome)
    }

    pub(crate) fn read(&self) -> DbResult<(ApiKeyId, UsageSpan, CountedCalls)> {
        let place = place("key_usage", &self.key_id);
        let refused = match self.outcome.as_str() {
            ACCEPTED => None,
            reason => Some(place.read("outcome", RefusalReason::parse(reason).ok())?),
        };
        let counted = CountedCalls {
            start: place.read("start", Timestamp::from_unix_millis(self.start))?,
            refused,
            calls: place.read("calls", u64::try_from(self.calls).ok())?,
            cost: place.read("cost", u64::try_from(self.cost).ok())?,
        };
        let key = ApiKeyId::new(place.read("key_id", id_from(&self.key_id))?);
        Ok((key, place.read("span", UsageSpan::parse(&self.span).ok())?, counted))
    }
}

impl RecentRow {
    pub(crate) fn of(key: ApiKeyId, recent: &RecentUsage) -> Self {
        Self {
            key_id: id_bytes(key.as_uuid()),
            last_day: recent.last_day().unix_millis(),
            calls: recent.written(),
        }
    }

    pub(crate) fn read(&self) -> DbResult<(ApiKeyId, RecentUsage)> {
        let place = place("recent_usage", &self.key_id);
        let last_day = place.read("last_day", Timestamp::from_unix_millis(self.last_day))?;
        let recent = place.read("calls", RecentUsage::from_storage(last_day, &self.calls))?;
        Ok((ApiKeyId::new(place.read("key_id", id_from(&self.key_id))?), recent))
    }
}

impl RefusalRow {
    pub(crate) fn of(key: ApiKeyId, kept: &KeptRefusal) -> Self {
        let RefusedCall { address, request_id, required } = kept.call.clone();
        Self {
            key_id: id_bytes(key.as_uuid()),
            minute: kept.minute().unix_millis(),
            reason: kept.reason.as_str().to_owned(),
            at: kept.at.unix_millis(),
            address: address.map(|address| address.to_string()),
            request_id,
            required,
        }
    }

    pub(crate) fn read(self) -> DbResult<(ApiKeyId, KeptRefusal)> {
        let place = place("key_refusals", &self.key_id);
        let address = self.address.map(|text| text.parse()).transpose();
        let kept = KeptRefusal {
            at: place.read("at", Timestamp::from_unix_millis(self.at))?,
            reason: place.read("reason", RefusalReason::parse(&self.reason).ok())?,
            call: RefusedCall {
                address: place.read("address", address.ok())?,
                request_id: self.request_id,
                required: self.required,
            },
        };
        Ok((ApiKeyId::new(place.read("key_id", id_from(&self.key_id))?), kept))
    }
}
