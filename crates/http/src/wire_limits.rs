use latchkey_domain::{Addition, CreditChange, Credits, Limit, Limits, MalformedLimits, Window};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::ApiError;

/// The limits of a key or an owner: a list, or null where there are none.
#[derive(Debug, Clone, Copy)]
pub struct WireLimits<'a>(pub &'a Limits);

/// A limit as it is sent.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitBody {
    limit: i64,
    every: Every,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Every {
    Second,
    Minute,
    Hour,
    Day,
    Month,
}

/// Credits to add, or to take where the number is negative.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreditsBody {
    /// -1,000,000,000,000 to 1,000,000,000,000, but not 0. Credits that were not counted count from 0. Null: they are not
    /// counted any more.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, minimum = -1_000_000_000_000_i64, maximum = 1_000_000_000_000_i64, example = 1000)]
    add: Option<i64>,
}

#[derive(Serialize)]
struct Item {
    limit: u32,
    every: &'static str,
}

impl Serialize for WireLimits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_none();
        }
        let item =
            |(window, limit): (Window, Limit)| Item { limit: limit.get(), every: window.as_str() };
        serializer.collect_seq(self.0.iter().map(item))
    }
}

impl PartialSchema for WireLimits<'_> {
    fn schema() -> RefOr<Schema> {
        let limit = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(1))
            .maximum(Some(Limit::MAX.get()));
        let every = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .enum_values(Some(Window::ALL.map(Window::as_str)));
        let item = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Object))
            .property("limit", limit)
            .property("every", every)
            .required("limit")
            .required("every");
        ArrayBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
            .items(item)
            .max_items(Some(Window::ALL.len()))
            .examples([serde_json::json!([
                { "limit": 100, "every": "minute" }, { "limit": 10_000, "every": "day" },
            ])])
            .description(Some(
                "How much may be used in each window of the calendar, in UTC: at most one limit for each `every`. Null: as \
                 much as you like. A key shares its limits with the keys that it replaced and that replaced it.",
            ))
            .into()
    }
}

impl ToSchema for WireLimits<'_> {}

/// Describes a number of credits. Without a format: each is exact in JavaScript, and generators make no `BigInt` of it.
#[derive(Debug)]
pub(crate) struct CreditsSchema;

impl PartialSchema for CreditsSchema {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(0))
            .maximum(Some(Credits::MAX.get()))
            .examples([1000])
            .into()
    }
}

impl ToSchema for CreditsSchema {}

/// The limits that a body names, if it names any.
#[expect(clippy::option_option, reason = "left out and null are two things")]
pub(crate) fn limits_in(given: Option<Option<Vec<LimitBody>>>) -> Result<Option<Limits>, ApiError> {
    let Some(list) = given else { return Ok(None) };
    let mut limits = Vec::new();
    for (LimitBody { limit, every }, number) in list.into_iter().flatten().zip(1_u32..) {
        let limit = u32::try_from(limit).ok().and_then(|limit| Limit::new(limit).ok());
        let limit = limit.ok_or_else(|| {
            let message = format!("limits: the limit of entry {number} must be 1 to 1000000000");
            ApiError::bad_request(message)
        })?;
        limits.push((every.into(), limit));
    }
    Ok(Some(Limits::new(limits)?))
}

/// The credits that a body names, if it names any.
pub(crate) fn credits_in(given: Option<i64>) -> Result<Option<Credits>, ApiError> {
    let credits = |number| u64::try_from(number).ok().and_then(|it| Credits::new(it).ok());
    let credits = given.map(|number| credits(number).ok_or(()));
    credits.transpose().map_err(|()| {
        ApiError::bad_request("credits must be a whole number from 0 to 1000000000000, or null")
    })
}

impl CreditsBody {
    pub(crate) fn read(self) -> Result<CreditChange, ApiError> {
        let Some(number) = self.add else { return Ok(CreditChange::Uncount) };
        let more = Addition::new(number).map_err(|_malformed| {
            ApiError::bad_request(
                "add must be a whole number from -1000000000000 to 1000000000000 but not 0, or null",
            )
        })?;
        Ok(CreditChange::Add(more))
    }
}

impl From<Every> for Window {
    fn from(every: Every) -> Self {
        match every {
            Every::Second => Self::Second,
            Every::Minute => Self::Minute,
            Every::Hour => Self::Hour,
            Every::Day => Self::Day,
            Every::Month => Self::Month,
        }
    }
}

impl From<MalformedLimits> for ApiError {
    fn from(error: MalformedLimits) -> Self {
        match error {
            MalformedLimits::Repeated(window) => Self::bad_request(format!(
                "limits must have at most one entry for each {}",
                window.as_str()
            )),
            // Only stores read what is written so.
            MalformedLimits::Unreadable => Self::bad_request("limits has a wrong value"),
        }
    }
}
