use latchkey_domain::{AllowedNetworks, Grants, NewKey};
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::ApiError;

/// The scopes of a key: a list, or null where it is not restricted.
#[derive(Debug, Clone, Copy)]
pub struct WireScopes<'a>(pub &'a Grants);

/// The networks that a key may be used from: a list, or null where it may be used from everywhere.
#[derive(Debug, Clone, Copy)]
pub struct WireNetworks<'a>(pub &'a AllowedNetworks);

impl Serialize for WireScopes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.list() {
            Some(grants) => serializer.collect_seq(grants),
            None => serializer.serialize_none(),
        }
    }
}

impl Serialize for WireNetworks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.list() {
            Some(networks) => serializer.collect_seq(networks),
            None => serializer.serialize_none(),
        }
    }
}

impl PartialSchema for WireScopes<'_> {
    fn schema() -> RefOr<Schema> {
        let grant = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .min_length(Some(1))
            .max_length(Some(64));
        ArrayBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
            .items(grant)
            .max_items(Some(Grants::MAX))
            .examples([serde_json::json!(["docs:read", "reports:*"])])
            .description(Some(
                "What the key may be used for. A scope ending in `:*` covers everything below it, and `*` everything. \
                 Null: not restricted. An empty list satisfies no requirement.",
            ))
            .into()
    }
}

impl PartialSchema for WireNetworks<'_> {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
            .items(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)))
            .min_items(Some(1))
            .max_items(Some(AllowedNetworks::MAX))
            .examples([serde_json::json!(["10.0.0.0/8", "2001:db8::/32"])])
            .description(Some(
                "The networks the key may be used from, in CIDR notation. Null: everywhere.",
            ))
            .into()
    }
}

impl ToSchema for WireScopes<'_> {}

impl ToSchema for WireNetworks<'_> {}

/// What a body says of a key's restrictions: each may be left out, null or a list.
#[expect(clippy::option_option, reason = "left out and null are two things")]
pub(crate) struct GivenRestrictions {
    pub(crate) scopes: Option<Option<Vec<String>>>,
    pub(crate) allowed_networks: Option<Option<Vec<String>>>,
}

impl GivenRestrictions {
    /// A new key with these. Networks that were left out don't restrict it; scopes are then the service's to choose.
    pub(crate) fn restrict(&self, new: NewKey) -> Result<NewKey, ApiError> {
        let (scopes, networks) = self.read()?;
        Ok(new.with_scopes(scopes).from_networks(networks.unwrap_or_default()))
    }

    /// What they are; none where the member was left out.
    pub(crate) fn read(&self) -> Result<(Option<Grants>, Option<AllowedNetworks>), ApiError> {
        Ok((self.scopes()?, self.networks()?))
    }

    fn scopes(&self) -> Result<Option<Grants>, ApiError> {
        let of = |texts: &Vec<String>| Grants::parse(texts.iter().map(String::as_str));
        read(self.scopes.as_ref(), of, Grants::UNRESTRICTED)
    }

    fn networks(&self) -> Result<Option<AllowedNetworks>, ApiError> {
        let of = |texts: &Vec<String>| AllowedNetworks::parse(texts.iter().map(String::as_str));
        read(self.allowed_networks.as_ref(), of, AllowedNetworks::ANY)
    }
}

fn read<T, E: Into<ApiError>>(
    given: Option<&Option<Vec<String>>>,
    list: impl Fn(&Vec<String>) -> Result<T, E>,
    null: T,
) -> Result<Option<T>, ApiError> {
    match given {
        None => Ok(None),
        Some(None) => Ok(Some(null)),
        Some(Some(texts)) => list(texts).map(Some).map_err(Into::into),
    }
}
