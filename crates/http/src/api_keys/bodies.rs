#![expect(single_use_lifetimes, reason = "fires in what the schema derive writes")]

use std::time::Duration;

use actix_web::HttpRequest;
use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{
    ApiKeyId, Creator, Credits, Environment, IssuedKey, KeyChange, KeyName, KeyState, Limits,
    NewKey, Overlap, RecentUsage, Rotation,
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::Http;
use crate::error::ApiError;
use crate::name_schema::NameSchema;
use crate::query::query_in;
use crate::usage::CallsSchema;
use crate::wire_limits::{CreditsSchema, LimitBody, WireLimits, credits_in, limits_in};
use crate::wire_metadata::WireMetadata;
use crate::wire_restrictions::{GivenRestrictions, WireNetworks, WireScopes};
use crate::wire_time::{ExpirySchema, WireTime};

/// Which keys are meant.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyFilter {
    /// `revoked` returns the keys revoked in the last 90 days instead.
    pub(super) status: Option<StatusFilter>,
    /// `usage` adds to each key how much it was used.
    include: Option<IncludeFilter>,
}

/// Which keys to list, by status.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusFilter {
    Revoked,
}

/// What else to tell of each key.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IncludeFilter {
    Usage,
}

/// A key to be issued.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateBody {
    /// Display name, 1 to 100 characters, at least one of them visible.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = NameSchema, required)]
    pub(crate) name: Option<String>,
    /// The environment of the key.
    #[serde(default)]
    pub(crate) environment: EnvironmentBody,
    /// When the key stops working. Must be in the future.
    #[serde(default)]
    #[schema(value_type = Option<ExpirySchema>)]
    pub(crate) expires_at: Option<WireTime>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireScopes<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    pub(crate) scopes: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireNetworks<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    pub(crate) allowed_networks: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireLimits<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    pub(crate) limits: Option<Option<Vec<LimitBody>>>,
    /// How many credits the key has for good. Null or left out: they are not counted.
    #[serde(default)]
    #[schema(value_type = Option<CreditsSchema>, required = false)]
    pub(crate) credits: Option<i64>,
}

/// What to change about a key; at least one member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(min_properties = 1)]
pub(crate) struct ChangeBody {
    /// Display name, 1 to 100 characters, at least one of them visible.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = NameSchema, required = false)]
    pub(crate) name: Option<String>,
    /// Whether the key is enabled.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    pub(crate) enabled: Option<bool>,
    /// When the key stops working, in the future. Null: it does not expire.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<ExpirySchema>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    pub(crate) expires_at: Option<Option<WireTime>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireScopes<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    pub(crate) scopes: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireNetworks<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    pub(crate) allowed_networks: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireLimits<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    pub(crate) limits: Option<Option<Vec<LimitBody>>>,
}

/// How to rotate a key.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RotateBody {
    /// How long both keys work. 0 revokes the old key before the response is sent.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = u32, required = false, minimum = 0, maximum = 2_592_000, default = 86_400)]
    pub(crate) overlap_seconds: Option<u32>,
}

/// The environment of a key.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EnvironmentBody {
    #[default]
    Live,
    Test,
}

/// A new key, with its full text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuedBody<'a> {
    #[schema(example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")]
    id: String,
    #[schema(example = "Production")]
    name: &'a str,
    /// The full key. It can't be shown again.
    #[schema(example = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7")]
    key: &'a str,
    /// The beginning of the key's text, to tell keys apart.
    #[schema(example = "sk_live_0123")]
    key_prefix: &'a str,
    created_at: WireTime,
    environment: EnvironmentBody,
    /// When the key stops working. Null if it does not expire.
    #[schema(value_type = Option<ExpirySchema>, required)]
    expires_at: Option<WireTime>,
}

/// A new key, issued by a rotation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RotatedBody<'a> {
    #[serde(flatten)]
    key: IssuedBody<'a>,
    /// The id of the key that was rotated.
    #[schema(example = "0195c7e2-4d3a-7b1c-9f00-5a1e2d3c4b5a")]
    replaces: String,
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ItemBody<'a> {
    #[schema(example = "019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17")]
    id: String,
    #[schema(example = "Production")]
    name: &'a str,
    /// The beginning of the key's text, to tell keys apart.
    #[schema(example = "sk_live_0123")]
    key_prefix: &'a str,
    /// When the key was last used. Updated about once a minute.
    #[schema(required)]
    last_used_at: Option<WireTime>,
    created_at: WireTime,
    environment: EnvironmentBody,
    /// Whether the key is enabled. An expired key may be enabled too.
    #[schema(example = true)]
    enabled: bool,
    /// When the key stops working. Null if it does not expire.
    #[schema(value_type = Option<ExpirySchema>, required)]
    expires_at: Option<WireTime>,
    /// The ID of the key that replaced it.
    #[schema(required)]
    replaced_by: Option<String>,
    /// Who created the key: the ID of an account, or what the call said that created it. Null for keys
    /// from before this was stored.
    #[schema(required, example = "019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13")]
    created_by: Option<&'a str>,
    metadata: WireMetadata<'a>,
    scopes: WireScopes<'a>,
    allowed_networks: WireNetworks<'a>,
    limits: WireLimits<'a>,
    /// How many credits are left for the key and those that it shares them with. What instances hold in hand counts as
    /// spent. Null: not counted.
    #[schema(value_type = Option<CreditsSchema>, required)]
    credits: Option<u64>,
    /// When it was revoked; only in lists that hold revoked keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<WireTime>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    revoked_at: Option<Option<WireTime>>,
    /// Accepted calls of each of the last 30 days in UTC, today last; only in lists with `include=usage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<CallsSchema>, required = false, min_items = 30, max_items = 30)]
    pub(super) usage: Option<[u64; RecentUsage::DAYS]>,
}

