use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::{
    Action, Actor, AllowedNetworks, ApiKey, ApiKeyId, AuditEvent, Caller, Credits, EventId, Grants,
    KeyDifference, KeyLabel, KeyName, Limits, MaxKeys, OwnerDifference, OwnerId, Timestamp,
    UserAgent,
};

use super::steps::{
    AMPLE, added, assert_same_account, assert_same_key, begun, by_digest, by_email, concurrently,
    goes_on, registered, revoke, session, stored,
};
use super::{AllPorts, Ports};
use crate::fixtures::{
    a_caller, a_key, a_replacement, a_session, a_token, account_with_email, account_with_operator,
    account_with_password, an_account, an_event, an_event_at, an_id, changed, disabled,
    disabled_account, enabled, limits_of, metadata, moment, networks_of, owner, renamed, replaced,
    scopes_of,
};

const MANY: u32 = 1_000;

#[expect(clippy::too_many_lines, reason = "a line for each action and each difference")]
pub async fn an_event_reads_back_equal(ports: &Ports) {
    let (key, successor, token) = (an_id(), an_id(), a_token().build().id);
    let known = Caller {
        actor: Actor::from(&owner("somebody")),
        address: Some([192, 0, 2, 1].into()),
        user_agent: UserAgent::of("curl/8.5.0 'é' \u{1F600}"),
        request_id: Some("0123-abc".to_owned()),
    };
    let v6 = Caller { address: Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()), ..known.clone() };
    let actions = [
        Action::AccountCreated,
        Action::AccountDisabled,
        Action::AccountEnabled,
        Action::AccountDeleted,
        Action::PasswordChanged,
        Action::SessionStarted,
        Action::SessionRefused,
        Action::SessionEnded,
        Action::KeyCreated(key),
        Action::KeyChanged { key, difference: None },
        Action::KeyRotated { key, successor },
        Action::KeyRevoked(key),
        Action::KeyLeaked(key),
        Action::KeysRevoked(vec![key, successor]),
        Action::TokenCreated(token),
        Action::TokenRevoked(token),
    ];
    let operator = Actor::OperatorAccount(token.as_uuid());
    let others =
        [Actor::LeakReport, Actor::Token(token), operator, Actor::from(&owner("operator"))];
    let others = others.map(|actor| Caller { actor, ..a_caller() });
    let actors = [known, v6, Caller::OPERATOR, a_caller()].into_iter().chain(others);
    let mut want = Vec::new();
    for (action, caller) in actions.into_iter().zip(actors.cycle()) {
        want.push(recorded(ports, AuditEvent { action, caller, ..an_event() }).await);
    }
    let called = ["a", "'\"\\,{} é \u{1F600}"].map(|name| KeyName::parse(name).expect("a name"));
    let kept = ["{}", r#"{"b":1.0,"a":{"b":["\ud800"]}}"#].map(metadata);
    let none = KeyDifference::default();
    for difference in [
        none.clone(),
        KeyDifference { name: Some(called.clone()), ..none.clone() },
        KeyDifference { enabled: Some([false, true]), ..none.clone() },
        KeyDifference { expires_at: Some([Some(Timestamp::MAX), None]), ..none.clone() },
        KeyDifference { metadata: Some(kept.clone()), ..none.clone() },
        KeyDifference { scopes: Some([Grants::UNRESTRICTED, scopes_of(&[])]), ..none.clone() },
        KeyDifference {
            allowed_networks: Some([networks_of(&["::/0"]), AllowedNetworks::ANY]),
            ..none.clone()
        },
        KeyDifference { limits: Some([limits_of("day=5"), Limits::NONE]), ..none },
        KeyDifference {
            name: Some(called.clone()),
            enabled: Some([true, false]),
            expires_at: Some([None, Some(moment(1))]),
            metadata: Some(kept),
            scopes: Some([scopes_of(&["a", "b:*"]), scopes_of(&["*"])]),
            allowed_networks: Some([
                AllowedNetworks::ANY,
                networks_of(&["10.0.0.0/8", "192.0.2.1"]),
            ]),
            limits: Some([Limits::NONE, limits_of("second=1 month=1000000000")]),
        },
    ] {
        let [_, name] = called.clone();
        let label = KeyLabel { name, ..KeyLabel::from(&a_key().build()) };
        let action = Action::KeyChanged { key, difference: Some(Box::new(difference)) };
        want.push(recorded(ports, AuditEvent { action, label: Some(label), ..an_event() }).await);
    }
    for at in [Timestamp::MIN, Timestamp::MAX] {
        want.push(recorded(ports, AuditEvent { owner: None, ..an_event_at(at) }).await);
    }
    assert_eq!(all(ports).await, want);
}

