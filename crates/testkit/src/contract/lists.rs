use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{ApiKeyId, Timestamp};
use uuid::Uuid;

use super::Ports;
use super::steps::{added, assert_revoked, find, ids, list, page, revoke, stored};
use crate::fixtures::{a_key, an_id, changed, disabled, moment, owner};

pub async fn an_owner_without_keys_has_an_empty_list(ports: &Ports) {
    assert!(list(ports, &owner("owner")).await.is_empty());
    let key = added(ports, a_key()).await;
    revoke(ports, &key, moment(1)).await;
    assert!(list(ports, &owner("owner")).await.is_empty());
}

pub async fn a_list_has_the_newest_first_and_equal_times_by_id_descending(ports: &Ports) {
    let [low, middle, high] =
        [0x01, 0x7f, 0x80].map(|top| ApiKeyId::new(Uuid::from_bytes([top; 16])));
    let oldest = added(ports, a_key().created_at(moment(-1))).await.parts().id;
    for id in [middle, high, low] {
        added(ports, a_key().with_id(id)).await;
    }
    let newest = added(ports, a_key().created_at(moment(1))).await.parts().id;
    let got = ids(&list(ports, &owner("owner")).await);
    assert_eq!(got, [newest, high, middle, low, oldest]);
}

pub async fn a_list_holds_disabled_expired_and_replaced_keys(ports: &Ports) {
    let off = added(ports, a_key()).await;
    stored(ports, disabled(&off, moment(1))).await;
    let expired = added(ports, a_key().expiring(moment(-1))).await;
    let replaced = added(ports, a_key()).await;
    stored(ports, changed(&replaced, |parts| parts.replaced_by = Some(an_id()))).await;
    for key in [&off, &expired, &replaced] {
        assert!(find(ports, key).await.is_some());
    }
    assert_eq!(list(ports, &owner("owner")).await.len(), 3);
    assert_eq!(page(ports, None, 10).await.len(), 3);
}

pub async fn an_owner_sees_no_key_of_another(ports: &Ports) {
    let mine = added(ports, a_key().owned_by("owner")).await;
    let theirs = added(ports, a_key().owned_by("OWNER")).await;
    assert_eq!(ids(&list(ports, &owner("owner")).await), [mine.parts().id]);
    assert_eq!(ids(&list(ports, &owner("OWNER")).await), [theirs.parts().id]);
    for stranger in ["owne", "owner2", "%", "owne_"] {
        let got = ports.keys.find(&owner(stranger), mine.parts().id).await;
        assert!(got.expect("the store answers").is_none(), "{stranger}");
        assert!(list(ports, &owner(stranger)).await.is_empty(), "{stranger}");
    }
    let got = ports.keys.find(&owner("OWNER"), mine.parts().id).await;
    assert!(got.expect("the store answers").is_none());
}

pub async fn revoked_keys_are_listed_the_last_revoked_first(ports: &Ports) {
    let [low, high] = [0x01, 0x80].map(|top| ApiKeyId::new(Uuid::from_bytes([top; 16])));
    let last = added(ports, a_key().expiring(moment(7))).await;
    let mut ended = vec![last.parts().id];
    revoke(ports, &last, moment(3)).await;
    for id in [low, high] {
        let key = added(ports, a_key().with_id(id)).await;
        revoke(ports, &key, moment(2)).await;
    }
    ended.extend([high, low]);
    added(ports, a_key()).await;

    let got = revoked(ports, "owner", moment(0), 10).await;
    assert_eq!(ids(&got), ended);
    assert_revoked(&got[0].key, &last, moment(3));
}

