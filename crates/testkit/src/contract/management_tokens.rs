use std::sync::Arc;

use latchkey_accounts::{ManagementToken, Right};
use latchkey_domain::{Action, AuditEvent, Candidates, TokenId};

use super::AllPorts;
use super::steps::concurrently;
use crate::fixtures::{TokenBuilder, a_digest, a_token, an_event_of, moment, pepper};

async fn made(ports: &AllPorts, token: TokenBuilder) -> ManagementToken {
    let token = token.build();
    let event = an_event_of(Action::TokenCreated(token.id));
    ports.tokens.insert(&token, &event).await.expect("a new token is added");
    token
}

async fn found(ports: &AllPorts, token: &ManagementToken) -> Option<ManagementToken> {
    let candidates = Candidates::new(token.digest, []);
    ports.tokens.find(&candidates).await.expect("the store answers")
}

async fn page(ports: &AllPorts, after: Option<TokenId>, limit: u32) -> Vec<TokenId> {
    let page = ports.tokens.page(after, limit).await.expect("the store answers");
    page.iter().map(|token| token.id).collect()
}

async fn revoke(ports: &AllPorts, id: TokenId, event: &AuditEvent) -> bool {
    ports.tokens.revoke(id, event.at, event).await.expect("the store answers")
}

async fn events(ports: &AllPorts) -> Vec<AuditEvent> {
    ports.trail.all_events(None, 10_000).await.expect("the store answers")
}

fn assert_same(got: &ManagementToken, want: &ManagementToken) {
    assert!(got.digest.digest.matches(&want.digest.digest));
    let shown = |token: &ManagementToken| format!("{token:?}");
    assert_eq!(shown(got), shown(want));
}

pub async fn a_management_token_reads_back_equal(ports: &AllPorts) {
    let plain = made(ports, a_token()).await;
    let token = a_token().allowed(Right::ALL).acting_for(&["org_*", "auth0|5f,7'\"\\", "*"]);
    let full = made(ports, token.revoked(moment(-1)).last_used_at(moment(7))).await;
    for want in [plain, full] {
        assert_same(&found(ports, &want).await.expect("it is there"), &want);
    }
    assert!(found(ports, &a_token().build()).await.is_none());
}

pub async fn a_management_token_is_found_by_any_of_its_candidates(ports: &AllPorts) {
    let want = made(ports, a_token()).await;
    made(ports, a_token()).await;
    let (mine, first, second) = (want.digest, a_digest(), a_digest());
    for [signing, rest @ ..] in
        [[mine, first, second], [first, mine, second], [first, second, mine]]
    {
        let got = ports.tokens.find(&Candidates::new(signing, rest)).await;
        assert_same(&got.expect("the store answers").expect("it is there"), &want);
    }
}

pub async fn a_management_token_that_is_taken_is_refused_and_nothing_written(ports: &AllPorts) {
    let token = made(ports, a_token()).await;
    let before = events(ports).await;
    let same_digest = a_token().with_digest(token.digest).build();
    let same_id = ManagementToken { digest: a_digest(), ..token.clone() };
    for taken in [&same_digest, &same_id] {
        let event = an_event_of(Action::TokenCreated(taken.id));
        assert!(ports.tokens.insert(taken, &event).await.is_err());
    }
    assert_eq!(page(ports, None, 10).await, [token.id]);
    assert_eq!(events(ports).await, before);
    assert_same(&found(ports, &token).await.expect("it is there"), &token);
}

pub async fn pages_hold_the_management_tokens_that_are_not_revoked_in_id_order(ports: &AllPorts) {
    assert!(page(ports, None, 10).await.is_empty());
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(made(ports, a_token()).await.id);
        made(ports, a_token().revoked(moment(1))).await;
    }
    assert_eq!(page(ports, None, 10).await, ids);
    assert_eq!(page(ports, None, 2).await, ids[..2]);
    assert_eq!(page(ports, Some(ids[0]), 2).await, ids[1..]);
    assert!(page(ports, Some(ids[2]), 2).await.is_empty());
}

