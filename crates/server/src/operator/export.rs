//! Accounts and keys for another program: a JSON object a line, without password hashes, digests or
//! anything else that opens something.

use latchkey_accounts::{Account, AccountParts, AccountState};
use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{ApiKeyParts, Creator, Credits, KeyState, Restrictions, Timestamp};
use serde::Serialize;

use latchkey_http::{WireLimits, WireMetadata, WireNetworks, WireScopes, WireTime};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Line<'a> {
    Account {
        id: String,
        email: &'a str,
        created_at: WireTime,
        disabled_at: Option<WireTime>,
    },
    Key {
        id: String,
        owner_id: &'a str,
        name: &'a str,
        key_prefix: &'a str,
        environment: &'static str,
        created_by: Option<&'a str>,
        created_at: WireTime,
        expires_at: Option<WireTime>,
        disabled_at: Option<WireTime>,
        revoked_at: Option<WireTime>,
        replaced_by: Option<String>,
        last_used_at: Option<WireTime>,
        metadata: WireMetadata<'a>,
        scopes: WireScopes<'a>,
        allowed_networks: WireNetworks<'a>,
        limits: WireLimits<'a>,
        credits: Option<u64>,
    },
}

/// An account, without its password.
pub(super) fn account(account: &Account) -> serde_json::Result<String> {
    let AccountParts { id, email, password: _, created_at, state, is_operator: _, version: _ } =
        account.parts();
    serde_json::to_string(&Line::Account {
        id: id.to_string(),
        email: email.as_str(),
        created_at: WireTime(*created_at),
        disabled_at: match *state {
            AccountState::Active => None,
            AccountState::Disabled { at } => Some(WireTime(at)),
        },
    })
}

/// A key, without its digest.
pub(super) fn key(found: &KeyInUse) -> serde_json::Result<String> {
    let ApiKeyParts {
        id,
        family: _,
        owner,
        name,
        prefix,
        environment,
        digest: _,
        created_by,
        created_at,
        expires_at,
        metadata,
        restrictions: Restrictions { scopes, networks },
        limits,
        state,
        replaced_by,
        version: _,
    } = found.key.parts();
    let (disabled_at, revoked_at) = match *state {
        KeyState::Active => (None, None),
        KeyState::Disabled { at } => (Some(at), None),
        KeyState::Revoked { at } => (None, Some(at)),
    };
    let instant = |at: Option<Timestamp>| at.map(WireTime);
    serde_json::to_string(&Line::Key {
        id: id.to_string(),
        owner_id: owner.as_str(),
        name: name.as_str(),
        key_prefix: prefix.as_str(),
        environment: environment.as_str(),
        created_by: created_by.as_ref().map(Creator::as_str),
        created_at: WireTime(*created_at),
        expires_at: instant(*expires_at),
        disabled_at: instant(disabled_at),
        revoked_at: instant(revoked_at),
        replaced_by: replaced_by.map(|id| id.to_string()),
        last_used_at: instant(found.last_used_at),
        metadata: WireMetadata(metadata.as_str()),
        scopes: WireScopes(scopes),
        allowed_networks: WireNetworks(networks),
        limits: WireLimits(limits),
        credits: found.credits.map(Credits::get),
    })
}
