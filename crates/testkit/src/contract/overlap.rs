use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::ports::{OverlapError, Replacement};
use latchkey_domain::{Action, ApiKey, AuditEvent};

use super::Ports;
use super::steps::{
    Instance, added, assert_same_key, by_digest, concurrently, find, list, revoke, stored,
};
use crate::fixtures::{
    a_key, an_event, an_event_at, disabled, enabled, ending, moment, owner, replaced,
};

const HOUR: Duration = Duration::from_hours(1);
const LIMIT: u32 = 3;

pub async fn replacing_a_successor_ends_its_predecessor(ports: &Ports) {
    let mut instance = Instance::joined(ports).await;
    let (first, second) = begun(ports).await;
    instance.apply_news().await;
    let replacement = next(&second, Some(&first));
    let number = ports.keys.replace(&replacement).await.expect("the limit is not reached");
    let Replacement { key, successor, ended, event, .. } = &replacement;
    let (ended, end_event) = ended.as_ref().expect("it still worked");
    for want in [ended, key, successor] {
        assert_same_key(&find(ports, want).await.expect("it is there").key, want);
    }
    let mut news = instance.apply_news().await;
    news.sort();
    assert_eq!(news, [first.parts().id, second.parts().id]);
    assert_eq!(instance.applied.change, number, "the number is that of the later change");
    let trail = ports.trail.all_events(None, 100).await.expect("the store answers");
    for event in [end_event, event] {
        assert_eq!(
            trail.iter().filter(|it| it.id == event.id && it.action == event.action).count(),
            1
        );
    }
}

pub async fn a_replacement_with_a_stale_predecessor_is_refused_and_nothing_written(ports: &Ports) {
    let (first, second) = begun(ports).await;
    let replacement = next(&second, Some(&first));
    let off = stored(ports, disabled(&first, moment(2))).await;
    let before = ports.trail.all_events(None, 100).await.expect("the store answers");
    let it = ports.keys.replace(&replacement).await;
    assert!(matches!(it, Err(OverlapError::Stale)), "got {it:?}");
    for same in [&off, &second] {
        assert_same_key(&find(ports, same).await.expect("it is there").key, same);
    }
    assert!(by_digest(ports, &replacement.successor).await.is_none());
    assert_eq!(ports.trail.all_events(None, 100).await.expect("the store answers"), before);
}

pub async fn a_predecessor_is_found_by_its_successor_and_owner_until_it_is_revoked(ports: &Ports) {
    let (first, second) = begun(ports).await;
    let (of, id) = (&first.parts().owner, second.parts().id);
    let found = ports.keys.predecessor(of, id).await.expect("the store answers");
    assert_same_key(&found.expect("it is there"), &first);
    for (of, id) in [(of, first.parts().id), (&owner("other"), id)] {
        assert!(ports.keys.predecessor(of, id).await.expect("the store answers").is_none());
    }
    revoke(ports, &first, moment(2)).await;
    assert!(ports.keys.predecessor(of, id).await.expect("the store answers").is_none());
}

pub async fn replaced_keys_that_work_are_limited_and_no_others_count(ports: &Ports) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for _ in 0..LIMIT {
        let (first, second) = begun(ports).await;
        old.push(first);
        new.push(second);
    }
    let other = added(ports, a_key()).await;
    refused(ports, &next(&other, None)).await;
    // One that is revoked at that instant takes no place, and neither does another owner's.
    let instead = Replacement { limit: None, ..next(&other, None) };
    ports.keys.replace(&instead).await.expect("no limit counts");
    revoke(ports, &instead.key, moment(1)).await;
    let foreign = added(ports, a_key().owned_by("other")).await;
    ports.keys.replace(&next(&foreign, None)).await.expect("each owner has a limit");
    // The place of a predecessor is free already.
    let onward = next(&new[0], Some(&old[0]));
    ports.keys.replace(&onward).await.expect("the predecessor takes no place");
    // Nor does one that is disabled, has expired or was revoked.
    let off = stored(ports, disabled(&old[1], moment(1))).await;
    let other = added(ports, a_key()).await;
    let fits = next(&other, None);
    ports.keys.replace(&fits).await.expect("a disabled one takes no place");
    refused_revival(ports, &enabled(&off)).await;
    let soon = stored(ports, ending(&fits.key, moment(2))).await;
    let late = AuditEvent { at: moment(2), ..an_event() };
    let on = enabled(&off);
    ports.keys.revive(&on, LIMIT, &late).await.expect("an expired one takes no place");
    let other = added(ports, a_key()).await;
    let beyond = Replacement { event: an_event_at(moment(2)), ..next(&other, None) };
    refused(ports, &beyond).await;
    revoke(ports, &soon, moment(2)).await;
    refused(ports, &beyond).await;
    revoke(ports, &on, moment(2)).await;
    ports.keys.replace(&beyond).await.expect("a revoked one takes no place");
}

