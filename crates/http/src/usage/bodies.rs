#![expect(single_use_lifetimes, reason = "fires in what the schema derive writes")]

use std::collections::BTreeMap;

use latchkey_domain::{
    KeptRefusal, RefusalReason, RefusedCall, Timestamp, UsageCounts, UsagePeriod, UsageSpan,
};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::wire_time::WireTime;

/// Which usage is meant: by default that of the last 30 days, by the day.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeriodQuery {
    /// Count calls by the hour (kept for 35 days) or by the day (kept for 400 days), in UTC.
    #[serde(default)]
    pub(super) by: SpanBody,
    /// From the hour or day that this time is in.
    pub(super) from: Option<WireTime>,
    /// To the hour or day that this time is in; by default now.
    pub(super) to: Option<WireTime>,
}

/// For how long calls are counted together.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SpanBody {
    Hour,
    #[default]
    Day,
}

/// How much was used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageBody {
    by: SpanBody,
    /// The hours or days that have something, ascending.
    items: Vec<BucketBody>,
}

/// The calls of an hour or a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BucketBody {
    start: WireTime,
    /// Accepted calls.
    #[schema(value_type = CallsSchema)]
    accepted: u64,
    /// What they cost together.
    #[schema(value_type = CallsSchema)]
    cost: u64,
    /// Refused calls, by reason.
    #[schema(value_type = RefusedSchema)]
    refused: BTreeMap<&'static str, u64>,
}

/// A call that was refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusalBody<'a> {
    at: WireTime,
    #[schema(value_type = ReasonName)]
    reason: &'static str,
    /// The address that the call came from, as far as the server knows it.
    #[schema(required, example = "192.0.2.7")]
    address: Option<String>,
    /// The `x-request-id` that the call was answered with.
    #[schema(required, example = "019d2070-9a3f-7a02-9d6b-3e5f7a9c1b2d")]
    request_id: Option<&'a str>,
    /// The scopes that the call required; null where none were.
    #[schema(required, example = "docs:write")]
    required: Option<&'a str>,
}

/// Describes a number of calls, or what they cost. Without a format, as credits are described.
#[derive(Debug)]
pub(crate) struct CallsSchema;

/// Describes refused calls by reason.
#[derive(Debug)]
pub(crate) struct RefusedSchema;

/// Describes a [`RefusalReason`].
#[derive(Debug)]
pub(crate) struct ReasonName;

impl UsageBody {
    pub(crate) fn new(period: &UsagePeriod, counts: BTreeMap<Timestamp, UsageCounts>) -> Self {
        let items = counts.into_iter().map(|(start, counts)| {
            let UsageCounts { accepted, cost, refused } = counts;
            let refused = refused.into_iter().map(|(why, calls)| (why.as_str(), calls)).collect();
            BucketBody { start: WireTime(start), accepted, cost, refused }
        });
        Self { by: period.span().into(), items: items.collect() }
    }
}

impl<'a> From<&'a KeptRefusal> for RefusalBody<'a> {
    fn from(refusal: &'a KeptRefusal) -> Self {
        let KeptRefusal { at, reason, call: RefusedCall { address, request_id, required } } =
            refusal;
        Self {
            at: WireTime(*at),
            reason: reason.as_str(),
            address: address.map(|address| address.to_string()),
            request_id: request_id.as_deref(),
            required: required.as_deref(),
        }
    }
}

impl From<SpanBody> for UsageSpan {
    fn from(body: SpanBody) -> Self {
        match body {
            SpanBody::Hour => Self::Hour,
            SpanBody::Day => Self::Day,
        }
    }
}

impl From<UsageSpan> for SpanBody {
    fn from(span: UsageSpan) -> Self {
        match span {
            UsageSpan::Hour => Self::Hour,
            UsageSpan::Day => Self::Day,
        }
    }
}

impl PartialSchema for CallsSchema {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(0))
            .examples([1000])
            .into()
    }
}

impl ToSchema for CallsSchema {}

impl PartialSchema for RefusedSchema {
    fn schema() -> RefOr<Schema> {
        let calls =
            || ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer)).minimum(Some(1));
        let object = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Object))
            .examples([serde_json::json!({ "rate": 3 })]);
        RefusalReason::ALL
            .into_iter()
            .fold(object, |object, reason| object.property(reason.as_str(), calls()))
            .into()
    }
}

impl ToSchema for RefusedSchema {}

impl PartialSchema for ReasonName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .enum_values(Some(RefusalReason::ALL.map(RefusalReason::as_str)))
            .examples(["rate"])
            .description(Some(
                "Why. Where several reasons hold: `revoked`, `disabled`, `expired`, `suspended`, in this order; then `network`, \
                 `scope`, `rate`, `credits`",
            ))
            .into()
    }
}

impl ToSchema for ReasonName {}
