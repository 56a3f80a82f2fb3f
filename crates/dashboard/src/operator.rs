//! The pages of operators. A page shows how things stand; its script makes the calls that change them.

use std::fmt::Write as _;
use std::time::Duration;

use askama::Template;
use latchkey_accounts::{Account, AccountId, Email, ManagementToken, PepperRole, PepperStanding};
use latchkey_domain::ports::{FoundOwner, InstanceId, InstanceStatus, KeyInUse};
use latchkey_domain::uuid::Uuid;
use latchkey_domain::{
    Action, Actor, ApiKeyId, AuditEvent, CataloguedScope, ChangeNumber, Creator, Credits,
    Environment, EventId, KeyState, KeyStatus, Limit, Limits, OwnerId, ScopeCatalogue, Timestamp,
    TokenId, Window,
};
use serde_json::json;

use crate::activity::{Part, Teller};
use crate::calls::Days;
use crate::key_row::{About, Silence};
use crate::sorting::{Sort, Sorting};
use crate::words::{Segment, segments};
use crate::{Language, Product, Reader, Who};

/// Operator, Keys: any key of any owner is found here.
#[derive(Debug, Template)]
#[template(path = "operator_keys.html")]
pub struct OperatorKeysPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The current time.
    pub now: Timestamp,
    /// The text that is sought; without one, every key.
    pub sought: &'a str,
    /// Who made the keys, if only those are shown.
    pub created_by: Option<&'a Creator>,
    /// The owner that was named, with the address of an account.
    pub owner: Option<(&'a OwnerId, Option<&'a Email>)>,
    /// The keys that were found, the newest first.
    pub keys: &'a [KeyInUse],
    /// How much these are used.
    pub days: &'a Days,
    /// Where the next page begins, if there is one.
    pub next: Option<&'a str>,
    /// Whether there are more keys than are shown, and no next page.
    pub is_cut: bool,
}

/// Operator, a key: all that is known of it.
#[derive(Debug, Template)]
#[template(path = "operator_key.html")]
pub struct OperatorKeyPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The current time.
    pub now: Timestamp,
    /// The key.
    pub key: &'a KeyInUse,
    /// The key that replaces it, if there is one.
    pub successor: Option<&'a KeyInUse>,
    /// What holds for its owner.
    pub owner: &'a FoundOwner,
    /// The address of its owner, if that is an account.
    pub email: Option<&'a Email>,
    /// The scopes that keys may be given.
    pub catalogue: &'a ScopeCatalogue,
    /// What was done to it, the newest first.
    pub events: &'a [AuditEvent],
}

/// Operator, an owner: its keys, and what holds for it.
#[derive(Debug, Template)]
#[template(path = "operator_owner.html")]
pub struct OperatorOwnerPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The current time.
    pub now: Timestamp,
    /// Whose page it is.
    pub owner: &'a OwnerId,
    /// Its account, if it has one.
    pub account: Option<&'a Account>,
    /// What holds for it.
    pub found: &'a FoundOwner,
    /// The limit on keys for owners without one of their own.
    pub limit: u32,
    /// Its keys that are not revoked.
    pub keys: &'a [&'a KeyInUse],
    /// How these are sorted.
    pub sorting: Sorting,
    /// Its keys that were revoked lately.
    pub revoked: &'a [KeyInUse],
    /// How much these are used.
    pub days: &'a Days,
    /// The latest events of its trail.
    pub events: &'a [AuditEvent],
}

/// Operator, Accounts.
#[derive(Debug, Template)]
#[template(path = "operator_accounts.html")]
pub struct OperatorAccountsPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The current time.
    pub now: Timestamp,
    /// The address that was looked for.
    pub sought: &'a str,
    /// The accounts, the eldest first.
    pub accounts: &'a [Account],
    /// Whether they are the first.
    pub is_first: bool,
    /// Where the next page begins, if there is one.
    pub next: Option<AccountId>,
}

