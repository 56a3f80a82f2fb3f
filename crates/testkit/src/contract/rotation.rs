use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::ports::{InsertError, OverlapError, StoreError, UpdateError};
use latchkey_domain::{ApiKey, Refusal};

use super::steps::{
    Instance, added, assert_revoked, assert_same_key, by_digest, concurrently, find, ids, list,
    registered, revoke, stored, the_only_winner,
};
use super::{AllPorts, Ports};
use crate::fixtures::{
    KeyBuilder, a_key, a_replacement, an_account, an_event, an_event_at, disabled,
    disabled_account, moment, owner, replaced,
};

const HOUR: Duration = Duration::from_hours(1);

pub async fn a_replaced_key_and_its_successor_read_back_equal(ports: &Ports) {
    let (key, bystander) = (added(ports, a_key()).await, added(ports, a_key()).await);
    let (old, new) = succeeded(&key, HOUR);
    ports
        .keys
        .replace(&a_replacement(&old, &new, &an_event()))
        .await
        .expect("the next version is stored");
    for want in [&old, &new, &bystander] {
        assert_same_key(&find(ports, want).await.expect("it is there").key, want);
        assert_same_key(&by_digest(ports, want).await.expect("it is there"), want);
    }
}

pub async fn a_key_that_is_replaced_without_overlap_is_revoked(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let (old, new) = succeeded(&key, Duration::ZERO);
    ports
        .keys
        .replace(&a_replacement(&old, &new, &an_event()))
        .await
        .expect("the next version is stored");
    assert_same_key(&by_digest(ports, &key).await.expect("it is there"), &old);
    assert_eq!(ids(&list(ports, &owner("owner")).await), [new.parts().id]);
}

pub async fn a_replacement_of_what_is_not_there_is_refused_and_nothing_written(ports: &Ports) {
    let missing = a_key().build();
    let dead = added(ports, a_key()).await;
    revoke(ports, &dead, moment(1)).await;
    let moved_on = added(ports, a_key()).await;
    let now = stored(ports, disabled(&moved_on, moment(1))).await;
    for key in [&missing, &dead, &moved_on] {
        let (old, new) = succeeded(key, HOUR);
        let it = ports.keys.replace(&a_replacement(&old, &new, &an_event())).await;
        assert!(matches!(it, Err(OverlapError::Stale)), "got {it:?}");
        assert!(by_digest(ports, &new).await.is_none());
    }
    assert_revoked(&by_digest(ports, &dead).await.expect("it is there"), &dead, moment(1));
    assert_same_key(&find(ports, &now).await.expect("it is there").key, &now);
    holds(ports, 1).await;
}

pub async fn a_successor_that_is_taken_changes_nothing(ports: &Ports) {
    let (key, other) = (added(ports, a_key()).await, added(ports, a_key()).await);
    let taken = [
        a_key().with_id(other.parts().id),
        a_key().with_digest(other.parts().digest),
        a_key().with_digest(key.parts().digest),
    ];
    for new in taken.map(KeyBuilder::build) {
        let old = replaced(&key, &new, HOUR, moment(1));
        let it = ports.keys.replace(&a_replacement(&old, &new, &an_event())).await;
        assert!(matches!(it, Err(OverlapError::Store(_))), "got {it:?}");
    }
    for same in [&key, &other] {
        assert_same_key(&find(ports, same).await.expect("it is there").key, same);
    }
    holds(ports, 2).await;
}

pub async fn a_replacement_is_not_limited_and_keeps_the_count(ports: &Ports) {
    let mut key = added(ports, a_key()).await;
    for overlap in [HOUR, Duration::ZERO, HOUR] {
        let (old, new) = succeeded(&key, overlap);
        ports
            .keys
            .replace(&a_replacement(&old, &new, &an_event()))
            .await
            .expect("the next version is stored");
        holds(ports, 1).await;
        if !overlap.is_zero() {
            revoke(ports, &old, moment(2)).await;
        }
        holds(ports, 1).await;
        key = new;
    }
    revoke(ports, &key, moment(3)).await;
    holds(ports, 0).await;
}

