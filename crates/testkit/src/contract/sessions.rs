use std::sync::Arc;

use latchkey_accounts::{Account, LiveSessions};
use latchkey_domain::{Candidates, Timestamp};

use super::AllPorts;
use super::audit::all;
use super::steps::{
    AMPLE, assert_same_account, assert_same_session, begun, concurrently, registered, session,
};
use crate::fixtures::{a_digest, a_session, account_with_password, an_account, an_event, moment};

pub async fn a_session_reads_back_equal_with_its_account(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    registered(ports, an_account()).await;
    let want = a_session(&account).created_at(moment(1)).last_seen_at(moment(2));
    let want = want.confirmed_at(moment(3)).begun_from("2001:db8::7", "curl/8.14.1");
    let want = begun(ports, want.under_pepper(u16::MAX)).await;
    let (got, of) = session(ports, want.digest).await.expect("it is there");
    assert_same_session(&got, &want);
    assert_same_account(&of, &account);
}

pub async fn an_unknown_session_is_none(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    begun(ports, a_session(&account)).await;
    assert!(session(ports, a_digest()).await.is_none());
}

pub async fn a_session_is_found_by_any_of_its_candidates(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let want = begun(ports, a_session(&account).under_pepper(7)).await;
    let (mine, first, second) = (want.digest, a_digest(), a_digest());
    for [signing, rest @ ..] in
        [[mine, first, second], [first, mine, second], [first, second, mine]]
    {
        let got = ports.sessions.find(&Candidates::new(signing, rest)).await;
        let (got, _) = got.expect("the store answers").expect("it is there");
        assert_same_session(&got, &want);
    }
}

pub async fn an_account_has_any_number_of_sessions(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let one = begun(ports, a_session(&account)).await;
    let two = begun(ports, a_session(&account).created_at(moment(1))).await;
    for want in [one, two] {
        let (got, _) = session(ports, want.digest).await.expect("it is there");
        assert_same_session(&got, &want);
    }
}

pub async fn the_last_use_of_a_session_never_moves_back(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let begun_at = begun(ports, a_session(&account)).await;
    let other = begun(ports, a_session(&account)).await;
    for (at, want) in [(5, 5), (3, 5), (5, 5), (9, 9), (-1, 9)] {
        let touched = ports.sessions.touch(&begun_at.digest.digest, moment(at)).await;
        touched.expect("the use is recorded");
        let (got, _) = session(ports, begun_at.digest).await.expect("it is there");
        let want = latchkey_accounts::Session { last_seen_at: moment(want), ..begun_at.clone() };
        assert_same_session(&got, &want);
    }
    let (got, _) = session(ports, other.digest).await.expect("it is there");
    assert_same_session(&got, &other);
}

pub async fn of_concurrent_uses_of_a_session_the_latest_counts(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let used = begun(ports, a_session(&account)).await;
    let answers = concurrently((1..=20).map(|n| {
        let (sessions, digest) = (Arc::clone(&ports.sessions), used.digest.digest);
        async move { sessions.touch(&digest, moment(n)).await }
    }))
    .await;
    for answer in answers {
        answer.expect("the use is recorded");
    }
    let (got, _) = session(ports, used.digest).await.expect("it is there");
    assert_eq!(got.last_seen_at, moment(20));
}

pub async fn a_removed_session_is_gone_and_no_other(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let gone = begun(ports, a_session(&account)).await;
    let kept = begun(ports, a_session(&account)).await;
    for _ in 0..2 {
        ports.sessions.remove(&gone.digest.digest, None).await.expect("removing twice is fine");
        assert!(session(ports, gone.digest).await.is_none());
    }
    assert!(session(ports, kept.digest).await.is_some());
}

pub async fn a_use_of_a_removed_session_does_not_bring_it_back(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let gone = begun(ports, a_session(&account)).await;
    ports.sessions.remove(&gone.digest.digest, None).await.expect("it is removed");
    ports.sessions.touch(&gone.digest.digest, moment(1)).await.expect("it is harmless");
    assert!(session(ports, gone.digest).await.is_none());
}