pub async fn a_management_token_is_revoked_once_and_found_as_revoked(ports: &AllPorts) {
    let (token, other) = (made(ports, a_token()).await, made(ports, a_token()).await);
    let event = AuditEvent { at: moment(5), ..an_event_of(Action::TokenRevoked(token.id)) };
    assert!(revoke(ports, token.id, &event).await);
    assert!(!revoke(ports, token.id, &an_event_of(event.action.clone())).await);
    let unknown = a_token().build().id;
    assert!(!revoke(ports, unknown, &an_event_of(Action::TokenRevoked(unknown))).await);
    let want = ManagementToken { revoked_at: Some(moment(5)), ..token };
    assert_same(&found(ports, &want).await.expect("it is there"), &want);
    assert_same(&found(ports, &other).await.expect("it is there"), &other);
}

pub async fn of_concurrent_revocations_of_a_management_token_exactly_one_is_done(ports: &AllPorts) {
    let token = made(ports, a_token()).await;
    let before = events(ports).await.len();
    let answers = concurrently((0..10).map(|_| {
        let (tokens, id) = (Arc::clone(&ports.tokens), token.id);
        async move { tokens.revoke(id, moment(1), &an_event_of(Action::TokenRevoked(id))).await }
    }))
    .await;
    let done = answers.into_iter().filter(|it| *it.as_ref().expect("the store answers")).count();
    assert_eq!((done, events(ports).await.len() - before), (1, 1));
}

pub async fn the_last_use_of_a_management_token_never_moves_back(ports: &AllPorts) {
    let (used, other) = (made(ports, a_token()).await, made(ports, a_token()).await);
    for (at, want) in [(5, 5), (3, 5), (5, 5), (9, 9), (-1, 9)] {
        ports.tokens.touch(used.id, moment(at)).await.expect("the use is recorded");
        let want = ManagementToken { last_used_at: Some(moment(want)), ..used.clone() };
        assert_same(&found(ports, &used).await.expect("it is there"), &want);
    }
    ports.tokens.touch(a_token().build().id, moment(1)).await.expect("it is harmless");
    assert_same(&found(ports, &other).await.expect("it is there"), &other);
}

pub async fn a_management_token_moves_to_another_digest_unless_it_is_revoked(ports: &AllPorts) {
    let (token, dead) = (made(ports, a_token()).await, made(ports, a_token()).await);
    assert!(revoke(ports, dead.id, &an_event_of(Action::TokenRevoked(dead.id))).await);
    let mut renewed = a_digest();
    renewed.pepper = pepper(2);
    for it in [&dead, &token] {
        let moved = ports.tokens.redigest(it.id, &it.digest.digest, &renewed).await;
        moved.expect("the store answers");
    }
    let again = ports.tokens.redigest(token.id, &token.digest.digest, &a_digest()).await;
    again.expect("the store answers");
    assert!(found(ports, &token).await.is_none());
    let want = ManagementToken { digest: renewed, ..token };
    assert_same(&found(ports, &want).await.expect("it is there"), &want);
    assert!(found(ports, &dead).await.is_some());
}

pub async fn a_use_brings_no_revoked_management_token_back(ports: &AllPorts) {
    let token = made(ports, a_token().revoked(moment(1))).await;
    ports.tokens.touch(token.id, moment(2)).await.expect("it is harmless");
    let got = found(ports, &token).await.expect("it is there");
    assert_eq!(got.revoked_at, Some(moment(1)));
}

pub async fn whatever_changes_a_management_token_leaves_one_event(ports: &AllPorts) {
    let token = a_token().build();
    let [created, revoked] = [Action::TokenCreated(token.id), Action::TokenRevoked(token.id)];
    let [created, revoked] = [created, revoked].map(an_event_of);
    ports.tokens.insert(&token, &created).await.expect("a new token is added");
    ports.tokens.touch(token.id, moment(1)).await.expect("the use is recorded");
    assert!(revoke(ports, token.id, &revoked).await);
    assert_eq!(events(ports).await, [created, revoked]);
}

pub async fn an_event_that_cannot_be_kept_undoes_the_change_of_a_management_token(
    ports: &AllPorts,
) {
    let token = a_token().build();
    let first = an_event_of(Action::TokenCreated(token.id));
    ports.tokens.insert(&token, &first).await.expect("a new token is added");
    let other = a_token().build();
    assert!(ports.tokens.insert(&other, &first).await.is_err());
    assert!(ports.tokens.revoke(token.id, moment(1), &first).await.is_err());
    assert!(found(ports, &other).await.is_none());
    assert_same(&found(ports, &token).await.expect("it is there"), &token);
}
