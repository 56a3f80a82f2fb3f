//! How much may be used: limits and credits of keys and of owners, and the budgets that verifications read.

use std::sync::Arc;

use latchkey_domain::ports::{AddedCredits, CreditsError};
use latchkey_domain::{
    Action, Addition, ApiKey, ApiKeyId, ApiKeyParts, AuditEvent, BudgetKind, CreditChange, Credits,
    CreditsRefused, KeyDifference, Limits, OwnerDifference, OwnerSettings, Window,
};

use super::Ports;
use super::steps::{
    AMPLE, Instance, added, assert_same_key, concurrently, find, found, list, revoke,
};
use crate::fixtures::{
    KeyBuilder, a_key, a_replacement, an_event, an_id, changed, limits_of, moment, owner, replaced,
};

const CREDITS: (BudgetKind, bool) = (BudgetKind::Credits, false);

/// A window of the key's own.
const fn of(window: Window) -> (BudgetKind, bool) {
    (BudgetKind::Window(window), false)
}

fn credits(number: u64) -> Credits {
    Credits::new(number).expect("in range")
}

fn add(number: i64) -> CreditChange {
    CreditChange::Add(Addition::new(number).expect("in range"))
}

/// Adds a key with credits.
pub(super) async fn with_credits(ports: &Ports, key: KeyBuilder, number: u64) -> ApiKey {
    let key = key.build();
    let added = ports.keys.insert(&key, Some(credits(number)), AMPLE, &an_event()).await;
    added.expect("a new key is added");
    key
}

/// What the budgets of a key count, and which are its owner's, in order.
async fn budgets(ports: &Ports, key: &ApiKey) -> Vec<(BudgetKind, bool)> {
    let found = found(ports, key).await.expect("it is there");
    let mut budgets: Vec<_> = found.budgets.iter().map(|it| (it.kind, it.is_owners)).collect();
    budgets.sort();
    budgets
}

/// What is left of a key's credits, as all reads show it.
async fn left(ports: &Ports, key: &ApiKey) -> Option<u64> {
    let ApiKeyParts { owner, id, .. } = key.parts();
    let found = find(ports, key).await.expect("it is there").credits;
    let listed = list(ports, owner).await;
    let listed = listed.iter().find(|it| it.key.parts().id == *id).expect("it is listed");
    assert_eq!(listed.credits, found);
    let known = ports.register.key(*id).await.expect("the store answers").expect("it is there");
    assert_eq!(known.credits, found);
    found.map(Credits::get)
}

async fn change(
    ports: &Ports,
    key: &ApiKey,
    change: CreditChange,
) -> Result<AddedCredits, CreditsError> {
    let ApiKeyParts { owner, id, .. } = key.parts();
    let action = Action::CreditsAdded { key: Some(*id), credits: None };
    let event = AuditEvent { action, label: Some(key.into()), ..an_event() };
    ports.keys.add_credits(owner, *id, change, &event).await
}

async fn changed_credits(ports: &Ports, key: &ApiKey, by: CreditChange) -> Option<u64> {
    change(ports, key, by).await.expect("it is allowed").left.map(Credits::get)
}

/// Stores other limits, and returns the key with them.
pub(super) async fn limited(ports: &Ports, key: &ApiKey, limits: &str) -> ApiKey {
    let after = changed(key, |parts| parts.limits = limits_of(limits));
    let action = Action::KeyChanged {
        key: key.parts().id,
        difference: KeyDifference::between(key, &after).map(Box::new),
    };
    let event = AuditEvent { action, ..an_event() };
    ports.keys.update(&after, &event).await.expect("the next version is stored");
    after
}

/// The key that takes the place of `key`, which works for an hour yet.
async fn rotated(ports: &Ports, key: &ApiKey) -> (ApiKey, ApiKey) {
    let limits = key.parts().limits.to_string();
    let successor = a_key().of_family(key).limited_to(&limits).build();
    let hour = std::time::Duration::from_hours(1);
    let old = replaced(key, &successor, hour, moment(0));
    let replacement = a_replacement(&old, &successor, &an_event());
    ports.keys.replace(&replacement).await.expect("it is replaced");
    (old, successor)
}

async fn settings(ports: &Ports, before: &OwnerSettings, after: &OwnerSettings) {
    let difference = OwnerDifference::between(before, after);
    let event = AuditEvent { action: Action::OwnerChanged { difference }, ..an_event() };
    let stored = ports.owners.change(&owner("owner"), before, after, &event).await;
    stored.expect("it is as found");
}