pub async fn sessions_are_purged_by_their_beginning_and_by_their_last_use(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let (began, last_used) = (moment(100), moment(200));
    for (created_at, last_seen_at, stays) in [
        (moment(99), moment(300), false),
        (moment(100), moment(200), true),
        (moment(150), moment(199), false),
        (moment(99), moment(199), false),
        (moment(250), moment(250), true),
    ] {
        let one = a_session(&account).created_at(created_at).last_seen_at(last_seen_at);
        let one = begun(ports, one).await;
        ports.sessions.purge(began, last_used).await.expect("the store answers");
        assert_eq!(session(ports, one.digest).await.is_some(), stays, "{one:?}");
    }
}

pub async fn purging_with_the_earliest_instants_removes_nothing(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let kept = begun(ports, a_session(&account)).await;
    ports.sessions.purge(Timestamp::MIN, Timestamp::MIN).await.expect("the store answers");
    assert!(session(ports, kept.digest).await.is_some());
}

/// Those that began after the moment 100 and were last used after the moment 200.
fn live(account: &Account) -> LiveSessions {
    LiveSessions {
        account: account.parts().id,
        version: account.parts().version,
        began_after: moment(100),
        used_after: moment(200),
    }
}

pub async fn live_sessions_of_an_account_are_listed_the_newest_first(ports: &AllPorts) {
    let (ada, bob) = (registered(ports, an_account()).await, registered(ports, an_account()).await);
    let mut want = Vec::new();
    for (account, created_at, last_seen_at, is_live) in [
        (&ada, 101, 201, true),
        (&ada, 103, 300, true),
        (&ada, 102, 250, true),
        (&ada, 100, 300, false),
        (&ada, 150, 200, false),
        (&bob, 150, 300, false),
        (&account_with_password(&ada, "new"), 150, 300, false),
    ] {
        let one = a_session(account).created_at(moment(created_at));
        let one = one.last_seen_at(moment(last_seen_at)).begun_from("192.0.2.7", "curl");
        let one = begun(ports, one).await;
        want.extend(is_live.then_some(one));
    }
    want.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    for limit in [AMPLE, 2] {
        let got = ports.sessions.live(&live(&ada), limit).await.expect("the store answers");
        assert_eq!(got.len(), want.len().min(limit.try_into().expect("few")));
        for (got, want) in got.iter().zip(&want) {
            assert_same_session(got, want);
        }
    }
}

pub async fn all_live_sessions_but_one_are_removed_by_one_event(ports: &AllPorts) {
    let (ada, bob) = (registered(ports, an_account()).await, registered(ports, an_account()).await);
    let at = |account, created_at| {
        a_session(account).created_at(moment(created_at)).last_seen_at(moment(300))
    };
    let kept = begun(ports, at(&ada, 150)).await;
    let gone = [begun(ports, at(&ada, 151)).await, begun(ports, at(&ada, 152)).await];
    let (old, other) = (begun(ports, at(&ada, 99)).await, begun(ports, at(&bob, 150)).await);
    let before = all(ports).await.len();
    let (first, second) = (an_event(), an_event());
    for (keep, event, want) in
        [(&kept, &first, Some(2)), (&kept, &second, Some(0)), (&gone[0], &second, None)]
    {
        let removed = ports.sessions.remove_others(&live(&ada), &keep.digest.digest, event).await;
        assert_eq!(removed.expect("the store answers"), want);
    }
    for gone in gone {
        assert!(session(ports, gone.digest).await.is_none());
    }
    for stays in [kept, old, other] {
        assert!(session(ports, stays.digest).await.is_some());
    }
    assert_eq!(all(ports).await[before..], [first]);
}

pub async fn a_confirmation_of_a_session_never_moves_back(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let confirmed = begun(ports, a_session(&account)).await;
    let other = begun(ports, a_session(&account)).await;
    for (at, want) in [(5, 5), (3, 5), (9, 9)] {
        let it = ports.sessions.record_proof(&confirmed.digest.digest, moment(at)).await;
        it.expect("the store answers");
        let (got, _) = session(ports, confirmed.digest).await.expect("it is there");
        let want = latchkey_accounts::Session { confirmed_at: moment(want), ..confirmed.clone() };
        assert_same_session(&got, &want);
    }
    let (got, _) = session(ports, other.digest).await.expect("it is there");
    assert_same_session(&got, &other);
}