pub async fn of_concurrent_replacements_exactly_one_is_done(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let answers = concurrently((0..20).map(|_| {
        let (keys, (old, new)) = (Arc::clone(&ports.keys), succeeded(&key, HOUR));
        async move {
            match keys.replace(&a_replacement(&old, &new, &an_event())).await {
                Ok(_change) => Ok((old, new)),
                Err(OverlapError::Stale) => Err(UpdateError::Stale),
                Err(error) => Err(StoreError::new(error).into()),
            }
        }
    }))
    .await;
    let (old, new) = the_only_winner(answers);
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &old);
    assert_eq!(ids(&list(ports, &owner("owner")).await), [new.parts().id, old.parts().id]);
    holds(ports, 1).await;
}

pub async fn a_replacement_among_concurrent_changes_is_whole_or_nothing(ports: &Ports) {
    for _ in 0..10 {
        let key = added(ports, a_key()).await;
        let (old, new) = succeeded(&key, HOUR);
        let keys = Arc::clone(&ports.keys);
        let replacing = {
            let (old, new) = (old.clone(), new.clone());
            async move { keys.replace(&a_replacement(&old, &new, &an_event())).await.is_ok() }
        };
        let keys = Arc::clone(&ports.keys);
        let off = disabled(&key, moment(1));
        let disabling = async move { keys.update(&off, &an_event()).await.is_ok() };
        let (keys, whose) = (Arc::clone(&ports.keys), key.parts().clone());
        let revoking = async move {
            let it = keys.revoke(&whose.owner, whose.id, &an_event_at(moment(2))).await;
            it.expect("the store answers").is_some()
        };
        let (replaced, disabled, revoked) =
            tokio::join!(tokio::spawn(replacing), tokio::spawn(disabling), tokio::spawn(revoking));
        let [replaced, disabled, revoked] =
            [replaced, disabled, revoked].map(|it| it.expect("no job panics"));
        assert!(revoked && !(replaced && disabled));
        let left = by_digest(ports, &key).await.expect("it is there");
        assert_eq!(left.parts().state.check(), Err(Refusal::Revoked), "a revoke stands");
        assert_eq!(left.parts().replaced_by.is_some(), replaced);
        assert_eq!(by_digest(ports, &new).await.is_some(), replaced);
        if replaced {
            revoke(ports, &new, moment(3)).await;
        }
        holds(ports, 0).await;
    }
}

pub async fn of_a_replacement_the_old_key_is_told(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let mut instance = Instance::joined(ports).await;
    let (old, new) = succeeded(&key, HOUR);
    let number = ports
        .keys
        .replace(&a_replacement(&old, &new, &an_event()))
        .await
        .expect("the next version is stored");
    assert_eq!(instance.apply_news().await, [key.parts().id]);
    assert!(instance.applied.change >= number);
    let refused = ports.keys.replace(&a_replacement(&old, &a_key().build(), &an_event())).await;
    assert!(matches!(refused, Err(OverlapError::Stale)), "got {refused:?}");
    assert!(instance.apply_news().await.is_empty());
}

pub async fn a_successor_made_while_its_account_is_disabled_does_not_live(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(added(ports, a_key().owned_by_account(&account)).await);
    }
    let replacements = concurrently(keys.into_iter().map(|key| {
        let keys = Arc::clone(&ports.keys);
        async move {
            let (old, new) = succeeded(&key, HOUR);
            keys.replace(&a_replacement(&old, &new, &an_event())).await
        }
    }));
    let (disabled, event) = (disabled_account(&account, moment(7)), an_event());
    let (answers, disabling) =
        tokio::join!(replacements, ports.accounts.disable(&disabled, &event));
    disabling.expect("the next version is stored");
    for it in answers {
        assert!(matches!(it, Ok(_) | Err(OverlapError::Stale)), "got {it:?}");
    }
    assert!(list(ports, &account.parts().id.owner()).await.is_empty());
}

/// A key as it is once it is replaced, and the key in its place.
fn succeeded(key: &ApiKey, overlap: Duration) -> (ApiKey, ApiKey) {
    let new = a_key().owned_by(key.parts().owner.as_str()).created_at(moment(1)).build();
    let old = replaced(key, &new, overlap, moment(1));
    (old, new)
}

/// The owner of fixtures holds `count` keys: with that limit no other fits, with one more it does.
async fn holds(ports: &Ports, count: u32) {
    let key = a_key().build();
    let it = ports.keys.insert(&key, None, count, &an_event()).await;
    assert!(matches!(it, Err(InsertError::LimitReached { .. })), "got {it:?}");
    ports.keys.insert(&key, None, count + 1, &an_event()).await.expect("there is a place left");
    revoke(ports, &key, moment(9)).await;
}
