//! Many keys revoked by one call.
#![expect(clippy::panic, reason = "a broken promise is told by a panic")]

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use latchkey_domain::ports::{Barrier, SelectedKey, UpdateError};
use latchkey_domain::{
    Action, ApiKey, ApiKeyId, ApiKeyParts, ApiKeyPorts, ApiKeyService, AuditEvent, Brand, Caller,
    ChangeError, ChangeNumber, Creator, IdSequence, IssuePolicy, KeyLimits, Overlap, OwnerPattern,
    RevokeError, Selection,
};

use super::Ports;
use super::steps::{
    AMPLE, Instance, added, assert_revoked, assert_same_key, by_digest, concurrently, find, revoke,
};
use crate::fakes::{CountingEntropy, FakeClock, PlainHasher};
use crate::fixtures::{
    KeyBuilder, a_caller, a_key, a_replacement, an_event, an_event_at, changed, moment, owner,
};

/// Which changes were waited for.
#[derive(Debug, Default)]
struct Passed(Mutex<Vec<ChangeNumber>>);

#[async_trait]
impl Barrier for Passed {
    async fn pass(&self, change: ChangeNumber) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }
}

impl Passed {
    fn take(&self) -> Vec<ChangeNumber> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn service(ports: &Ports) -> (Arc<ApiKeyService>, Arc<Passed>) {
    let (passed, entropy) = (Arc::new(Passed::default()), Arc::new(CountingEntropy::default()));
    let ports = ApiKeyPorts {
        keys: Arc::clone(&ports.keys),
        owners: Arc::clone(&ports.owners),
        lookup: Arc::clone(&ports.lookup),
        barrier: Arc::<Passed>::clone(&passed),
        hasher: Arc::new(PlainHasher),
        clock: Arc::new(FakeClock::at(moment(9))),
        ids: Arc::new(IdSequence::new(Arc::<CountingEntropy>::clone(&entropy))),
        entropy,
    };
    let policy =
        IssuePolicy { brand: Brand::default(), max_keys_per_owner: AMPLE, names_optional: false };
    (Arc::new(ApiKeyService::new(ports, policy, KeyLimits::unlimited())), passed)
}

fn made_by(creator: &str) -> Selection {
    Selection::new(None, Some(Creator::parse(creator).expect("a creator"))).expect("it is narrow")
}

fn of_owner(text: &str) -> Selection {
    Selection::new(Some(owner(text)), None).expect("it is narrow")
}

fn by_ada(of: &str) -> KeyBuilder {
    a_key().owned_by(of).created_by("ada")
}

fn selected(key: &ApiKey) -> SelectedKey {
    let ApiKeyParts { id, owner, replaced_by, .. } = key.parts();
    SelectedKey { id: *id, owner: owner.clone(), replaced_by: *replaced_by }
}

fn event_of(of: &str, keys: &[&ApiKey]) -> AuditEvent {
    let mut keys: Vec<_> = keys.iter().map(|key| key.parts().id).collect();
    keys.sort_unstable();
    AuditEvent {
        owner: Some(owner(of)),
        action: Action::KeysRevoked(keys),
        ..an_event_at(moment(5))
    }
}

async fn trail(ports: &Ports) -> Vec<AuditEvent> {
    ports.trail.all_events(None, 1_000).await.expect("the store answers")
}

pub async fn many_keys_are_revoked_by_one_change_with_an_event_for_each_owner(ports: &Ports) {
    let (service, passed) = service(ports);
    let mut keys = Vec::new();
    for of in ["org_2", "org_1", "org_2", "elsewhere"] {
        keys.push(added(ports, by_ada(of)).await);
    }
    let bobs = added(ports, a_key().owned_by("org_2").created_by("bob")).await;
    let mut instance = Instance::joined(ports).await;
    let within = vec![OwnerPattern::parse("org_*").expect("a pattern")];
    let selection = made_by("ada").within(within);

    let revoked = service.revoke_all(&*ports.register, &selection, &a_caller()).await;

    let mut want: Vec<_> = keys[..3].iter().map(|key| key.parts().id).collect();
    want.sort_unstable();
    assert_eq!(revoked.expect("the store answers"), want);
    for key in &keys[..3] {
        assert_revoked(&by_digest(ports, key).await.expect("it is there"), key, moment(9));
    }
    for key in [&keys[3], &bobs] {
        assert_same_key(&find(ports, key).await.expect("it is there").key, key);
    }
    let mut news = instance.apply_news().await;
    news.sort_unstable();
    assert_eq!(news, want);
    assert_eq!(passed.take(), [instance.applied.change]);
    let mut told: Vec<_> = trail(ports).await;
    told.retain(|event| event.action.name() == "keys.revoked");
    told.sort_by_key(|event| event.owner.clone());
    let told: Vec<_> = told.into_iter().map(|event| (event.owner, event.action)).collect();
    let of = |of: &str, keys: &[&ApiKey]| (Some(owner(of)), event_of(of, keys).action);
    assert_eq!(told, [of("org_1", &[&keys[1]]), of("org_2", &[&keys[0], &keys[2]])]);
}

pub async fn where_nothing_is_left_to_revoke_the_latest_change_is_waited_for(ports: &Ports) {
    let (service, passed) = service(ports);
    let key = added(ports, by_ada("org_1")).await;
    let mut instance = Instance::joined(ports).await;
    revoke(ports, &key, moment(1)).await;
    instance.apply_news().await;
    let before = trail(ports).await;
    for selection in [made_by("ada"), of_owner("org_1"), made_by("nobody")] {
        let revoked = service.revoke_all(&*ports.register, &selection, &a_caller()).await;
        assert_eq!(revoked.expect("the store answers"), []);
        assert_eq!(passed.take(), [instance.applied.change]);
    }
    assert_eq!(trail(ports).await, before);
}

pub async fn of_many_keys_only_those_that_were_left_are_in_an_event(ports: &Ports) {
    let (one, two) = (added(ports, by_ada("org_1")).await, added(ports, by_ada("org_1")).await);
    let (three, gone) = (added(ports, by_ada("org_2")).await, by_ada("org_2").build());
    revoke(ports, &one, moment(1)).await;
    revoke(ports, &three, moment(1)).await;
    let renamed = changed(&two, |parts| parts.name = three.parts().name.clone());
    ports.keys.update(&renamed, &an_event()).await.expect("it is the next version");
    let keys = [&one, &two, &three, &gone].map(selected);
    let events = [event_of("org_1", &[&one, &two]), event_of("org_2", &[&three, &gone])];
    let before = trail(ports).await.len();

    let revoked = ports.keys.revoke_all(&keys, &events).await.expect("none was replaced");

    assert_eq!(revoked.expect("one was left").0, [two.parts().id]);
    assert_revoked(&by_digest(ports, &two).await.expect("it is there"), &renamed, moment(5));
    assert_revoked(&by_digest(ports, &one).await.expect("it is there"), &one, moment(1));
    let told = trail(ports).await.split_off(before);
    assert_eq!(told, [AuditEvent { id: events[0].id, ..event_of("org_1", &[&two]) }]);
    let again = ports.keys.revoke_all(&keys, &events).await.expect("none was replaced");
    assert_eq!(again, None);
}

pub async fn where_one_of_many_keys_was_replaced_meanwhile_none_is_revoked(ports: &Ports) {
    let (key, other) = (added(ports, by_ada("org_1")).await, added(ports, by_ada("org_1")).await);
    let keys = [&other, &key].map(selected);
    let successor = by_ada("org_1").build();
    let replaced = changed(&key, |parts| parts.replaced_by = Some(successor.parts().id));
    let replacement = a_replacement(&replaced, &successor, &an_event());
    ports.keys.replace(&replacement).await.expect("no limit holds");
    let before = trail(ports).await;

    let stale = ports.keys.revoke_all(&keys, &[event_of("org_1", &[&key, &other])]).await;

    assert!(matches!(stale, Err(UpdateError::Stale)), "got {stale:?}");
    assert_eq!(trail(ports).await, before);
    for same in [&other, &replaced, &successor] {
        assert_same_key(&find(ports, same).await.expect("it is there").key, same);
    }
    let (service, _passed) = service(ports);
    let revoked = service.revoke_all(&*ports.register, &made_by("ada"), &a_caller()).await;
    assert_eq!(revoked.expect("the store answers").len(), 3, "the successor too");
}

/// Revocations of all, of one owner's and of single keys, and rotations, all at the same time: none waits for
/// another in a circle, each key dies once, and no successor is left.
pub async fn what_is_revoked_together_and_one_by_one_concurrently_dies_once(ports: &Ports) {
    let (service, _passed) = service(ports);
    let mut keys = Vec::new();
    for number in 0..60 {
        let of = format!("org_{}", number % 3);
        keys.push(added(ports, by_ada(&of)).await.parts().clone());
    }
    let mut jobs: Vec<std::pin::Pin<Box<dyn Future<Output = Vec<ApiKeyId>> + Send>>> = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let (same, key) = (Arc::clone(&service), key.clone());
        if number % 2 == 0 {
            jobs.push(Box::pin(async move {
                match same.revoke(&key.owner, key.id, &a_caller()).await {
                    Ok(()) => vec![key.id],
                    Err(RevokeError::NotFound) => vec![],
                    Err(error) => panic!("{error:?}"),
                }
            }));
        } else if number % 5 == 0 {
            jobs.push(Box::pin(async move {
                let caller = a_caller();
                match same.rotate(&key.owner, key.id, Overlap::default(), &caller).await {
                    Ok(_) | Err(ChangeError::NotFound) => vec![],
                    Err(error) => panic!("{error:?}"),
                }
            }));
        }
        if number % 20 == 10 {
            for selection in [made_by("ada"), of_owner(&format!("org_{}", number % 3))] {
                let (service, register) = (Arc::clone(&service), Arc::clone(&ports.register));
                jobs.push(Box::pin(async move {
                    let caller: Caller = a_caller();
                    service.revoke_all(&*register, &selection, &caller).await.expect("it is done")
                }));
            }
        }
    }
    let mut died: Vec<_> = concurrently(jobs).await.into_iter().flatten().collect();

    let left = ports.keys.selected(&made_by("ada"), AMPLE).await.expect("the store answers");
    assert_eq!(left, []);
    died.sort_unstable();
    let once = died.len();
    died.dedup();
    assert_eq!(died.len(), once, "no key dies twice");
    assert!(keys.iter().all(|key| died.binary_search(&key.id).is_ok()));
    let mut told: Vec<ApiKeyId> = Vec::new();
    for event in trail(ports).await {
        match event.action {
            Action::KeyRevoked(key) => told.push(key),
            Action::KeysRevoked(keys) => told.extend(keys),
            _ => {}
        }
    }
    told.sort_unstable();
    assert_eq!(told, died);
}