pub async fn an_event_of_a_changed_owner_reads_back_equal(ports: &Ports) {
    let mut want = Vec::new();
    let limit = |keys| Some(MaxKeys::new(keys).expect("at most a million"));
    for difference in [
        None,
        Some(OwnerDifference::default()),
        Some(OwnerDifference { max_keys: Some([None, limit(0)]), ..OwnerDifference::default() }),
        Some(OwnerDifference {
            max_keys: Some([limit(1_000_000), None]),
            suspended: Some([true, false]),
            limits: Some([limits_of("hour=9"), Limits::NONE]),
        }),
    ] {
        let action = Action::OwnerChanged { difference };
        want.push(recorded(ports, AuditEvent { action, ..an_event() }).await);
    }
    assert_eq!(all(ports).await, want);
}

pub async fn an_event_about_credits_reads_back_equal(ports: &Ports) {
    let mut want = Vec::new();
    let left = [None, Some(Credits::NONE), Some(Credits::MAX)];
    for key in [None, Some(an_id())] {
        let none = [
            Action::CreditsAdded { key, credits: None },
            Action::CreditsStranded { key, stranded: None },
            Action::CreditsStranded { key, stranded: Some(u64::MAX) },
        ];
        let added = left.iter().flat_map(|before| left.map(|after| [*before, after]));
        let added = added.map(|both| Action::CreditsAdded { key, credits: Some(both) });
        for action in none.into_iter().chain(added) {
            want.push(recorded(ports, AuditEvent { action, ..an_event() }).await);
        }
    }
    assert_eq!(all(ports).await, want);
}

pub async fn an_event_that_is_recorded_again_is_there_once(ports: &Ports) {
    let event = recorded(ports, an_event()).await;
    recorded(ports, event.clone()).await;
    let all = ports.trail.all_events(None, MANY).await.expect("the store answers");
    assert_eq!(all, [event]);
}

pub async fn an_event_is_in_the_trail_of_its_owner_alone(ports: &Ports) {
    let of = |whose: Option<&str>| AuditEvent { owner: whose.map(owner), ..an_event() };
    let mine = recorded(ports, of(Some("owner"))).await;
    let theirs = recorded(ports, of(Some("owner2"))).await;
    let nobodys = recorded(ports, of(None)).await;
    assert_eq!(trail(ports, &owner("owner")).await, std::slice::from_ref(&mine));
    assert_eq!(trail(ports, &owner("owner2")).await, std::slice::from_ref(&theirs));
    assert_eq!(trail(ports, &owner("Owner")).await, []);
    assert_eq!(all(ports).await, [mine, theirs, nobodys]);
}

