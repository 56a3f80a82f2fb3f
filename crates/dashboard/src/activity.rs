use askama::Template;
use latchkey_accounts::Account;
use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{Action, Actor, ApiKeyId, AuditEvent, EventId, Timestamp};

/// Account, Activity: the audit trail.
#[derive(Debug, Template)]
#[template(path = "activity.html")]
pub struct ActivityPage<'a> {
    /// Whose page it is.
    pub account: &'a Account,
    /// The time it is.
    pub now: Timestamp,
    /// The events, newest first.
    pub events: &'a [AuditEvent],
    /// The keys of the account that are not revoked, for their names.
    pub keys: &'a [KeyInUse],
    /// The key that all the events are of, if that was asked for.
    pub key: Option<ApiKeyId>,
    /// Whether these are the newest.
    pub is_newest: bool,
    /// Where the trail goes on, if it does.
    pub older: Option<EventId>,
}

impl ActivityPage<'_> {
    fn name_of(&self, id: &ApiKeyId) -> Option<&str> {
        let mut keys = self.keys.iter().map(|KeyInUse { key, .. }| key.parts());
        keys.find(|key| key.id == *id).map(|key| key.name.as_str())
    }

    fn actor(&self, event: &AuditEvent) -> String {
        let actor = &event.caller.actor;
        if *actor == Actor::from(&self.account.parts().id.owner()) {
            "You".to_owned()
        } else if *actor == Actor::OPERATOR {
            "Operator".to_owned()
        } else if *actor == Actor::LEAK_REPORT {
            "Whoever held the key".to_owned()
        } else if *actor == Actor::ANONYMOUS {
            "Unknown".to_owned()
        } else {
            actor.as_str().to_owned()
        }
    }
}

/// What was done, in words.
const fn words(action: Action) -> &'static str {
    match action {
        Action::AccountCreated => "Account created",
        Action::AccountDisabled => "Account disabled",
        Action::PasswordChanged => "Password changed",
        Action::PasswordRefused => "Wrong current password",
        Action::SessionStarted => "Signed in",
        Action::SessionRefused => "Sign-in refused",
        Action::SessionEnded => "Signed out",
        Action::KeyCreated(_) => "Key created",
        Action::KeyChanged(_) => "Key changed",
        Action::KeyRotated { .. } => "Key rotated",
        Action::KeyRevoked(_) => "Key revoked",
        Action::KeyLeaked(_) => "Key leaked, revoked",
    }
}

/// The kind of badge for what deserves a second look.
const fn tone(action: Action) -> Option<&'static str> {
    match action {
        Action::SessionRefused => Some("warn"),
        Action::KeyLeaked(_) | Action::AccountDisabled => Some("bad"),
        _ => None,
    }
}

/// Enough of an id to tell it from others: those of one day all begin alike.
fn end_of(id: ApiKeyId) -> String {
    let id = id.to_string();
    let (_, end) = id.rsplit_once('-').unwrap_or_default();
    format!("…{end}")
}
