use std::fmt;
use std::sync::Arc;

use latchkey_domain::{ApiKey, ApiKeyId, ApiKeyParts, Environment, Restrictions, Timestamp};
use triomphe::ThinArc;

use crate::budgets::Budget;
use crate::interned::Interned;
use crate::uses::Uses;

/// Who presents a good key: what a verification answers. Cheap to clone.
///
/// A million of them are cached, so each is one piece of memory: what has a fixed size, and then
/// the texts of owner, prefix, metadata and name, behind the lengths of the first three.
#[derive(Clone)]
pub struct Principal(ThinArc<Fixed, u8>);

struct Fixed {
    key: ApiKeyId,
    /// Milliseconds since the Unix epoch; [`NEVER`] for a key that does not expire.
    expires_at: i64,
    /// One copy for all keys that have the same; `None` for [`Restrictions::NONE`].
    restrictions: Option<Arc<Restrictions>>,
    uses: Uses,
    /// What a call has to find room in; most keys have none.
    budgets: Option<ThinArc<(), Arc<Budget>>>,
}

struct Texts<'a> {
    owner: &'a str,
    prefix: &'a str,
    /// Nothing for [`NO_METADATA`].
    metadata: &'a str,
    name: &'a str,
}

/// No instant: [`Timestamp::MAX`] is far before it.
const NEVER: i64 = i64::MAX;
/// What stands before the texts: the lengths of owner and prefix, the environment, and the length of the
/// metadata in two bytes.
const LENGTHS: usize = 5;
/// Most keys have no metadata: such has no text here.
const NO_METADATA: &str = "{}";
const TEST: u8 = 1;

impl Principal {
    /// Whom the key stands for.
    pub(crate) fn of(key: &ApiKey, interned: &Interned, budgets: &[Arc<Budget>]) -> Self {
        // Without `..`: a new part is shown by verifications, or named here as one that is not.
        let ApiKeyParts {
            id,
            owner,
            name,
            prefix,
            environment,
            expires_at,
            metadata,
            restrictions,
            // Decide whether there is a principal, or say nothing about it.
            family: _,
            limits: _,
            digest: _,
            created_by: _,
            created_at: _,
            state: _,
            replaced_by: _,
            version: _,
        } = key.parts();
        let (owner, prefix, name) = (owner.as_str(), prefix.as_str(), name.as_str());
        let metadata = if metadata.is_empty() { "" } else { metadata.as_str() };
        let fixed = Fixed {
            key: *id,
            expires_at: expires_at.map_or(NEVER, Timestamp::unix_millis),
            restrictions: interned.of(restrictions),
            uses: Uses::default(),
            budgets: (!budgets.is_empty())
                .then(|| ThinArc::from_header_and_iter((), budgets.iter().cloned())),
        };
        let length = u16::try_from(metadata.len()).expect("metadata has at most 2048 bytes");
        let [low, high] = length.to_le_bytes();
        let lengths = [
            u8::try_from(owner.len()).expect("an owner has at most 255 bytes"),
            u8::try_from(prefix.len()).expect("a prefix has at most 26 bytes"),
            u8::from(*environment == Environment::Test),
            low,
            high,
        ];
        let texts = [owner, prefix, metadata, name].map(str::as_bytes);
        let rest = [&lengths, texts.concat().as_slice()].concat();
        Self(ThinArc::from_header_and_slice(fixed, &rest))
    }

    /// Whether `other` says the same about the same key, whenever either was used.
    pub(crate) fn says_the_same_as(&self, other: &Self) -> bool {
        let Fixed { key, expires_at, restrictions, uses: _, budgets: _ } = self.fixed();
        let of_other = other.fixed();
        let budgets =
            |it: &Self| it.budgets().iter().map(|budget| budget.of().id).collect::<Vec<_>>();
        budgets(self) == budgets(other)
            && (key, expires_at) == (&of_other.key, &of_other.expires_at)
            && *restrictions == of_other.restrictions
            && self.0.slice == other.0.slice
    }

    pub(crate) fn uses(&self) -> &Uses {
        &self.fixed().uses
    }

    pub(crate) fn budgets(&self) -> &[Arc<Budget>] {
        self.fixed().budgets.as_ref().map_or(&[], |budgets| &budgets.slice)
    }

    /// The key's id.
    pub fn key(&self) -> ApiKeyId {
        self.fixed().key
    }

    /// Whose key it is; visible ASCII.
    pub fn owner(&self) -> &str {
        self.texts().owner
    }

    /// The public beginning of the key's text.
    pub fn prefix(&self) -> &str {
        self.texts().prefix
    }

    /// What its owner calls the key.
    pub fn name(&self) -> &str {
        self.texts().name
    }

    /// What another system keeps with the key: the compact text of a JSON object, `{}` where there is nothing.
    pub fn metadata(&self) -> &str {
        match self.texts().metadata {
            "" => NO_METADATA,
            text => text,
        }
    }

    /// What the key may be used for, and from where. They are not judged by a verification: who asks
    /// [judges](Restrictions::judge) them, by the address and the scopes that the call needs.
    pub fn restrictions(&self) -> &Restrictions {
        self.fixed().restrictions.as_deref().unwrap_or(&Restrictions::NONE)
    }

    /// What the key is meant for.
    pub fn environment(&self) -> Environment {
        match self.0.slice {
            [_, _, TEST, ..] => Environment::Test,
            _ => Environment::Live,
        }
    }

    /// The first instant at which the key no longer works, if any.
    pub fn expires_at(&self) -> Option<Timestamp> {
        Timestamp::from_unix_millis(self.fixed().expires_at)
    }

    fn fixed(&self) -> &Fixed {
        &self.0.header.header
    }

    fn texts(&self) -> Texts<'_> {
        let ([owner, prefix, _environment, low, high], texts) =
            self.0.slice.split_first_chunk::<LENGTHS>().expect("made with them");
        let texts = str::from_utf8(texts).expect("four texts, one after the other");
        let (owner, rest) = texts.split_at(usize::from(*owner));
        let (prefix, rest) = rest.split_at(usize::from(*prefix));
        let (metadata, name) = rest.split_at(u16::from_le_bytes([*low, *high]).into());
        Texts { owner, prefix, metadata, name }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("key", &self.key())
            .field("owner", &self.owner())
            .finish_non_exhaustive()
    }
}