pub async fn the_trail_of_a_key_is_what_was_done_to_it_and_what_issued_it(ports: &Ports) {
    let [first, second, third] = [an_id(), an_id(), an_id()];
    let mut events = Vec::new();
    for action in [
        Action::KeyCreated(first),
        Action::SessionStarted,
        Action::KeyRotated { key: first, successor: second },
        Action::KeyChanged { key: second, difference: None },
        Action::KeyRevoked(first),
        Action::KeyRotated { key: second, successor: third },
        Action::KeyLeaked(second),
    ] {
        events.push(recorded(ports, AuditEvent { action, ..an_event() }).await);
        let theirs = Action::KeyRotated { key: second, successor: first };
        let theirs = AuditEvent { action: theirs, owner: Some(owner("other")), ..an_event() };
        recorded(ports, theirs).await;
    }
    let of = |indices: &[usize]| indices.iter().map(|&at| events[at].clone()).collect::<Vec<_>>();
    assert_eq!(trail_of(ports, first, None, MANY).await, of(&[4, 2, 0]));
    assert_eq!(trail_of(ports, second, None, MANY).await, of(&[6, 5, 3, 2]));
    assert_eq!(trail_of(ports, second, None, 2).await, of(&[6, 5]));
    assert_eq!(trail_of(ports, second, Some(events[5].id), 1).await, of(&[3]));
    assert_eq!(trail_of(ports, second, Some(events[3].id), 2).await, of(&[2]));
    assert_eq!(trail_of(ports, third, None, MANY).await, of(&[5]));
    assert_eq!(trail_of(ports, an_id(), None, MANY).await, []);
}

pub async fn a_trail_has_the_greatest_id_first_and_goes_on_before_an_event(ports: &Ports) {
    let mut want = Vec::new();
    for n in 0..7 {
        // The instants go down: the order is that of the ids.
        want.push(recorded(ports, an_event_at(moment(-n))).await);
        recorded(ports, AuditEvent { owner: Some(owner("other")), ..an_event() }).await;
    }
    want.reverse();
    let (mut got, mut before) = (Vec::new(), None);
    loop {
        let page = ports.trail.events_of(&owner("owner"), None, before, 3).await;
        let page = page.expect("the store answers");
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        got.extend(page);
    }
    assert_eq!(got, want);
}

pub async fn all_events_come_in_id_order_and_go_on_after_one(ports: &Ports) {
    let mut want = Vec::new();
    for whose in [Some("a"), None, Some("b"), Some("a"), None] {
        let event = AuditEvent { owner: whose.map(owner), ..an_event() };
        want.push(recorded(ports, event).await);
    }
    let page = ports.trail.all_events(None, 2).await.expect("the store answers");
    assert_eq!(page, want[..2]);
    let page = ports.trail.all_events(Some(want[1].id), MANY).await.expect("the store answers");
    assert_eq!(page, want[2..]);
    let page = ports.trail.all_events(Some(want[4].id), MANY).await.expect("the store answers");
    assert_eq!(page, []);
}

pub async fn whatever_changes_a_key_leaves_one_event(ports: &Ports) {
    let mut want = Vec::new();
    let mut event = |key: &ApiKey, action| {
        let event = AuditEvent { action, label: Some(key.into()), ..an_event() };
        want.push(event.clone());
        event
    };
    let changed = |before: &ApiKey, after| Action::KeyChanged {
        key: id(before),
        difference: KeyDifference::between(before, after).map(Box::new),
    };
    let key = a_key().build();
    let of = &key.parts().owner;
    let it = ports.keys.insert(&key, None, AMPLE, &event(&key, Action::KeyCreated(id(&key)))).await;
    it.expect("a new key is added");
    let off = disabled(&key, moment(1));
    let it = ports.keys.update(&off, &event(&off, changed(&key, &off))).await;
    it.expect("the next version is stored");
    let on = enabled(&off);
    let it = ports.keys.update(&on, &event(&on, changed(&off, &on))).await;
    it.expect("the next version is stored");
    let (old, new) = succeeded(&on);
    let rotated = Action::KeyRotated { key: id(&old), successor: id(&new) };
    let it = ports.keys.replace(&a_replacement(&old, &new, &event(&old, rotated))).await;
    it.expect("the next version is stored");
    let revoked = event(&old, Action::KeyRevoked(id(&old)));
    let it = ports.keys.revoke(of, id(&old), &unnamed(revoked)).await;
    assert!(it.expect("the store answers").is_some());
    let leaked = event(&new, Action::KeyLeaked(id(&new)));
    let it = ports.keys.revoke(of, id(&new), &unnamed(leaked)).await;
    assert!(it.expect("the store answers").is_some());
    assert_eq!(all(ports).await, want);
}