/// The changes of credits that the trail tells, newest first.
async fn told(ports: &Ports) -> Vec<(Option<ApiKeyId>, [Option<u64>; 2])> {
    let events = ports.trail.events_of(&owner("owner"), None, None, AMPLE).await;
    let events = events.expect("the store answers").into_iter();
    let of_credits = events.filter_map(|event| match event.action {
        Action::CreditsAdded { key, credits: Some(both) } => {
            assert_eq!(event.label.is_some(), key.is_some());
            Some((key, both.map(|it| it.map(Credits::get))))
        }
        _ => None,
    });
    of_credits.collect()
}

pub async fn a_key_without_limits_and_credits_has_no_budgets(ports: &Ports) {
    let key = added(ports, a_key()).await;
    assert_eq!(budgets(ports, &key).await, []);
    assert_eq!(left(ports, &key).await, None);
}

pub async fn the_limits_and_credits_of_a_new_key_are_its_budgets(ports: &Ports) {
    let key = with_credits(ports, a_key().limited_to("minute=5 day=7"), 9).await;
    let other = added(ports, a_key()).await;
    let want = [of(Window::Minute), of(Window::Day), CREDITS];
    assert_eq!(budgets(ports, &key).await, want);
    assert_eq!(left(ports, &key).await, Some(9));
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    assert_eq!(budgets(ports, &other).await, []);
    let counted = with_credits(ports, a_key(), 0).await;
    assert_eq!(left(ports, &counted).await, Some(0));
    let all = ports.register.search(&everything(), None, AMPLE).await.expect("the store answers");
    let shown: Vec<_> = all.iter().map(|it| it.credits.map(Credits::get)).collect();
    let mut shown = shown;
    shown.sort_unstable();
    assert_eq!(shown, [None, Some(0), Some(9)]);
}

fn everything() -> latchkey_domain::KeySearch {
    latchkey_domain::KeySearch::new(vec![latchkey_domain::OwnerPattern::any()], moment(0))
}

pub async fn changed_limits_are_the_budgets_of_all_keys_of_the_family(ports: &Ports) {
    let key = added(ports, a_key().limited_to("minute=5")).await;
    let (old, successor) = rotated(ports, &key).await;
    assert_same_key(&find(ports, &successor).await.expect("it is there").key, &successor);
    assert_eq!(budgets(ports, &successor).await, [of(Window::Minute)]);

    let successor = limited(ports, &successor, "hour=6").await;
    for key in [&old, &successor] {
        assert_eq!(budgets(ports, key).await, [of(Window::Hour)]);
        let found = find(ports, key).await.expect("it is there").key;
        assert_eq!(found.parts().limits, limits_of("hour=6"));
        assert_eq!(found.parts().version, if key.parts().id == old.parts().id { 3 } else { 2 });
    }
    let old = find(ports, &old).await.expect("it is there").key;
    let old = limited(ports, &old, "").await;
    for key in [&old, &successor] {
        assert_eq!(budgets(ports, key).await, []);
        let found = find(ports, key).await.expect("it is there").key;
        assert!(found.parts().limits.is_empty());
    }
}

pub async fn limits_of_a_stale_version_change_nothing(ports: &Ports) {
    let key = added(ports, a_key().limited_to("minute=5")).await;
    let now = limited(ports, &key, "minute=6").await;
    let late = changed(&key, |parts| parts.limits = limits_of("day=1"));
    let difference = KeyDifference::between(&key, &late).map(Box::new);
    let action = Action::KeyChanged { key: key.parts().id, difference };
    let event = AuditEvent { action, ..an_event() };
    assert!(ports.keys.update(&late, &event).await.is_err());
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &now);
    assert_eq!(budgets(ports, &key).await, [of(Window::Minute)]);
}

pub async fn credits_are_added_and_taken_and_never_fall_below_none(ports: &Ports) {
    let key = with_credits(ports, a_key(), 5).await;
    assert_eq!(changed_credits(ports, &key, add(3)).await, Some(8));
    assert_eq!(changed_credits(ports, &key, add(-8)).await, Some(0));
    let refused = change(ports, &key, add(-1)).await;
    let none = CreditsRefused::TooFew { left: Credits::NONE };
    assert!(matches!(refused, Err(CreditsError::Refused(why)) if why == none), "{refused:?}");
    assert_eq!(
        changed_credits(ports, &key, add(1_000_000_000_000)).await,
        Some(Credits::MAX.get())
    );
    let refused = change(ports, &key, add(1)).await;
    let most = CreditsRefused::TooMany;
    assert!(matches!(refused, Err(CreditsError::Refused(why)) if why == most), "{refused:?}");
    assert_eq!(left(ports, &key).await, Some(Credits::MAX.get()));
    let id = Some(key.parts().id);
    let most = Some(Credits::MAX.get());
    let want = [(id, [Some(0), most]), (id, [Some(8), Some(0)]), (id, [Some(5), Some(8)])];
    assert_eq!(told(ports).await, want);
}