/// For a member that may be left out but not be null.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl KeyFilter {
    pub(crate) fn of(req: &HttpRequest) -> Result<Self, ApiError> {
        query_in(req, "status must be \"revoked\", and include \"usage\"")
    }

    pub(crate) const fn includes_usage(&self) -> bool {
        self.include.is_some()
    }
}

impl CreateBody {
    pub(crate) fn read(self, http: &Http) -> Result<NewKey, ApiError> {
        let Self { name, environment, expires_at, scopes, allowed_networks, limits, credits } =
            self;
        let name = http.services.api_keys.policy().name(name.map(KeyName::parse).transpose()?)?;
        let new = NewKey::new(name, environment.into()).expiring(expires_at.map(|WireTime(at)| at));
        let new = new.limited(limits_in(limits)?.unwrap_or(Limits::NONE));
        let new = new.with_credits(credits_in(credits)?);
        GivenRestrictions { scopes, allowed_networks }.restrict(new)
    }
}

impl ChangeBody {
    pub(crate) fn read(self) -> Result<KeyChange, ApiError> {
        let Self { name, enabled, expires_at, scopes, allowed_networks, limits } = self;
        let name = name.map(KeyName::parse).transpose()?;
        let expires_at = expires_at.map(|at| at.map(|WireTime(at)| at));
        let (scopes, allowed_networks) = GivenRestrictions { scopes, allowed_networks }.read()?;
        let limits = limits_in(limits)?;
        // A session does not change metadata.
        let metadata = None;
        // In full, so that a new member is not forgotten here.
        Ok(KeyChange { name, enabled, expires_at, metadata, scopes, allowed_networks, limits })
    }
}

impl RotateBody {
    pub(crate) fn read(self) -> Result<Rotation, ApiError> {
        let Some(seconds) = self.overlap_seconds else { return Ok(Rotation::default()) };
        Ok(Overlap::new(Duration::from_secs(seconds.into()))?.into())
    }
}

impl<'a> RotatedBody<'a> {
    pub(super) fn of(issued: &'a IssuedKey, replaces: ApiKeyId) -> Self {
        Self { key: issued.into(), replaces: replaces.to_string() }
    }
}

impl From<EnvironmentBody> for Environment {
    fn from(body: EnvironmentBody) -> Self {
        match body {
            EnvironmentBody::Live => Self::Live,
            EnvironmentBody::Test => Self::Test,
        }
    }
}

impl From<Environment> for EnvironmentBody {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Live => Self::Live,
            Environment::Test => Self::Test,
        }
    }
}

impl<'a> From<&'a IssuedKey> for IssuedBody<'a> {
    fn from(issued: &'a IssuedKey) -> Self {
        let key = issued.key.parts();
        Self {
            id: key.id.to_string(),
            name: key.name.as_str(),
            key: issued.secret.expose(),
            key_prefix: key.prefix.as_str(),
            created_at: WireTime(key.created_at),
            environment: key.environment.into(),
            expires_at: key.expires_at.map(WireTime),
        }
    }
}

impl<'a> From<&'a KeyInUse> for ItemBody<'a> {
    fn from(found: &'a KeyInUse) -> Self {
        let key = found.key.parts();
        Self {
            id: key.id.to_string(),
            name: key.name.as_str(),
            key_prefix: key.prefix.as_str(),
            last_used_at: found.last_used_at.map(WireTime),
            created_at: WireTime(key.created_at),
            environment: key.environment.into(),
            enabled: key.state == KeyState::Active,
            expires_at: key.expires_at.map(WireTime),
            replaced_by: key.replaced_by.map(|id| id.to_string()),
            created_by: key.created_by.as_ref().map(Creator::as_str),
            metadata: WireMetadata(key.metadata.as_str()),
            scopes: WireScopes(&key.restrictions.scopes),
            allowed_networks: WireNetworks(&key.restrictions.networks),
            limits: WireLimits(&key.limits),
            credits: found.credits.map(Credits::get),
            revoked_at: None,
            usage: None,
        }
    }
}

impl<'a> ItemBody<'a> {
    /// The key in a list that holds revoked keys.
    pub(crate) fn that_may_be_revoked(found: &'a KeyInUse) -> Self {
        let revoked_at = match found.key.parts().state {
            KeyState::Revoked { at } => Some(WireTime(at)),
            KeyState::Active | KeyState::Disabled { .. } => None,
        };
        Self { revoked_at: Some(revoked_at), ..Self::from(found) }
    }
}