pub async fn a_revoke_is_told_by_what_the_key_is_called_then(ports: &Ports) {
    let key = added(ports, a_key().named("first").with_prefix("sk_test_0abc")).await;
    let renamed = stored(ports, renamed(&key, "second")).await;
    let ended = AuditEvent { action: Action::KeyRevoked(id(&key)), ..an_event() };
    let it = ports.keys.revoke(&key.parts().owner, id(&key), &ended).await;
    assert!(it.expect("the store answers").is_some());
    let want = AuditEvent { label: Some(KeyLabel::from(&renamed)), ..ended };
    assert_eq!(trail_of(ports, id(&key), None, 1).await, [want]);
}

pub async fn among_concurrent_renames_a_revoke_is_told_by_the_name_that_it_found(ports: &Ports) {
    for round in 0..10 {
        let key = added(ports, a_key().named("0")).await;
        let (keys, mut present) = (Arc::clone(&ports.keys), key.clone());
        let renaming = async move {
            for n in 1..20 {
                let next = renamed(&present, &n.to_string());
                if keys.update(&next, &an_event()).await.is_err() {
                    break;
                }
                present = next;
            }
            present
        };
        let (keys, whose) = (Arc::clone(&ports.keys), key.parts().owner.clone());
        let ended = AuditEvent { action: Action::KeyRevoked(id(&key)), ..an_event() };
        let revoking = async move { keys.revoke(&whose, ended.action.key()?, &ended).await.ok()? };
        let (renamed, revoked) = tokio::join!(tokio::spawn(renaming), tokio::spawn(revoking));
        let renamed = renamed.expect("no job panics");
        assert!(revoked.expect("no job panics").is_some(), "round {round}");
        let told = trail_of(ports, id(&key), None, MANY).await;
        let told: Vec<_> = told.into_iter().map(|event| event.label).collect();
        assert_eq!(told, [Some(KeyLabel::from(&renamed))], "round {round}");
    }
}

pub async fn whatever_changes_an_account_leaves_one_event(ports: &AllPorts) {
    let account = an_account().build();
    let event =
        |action| AuditEvent { action, owner: Some(account.parts().id.owner()), ..an_event() };
    let made = event(Action::AccountCreated);
    ports.accounts.insert(&account, &made).await.expect("a new account is added");
    let kept = begun(ports, a_session(&account)).await;
    let next = account_with_password(&account, "new");
    let changed = event(Action::PasswordChanged);
    let it = ports.accounts.change_password(&next, Some(&kept.digest.digest), &changed).await;
    it.expect("the next version is stored");
    let next = account_with_password(&next, "newer");
    let reset = event(Action::PasswordChanged);
    let it = ports.accounts.change_password(&next, None, &reset).await;
    it.expect("the next version is stored");
    let [moved, marked] = [Action::EmailChanged, Action::OperatorAdded].map(event);
    let next = account_with_email(&next, "lovelace@example.com");
    let it = ports.accounts.change_email(&next, &moved).await;
    it.expect("the address is free");
    let next = account_with_operator(&next, true);
    let it = ports.accounts.set_operator(&next, &marked).await;
    it.expect("it was none before");
    let disabled = event(Action::AccountDisabled);
    let next = disabled_account(&next, moment(7));
    let it = ports.accounts.disable(&next, &disabled).await;
    it.expect("the next version is stored");
    let it = ports.accounts.disable(&disabled_account(&next, moment(8)), &an_event()).await;
    it.expect("disabling twice is fine");
    assert_eq!(all(ports).await, [made, changed, reset, moved, marked, disabled]);
}

