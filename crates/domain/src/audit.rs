use std::fmt;
use std::net::IpAddr;

use uuid::Uuid;

use crate::characters::{is_disruptive, is_hidden};
use crate::id::parse_canonical;
use crate::ports::EntropyError;
use crate::{
    Actor, ApiKey, ApiKeyId, ApiKeyParts, Credits, FoundSecret, IdSequence, KeyDifference,
    KeyLabel, Limits, MalformedId, OwnerDifference, OwnerId, Timestamp, TokenId,
};

/// One line of the audit trail: who did what to whose things. No secret is ever in it.
///
/// A store keeps it in the transaction of its change: there is no change without its
/// line, and no line without its change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Names the event; later ones of a process are greater.
    pub id: EventId,
    /// When it was, which is also the instant that the change itself carries.
    pub at: Timestamp,
    /// Whose trail it belongs to. A sign-in with an unknown address belongs to no owner's.
    pub owner: Option<OwnerId>,
    /// What was done, and to which key.
    pub action: Action,
    /// What that key was called when it was done, which is after it was changed. `None` where it was
    /// done to no key, and in events from before this was kept.
    pub label: Option<KeyLabel>,
    /// Who asked for it.
    pub caller: Caller,
}

impl AuditEvent {
    /// An event that happens now, to no key or to one that only the store knows.
    pub fn new(
        ids: &IdSequence,
        at: Timestamp,
        owner: Option<OwnerId>,
        action: Action,
        caller: &Caller,
    ) -> Result<Self, EntropyError> {
        let id = EventId(ids.next(at)?);
        Ok(Self { id, at, owner, action, label: None, caller: caller.clone() })
    }

    /// An event that happens now to `key`, which is given as the event leaves it.
    pub fn of_key(
        ids: &IdSequence,
        at: Timestamp,
        key: &ApiKey,
        action: Action,
        caller: &Caller,
    ) -> Result<Self, EntropyError> {
        let ApiKeyParts { owner, .. } = key.parts();
        let event = Self::new(ids, at, Some(owner.clone()), action, caller)?;
        Ok(Self { label: Some(key.into()), ..event })
    }
}

/// Names an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// Wraps a UUID from storage.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// Accepts only the form that Latchkey writes, byte for byte: lower case, with hyphens.
    pub fn parse(text: &str) -> Result<Self, MalformedId> {
        parse_canonical(text).map(Self)
    }

    /// The UUID, for an adapter to store.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// An account was made, by a sign-up or by an operator.
    AccountCreated,
    /// An account was disabled, which ended its sessions and revoked every key it had.
    AccountDisabled,
    /// An account may sign in again; its keys stay revoked.
    AccountEnabled,
    /// An account was removed, with its keys and with what was personal in its earlier events.
    AccountDeleted,
    /// Another address was set.
    EmailChanged,
    /// The account became one of an operator.
    OperatorAdded,
    /// The account is no longer one of an operator.
    OperatorRemoved,
    /// Another password was set.
    PasswordChanged,
    /// What asks for the current password was not done, because that was given wrong.
    PasswordRefused,
    /// Somebody signed in.
    SessionStarted,
    /// A sign-in was refused.
    SessionRefused,
    /// Somebody signed out, or ended sessions of theirs from another one.
    SessionEnded,
    /// A key was issued.
    KeyCreated(ApiKeyId),
    /// A key was renamed, switched off or on, or given another expiry.
    KeyChanged {
        /// Which one.
        key: ApiKeyId,
        /// How it differs from what it was; `None` in events from before this was kept.
        difference: Option<Box<KeyDifference>>,
    },
    /// A key was issued in the place of another.
    KeyRotated {
        /// The one that was replaced.
        key: ApiKeyId,
        /// The one that was issued.
        successor: ApiKeyId,
    },
    /// A key was revoked.
    KeyRevoked(ApiKeyId),
    /// Many keys of one owner were revoked by one call.
    KeysRevoked(Vec<ApiKeyId>),
    /// A key was revoked because somebody reported it as leaked.
    KeyLeaked(ApiKeyId),
    /// What holds for the owner was changed.
    OwnerChanged {
        /// How it differs from what held; `None` where it was removed with what is personal.
        difference: Option<OwnerDifference>,
    },
    /// Credits were added or taken, or are not counted any more.
    CreditsAdded {
        /// The key that they are for; `None`: all keys of the owner.
        key: Option<ApiKeyId>,
        /// What was left before and after, `None` where they were not counted. `None` in place of both where that was
        /// removed with what is personal; before an event is stored, only the store knows it.
        credits: Option<[Option<Credits>; 2]>,
    },
    /// An instance ended with credits in hand that nobody can use any more.
    CreditsStranded {
        /// The first key of the family that they were for; `None`: all keys of the owner.
        key: Option<ApiKeyId>,
        /// How many; `None` where that was removed with what is personal.
        stranded: Option<u64>,
    },
    /// A management token was made.
    TokenCreated(TokenId),
    /// A management token was revoked.
    TokenRevoked(TokenId),
    /// The store lost changes that it had answered, as in a failover.
    HistoryLost,
}

