//! Finding a key by whatever an operator has of it.

use std::collections::BTreeSet;

use latchkey_accounts::{Account, AccountId, Email, OperatorError};
use latchkey_domain::ports::{KeyInUse, StoreError};
use latchkey_domain::uuid::Uuid;
use latchkey_domain::{
    ApiKeyId, FoundSecret, KeyCursor, KeyPrefix, KeySearch, KeyStatus, NamePart, OwnerId,
    OwnerPattern,
};

use crate::Http;
use crate::error::ApiError;

/// The most keys that are shown at a time.
pub(super) const SHOWN: usize = 50;
/// One more tells whether there are others.
pub(super) const READ: u32 = 51;
/// Random characters of a key that its prefix has.
const RANDOM_SHOWN: usize = 4;
/// The longest text that is looked for: an owner's id has 255 characters, an address 254.
const LONGEST: usize = 255;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The keys, the newest first.
    pub(super) keys: Vec<KeyInUse>,
    /// Whether there are more.
    pub(super) is_cut: bool,
    /// The owner that the text names, with its account if it has one.
    pub(super) owner: Option<(OwnerId, Option<Account>)>,
}

/// What is looked for, with no secret left in it: of a whole key, or a broken one, the prefix. A page cuts a pasted key
/// before it calls; this is for those that came by an address.
pub(super) fn without_secrets(text: &str) -> String {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if let Some(found) = FoundSecret::find_in(text.as_bytes()).next() {
        return found.prefix.as_str().to_owned();
    }
    let mut parts = text.splitn(3, '_');
    let (brand, environment, rest) = (parts.next(), parts.next(), parts.next());
    if let (Some(brand), Some(environment @ ("live" | "test" | "admin")), Some(rest)) =
        (brand, environment, rest)
        && rest.len() > RANDOM_SHOWN
        && let Some(shown) = rest.get(..RANDOM_SHOWN)
    {
        return format!("{brand}_{environment}_{shown}");
    }
    text
}

/// Keys by an id, a prefix, an owner, the address of an owner's account, or a part of a name, revoked ones too. What
/// names one thing exactly comes before what could be a part of many.
pub(super) async fn find(http: &Http, text: &str) -> Result<Found, ApiError> {
    if let Ok(id) = ApiKeyId::parse(text)
        && let Some(key) = http.services.register.key(id).await?
    {
        return Ok(Found { keys: vec![key], ..Found::default() });
    }
    if let Ok(prefix) = KeyPrefix::parse(text) {
        let by_prefix = every_key_that(http, |search| search.prefix = Some(prefix));
        let found = Found::of(search(http, by_prefix).await?, None);
        if !found.keys.is_empty() {
            return Ok(found);
        }
    }
    let account = account_of(http, text).await?;
    let owner = match &account {
        Some(account) => Some(account.parts().id.owner()),
        None => OwnerId::parse(text).ok(),
    };
    let mut keys = Vec::new();
    if let Some(owner) = &owner {
        keys =
            search(http, every_key_that(http, |search| search.owner = Some(owner.clone()))).await?;
    }
    let is_known = account.is_some() || !keys.is_empty();
    let name_part = Some(NamePart::parse(text)?);
    keys.extend(search(http, every_key_that(http, |search| search.name_part = name_part)).await?);
    Ok(Found::of(keys, owner.filter(|_| is_known).map(|owner| (owner, account))))
}

/// The account with this address or id.
pub(super) async fn account_of(http: &Http, text: &str) -> Result<Option<Account>, ApiError> {
    let accounts = &http.services.accounts;
    let found = if let Ok(email) = Email::parse(text) {
        accounts.by_email(&email).await
    } else if let Ok(id) = Uuid::try_parse(text) {
        accounts.by_id(AccountId::new(id)).await
    } else {
        return Ok(None);
    };
    match found {
        Ok(account) => Ok(Some(account)),
        Err(OperatorError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The account that owns keys under this id, if an account does.
pub(super) async fn account_that_is(
    http: &Http,
    owner: &OwnerId,
) -> Result<Option<Account>, ApiError> {
    let Ok(id) = Uuid::try_parse(owner.as_str()) else { return Ok(None) };
    match http.services.accounts.by_id(AccountId::new(id)).await {
        Ok(account) => Ok(Some(account).filter(|it| it.parts().id.owner() == *owner)),
        Err(OperatorError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same narrowed down.
fn every_key_that(http: &Http, narrow: impl FnOnce(&mut KeySearch)) -> KeySearch {
    let mut search = every_key(http);
    narrow(&mut search);
    search
}

/// A search that finds all keys that are not revoked.
pub(super) fn every_key(http: &Http) -> KeySearch {
    KeySearch::new(vec![OwnerPattern::any()], http.services.clock.now())
}

/// The keys that a search finds, and then the revoked ones.
pub(super) async fn search(http: &Http, search: KeySearch) -> Result<Vec<KeyInUse>, StoreError> {
    let register = &http.services.register;
    let mut keys = register.search(&search, None, READ).await?;
    let mut revoked = search;
    revoked.status = Some(KeyStatus::Revoked);
    keys.extend(register.search(&revoked, None, READ).await?);
    Ok(keys)
}

impl Found {
    /// The newest of `keys`, each once.
    fn of(mut keys: Vec<KeyInUse>, owner: Option<(OwnerId, Option<Account>)>) -> Self {
        let mut seen = BTreeSet::new();
        keys.retain(|found| seen.insert(found.key.parts().id));
        keys.sort_by_key(|found| {
            let KeyCursor { created_at, id } = KeyCursor::from(&found.key);
            std::cmp::Reverse((created_at, id))
        });
        let is_cut = keys.len() > SHOWN;
        keys.truncate(SHOWN);
        Self { keys, is_cut, owner }
    }
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn of_a_key_that_is_looked_for_its_prefix_is_left() {
        for key in [
            "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7",
            "  Bearer sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7",
            "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg8",
            "sk_live_01234",
            "sk_live_0123",
        ] {
            assert_eq!(without_secrets(key), "sk_live_0123", "{key}");
        }
        let token = "lk_admin_0123456789ABCDEFGHIJKLMNOPQRSTUV0sTd4W";
        assert_eq!(without_secrets(token), "lk_admin_0123");
        for other in ["", "Production", "ada@example.com", "user_live", "a_live_é", "org_1_2_3"] {
            assert_eq!(without_secrets(other), other);
        }
    }
}