pub async fn parallel_replacements_and_revivals_do_not_exceed_the_limit(ports: &Ports) {
    let mut jobs = Vec::new();
    for _ in 0..20 {
        let (first, _second) = begun_beyond(ports).await;
        let off = stored(ports, disabled(&first, moment(1))).await;
        let on = enabled(&off);
        let other = next(&added(ports, a_key()).await, None);
        jobs.push((on, other));
    }
    let answers = concurrently(jobs.into_iter().zip(0..).map(|((on, other), number)| {
        let keys = Arc::clone(&ports.keys);
        async move {
            if number % 2 == 0 {
                keys.revive(&on, LIMIT, &an_event()).await
            } else {
                keys.replace(&other).await
            }
        }
    }))
    .await;
    let made = answers.iter().filter(|it| it.is_ok()).count();
    assert_eq!(made, usize::try_from(LIMIT).expect("small"), "{answers:?}");
    for answer in answers {
        assert!(matches!(answer, Ok(_) | Err(OverlapError::LimitReached { .. })), "got {answer:?}");
    }
    let listed = list(ports, &owner("owner")).await;
    assert_eq!(listed.iter().filter(|it| it.key.overlaps(moment(0))).count(), made);
}

/// A key that still works and was replaced, and the one in its place.
async fn begun(ports: &Ports) -> (ApiKey, ApiKey) {
    let replacement = next(&added(ports, a_key()).await, None);
    ports.keys.replace(&replacement).await.expect("the limit is not reached");
    (replacement.key, replacement.successor)
}

/// The same whatever the limit.
async fn begun_beyond(ports: &Ports) -> (ApiKey, ApiKey) {
    let replacement = Replacement { limit: None, ..next(&added(ports, a_key()).await, None) };
    ports.keys.replace(&replacement).await.expect("no limit counts");
    (replacement.key, replacement.successor)
}

/// `key` makes room for another, and ends what it had replaced.
fn next(key: &ApiKey, predecessor: Option<&ApiKey>) -> Replacement {
    let successor = a_key().owned_by(key.parts().owner.as_str()).created_at(moment(0)).build();
    let replaced = replaced(key, &successor, HOUR, moment(0));
    let event = |action| AuditEvent { action, ..an_event() };
    let ended = predecessor.map(|key| {
        let ended = ending(key, moment(0));
        (ended, event(Action::KeyChanged { key: key.parts().id, difference: None }))
    });
    let action = Action::KeyRotated { key: key.parts().id, successor: successor.parts().id };
    Replacement { key: replaced, successor, ended, limit: Some(LIMIT), event: event(action) }
}

async fn refused(ports: &Ports, replacement: &Replacement) {
    let before = list(ports, &replacement.key.parts().owner).await.len();
    let it = ports.keys.replace(replacement).await;
    assert!(matches!(it, Err(OverlapError::LimitReached { .. })), "got {it:?}");
    assert_eq!(list(ports, &replacement.key.parts().owner).await.len(), before);
}

async fn refused_revival(ports: &Ports, key: &ApiKey) {
    let it = ports.keys.revive(key, LIMIT, &an_event()).await;
    assert!(matches!(it, Err(OverlapError::LimitReached { .. })), "got {it:?}");
    let left = find(ports, key).await.expect("it is there").key;
    assert_eq!(left.parts().version, key.parts().version - 1);
}