pub async fn credits_begin_and_cease_to_count(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let refused = change(ports, &key, add(-1)).await;
    let none = CreditsRefused::TooFew { left: Credits::NONE };
    assert!(matches!(refused, Err(CreditsError::Refused(why)) if why == none), "{refused:?}");
    assert_eq!(changed_credits(ports, &key, CreditChange::Uncount).await, None);
    assert_eq!(told(ports).await, []);
    for again in [5, 7] {
        assert_eq!(changed_credits(ports, &key, add(again)).await, u64::try_from(again).ok());
        assert_eq!(budgets(ports, &key).await, [CREDITS]);
        assert_eq!(changed_credits(ports, &key, CreditChange::Uncount).await, None);
        assert_eq!(changed_credits(ports, &key, CreditChange::Uncount).await, None);
        assert_eq!(budgets(ports, &key).await, []);
        assert_eq!(left(ports, &key).await, None);
        let refused = change(ports, &key, add(-1)).await;
        assert!(matches!(refused, Err(CreditsError::Refused(why)) if why == none), "{refused:?}");
    }
    assert_eq!(told(ports).await.len(), 4);
}

pub async fn credits_of_a_missing_or_revoked_key_are_not_found(ports: &Ports) {
    let key = with_credits(ports, a_key(), 5).await;
    for (whose, id) in [("another", key.parts().id), ("owner", an_id())] {
        let it = ports.keys.add_credits(&owner(whose), id, add(1), &an_event()).await;
        assert!(matches!(it, Err(CreditsError::NotFound)), "{it:?}");
    }
    revoke(ports, &key, moment(1)).await;
    for by in [add(1), CreditChange::Uncount] {
        let it = change(ports, &key, by).await;
        assert!(matches!(it, Err(CreditsError::NotFound)), "{it:?}");
    }
}

pub async fn concurrent_additions_all_count(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let (old, successor) = rotated(ports, &key).await;
    // By both keys of the family, also where none was counted before.
    let answers = concurrently((0..20).map(|n| {
        let (keys, key) = (Arc::clone(&ports.keys), if n % 2 == 0 { &old } else { &successor });
        let (whose, id) = (key.parts().owner.clone(), key.parts().id);
        let action = Action::CreditsAdded { key: Some(id), credits: None };
        let event = AuditEvent { action, label: Some(key.into()), ..an_event() };
        async move { keys.add_credits(&whose, id, add(3), &event).await }
    }))
    .await;
    let mut lefts: Vec<u64> = answers
        .into_iter()
        .map(|answer| answer.expect("it is allowed").left.expect("it counts").get())
        .collect();
    lefts.sort_unstable();
    assert_eq!(lefts, (1..=20).map(|n| n * 3).collect::<Vec<_>>());
    assert_eq!(left(ports, &successor).await, Some(60));
    assert_eq!(left(ports, &old).await, Some(60));
}

pub async fn of_concurrent_subtractions_no_more_than_there_is_is_taken(ports: &Ports) {
    let key = with_credits(ports, a_key(), 10).await;
    let answers = concurrently((0..20).map(|_| {
        let (keys, whose, id) = (Arc::clone(&ports.keys), owner("owner"), key.parts().id);
        async move { keys.add_credits(&whose, id, add(-3), &an_event()).await.is_ok() }
    }))
    .await;
    assert_eq!(answers.into_iter().filter(|taken| *taken).count(), 3);
    assert_eq!(left(ports, &key).await, Some(1));
}