pub async fn revoked_keys_of_an_owner_are_bounded_in_time_and_number(ports: &Ports) {
    let mut keys = Vec::new();
    for at in 1..=4 {
        let key = added(ports, a_key()).await;
        revoke(ports, &key, moment(at)).await;
        keys.push(key.parts().id);
    }
    let theirs = added(ports, a_key().owned_by("OWNER")).await;
    revoke(ports, &theirs, moment(9)).await;

    let newest_first: Vec<_> = keys.into_iter().rev().collect();
    assert_eq!(ids(&revoked(ports, "owner", moment(0), 10).await), newest_first);
    assert_eq!(ids(&revoked(ports, "owner", moment(3), 10).await), newest_first[..2]);
    assert_eq!(ids(&revoked(ports, "owner", moment(0), 3).await), newest_first[..3]);
    assert_eq!(ids(&revoked(ports, "OWNER", moment(0), 10).await), [theirs.parts().id]);
    for stranger in ["owne", "%", "owne_"] {
        assert!(revoked(ports, stranger, moment(0), 10).await.is_empty(), "{stranger}");
    }
}

async fn revoked(ports: &Ports, of: &str, since: Timestamp, limit: u32) -> Vec<KeyInUse> {
    ports.keys.revoked(&owner(of), since, limit).await.expect("the store answers")
}

pub async fn pages_hold_all_keys_in_id_order_over_owners(ports: &Ports) {
    let id = |top| ApiKeyId::new(Uuid::from_bytes([top; 16]));
    for (top, of) in [(0x80, "b"), (0x02, "a"), (0xff, "a"), (0x7f, "c"), (0x01, "b")] {
        added(ports, a_key().with_id(id(top)).owned_by(of)).await;
    }
    let revoked = added(ports, a_key().with_id(id(0x03))).await;
    revoke(ports, &revoked, moment(1)).await;

    assert_eq!(ids(&page(ports, None, 2).await), [id(0x01), id(0x02)]);
    assert_eq!(ids(&page(ports, Some(id(0x02)), 2).await), [id(0x7f), id(0x80)]);
    assert_eq!(ids(&page(ports, Some(id(0x80)), 2).await), [id(0xff)]);
    assert_eq!(ids(&page(ports, None, u32::MAX).await).len(), 5);
}

pub async fn a_page_of_all_holds_revoked_keys_too(ports: &Ports) {
    let id = |top| ApiKeyId::new(Uuid::from_bytes([top; 16]));
    let mut keys = Vec::new();
    for (top, of) in [(0x80, "b"), (0x02, "a"), (0x7f, "c")] {
        keys.push(added(ports, a_key().with_id(id(top)).owned_by(of)).await);
    }
    revoke(ports, &keys[1], moment(1)).await;
    let all = async |after, limit| {
        ports.register.page_of_all(after, limit).await.expect("the store answers")
    };
    assert_eq!(ids(&all(None, 2).await), [id(0x02), id(0x7f)]);
    assert_eq!(ids(&all(Some(id(0x7f)), 2).await), [id(0x80)]);
    assert!(all(Some(id(0x80)), 2).await.is_empty());
    assert_revoked(&all(None, 1).await[0].key, &keys[1], moment(1));
}

pub async fn a_page_begins_after_an_id_that_need_not_exist(ports: &Ports) {
    let id = |top| ApiKeyId::new(Uuid::from_bytes([top; 16]));
    for top in [0x10, 0x20] {
        added(ports, a_key().with_id(id(top))).await;
    }
    let all = [id(0x10), id(0x20)];
    assert_eq!(ids(&page(ports, Some(ApiKeyId::new(Uuid::nil())), 9).await), all);
    assert_eq!(ids(&page(ports, Some(id(0x18)), 9).await), all[1..]);
    assert!(page(ports, Some(id(0x20)), 9).await.is_empty());
    assert!(page(ports, Some(ApiKeyId::new(Uuid::max())), 9).await.is_empty());
    assert!(page(ports, None, 0).await.is_empty());
}

pub async fn a_page_of_an_empty_store_is_empty(ports: &Ports) {
    assert!(page(ports, None, 10).await.is_empty());
}
