use latchkey_domain::{Creator, KeyChange, Metadata, NewKey, Rotation};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Http;
use crate::api_keys::{ChangeBody, CreateBody, EnvironmentBody, RotateBody, present};
use crate::error::ApiError;
use crate::name_schema::NameSchema;
use crate::wire_limits::{CreditsSchema, LimitBody, WireLimits};
use crate::wire_metadata::WireMetadata;
use crate::wire_restrictions::{WireNetworks, WireScopes};
use crate::wire_time::{ExpirySchema, WireTime};

/// A key to be issued to an owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateForOwnerBody {
    /// Display name, 1 to 100 characters, at least one of them visible.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = NameSchema, required)]
    name: Option<String>,
    /// The environment of the key.
    #[serde(default)]
    environment: EnvironmentBody,
    /// When the key stops working. Must be in the future.
    #[serde(default)]
    #[schema(value_type = Option<ExpirySchema>)]
    expires_at: Option<WireTime>,
    /// Who creates the key, such as a member of the organisation that owns it: visible ASCII. If left
    /// out, the token.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 255, example = "ada")]
    created_by: Option<String>,
    /// Returned with each verification of the key.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireMetadata<'_>, required = false)]
    metadata: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireScopes<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    scopes: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireNetworks<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    allowed_networks: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireLimits<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    limits: Option<Option<Vec<LimitBody>>>,
    /// How many credits the key has for good. Null or left out: they are not counted.
    #[serde(default)]
    #[schema(value_type = Option<CreditsSchema>, required = false)]
    credits: Option<i64>,
}

/// What to change about an owner's key; at least one member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(min_properties = 1)]
pub(crate) struct ChangeForOwnerBody {
    /// Display name, 1 to 100 characters, at least one of them visible.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = NameSchema, required = false)]
    name: Option<String>,
    /// Whether the key is enabled.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// When the key stops working, in the future. Null: it does not expire.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<ExpirySchema>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    expires_at: Option<Option<WireTime>>,
    /// Replaces the whole metadata.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireMetadata<'_>, required = false)]
    metadata: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireScopes<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    scopes: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireNetworks<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    allowed_networks: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WireLimits<'_>, required = false)]
    #[expect(clippy::option_option, reason = "left out and null are two things")]
    limits: Option<Option<Vec<LimitBody>>>,
}

/// How to rotate an owner's key.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RotateForOwnerBody {
    /// How long both keys work. 0 revokes the old key before the response is sent.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = u32, required = false, minimum = 0, maximum = 2_592_000, default = 86_400)]
    overlap_seconds: Option<u32>,
    /// Who creates the new key: visible ASCII. If left out, the one who created the old key.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 255, example = "ada")]
    created_by: Option<String>,
}

impl CreateForOwnerBody {
    pub(super) fn read(self, http: &Http) -> Result<NewKey, ApiError> {
        let Self {
            name,
            environment,
            expires_at,
            created_by,
            metadata,
            scopes,
            allowed_networks,
            limits,
            credits,
        } = self;
        let new =
            CreateBody { name, environment, expires_at, scopes, allowed_networks, limits, credits };
        let new = new.read(http)?;
        let new = new.created_by(creator(created_by)?);
        Ok(match parsed(metadata)? {
            Some(metadata) => new.with_metadata(metadata),
            None => new,
        })
    }
}

impl ChangeForOwnerBody {
    pub(super) fn read(self) -> Result<KeyChange, ApiError> {
        let Self { name, enabled, expires_at, metadata, scopes, allowed_networks, limits } = self;
        let change = ChangeBody { name, enabled, expires_at, scopes, allowed_networks, limits };
        let change = change.read()?;
        let change = KeyChange { metadata: parsed(metadata)?, ..change };
        if change.is_nothing() {
            // To a session the use case's refusal names what a session may change.
            let message = "Nothing to change: name, enabled, expiresAt, metadata, scopes, \
                           allowedNetworks or limits";
            return Err(ApiError::bad_request(message));
        }
        Ok(change)
    }
}

impl RotateForOwnerBody {
    pub(super) fn read(self) -> Result<Rotation, ApiError> {
        let Self { overlap_seconds, created_by } = self;
        let rotation = RotateBody { overlap_seconds }.read()?;
        Ok(rotation.created_by(creator(created_by)?))
    }
}

pub(super) fn creator(text: Option<String>) -> Result<Option<Creator>, ApiError> {
    text.map(Creator::parse).transpose().map_err(|_malformed| {
        ApiError::bad_request("createdBy must be 1 to 255 visible ASCII characters")
    })
}

fn parsed(metadata: Option<Box<RawValue>>) -> Result<Option<Metadata>, ApiError> {
    Ok(metadata.map(|json| Metadata::parse(json.get())).transpose()?)
}
