use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use latchkey_domain::{Digest, KeyedDigest, Timestamp, UserAgent};
use uuid::Uuid;

use crate::{Account, AccountId};

/// Names a session to its account. It opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(Uuid);

impl SessionId {
    /// Wraps a UUID from an id sequence or from storage.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// Names a session that began under a release that gave sessions no ids: by a half of its digest, of which
    /// nobody can make the token or the other half.
    pub fn of(digest: &Digest) -> Self {
        let (half, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
        Self(Uuid::from_bytes(*half))
    }

    /// The UUID, for an adapter to store.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A signed-in browser or script.
#[derive(Debug, Clone)]
pub struct Session {
    /// Names it to its account.
    pub id: SessionId,
    /// What is stored in place of its token.
    pub digest: KeyedDigest,
    /// Whose session it is.
    pub account: AccountId,
    /// The version of the account under which it began; see [`Account`].
    pub account_version: i32,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, as far as recorded.
    pub last_seen_at: Timestamp,
    /// When the password was last given for it: at its beginning, or later to confirm it.
    pub confirmed_at: Timestamp,
    /// From which address it began, as far as known.
    pub address: Option<IpAddr>,
    /// With which program, as that said itself.
    pub user_agent: Option<UserAgent>,
}

impl Session {
    /// Whether the password was given for it in the `span` before `now`.
    pub(crate) fn was_confirmed_within(&self, span: Duration, now: Timestamp) -> bool {
        now < self.confirmed_at.saturating_add(span)
    }
}

/// The sessions of an account that are good at some instant.
#[derive(Debug, Clone, Copy)]
pub struct LiveSessions {
    /// Whose sessions.
    pub account: AccountId,
    /// The version of the account under which they began.
    pub version: i32,
    /// They began after this instant.
    pub began_after: Timestamp,
    /// They were last used after this one.
    pub used_after: Timestamp,
}

/// How long sessions last (ASVS 5.0, 7.3.1 and 7.3.2).
#[derive(Debug, Clone, Copy)]
pub struct SessionLifetime {
    /// A session ends when it was not used for this long.
    pub idle: Duration,
    /// A session ends this long after sign-in, however much it is used.
    pub absolute: Duration,
    /// So long after the password was given for a session it has to be given again before the session hands out or
    /// ends keys; `None`: never.
    pub reauth_after: Option<Duration>,
}

impl SessionLifetime {
    /// Whether `session` of `account` is good at `now`.
    pub fn covers(&self, session: &Session, account: &Account, now: Timestamp) -> bool {
        account.is_active()
            && session.account_version == account.parts().version
            && now < session.last_seen_at.saturating_add(self.idle)
            && now < session.created_at.saturating_add(self.absolute)
    }

    /// The sessions of an active `account` that are good at `now`: those that are [covered](Self::covers).
    pub(crate) fn live(&self, account: &Account, now: Timestamp) -> LiveSessions {
        LiveSessions {
            account: account.parts().id,
            version: account.parts().version,
            began_after: now.saturating_sub(self.absolute),
            used_after: now.saturating_sub(self.idle),
        }
    }

    /// Whether the password was given for `session` lately enough at `now`.
    pub(crate) fn is_fresh(&self, session: &Session, now: Timestamp) -> bool {
        self.reauth_after.is_none_or(|span| session.was_confirmed_within(span, now))
    }

    /// Whether the use of `session` at `now` is worth a write: not more than once a minute, and
    /// often enough that the idle limit is kept within a twentieth of it.
    pub fn should_record(&self, session: &Session, now: Timestamp) -> bool {
        now.since(session.last_seen_at) >= (self.idle / 20).min(Duration::from_mins(1))
    }
}

#[cfg(test)]
mod tests {
    use latchkey_domain::PepperId;

    use super::*;
    use crate::{AccountParts, AccountState, Email, PasswordHash};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1_000).expect("in range")
    }

    fn account() -> Account {
        Account::restore(AccountParts {
            id: AccountId::new(Uuid::nil()),
            email: Email::parse("ada@example.com").expect("an address"),
            password: PasswordHash::new(String::new()),
            created_at: at(0),
            state: AccountState::Active,
            is_operator: false,
            version: 1,
        })
    }

    fn session(created_at: Timestamp, last_seen_at: Timestamp) -> Session {
        let pepper = PepperId::new(1).expect("not zero");
        let digest = Digest::new([0; 32]);
        Session {
            id: SessionId::of(&digest),
            digest: KeyedDigest { pepper, digest },
            account: account().parts().id,
            account_version: 1,
            created_at,
            last_seen_at,
            confirmed_at: created_at,
            address: None,
            user_agent: None,
        }
    }

    const LIFETIME: SessionLifetime = SessionLifetime {
        idle: Duration::from_secs(100),
        absolute: Duration::from_secs(1_000),
        reauth_after: None,
    };

    #[test]
    fn a_session_ends_at_the_idle_limit() {
        let session = session(at(0), at(50));
        assert!(LIFETIME.covers(&session, &account(), at(149)));
        assert!(!LIFETIME.covers(&session, &account(), at(150)));
    }

    #[test]
    fn use_does_not_extend_the_absolute_limit() {
        let session = session(at(0), at(999));
        assert!(LIFETIME.covers(&session, &account(), at(999)));
        assert!(!LIFETIME.covers(&session, &account(), at(1_000)));
    }

    #[test]
    fn a_new_password_and_a_disabled_account_end_the_session() {
        let session = session(at(0), at(0));
        let changed = account().with_password(PasswordHash::new("other".to_owned()));
        assert!(!LIFETIME.covers(&session, &changed, at(1)));
        assert!(!LIFETIME.covers(&session, &account().disable(at(1)), at(1)));
    }

    #[test]
    fn a_session_is_fresh_until_its_password_was_given_too_long_ago() {
        let session = Session { confirmed_at: at(50), ..session(at(0), at(60)) };
        assert!(LIFETIME.is_fresh(&session, at(1_000)));
        let minute = SessionLifetime { reauth_after: Some(Duration::from_mins(1)), ..LIFETIME };
        assert!(minute.is_fresh(&session, at(109)));
        assert!(!minute.is_fresh(&session, at(110)));
    }

    #[test]
    fn a_use_is_recorded_rarely_but_within_a_twentieth_of_the_idle_limit() {
        let session = session(at(0), at(0));
        assert!(!LIFETIME.should_record(&session, at(4)));
        assert!(LIFETIME.should_record(&session, at(5)));
        let long = SessionLifetime { idle: Duration::from_hours(12), ..LIFETIME };
        assert!(!long.should_record(&session, at(59)));
        assert!(long.should_record(&session, at(60)));
    }
}
