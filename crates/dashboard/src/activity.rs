mod budgets;

use askama::Template;
use latchkey_domain::{
    Action, Actor, ApiKeyId, AuditEvent, EventId, KeyDifference, KeyLabel, OwnerDifference,
    Timestamp,
};

use crate::words::{Segment, segments};
use crate::{Language, Product, Reader};

/// Account, Activity: the audit trail.
#[derive(Debug, Template)]
#[template(path = "activity.html")]
pub struct ActivityPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
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

    const fn teller(&self) -> Teller {
        Teller { language: self.language, key: self.key }
    }

    fn actor(&self, event: &AuditEvent) -> String {
        let say = |name| self.language.say(name).to_owned();
        match &event.caller.actor {
            Actor::Owner(owner) if *owner == self.reader.actor() => say("you"),
            Actor::Token(_) => say("actors.token"),
            Actor::Operator | Actor::OperatorAccount(_) => say("actors.operator"),
            Actor::LeakReport => say("actors.leak-report"),
            Actor::Anonymous => say("actors.anonymous"),
            other @ (Actor::Owner(_) | Actor::Recovery) => other.text().into_owned(),
        }
    }
}

const ENUMERATED: usize = 5;

/// Tells what events say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Teller {
    /// In which language.
    pub(crate) language: Language,
    /// Of the trail of this key, if it is one of a key.
    pub(crate) key: Option<ApiKeyId>,
}