impl Action {
    /// The name of every action.
    pub const NAMES: [&str; 24] = [
        "account.created",
        "account.disabled",
        "account.enabled",
        "account.deleted",
        "email.changed",
        "operator.added",
        "operator.removed",
        "password.changed",
        "password.refused",
        "session.started",
        "session.refused",
        "session.ended",
        "key.created",
        "key.changed",
        "key.rotated",
        "key.revoked",
        "key.leaked",
        "keys.revoked",
        "owner.changed",
        "credits.added",
        "credits.stranded",
        "token.created",
        "token.revoked",
        "history.lost",
    ];

    /// The action with this name, done to `key`, which `successor` replaced, to `token`, or to many `keys`; the
    /// reverse of [`name`](Self::name), [`key`](Self::key), [`successor`](Self::successor),
    /// [`token`](Self::token) and [`keys`](Self::keys). What was changed is restored without how.
    pub fn restore(
        name: &str,
        key: Option<ApiKeyId>,
        successor: Option<ApiKeyId>,
        token: Option<TokenId>,
        keys: Option<Vec<ApiKeyId>>,
    ) -> Option<Self> {
        if let Some(keys) = keys {
            let is_it = (name, key, successor, token) == ("keys.revoked", None, None, None);
            return is_it.then_some(Self::KeysRevoked(keys));
        }
        Some(match (name, key, successor, token) {
            ("account.created", None, None, None) => Self::AccountCreated,
            ("account.disabled", None, None, None) => Self::AccountDisabled,
            ("account.enabled", None, None, None) => Self::AccountEnabled,
            ("account.deleted", None, None, None) => Self::AccountDeleted,
            ("email.changed", None, None, None) => Self::EmailChanged,
            ("operator.added", None, None, None) => Self::OperatorAdded,
            ("operator.removed", None, None, None) => Self::OperatorRemoved,
            ("password.changed", None, None, None) => Self::PasswordChanged,
            ("password.refused", None, None, None) => Self::PasswordRefused,
            ("session.started", None, None, None) => Self::SessionStarted,
            ("session.refused", None, None, None) => Self::SessionRefused,
            ("session.ended", None, None, None) => Self::SessionEnded,
            ("key.created", Some(key), None, None) => Self::KeyCreated(key),
            ("key.changed", Some(key), None, None) => Self::KeyChanged { key, difference: None },
            ("key.rotated", Some(key), Some(successor), None) => {
                Self::KeyRotated { key, successor }
            }
            ("key.revoked", Some(key), None, None) => Self::KeyRevoked(key),
            ("key.leaked", Some(key), None, None) => Self::KeyLeaked(key),
            ("credits.added", key, None, None) => Self::CreditsAdded { key, credits: None },
            ("credits.stranded", key, None, None) => Self::CreditsStranded { key, stranded: None },
            ("owner.changed", None, None, None) => Self::OwnerChanged { difference: None },
            ("token.created", None, None, Some(token)) => Self::TokenCreated(token),
            ("token.revoked", None, None, Some(token)) => Self::TokenRevoked(token),
            ("history.lost", None, None, None) => Self::HistoryLost,
            _ => return None,
        })
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AccountCreated => "account.created",
            Self::AccountDisabled => "account.disabled",
            Self::AccountEnabled => "account.enabled",
            Self::AccountDeleted => "account.deleted",
            Self::EmailChanged => "email.changed",
            Self::OperatorAdded => "operator.added",
            Self::OperatorRemoved => "operator.removed",
            Self::PasswordChanged => "password.changed",
            Self::PasswordRefused => "password.refused",
            Self::SessionStarted => "session.started",
            Self::SessionRefused => "session.refused",
            Self::SessionEnded => "session.ended",
            Self::KeyCreated(_) => "key.created",
            Self::KeyChanged { .. } => "key.changed",
            Self::KeyRotated { .. } => "key.rotated",
            Self::KeyRevoked(_) => "key.revoked",
            Self::KeyLeaked(_) => "key.leaked",
            Self::KeysRevoked(_) => "keys.revoked",
            Self::OwnerChanged { .. } => "owner.changed",
            Self::CreditsAdded { .. } => "credits.added",
            Self::CreditsStranded { .. } => "credits.stranded",
            Self::TokenCreated(_) => "token.created",
            Self::TokenRevoked(_) => "token.revoked",
            Self::HistoryLost => "history.lost",
        }
    }

    /// The key it was done to, if it was done to one.
    pub const fn key(&self) -> Option<ApiKeyId> {
        match self {
            Self::KeyCreated(key)
            | Self::KeyChanged { key, .. }
            | Self::KeyRotated { key, .. }
            | Self::KeyRevoked(key)
            | Self::KeyLeaked(key) => Some(*key),
            Self::CreditsAdded { key, .. } | Self::CreditsStranded { key, .. } => *key,
            Self::AccountCreated
            | Self::AccountDisabled
            | Self::AccountEnabled
            | Self::AccountDeleted
            | Self::EmailChanged
            | Self::OperatorAdded
            | Self::OperatorRemoved
            | Self::PasswordChanged
            | Self::PasswordRefused
            | Self::SessionStarted
            | Self::SessionRefused
            | Self::SessionEnded
            | Self::KeysRevoked(_)
            | Self::OwnerChanged { .. }
            | Self::TokenCreated(_)
            | Self::TokenRevoked(_)
            | Self::HistoryLost => None,
        }
    }

    /// The keys it was done to, if it was done to many.
    pub fn keys(&self) -> Option<&[ApiKeyId]> {
        match self {
            Self::KeysRevoked(keys) => Some(keys),
            _ => None,
        }
    }

    /// The management token it was done to.
    pub const fn token(&self) -> Option<TokenId> {
        match self {
            Self::TokenCreated(token) | Self::TokenRevoked(token) => Some(*token),
            _ => None,
        }
    }

    /// The limits that a change gave a key.
    pub const fn limits_given(&self) -> Option<Limits> {
        match self {
            Self::KeyChanged { difference: Some(difference), .. } => match difference.limits {
                Some([_, given]) => Some(given),
                None => None,
            },
            _ => None,
        }
    }

    /// The key that was issued in its place.
    pub const fn successor(&self) -> Option<ApiKeyId> {
        match self {
            Self::KeyRotated { successor, .. } => Some(*successor),
            _ => None,
        }
    }
}

