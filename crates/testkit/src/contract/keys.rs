use std::sync::Arc;

use latchkey_domain::ports::{InsertError, UpdateError};
use latchkey_domain::{Environment, KeyName, KeyState, Restrictions, Timestamp};

use super::Ports;
use super::steps::{
    AMPLE, added, assert_same_key, by_digest, concurrently, find, list, page, revoke, stored,
    the_only_winner,
};
use crate::fixtures::{
    a_digest, a_key, an_event, an_event_at, an_id, changed, disabled, enabled, limits_of, metadata,
    moment, owner, renamed, restrictions,
};

pub async fn a_key_with_every_option_unset_reads_back_equal(ports: &Ports) {
    let key = added(ports, a_key()).await;
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    assert_same_key(&by_digest(ports, &key).await.expect("it is there"), &key);
    for listed in [list(ports, &key.parts().owner).await, page(ports, None, 10).await] {
        assert_eq!(listed.len(), 1);
        assert_same_key(&listed[0].key, &key);
        assert_eq!(listed[0].last_used_at, None);
    }
}

pub async fn a_key_with_every_option_set_reads_back_equal(ports: &Ports) {
    let owner = "!auth0|".repeat(36) + "~~~";
    assert_eq!(owner.len(), 255);
    let key = added(
        ports,
        a_key()
            .owned_by(&owner)
            .with_prefix("abcdefghijklmnop_test_wxyz")
            .meant_for(Environment::Test)
            .under_pepper(u16::MAX)
            .created_by(&owner)
            .created_at(moment(1))
            .with_metadata(MANIFOLD)
            .restricted_to(restrictions(&["docs:*", "a"], &["10.0.0.0/8", "2001:db8::/32"]))
            .of_family(&a_key().build())
            .limited_to("second=1 month=1000000000")
            .expiring(moment(2)),
    )
    .await;
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    let key = stored(
        ports,
        changed(&key, |parts| {
            parts.name = KeyName::parse("renamed").expect("a name");
            parts.expires_at = Some(moment(3));
            parts.metadata = metadata(r#"{"a":1}"#);
            parts.restrictions = restrictions(&[], &["192.0.2.1"]);
            parts.limits = limits_of("hour=7");
            parts.state = KeyState::Disabled { at: moment(4) };
            parts.replaced_by = Some(an_id());
        }),
    )
    .await;
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    assert_same_key(&by_digest(ports, &key).await.expect("it is there"), &key);
}

/// JSON that loses something where it is read and written again: order, names that repeat, digits, escapes.
const MANIFOLD: &str = r#"{"z":1.50,"a":[1e400,-0,"\u00e9\ud800"],"a":{"é 🔑":{"b":[null,true]}},"":12345678901234567890}"#;

pub async fn options_that_were_set_can_be_unset(ports: &Ports) {
    let key = added(ports, a_key().expiring(moment(9))).await;
    let off = stored(ports, disabled(&key, moment(1))).await;
    let on = stored(ports, enabled(&off)).await;
    let endless = stored(ports, changed(&on, |parts| parts.expires_at = None)).await;
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &endless);
    let narrow = changed(&endless, |parts| parts.restrictions = restrictions(&["a"], &["::/0"]));
    let narrow = stored(ports, narrow).await;
    let wide =
        stored(ports, changed(&narrow, |parts| parts.restrictions = Restrictions::NONE)).await;
    assert_same_key(&by_digest(ports, &key).await.expect("it is there"), &wide);
}

pub async fn every_instant_that_can_be_written_reads_back_equal(ports: &Ports) {
    let epoch = |millis| Timestamp::from_unix_millis(millis).expect("in range");
    for at in [Timestamp::MIN, epoch(-1), epoch(0), epoch(1), moment(0), Timestamp::MAX] {
        let key = added(ports, a_key().created_at(at).expiring(at)).await;
        assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    }
}

pub async fn a_name_reads_back_as_sent(ports: &Ports) {
    for name in [
        "🔑 prod 👩‍👩‍👧".to_owned(),
        "é".to_owned(),
        "e\u{301}".to_owned(),
        "مفتاح الإنتاج".to_owned(),
        "  spaces stay  ".to_owned(),
        r#"'; drop table api_keys; -- "\%_"#.to_owned(),
        "😀".repeat(KeyName::MAX_CHARS),
    ] {
        let key = added(ports, a_key().named(&name)).await;
        let got = find(ports, &key).await.expect("it is there");
        assert_eq!(got.key.parts().name.as_str(), name);
    }
}

pub async fn a_name_of_an_earlier_rule_can_still_be_read(ports: &Ports) {
    for (n, earlier) in ["\u{3164}", "a\u{200B}b", "\u{200F}"].into_iter().enumerate() {
        assert!(KeyName::parse(earlier).is_err());
        let name = KeyName::restore(earlier).expect("a name");
        let key = added(ports, a_key().owned_by(&format!("owner{n}"))).await;
        let renamed = stored(ports, changed(&key, |parts| parts.name = name)).await;
        assert_same_key(&find(ports, &key).await.expect("it is there").key, &renamed);
        assert_same_key(&by_digest(ports, &key).await.expect("it is there"), &renamed);
    }
}