impl Teller {
    /// What was done: a sentence for each thing that the event says.
    pub(crate) fn sentences(self, event: &AuditEvent) -> Vec<Vec<Part<'_>>> {
        let say = |name| self.language.say(name);
        if let Action::KeysRevoked(keys) = &event.action {
            let number = u64::try_from(keys.len()).unwrap_or(u64::MAX);
            return vec![vec![Part::Text(self.language.plural("keysRevoked", number))]];
        }
        if let Action::OwnerChanged { difference: Some(difference) } = &event.action {
            return self.owner_changes(difference);
        }
        if let Some(sentence) = self.of_credits(event) {
            return vec![sentence];
        }
        let Some(KeyLabel { name, .. }) = &event.label else { return self.unnamed(event) };
        let name = name.as_str();
        match &event.action {
            Action::KeyChanged { difference: Some(difference), .. } => {
                self.changes(difference, name)
            }
            Action::KeyRotated { successor, .. } if self.key == Some(*successor) => {
                vec![sentence(say("told.issuedFor"), &[("name", Part::Name(name))])]
            }
            // The badge says the rest.
            Action::KeyLeaked(_) => vec![vec![Part::Name(name)]],
            action => match self.language.find(&format!("told.{}", action.name())) {
                Some(words) => vec![sentence(words, &[("name", Part::Name(name))])],
                None => self.unnamed(event),
            },
        }
    }

    /// What was done, where the event names no key. A badge says the same.
    fn unnamed(self, event: &AuditEvent) -> Vec<Vec<Part<'static>>> {
        match tone(&event.action) {
            Some(_) => Vec::new(),
            None => vec![vec![Part::Words(self.what(event))]],
        }
    }

    /// What was done, without a name.
    pub(crate) fn what(self, event: &AuditEvent) -> &'static str {
        self.language.say(&format!("events.{}", event.action.name()))
    }

    /// What an owner changed about a key whose name is `name` afterwards.
    fn changes<'e>(self, difference: &'e KeyDifference, name: &'e str) -> Vec<Vec<Part<'e>>> {
        use Part::{Instant, Name};
        let KeyDifference {
            name: names,
            enabled,
            expires_at,
            metadata,
            scopes,
            allowed_networks,
            limits,
        } = difference;
        let mut told = Vec::new();
        let mut tell = |words, more: &[(&str, Part<'e>)]| {
            told.push(sentence(
                self.language.say(words),
                &[&[("name", Name(name))], more].concat(),
            ));
        };
        if let Some([before, _]) = names {
            tell("told.renamed", &[("before", Name(before.as_str()))]);
        }
        if let Some([_, is_on]) = enabled {
            tell(if *is_on { "told.enabled" } else { "told.disabled" }, &[]);
        }
        match expires_at {
            Some([_, None]) => tell("told.expiryRemoved", &[]),
            Some([None, Some(at)]) => tell("told.expirySet", &[("at", Instant(*at))]),
            Some([Some(_), Some(at)]) => tell("told.expiryMoved", &[("at", Instant(*at))]),
            None => {}
        }
        if metadata.is_some() {
            tell("told.metadata", &[]);
        }
        if let Some([_, grants]) = scopes {
            match grants.list().map(|list| list.map(ToOwned::to_owned).collect::<Vec<_>>()) {
                None => tell("told.scopesFull", &[]),
                Some(list) if list.is_empty() => tell("told.scopesNone", &[]),
                Some(list) => tell("told.scopes", &[("list", self.enumerated(&list))]),
            }
        }
        if let Some([_, networks]) = allowed_networks {
            match networks.list().map(Iterator::collect::<Vec<_>>) {
                None => tell("told.networksAll", &[]),
                Some(list) => tell("told.networks", &[("list", self.enumerated(&list))]),
            }
        }
        if let Some([_, limits]) = limits {
            if limits.is_empty() {
                tell("told.limitsNone", &[]);
            } else {
                tell("told.limits", &[("list", self.limits(limits))]);
            }
        }
        told
    }

    /// The first of a list; `assets/told.js` has the same number.
    fn enumerated(self, list: &[String]) -> Part<'static> {
        let shown = list.iter().take(ENUMERATED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = list.len().saturating_sub(ENUMERATED);
        Part::Text(match more {
            0 => shown,
            _ => self.language.fill_all("told.andMore", |name| match name {
                "list" => shown.clone(),
                _ => more.to_string(),
            }),
        })
    }

    /// What somebody who manages owners changed for the owner.
    fn owner_changes(self, difference: &OwnerDifference) -> Vec<Vec<Part<'static>>> {
        let OwnerDifference { max_keys, suspended, limits } = difference;
        let limit = max_keys.as_ref().map(|[_, limit]| match limit {
            Some(limit) => {
                Part::Text(self.language.fill("told.limitSet", &limit.get().to_string()))
            }
            None => Part::Words(self.language.say("told.limitReset")),
        });
        let suspension = suspended.as_ref().map(|[_, is_suspended]| {
            let words = if *is_suspended { "told.suspended" } else { "told.resumed" };
            Part::Words(self.language.say(words))
        });
        let limits = limits.as_ref().map(|[_, limits]| self.limits_of_owner(limits));
        limit.into_iter().chain(suspension).map(|part| vec![part]).chain(limits).collect()
    }
}

/// A part of a sentence.
#[derive(Debug, Clone)]
pub(crate) enum Part<'a> {
    Words(&'static str),
    Text(String),
    /// The name of a key, in quotation marks.
    Name(&'a str),
    Instant(Timestamp),
}

/// A text with `values` in the place of its placeholders.
fn sentence<'a>(words: &'static str, values: &[(&str, Part<'a>)]) -> Vec<Part<'a>> {
    let part = |segment| match segment {
        Segment::Words(words) => Some(Part::Words(words)),
        Segment::Placeholder(name) => {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
        }
    };
    segments(words).filter_map(part).collect()
}

/// The class of the badge of an action that deserves a second look.
pub(crate) const fn tone(action: &Action) -> Option<&'static str> {
    match action {
        Action::SessionRefused => Some("warn"),
        Action::KeyLeaked(_) | Action::AccountDisabled | Action::AccountDeleted => Some("bad"),
        _ => None,
    }
}

/// The end of an id, which tells it from others: all ids of one day begin alike.
pub(crate) fn end_of(id: ApiKeyId) -> String {
    let id = id.to_string();
    let (_, end) = id.rsplit_once('-').unwrap_or_default();
    format!("…{end}")
}