/// Who asked for something, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// In whose name.
    pub actor: Actor,
    /// From which address.
    pub address: Option<IpAddr>,
    /// With which program, as that says itself.
    pub user_agent: Option<UserAgent>,
    /// The id of the request.
    pub request_id: Option<String>,
}

impl Caller {
    /// An operator, by a command.
    pub const OPERATOR: Self =
        Self { actor: Actor::Operator, address: None, user_agent: None, request_id: None };

    /// An instance that makes up for changes that the store has lost.
    pub const RECOVERY: Self =
        Self { actor: Actor::Recovery, address: None, user_agent: None, request_id: None };

    /// An owner, of whose program nothing is known.
    pub fn of(owner: &OwnerId) -> Self {
        Self { actor: owner.into(), address: None, user_agent: None, request_id: None }
    }

    /// The same caller, who has proved to be `owner` if nothing was known before.
    #[must_use]
    pub fn known_as(&self, owner: &OwnerId) -> Self {
        let actor = match &self.actor {
            Actor::Anonymous => owner.into(),
            known => known.clone(),
        };
        Self { actor, ..self.clone() }
    }
}

/// What a client says of itself: at most 256 characters of visible ASCII and blanks, and of a key or
/// a management token only its public beginning.
///
/// A store of any encoding can keep that: what a stranger sends along must not keep a revoke from being
/// written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// The most characters that are kept.
    pub const MAX_CHARS: usize = 256;

    /// Sanitises and truncates a text; `None` if nothing is left.
    pub fn of(text: &str) -> Option<Self> {
        let text = FoundSecret::cut(text);
        let plain = text.chars().filter(|c| !is_disruptive(*c) && !is_hidden(*c));
        let plain = plain.map(|c| if c.is_ascii() { c } else { '?' });
        let kept: String = plain.take(Self::MAX_CHARS).collect();
        (!kept.is_empty()).then_some(Self(kept))
    }

    /// What was kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_restored_from_its_name_and_what_it_was_done_to() {
        let [key, successor] = [1, 2].map(|n| ApiKeyId::new(Uuid::from_u128(n)));
        let token = TokenId::new(Uuid::from_u128(3));
        for name in Action::NAMES {
            let with =
                |key, successor, token, keys| Action::restore(name, key, successor, token, keys);
            let found = [
                with(None, None, None, None),
                with(Some(key), None, None, None),
                with(Some(key), Some(successor), None, None),
                with(None, None, Some(token), None),
                with(None, None, None, Some(vec![key, successor])),
            ];
            let found: Vec<_> = found.into_iter().flatten().collect();
            // Credits are those of one key or of all.
            assert_eq!(found.len(), if name.starts_with("credits.") { 2 } else { 1 }, "{name}");
            for action in found {
                assert_eq!(action.name(), name);
                let keys = action.keys().map(<[_]>::to_vec);
                let restored = with(action.key(), action.successor(), action.token(), keys);
                assert_eq!(restored, Some(action));
            }
        }
        assert_eq!(Action::restore("key.lost", Some(key), None, None, None), None);
    }

    #[test]
    fn what_a_client_says_of_itself_is_cut_and_cleaned() {
        let kept = |text: &str| UserAgent::of(text).map(|it| it.as_str().to_owned());
        assert_eq!(kept("curl/8.5.0").as_deref(), Some("curl/8.5.0"));
        assert_eq!(kept("a\r\nb\u{1b}[0m\u{85}").as_deref(), Some("ab[0m"));
        assert_eq!(kept(&"x".repeat(300)), Some("x".repeat(256)));
        assert_eq!(kept("Лиса/1 \u{202e}🚀").as_deref(), Some("????/1 ?"));
        assert_eq!(kept("\n"), None);
        let key = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";
        assert_eq!(kept(&format!("a/{key} b")).as_deref(), Some("a/sk_live_0123 b"));
        let token = "lk_admin_0123456789ABCDEFGHIJKLMNOPQRSTUV0sTd4W";
        assert_eq!(kept(&format!("a/{token} b")).as_deref(), Some("a/lk_admin_0123 b"));
    }
}