/// Operator, Management tokens.
#[derive(Debug, Template)]
#[template(path = "operator_tokens.html")]
pub struct OperatorTokensPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The current time.
    pub now: Timestamp,
    /// Those that are not revoked, the eldest first.
    pub tokens: &'a [ManagementToken],
    /// Whether they are the first.
    pub is_first: bool,
    /// Where the next page begins, if there is one.
    pub next: Option<TokenId>,
}

/// Operator, Activity: the audit trail of all owners.
#[derive(Debug, Template)]
#[template(path = "operator_activity.html")]
pub struct OperatorActivityPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The current time.
    pub now: Timestamp,
    /// Which events are looked for.
    pub sought: &'a SoughtEvents,
    /// The events, the newest first.
    pub events: &'a [AuditEvent],
    /// Whether they are the newest.
    pub is_newest: bool,
    /// Where the next page begins, if there is one.
    pub older: Option<EventId>,
}

/// Which events are looked for: those of which everything holds that is given.
#[derive(Debug, Default)]
pub struct SoughtEvents {
    /// Of this owner.
    pub owner: Option<OwnerId>,
    /// Done to this key.
    pub key: Option<ApiKeyId>,
    /// This was done.
    pub action: Option<&'static str>,
}

/// Operator, System: instances and peppers.
#[derive(Debug, Template)]
#[template(path = "operator_system.html")]
pub struct OperatorSystemPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The current time.
    pub now: Timestamp,
    /// The instances.
    pub instances: &'a Instances,
    /// What depends on each pepper.
    pub peppers: &'a [PepperStanding],
}

/// The instances on the store, as one of them sees them.
#[derive(Debug)]
pub struct Instances {
    /// The last change.
    pub as_of: ChangeNumber,
    /// All of them.
    pub instances: Vec<InstanceStatus>,
    /// The one that answers.
    pub own: Option<InstanceId>,
    /// The rest of its lease; none where it asks the store at each verification.
    pub lease: Option<Duration>,
    /// How long changes that it was asked for waited.
    pub barrier: Barrier,
}

/// How often and how long changes waited for all instances, since the instance that answers started.
#[derive(Debug)]
pub struct Barrier {
    /// How often.
    pub passed: u64,
    /// How often until the lease of an instance was over.
    pub by_lease: u64,
    /// How long, on the average.
    pub mean: Option<Duration>,
    /// None waited longer than this.
    pub slowest_below: Option<Duration>,
}

impl OperatorKeyPage<'_> {
    const fn teller(&self) -> Teller {
        Teller { language: self.language, key: Some(self.key.key.parts().id) }
    }

    /// Whether programs still use it after it was replaced.
    fn silence(&self) -> Option<Silence> {
        let successor = self.successor.filter(|it| revoked_at(it).is_none());
        revoked_at(self.key).map_or_else(
            || About::of(self.key, self.now).silence(self.key, successor, self.now),
            |_revoked| None,
        )
    }

    /// What the key may be used for, if it is restricted.
    fn scopes(&self) -> Option<Vec<String>> {
        let list = self.key.key.parts().restrictions.scopes.list()?;
        Some(list.map(ToOwned::to_owned).collect())
    }

    /// From where, if it is restricted.
    fn networks(&self) -> Option<Vec<String>> {
        Some(self.key.key.parts().restrictions.networks.list()?.collect())
    }

    /// What the catalogue says of a scope.
    fn catalogued(&self, name: &str) -> Option<&CataloguedScope> {
        self.catalogue.scopes().iter().find(|scope| scope.name == name)
    }
}

impl OperatorAccountsPage<'_> {
    /// The reader's account.
    fn own(&self) -> AccountId {
        match self.reader.who {
            Who::Account(account) => account.parts().id,
            Who::Foreign { .. } => AccountId::new(Uuid::nil()),
        }
    }
}