pub async fn an_unknown_key_is_none(ports: &Ports) {
    let key = a_key().build();
    assert!(find(ports, &key).await.is_none());
    assert!(by_digest(ports, &key).await.is_none());
    let owner = ports.register.owner_of(key.parts().id).await.expect("the store answers");
    assert_eq!(owner, None);
    let found = ports.register.key(key.parts().id).await.expect("the store answers");
    assert!(found.is_none());
}

pub async fn a_duplicate_id_is_refused_and_nothing_written(ports: &Ports) {
    let key = added(ports, a_key().named("first")).await;
    let same = a_key().with_id(key.parts().id).named("second").owned_by("another").build();
    let it = ports.keys.insert(&same, None, AMPLE, &an_event()).await;
    assert!(matches!(it, Err(InsertError::Duplicate)), "got {it:?}");

    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
    assert!(by_digest(ports, &same).await.is_none());
    assert_eq!(list(ports, &owner("another")).await.len(), 0);
}

pub async fn a_duplicate_digest_is_refused_and_nothing_written(ports: &Ports) {
    let key = added(ports, a_key().named("first")).await;
    let same = a_key().with_digest(key.parts().digest).named("second").owned_by("another").build();
    let it = ports.keys.insert(&same, None, AMPLE, &an_event()).await;
    assert!(matches!(it, Err(InsertError::Duplicate)), "got {it:?}");

    assert_same_key(&by_digest(ports, &key).await.expect("it is there"), &key);
    assert!(find(ports, &same).await.is_none());
}

pub async fn the_digest_of_a_revoked_key_stays_taken(ports: &Ports) {
    let key = added(ports, a_key()).await;
    revoke(ports, &key, moment(1)).await;
    let same = a_key().with_digest(key.parts().digest).build();
    let it = ports.keys.insert(&same, None, AMPLE, &an_event()).await;
    assert!(matches!(it, Err(InsertError::Duplicate)), "got {it:?}");
}

pub async fn an_update_that_is_not_the_next_version_is_refused_and_nothing_written(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let key = stored(ports, changed(&key, |_| ())).await;
    for version in [1, 2, 4] {
        let wrong = changed(&key, |parts| {
            parts.version = version;
            parts.name = KeyName::parse("written").expect("a name");
        });
        let it = ports.keys.update(&wrong, &an_event()).await;
        assert!(matches!(it, Err(UpdateError::Stale)), "version {version}: got {it:?}");
    }
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &key);
}

pub async fn an_update_of_a_missing_key_is_stale(ports: &Ports) {
    let it = ports.keys.update(&changed(&a_key().build(), |_| ()), &an_event()).await;
    assert!(matches!(it, Err(UpdateError::Stale)), "got {it:?}");
}

pub async fn an_update_touches_no_other_key(ports: &Ports) {
    let (key, other) = (added(ports, a_key()).await, added(ports, a_key()).await);
    stored(ports, disabled(&key, moment(1))).await;
    assert_same_key(&find(ports, &other).await.expect("it is there").key, &other);
}

pub async fn an_update_of_a_revoked_key_is_refused(ports: &Ports) {
    let key = added(ports, a_key()).await;
    revoke(ports, &key, moment(1)).await;
    let dead = by_digest(ports, &key).await.expect("it is there");
    for before in [&key, &dead] {
        let revived = changed(before, |parts| parts.state = KeyState::Active);
        let it = ports.keys.update(&revived, &an_event()).await;
        assert!(matches!(it, Err(UpdateError::Stale)), "got {it:?}");
    }
    assert_same_key(&by_digest(ports, &key).await.expect("it is there"), &dead);
}

pub async fn of_concurrent_updates_exactly_one_wins(ports: &Ports) {
    let key = added(ports, a_key()).await;
    let answers = concurrently((0..20).map(|n| {
        let (keys, next) = (Arc::clone(&ports.keys), renamed(&key, &format!("writer {n}")));
        async move { keys.update(&next, &an_event()).await.map(|_change| next) }
    }))
    .await;
    let winner = the_only_winner(answers);
    assert_same_key(&find(ports, &key).await.expect("it is there").key, &winner);
}

pub async fn a_key_is_found_by_any_of_its_candidates(ports: &Ports) {
    let key = added(ports, a_key().under_pepper(7)).await;
    let (mine, first, second) = (key.parts().digest, a_digest(), a_digest());
    for [signing, rest @ ..] in
        [[mine, first, second], [first, mine, second], [first, second, mine]]
    {
        let candidates = latchkey_domain::Candidates::new(signing, rest);
        let got = ports.lookup.find_by_digest(&candidates, None).await.expect("the store answers");
        assert_same_key(&got.expect("it is there").key, &key);
    }
    let strangers = latchkey_domain::Candidates::new(first, [second, a_digest()]);
    assert!(
        ports.lookup.find_by_digest(&strangers, None).await.expect("the store answers").is_none()
    );
}

pub async fn the_owner_of_a_key_is_known_also_after_it_is_revoked(ports: &Ports) {
    let key = added(ports, a_key().owned_by("somebody")).await;
    for _ in 0..2 {
        let got = ports.register.owner_of(key.parts().id).await.expect("the store answers");
        assert_eq!(got, Some(owner("somebody")));
        let got = ports.register.key(key.parts().id).await.expect("the store answers");
        assert_eq!(got.map(|found| found.key.parts().owner.clone()), Some(owner("somebody")));
        ports
            .keys
            .revoke(&owner("somebody"), key.parts().id, &an_event_at(moment(1)))
            .await
            .expect("the store answers");
    }
}
