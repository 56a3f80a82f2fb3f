use askama::Template;
use latchkey_domain::{
    Action, Actor, ApiKeyId, AuditEvent, EventId, KeyDifference, KeyLabel, OwnerDifference,
    Timestamp,
};

use crate::Reader;

/// Account, Activity: the audit trail.
#[derive(Debug, Template)]
#[template(path = "activity.html")]
pub struct ActivityPage<'a> {
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The current time.
    pub now: Timestamp,
    /// The events, newest first.
    pub events: &'a [AuditEvent],
    /// The key that all the events are about, if only its events are shown.
    pub key: Option<ApiKeyId>,
    /// Whether these events are the newest.
    pub is_newest: bool,
    /// Where the next page begins, if there is one.
    pub older: Option<EventId>,
}

impl ActivityPage<'_> {
    /// The name and prefix of the chosen key in the latest event on this page.
    fn label(&self) -> Option<&KeyLabel> {
        self.events.iter().find_map(|event| event.label.as_ref())
    }

    /// What was done: a sentence for each thing that the event says.
    fn sentences<'e>(&self, event: &'e AuditEvent) -> Vec<Vec<Part<'e>>> {
        let unnamed = || match tone(&event.action) {
            // The badge says what was done.
            Some(_) => Vec::new(),
            None => vec![vec![Part::Words(words(&event.action))]],
        };
        if let Action::KeysRevoked(keys) = &event.action {
            let words = if keys.len() == 1 { " key revoked" } else { " keys revoked" };
            return vec![vec![Part::Number(keys.len()), Part::Words(words)]];
        }
        if let Action::OwnerChanged { difference: Some(difference) } = &event.action {
            return owner_changes(difference);
        }
        let Some(KeyLabel { name, .. }) = &event.label else { return unnamed() };
        let named = |words| vec![vec![Part::Words(words), Part::Name(name.as_str())]];
        match &event.action {
            Action::KeyCreated(_) => named("Created "),
            Action::KeyChanged { difference: Some(difference), .. } => {
                changes(difference, name.as_str())
            }
            Action::KeyChanged { difference: None, .. } => named("Changed "),
            Action::KeyRotated { successor, .. } if self.key == Some(*successor) => {
                named("Issued in the place of ")
            }
            Action::KeyRotated { .. } => named("Rotated "),
            Action::KeyRevoked(_) => named("Revoked "),
            Action::KeyLeaked(_) => named(""),
            Action::AccountCreated
            | Action::AccountDisabled
            | Action::AccountEnabled
            | Action::AccountDeleted
            | Action::EmailChanged
            | Action::OperatorAdded
            | Action::OperatorRemoved
            | Action::PasswordChanged
            | Action::PasswordRefused
            | Action::SessionStarted
            | Action::SessionRefused
            | Action::SessionEnded
            | Action::KeysRevoked(_)
            | Action::OwnerChanged { .. }
            | Action::TokenCreated(_)
            | Action::TokenRevoked(_)
            | Action::HistoryLost => unnamed(),
        }
    }

    fn actor(&self, event: &AuditEvent) -> String {
        match &event.caller.actor {
            Actor::Owner(owner) if *owner == self.reader.actor() => "You".to_owned(),
            Actor::Token(_) => "Management token".to_owned(),
            Actor::Operator => "Operator".to_owned(),
            Actor::LeakReport => "Leak report".to_owned(),
            Actor::Anonymous => "Unknown".to_owned(),
            other @ (Actor::Owner(_) | Actor::Recovery) => other.text().into_owned(),
        }
    }
}

/// A part of a sentence.
#[derive(Debug)]
enum Part<'a> {
    Words(&'static str),
    /// The name of a key, in quotation marks.
    Name(&'a str),
    Instant(Timestamp),
    /// How many keys.
    Number(usize),
}

/// What an owner changed about a key whose name is `name` afterwards.
fn changes<'a>(difference: &'a KeyDifference, name: &'a str) -> Vec<Vec<Part<'a>>> {
    use Part::{Instant, Name, Words};
    let KeyDifference { name: names, enabled, expires_at, metadata } = difference;
    let mut told = Vec::new();
    if let Some([before, after]) = names {
        let [before, after] = [before, after].map(|name| Name(name.as_str()));
        told.push(vec![Words("Renamed "), before, Words(" to "), after]);
    }
    if let Some([_, is_on]) = enabled {
        told.push(vec![Words(if *is_on { "Enabled " } else { "Disabled " }), Name(name)]);
    }
    if let Some([before, after]) = expires_at {
        let verb = match (before, after) {
            (_, None) => " removed",
            (None, Some(_)) => " set to ",
            (Some(_), Some(_)) => " moved to ",
        };
        let expiry = [Words("Expiry of "), Name(name), Words(verb)];
        told.push(expiry.into_iter().chain(after.map(Instant)).collect());
    }
    if metadata.is_some() {
        told.push(vec![Words("Changed metadata of "), Name(name)]);
    }
    told
}

/// What somebody who manages owners changed for the owner.
fn owner_changes(difference: &OwnerDifference) -> Vec<Vec<Part<'static>>> {
    use Part::{Number, Words};
    let OwnerDifference { max_keys, suspended } = difference;
    let mut told = Vec::new();
    if let Some([_, limit]) = max_keys {
        told.push(match limit {
            Some(limit) => vec![
                Words("Limit on API keys set to "),
                Number(usize::try_from(limit.get()).unwrap_or(usize::MAX)),
            ],
            None => vec![Words("Limit on API keys set back to that of the server")],
        });
    }
    if let Some([_, is_suspended]) = suspended {
        told.push(vec![Words(if *is_suspended {
            "Suspended: no API key works until the suspension ends"
        } else {
            "Suspension ended: API keys work again"
        })]);
    }
    told
}

/// What was done, without a name.
const fn words(action: &Action) -> &'static str {
    match action {
        Action::AccountCreated => "Account created",
        Action::AccountDisabled => "Account disabled",
        Action::AccountEnabled => "Account enabled",
        Action::AccountDeleted => "Account deleted",
        Action::EmailChanged => "Email address changed",
        Action::OperatorAdded => "Became an operator",
        Action::OperatorRemoved => "Is no operator any more",
        Action::PasswordChanged => "Password changed",
        Action::PasswordRefused => "Wrong current password",
        Action::SessionStarted => "Signed in",
        Action::SessionRefused => "Sign-in refused",
        Action::SessionEnded => "Signed out",
        Action::KeyCreated(_) => "Key created",
        Action::KeyChanged { .. } => "Key changed",
        Action::KeyRotated { .. } => "Key rotated",
        Action::KeyRevoked(_) => "Key revoked",
        Action::KeysRevoked(_) => "Keys revoked",
        Action::KeyLeaked(_) => "Key leaked, revoked",
        Action::OwnerChanged { .. } => "Settings of the owner changed",
        Action::TokenCreated(_) => "Management token created",
        Action::TokenRevoked(_) => "Management token revoked",
        Action::HistoryLost => "Changes lost by the database",
    }
}

/// The class of the badge of an action that deserves a second look.
const fn tone(action: &Action) -> Option<&'static str> {
    match action {
        Action::SessionRefused => Some("warn"),
        Action::KeyLeaked(_) | Action::AccountDisabled | Action::AccountDeleted => Some("bad"),
        _ => None,
    }
}

/// The end of an id, which tells it from others: all ids of one day begin alike.
fn end_of(id: ApiKeyId) -> String {
    let id = id.to_string();
    let (_, end) = id.rsplit_once('-').unwrap_or_default();
    format!("…{end}")
}