pub async fn the_beginning_and_the_end_of_a_session_leave_one_event(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let before = all(ports).await.len();
    let (one, other) = (a_session(&account).build(), a_session(&account).build());
    let (started, ended) = (an_event(), an_event());
    let it = ports.sessions.insert(&one, Some(&started)).await;
    it.expect("a new session is added");
    let it = ports.sessions.insert(&other, None).await;
    it.expect("a new session is added");
    assert!(goes_on(ports, &one).await && goes_on(ports, &other).await);
    for again in [ended.clone(), an_event()] {
        let it = ports.sessions.remove(&one.digest.digest, Some(&again)).await;
        it.expect("removing twice is fine");
    }
    let it = ports.sessions.remove(&other.digest.digest, None).await;
    it.expect("it is removed");
    assert!(session(ports, one.digest).await.is_none());
    assert_eq!(all(ports).await[before..], [started, ended]);
}

pub async fn what_is_refused_leaves_no_event(ports: &Ports) {
    let (key, dead) = (added(ports, a_key()).await, added(ports, a_key()).await);
    revoke(ports, &dead, moment(1)).await;
    let before = all(ports).await;

    let (of, stale) = (&key.parts().owner, changed(&changed(&key, |_| ()), |_| ()));
    assert!(ports.keys.insert(&key, None, AMPLE, &an_event()).await.is_err());
    assert!(ports.keys.insert(&a_key().build(), None, 1, &an_event()).await.is_err());
    assert!(ports.keys.update(&stale, &an_event()).await.is_err());
    assert!(ports.keys.update(&changed(&dead, |_| ()), &an_event()).await.is_err());
    assert!(
        ports.keys.replace(&a_replacement(&stale, &a_key().build(), &an_event())).await.is_err()
    );
    let (old, _) = succeeded(&key);
    assert!(ports.keys.replace(&a_replacement(&old, &dead, &an_event())).await.is_err());
    for (of, id) in [(of, id(&dead)), (of, an_id()), (&owner("other"), id(&key))] {
        let it = ports.keys.revoke(of, id, &an_event()).await;
        assert_eq!(it.expect("the store answers"), None);
    }

    assert_eq!(all(ports).await, before);
}

pub async fn what_is_refused_about_accounts_leaves_no_event(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let before = all(ports).await;

    let same = an_account().with_email(account.parts().email.as_str()).build();
    assert!(ports.accounts.insert(&same, &an_event()).await.is_err());
    let unknown = an_account().build();
    let next = account_with_password(&unknown, "new");
    assert!(ports.accounts.change_password(&next, None, &an_event()).await.is_err());
    assert!(
        ports.accounts.disable(&disabled_account(&unknown, moment(1)), &an_event()).await.is_err()
    );
    assert!(ports.accounts.change_email(&unknown, &an_event()).await.is_err());
    assert!(ports.accounts.set_operator(&account, &an_event()).await.is_err());
    let orphan = a_session(&unknown).build();
    assert!(ports.sessions.insert(&orphan, Some(&an_event())).await.is_err());

    assert_eq!(all(ports).await, before);
}

pub async fn of_concurrent_changes_only_those_that_were_made_leave_an_event(ports: &Ports) {
    for round in 0..10 {
        let key = added(ports, a_key()).await;
        let before = all(ports).await.len();
        let renamed = changed(&key, |_| ());
        let jobs = (0..12).map(|n| {
            let (keys, key, renamed) = (Arc::clone(&ports.keys), key.clone(), renamed.clone());
            let mut event = an_event_at(moment(n));
            async move {
                let made = match n % 3 {
                    0 => {
                        let it = keys.revoke(&key.parts().owner, key.parts().id, &event).await;
                        event.label = Some(KeyLabel::from(&key));
                        it.expect("the store answers").is_some()
                    }
                    1 => keys.update(&renamed, &event).await.is_ok(),
                    _ => {
                        let (old, new) = succeeded(&key);
                        keys.replace(&a_replacement(&old, &new, &event)).await.is_ok()
                    }
                };
                made.then_some(event)
            }
        });
        let mut made: Vec<_> = concurrently(jobs).await.into_iter().flatten().collect();
        made.sort_by_key(|event| event.id);
        assert!(!made.is_empty(), "round {round}");
        assert_eq!(all(ports).await[before..], made, "round {round}");
    }
}