pub async fn the_budgets_of_an_owner_hold_for_all_its_keys(ports: &Ports) {
    let (key, other) = (added(ports, a_key()).await, added(ports, a_key().owned_by("other")).await);
    let none = OwnerSettings::default();
    let limited = OwnerSettings { limits: limits_of("day=5 month=6"), ..none.clone() };
    settings(ports, &none, &limited).await;
    let (day, month) = (BudgetKind::Window(Window::Day), BudgetKind::Window(Window::Month));
    assert_eq!(budgets(ports, &key).await, [(day, true), (month, true)]);
    let add_up = ports.owners.add_credits(&owner("owner"), add(7), &an_event_of_credits()).await;
    assert_eq!(add_up.expect("it is allowed").left, Some(credits(7)));
    let late = with_credits(ports, a_key().limited_to("day=1"), 2).await;
    let want = [(day, false), (day, true), (month, true), CREDITS, (BudgetKind::Credits, true)];
    assert_eq!(budgets(ports, &late).await, want);
    assert_eq!(left(ports, &late).await, Some(2));
    assert_eq!(budgets(ports, &other).await, []);
    let known = ports.owners.find(&owner("owner")).await.expect("the store answers");
    assert_eq!((known.settings.limits, known.credits), (limited.limits, Some(credits(7))));

    let fewer = OwnerSettings { limits: limits_of("month=9"), ..none };
    settings(ports, &limited, &fewer).await;
    let refused = ports.owners.add_credits(&owner("owner"), add(-8), &an_event_of_credits()).await;
    assert!(matches!(refused, Err(CreditsError::Refused(_))), "{refused:?}");
    let end = CreditChange::Uncount;
    let end = ports.owners.add_credits(&owner("owner"), end, &an_event_of_credits()).await;
    assert_eq!(end.expect("it is allowed").left, None);
    assert_eq!(budgets(ports, &key).await, [(month, true)]);
    assert_eq!(told(ports).await, [(None, [Some(7), None]), (None, [None, Some(7)])]);
}

fn an_event_of_credits() -> AuditEvent {
    let action = Action::CreditsAdded { key: None, credits: None };
    AuditEvent { action, ..an_event() }
}

pub async fn keys_are_told_where_a_budget_begins_or_ceases_to_count(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let (old, successor) = rotated(ports, &key).await;
    let other = added(ports, a_key().owned_by("other")).await;
    let dead = added(ports, a_key().of_family(&key)).await;
    revoke(ports, &dead, moment(1)).await;
    let both = [old.parts().id, successor.parts().id];
    let mut instance = Instance::joined(ports).await;
    let mut news = async || -> Vec<ApiKeyId> {
        let mut changed = instance.apply_news().await;
        changed.retain(|key| *key != ApiKeyId::NONE);
        changed.sort_unstable();
        changed.dedup();
        changed
    };
    assert_eq!(news().await, []);

    changed_credits(ports, &successor, add(5)).await;
    assert_eq!(news().await, both);
    changed_credits(ports, &old, add(5)).await;
    assert_eq!(news().await, []);
    changed_credits(ports, &old, CreditChange::Uncount).await;
    assert_eq!(news().await, both);

    let limit = limited(ports, &successor, "minute=5").await;
    assert_eq!(news().await, both);
    limited(ports, &limit, "").await;
    assert_eq!(news().await, both);

    let none = OwnerSettings::default();
    let daily = OwnerSettings { limits: limits_of("day=5"), ..none.clone() };
    let more = OwnerSettings { limits: limits_of("day=6"), ..none.clone() };
    settings(ports, &none, &daily).await;
    assert_eq!(news().await, both);
    settings(ports, &daily, &more).await;
    assert_eq!(news().await, []);
    settings(ports, &more, &none).await;
    assert_eq!(news().await, both);
    for (by, is_told) in [(add(1), true), (add(1), false), (CreditChange::Uncount, true)] {
        let event = an_event_of_credits();
        ports.owners.add_credits(&owner("owner"), by, &event).await.expect("it is allowed");
        assert_eq!(news().await, if is_told { both.to_vec() } else { vec![] });
    }
    assert_eq!(budgets(ports, &other).await, []);
}

pub async fn the_budgets_of_a_family_go_with_its_last_key(ports: &Ports) {
    let key = with_credits(ports, a_key().limited_to("day=5"), 5).await;
    let (old, successor) = rotated(ports, &key).await;
    revoke(ports, &old, moment(1)).await;
    let remove = async |before| {
        let removed = ports.housekeeping.remove_revoked_keys(moment(before), None, AMPLE).await;
        removed.expect("the store answers");
    };
    remove(2).await;
    assert!(found(ports, &old).await.is_none());
    assert_eq!(budgets(ports, &successor).await, [of(Window::Day), CREDITS]);
    assert_eq!(left(ports, &successor).await, Some(5));
    revoke(ports, &successor, moment(3)).await;
    remove(4).await;
    // A key of the same family would show them.
    let again = a_key().of_family(&key).build();
    ports.keys.insert(&again, None, AMPLE, &an_event()).await.expect("a new key is added");
    assert_eq!(budgets(ports, &again).await, []);
    assert_eq!(again.parts().limits, Limits::NONE);
}