impl OperatorActivityPage<'_> {
    const fn teller(&self) -> Teller {
        Teller { language: self.language, key: self.sought.key }
    }

    /// The query of the address of another page of these events.
    fn query(&self, before: Option<EventId>) -> String {
        let SoughtEvents { owner, key, action } = self.sought;
        let members = [
            ("owner", owner.as_ref().map(ToString::to_string)),
            ("key", key.map(|key| key.to_string())),
            ("action", action.map(ToOwned::to_owned)),
            ("before", before.map(|event| event.to_string())),
        ];
        let members = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let pairs = members.map(|(name, value)| format!("{name}={}", percent_encoded(&value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// A text as the value of a parameter in an address.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes all text");
        }
    }
    encoded
}

impl OperatorOwnerPage<'_> {
    const fn teller(&self) -> Teller {
        Teller { language: self.language, key: None }
    }

    /// How many keys count towards which limit.
    fn held(&self) -> String {
        let (name, limit) = match self.found.settings.max_keys {
            Some(limit) => ("operator.keysOf", limit.get()),
            None => ("operator.keysOfServers", self.limit),
        };
        self.language.fill_all(name, |name| match name {
            "held" => self.found.held.to_string(),
            _ => limit.to_string(),
        })
    }
}

impl OperatorSystemPage<'_> {
    /// By how many changes an instance is behind.
    const fn behind(&self, instance: &InstanceStatus) -> u64 {
        self.instances.as_of.get().saturating_sub(instance.applied.get())
    }
}

/// A status as a word and a class.
fn shown(language: Language, status: KeyStatus) -> (&'static str, &'static str) {
    match status {
        KeyStatus::Active => (language.say("statuses.active"), "good"),
        KeyStatus::Disabled => (language.say("statuses.disabled"), ""),
        KeyStatus::Expired => (language.say("statuses.expired"), "bad"),
        KeyStatus::Replaced => (language.say("statuses.replaced"), "warn"),
        KeyStatus::Revoked => (language.say("operator.revoked"), "bad"),
    }
}

/// What stands before and after the one placeholder of a text.
fn around(text: &str) -> (&str, &str) {
    let (mut before, mut after, mut is_behind) = ("", "", false);
    for segment in segments(text) {
        match segment {
            Segment::Placeholder(_) => is_behind = true,
            Segment::Words(words) if is_behind => after = words,
            Segment::Words(words) => before = words,
        }
    }
    (before, after)
}

/// A list for a script, null where there is none.
fn json(list: Option<Vec<String>>) -> serde_json::Value {
    list.into()
}

/// Limits for a script, as the API answers them.
fn limits_json(limits: &Limits) -> serde_json::Value {
    let limit = |(window, limit): (Window, Limit)| json!({ "limit": limit.get(), "every": window.as_str() });
    if limits.is_empty() { serde_json::Value::Null } else { limits.iter().map(limit).collect() }
}

/// Credits for a script, null where they are not counted.
fn credits_json(credits: Option<&Credits>) -> serde_json::Value {
    credits.copied().map(Credits::get).into()
}

/// When a key was revoked.
fn revoked_at(found: &KeyInUse) -> Option<Timestamp> {
    match found.key.parts().state {
        KeyState::Revoked { at } => Some(at),
        KeyState::Active | KeyState::Disabled { .. } => None,
    }
}

/// Who did it, for readers who may know: a text, and the owner whose page says more.
fn actor(language: Language, event: &AuditEvent) -> (String, Option<OwnerId>) {
    let say = |name| (language.say(name).to_owned(), None);
    match &event.caller.actor {
        Actor::Owner(owner) => (owner.as_str().to_owned(), Some(owner.clone())),
        Actor::OperatorAccount(id) => {
            let text = language.fill("operator.byOperator", &end_of(*id));
            (text, Some(AccountId::new(*id).owner()))
        }
        Actor::Token(id) => (language.fill("operator.byToken", &end_of(id.as_uuid())), None),
        Actor::Operator => say("operator.byCommand"),
        Actor::LeakReport => say("actors.leak-report"),
        Actor::Recovery => say("operator.byRecovery"),
        Actor::Anonymous => say("actors.anonymous"),
    }
}

/// The end of an id, which tells it from others: all ids of one day begin alike.
fn end_of(id: Uuid) -> String {
    let id = id.to_string();
    let (_, end) = id.rsplit_once('-').unwrap_or_default();
    format!("…{end}")
}

/// "17 ms", "1.2 s".
fn span(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{} ms", span.as_millis())
    } else {
        format!("{:.1} s", span.as_secs_f64())
    }
}