pub async fn an_event_that_cannot_be_kept_undoes_its_change(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let taken = recorded(ports, an_event()).await;
    let before = all(ports).await;

    let other = a_key().build();
    assert!(ports.keys.insert(&other, None, AMPLE, &taken).await.is_err());
    assert!(by_digest(ports, &other).await.is_none());
    assert!(ports.keys.update(&disabled(&key, moment(1)), &taken).await.is_err());
    let (old, new) = succeeded(&key);
    assert!(ports.keys.replace(&a_replacement(&old, &new, &taken)).await.is_err());
    assert!(ports.keys.revoke(&key.parts().owner, id(&key), &taken).await.is_err());
    let got = by_digest(ports, &key).await.expect("it is there");
    assert_same_key(&got, &key);

    assert_eq!(all(ports).await, before);
}

pub async fn an_event_that_cannot_be_kept_undoes_the_change_of_an_account(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let taken = recorded(ports, an_event()).await;
    let before = all(ports).await;

    let begun = a_session(&account).build();
    assert!(ports.sessions.insert(&begun, Some(&taken)).await.is_err());
    assert!(session(ports, begun.digest).await.is_none());
    assert!(ports.accounts.disable(&disabled_account(&account, moment(1)), &taken).await.is_err());
    let got = by_email(ports, &account).await.expect("it is there");
    assert_same_account(&got, &account);

    assert_eq!(all(ports).await, before);
}

pub async fn the_trail_of_a_disabled_account_goes_on(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let whose = account.parts().id.owner();
    let it = ports.accounts.disable(&disabled_account(&account, moment(1)), &an_event()).await;
    it.expect("the next version is stored");
    let refused =
        AuditEvent { owner: Some(whose.clone()), action: Action::SessionRefused, ..an_event() };
    let refused = recorded(ports, refused).await;
    assert_eq!(trail(ports, &whose).await, [refused]);
}

async fn recorded(ports: &Ports, event: AuditEvent) -> AuditEvent {
    ports.trail.record(&event).await.expect("a new event is added");
    event
}

pub(super) async fn all(ports: &Ports) -> Vec<AuditEvent> {
    ports.trail.all_events(None, MANY).await.expect("the store answers")
}

async fn trail(ports: &Ports, owner: &OwnerId) -> Vec<AuditEvent> {
    ports.trail.events_of(owner, None, None, MANY).await.expect("the store answers")
}

/// What the trail of the owner of fixtures says of one key.
async fn trail_of(
    ports: &Ports,
    key: ApiKeyId,
    before: Option<EventId>,
    limit: u32,
) -> Vec<AuditEvent> {
    let events = ports.trail.events_of(&owner("owner"), Some(key), before, limit).await;
    events.expect("the store answers")
}

/// As an event is before the store adds what the key is called.
fn unnamed(event: AuditEvent) -> AuditEvent {
    AuditEvent { label: None, ..event }
}

fn id(key: &ApiKey) -> ApiKeyId {
    key.parts().id
}

fn succeeded(key: &ApiKey) -> (ApiKey, ApiKey) {
    let new = a_key().owned_by(key.parts().owner.as_str()).build();
    let hour = Duration::from_hours(1);
    let old = replaced(key, &new, hour, moment(1));
    (old, new)
}
