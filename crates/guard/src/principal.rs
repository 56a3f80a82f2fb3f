use http::HeaderMap;
use latchkey_domain::{
    ApiKeyId, Environment, Grants, KeyName, KeyPrefix, Metadata, OwnerId, Requirement, Timestamp,
};

use crate::Refusal;

/// Who is calling: the good key that came with a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Principal {
    /// The key's public handle.
    pub key_id: ApiKeyId,
    /// Whose key it is.
    pub owner_id: OwnerId,
    /// What its owner calls it.
    pub name: KeyName,
    /// The public beginning of its text.
    pub key_prefix: KeyPrefix,
    /// What it is meant for.
    pub environment: Environment,
    /// The first instant at which it no longer works, if any.
    pub expires_at: Option<Timestamp>,
    /// What another system keeps with it: the text of a JSON object, `{}` where there is nothing.
    pub metadata: Metadata,
    /// What the key may be used for.
    pub scopes: Grants,
    /// For the answer to the caller: `RateLimit-Policy` and `RateLimit`, where the key or its owner has limits.
    pub headers: HeaderMap,
}

impl Principal {
    /// A key that works until it is revoked, for a [`Verify`](crate::Verify) of your own.
    pub fn new(
        key_id: ApiKeyId,
        owner_id: OwnerId,
        name: KeyName,
        key_prefix: KeyPrefix,
        environment: Environment,
    ) -> Self {
        Self {
            key_id,
            owner_id,
            name,
            key_prefix,
            environment,
            expires_at: None,
            metadata: Metadata::default(),
            scopes: Grants::UNRESTRICTED,
            headers: HeaderMap::new(),
        }
    }

    /// Asks for a scope, or for one of several: `"docs:read"`, `"docs:read|admin"`. Where the key lacks them, the
    /// refusal is 403 and names them; a text that is no requirement is 500 for every key.
    pub fn require(&self, requirement: &str) -> Result<(), Refusal> {
        let Ok(required) = Requirement::parse(requirement) else {
            tracing::error!(requirement, "not a requirement: scopes joined by |, without *");
            return Err(Refusal::internal());
        };
        if self.scopes.meet(&required) {
            Ok(())
        } else {
            Err(Refusal::insufficient_scope(&required))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The table of all clients.
    const CASES: &str = include_str!("../../../clients/scopes.json");

    #[test]
    fn a_principal_says_what_its_key_lacks() {
        let cases: Vec<Value> = serde_json::from_str(CASES).expect("a list");
        for case in cases {
            let scopes = case["scopes"].as_array().map(|list| {
                let texts = list.iter().map(|it| it.as_str().expect("a scope"));
                Grants::parse(texts).expect("scopes")
            });
            let key_id = ApiKeyId::parse("019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17").expect("an id");
            let owner = OwnerId::parse("ada").expect("an owner");
            let name = KeyName::parse("a").expect("a name");
            let prefix = KeyPrefix::parse("sk_live_0123").expect("a prefix");
            let principal = Principal {
                scopes: scopes.unwrap_or_default(),
                ..Principal::new(key_id, owner, name, prefix, Environment::Live)
            };
            let answer = principal.require(case["requirement"].as_str().expect("a text"));
            let status =
                answer.map_or_else(|refusal| refusal.response().status().as_u16(), |()| 200);
            let expected = match case["met"].as_bool() {
                Some(true) => 200,
                Some(false) => 403,
                None => 500,
            };
            assert_eq!(status, expected, "{case}");
        }
    }
}
