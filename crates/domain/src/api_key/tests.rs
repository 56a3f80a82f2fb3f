use super::*;
use crate::{Digest, PepperId};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis).expect("in range")
}

fn id(last: u8) -> ApiKeyId {
    ApiKeyId::parse(&format!("01919b4e-7b3c-7def-8123-4567{last:08x}")).expect("an id")
}

fn name(text: &str) -> KeyName {
    KeyName::parse(text).expect("a name")
}

fn key(state: KeyState, expires_at: Option<Timestamp>) -> ApiKey {
    let pepper = PepperId::new(1).expect("not zero");
    ApiKey::restore(ApiKeyParts {
        id: id(1),
        family: id(1),
        owner: OwnerId::parse("owner").expect("an owner"),
        name: name("Production"),
        prefix: KeyPrefix::parse("sk_live_abc1").expect("a prefix"),
        environment: Environment::Live,
        digest: KeyedDigest { pepper, digest: Digest::new([7; 32]) },
        created_by: None,
        created_at: at(0),
        expires_at,
        metadata: Metadata::default(),
        restrictions: Restrictions::NONE,
        limits: Limits::NONE,
        state,
        replaced_by: None,
        version: 1,
    })
}

const DAY: Duration = Duration::from_hours(24);
const ACTIVE: KeyState = KeyState::Active;

#[test]
fn a_key_works_until_the_very_millisecond_of_its_expiry() {
    let key = key(ACTIVE, Some(at(1_000)));
    assert_eq!(key.check(at(999)), Ok(()));
    assert_eq!(key.check(at(1_000)), Err(Refusal::Expired));
    assert_eq!(key.check(at(1_001)), Err(Refusal::Expired));
}

#[test]
fn a_key_without_expiry_always_works() {
    assert_eq!(key(ACTIVE, None).check(Timestamp::MAX), Ok(()));
}

#[test]
fn a_disabled_key_works_again_once_it_is_enabled() {
    let off = key(ACTIVE, None).disable(at(5)).expect("not revoked");
    assert_eq!(off.check(at(6)), Err(Refusal::Disabled));
    assert_eq!(off.disable(at(9)).expect("not revoked").parts().state, off.parts().state);
    let on = off.enable().expect("not revoked");
    assert_eq!(on.check(at(6)), Ok(()));
    assert_eq!(on.parts().version, 3);
}

#[test]
fn an_expired_key_works_again_once_its_expiry_is_later_or_gone() {
    let expired = key(ACTIVE, Some(at(10)));
    for later in [Some(at(30)), None] {
        let extended = expired.expire(later).expect("not replaced");
        assert_eq!(extended.check(at(20)), Ok(()));
    }
}

/// What the table of [`ApiKey`] says, row by row: rename, disable, enable, extend, bring nearer,
/// replace.
#[test]
fn each_state_allows_what_the_table_says() {
    use TransitionError::{Disabled, Expired, NotNearer, Replaced, Revoked};
    let replaced = key(ACTIVE, None).replace(id(2), DAY, at(0)).expect("it may be used");
    for (key, verdicts) in [
        (key(ACTIVE, Some(at(100))), [Ok(()); 6]),
        (
            key(KeyState::Disabled { at: at(5) }, None),
            [Ok(()), Ok(()), Ok(()), Ok(()), Ok(()), Err(Disabled)],
        ),
        (key(ACTIVE, Some(at(50))), [Ok(()), Ok(()), Ok(()), Ok(()), Ok(()), Err(Expired)]),
        (replaced, [Ok(()), Ok(()), Ok(()), Err(NotNearer), Ok(()), Err(Replaced)]),
        (key(KeyState::Revoked { at: at(5) }, None), [Err(Revoked); 6]),
    ] {
        let now = at(50);
        let results = [
            key.rename(name("x")),
            key.disable(now),
            key.enable(),
            key.expire(None),
            key.expire(Some(at(60))),
            key.replace(id(3), DAY, now),
        ];
        assert_eq!(results.map(|result| result.map(|_next| ())), verdicts, "{key:?}");
    }
}

#[test]
fn a_replaced_key_works_until_the_overlap_or_its_own_expiry_is_over() {
    let day = i64::try_from(DAY.as_millis()).expect("a small number");
    for (own, end) in [(None, day + 5), (Some(at(100)), 100), (Some(Timestamp::MAX), day + 5)] {
        let replaced = key(ACTIVE, own).replace(id(2), DAY, at(5)).expect("it may be used");
        assert_eq!(replaced.parts().replaced_by, Some(id(2)));
        assert_eq!(replaced.check(at(end - 1)), Ok(()));
        assert_eq!(replaced.check(at(end)), Err(Refusal::Expired));
    }
}

#[test]
fn a_key_that_is_replaced_without_overlap_is_revoked() {
    let replaced = key(ACTIVE, None).replace(id(2), Duration::ZERO, at(5)).expect("it may be used");
    assert_eq!(replaced.parts().state, KeyState::Revoked { at: at(5) });
    assert_eq!(replaced.parts().replaced_by, Some(id(2)));
}

#[test]
fn the_expiry_of_a_replaced_key_only_comes_nearer() {
    let replaced = key(ACTIVE, None).replace(id(2), DAY, at(0)).expect("it may be used");
    let end = replaced.parts().expires_at.expect("the overlap ends");
    assert!(replaced.expire(Some(end)).is_ok() && replaced.expire(Some(at(1))).is_ok());
    for later in [None, Some(end.saturating_add(Duration::from_millis(1)))] {
        assert_eq!(replaced.expire(later).map(|_| ()), Err(TransitionError::NotNearer));
    }
}

#[test]
fn several_changes_are_one_version_and_none_is_none() {
    let before = key(ACTIVE, None);
    let change = KeyChange {
        name: Some(name("x")),
        enabled: Some(false),
        expires_at: Some(Some(at(9))),
        ..KeyChange::default()
    };
    let after = before.change(&change, at(5)).expect("not revoked");
    assert_eq!(after.parts().name, name("x"));
    assert_eq!(after.parts().state, KeyState::Disabled { at: at(5) });
    assert_eq!(after.parts().expires_at, Some(at(9)));
    assert_eq!(after.parts().version, 2);
    let again = after.change(&change, at(7)).expect("not revoked");
    assert_eq!((again.parts().version, again.parts().state), (2, after.parts().state));
}

#[test]
fn a_key_ends_whether_it_is_on_or_off_and_what_is_over_stays() {
    for state in [ACTIVE, KeyState::Disabled { at: at(1) }] {
        let replaced = key(ACTIVE, None).replace(id(2), DAY, at(0)).expect("active");
        let replaced = ApiKey::restore(ApiKeyParts { state, ..replaced.parts().clone() });
        let ended = replaced.end_overlap(at(5)).expect("it goes on until the next day");
        assert_eq!(ended.parts().expires_at, Some(at(5)));
        assert_eq!(ended.parts().version, replaced.parts().version + 1);
        assert!(!ended.enable().expect("not revoked").overlaps(at(5)));
        assert!(ended.end_overlap(at(5)).is_none());
    }
    assert!(key(KeyState::Revoked { at: at(1) }, None).end_overlap(at(5)).is_none());
}

#[test]
fn a_key_overlaps_while_it_works_although_it_is_replaced() {
    let key = key(ACTIVE, None);
    assert!(!key.overlaps(at(0)));
    let replaced = key.replace(id(2), DAY, at(0)).expect("active");
    assert!(replaced.overlaps(at(1)));
    assert!(!replaced.overlaps(at(24 * 3_600_000)));
    assert!(!replaced.disable(at(1)).expect("not revoked").overlaps(at(1)));
    assert!(!key.replace(id(2), Duration::ZERO, at(0)).expect("active").overlaps(at(0)));
}
