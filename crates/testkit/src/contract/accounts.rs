use std::sync::Arc;

use latchkey_accounts::ports::{ChangeEmailError, InsertAccountError};
use latchkey_domain::Timestamp;
use latchkey_domain::ports::UpdateError;

use super::AllPorts;
use super::steps::{
    assert_same_account, assert_same_session, begun, by_email, concurrently, goes_on, registered,
    session, the_only_winner,
};
use crate::fixtures::{
    a_digest, a_session, account_with_email, account_with_operator, account_with_password,
    an_account, an_event, disabled_account, moment,
};

pub async fn an_account_reads_back_equal(ports: &AllPorts) {
    let long = format!("{}@example.com", "a".repeat(242));
    for (email, created_at) in [
        ("ada@example.com", moment(0)),
        ("zoë+'%_\\@bücher.example", moment(7)),
        (&*long, Timestamp::MAX),
    ] {
        let phc = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2g+/";
        let account = an_account().with_email(email).with_password_hash(phc).created_at(created_at);
        let account = registered(ports, account).await;
        assert_same_account(&by_email(ports, &account).await.expect("it is there"), &account);
        let found = ports.accounts.find_by_id(account.parts().id).await.expect("the store answers");
        assert_same_account(&found.expect("it is there"), &account);
    }
}

pub async fn an_unknown_id_is_none(ports: &AllPorts) {
    registered(ports, an_account()).await;
    let other = an_account().build().parts().id;
    assert!(ports.accounts.find_by_id(other).await.expect("the store answers").is_none());
}

pub async fn an_unknown_address_is_none(ports: &AllPorts) {
    registered(ports, an_account().with_email("ada@example.com")).await;
    for other in ["ad@example.com", "ada@example.co", "%@example.com"] {
        let other = an_account().with_email(other).build();
        assert!(by_email(ports, &other).await.is_none());
    }
}

pub async fn a_taken_address_is_refused_and_nothing_written(ports: &AllPorts) {
    let first = registered(ports, an_account().with_email("ada@example.com")).await;
    let second = an_account().with_email("ADA@example.com").with_password_hash("other").build();
    let it = ports.accounts.insert(&second, &an_event()).await;
    assert!(matches!(it, Err(InsertAccountError::AddressTaken)), "got {it:?}");
    assert_same_account(&by_email(ports, &first).await.expect("it is there"), &first);
}

pub async fn of_concurrent_accounts_with_one_address_exactly_one_is_made(ports: &AllPorts) {
    let answers = concurrently((0..20).map(|_| {
        let accounts = Arc::clone(&ports.accounts);
        let account = an_account().with_email("ada@example.com").build();
        async move { accounts.insert(&account, &an_event()).await.map(|()| account) }
    }))
    .await;
    let mut made = Vec::new();
    for answer in answers {
        match answer {
            Ok(account) => made.push(account),
            Err(error) => {
                assert!(matches!(error, InsertAccountError::AddressTaken), "got {error:?}");
            }
        }
    }
    assert_eq!(made.len(), 1);
    assert_same_account(&by_email(ports, &made[0]).await.expect("it is there"), &made[0]);
}

pub async fn a_new_password_is_stored_and_ends_all_sessions_but_one(ports: &AllPorts) {
    let (account, bystander) =
        (registered(ports, an_account()).await, registered(ports, an_account()).await);
    let kept = begun(ports, a_session(&account)).await;
    let left = begun(ports, a_session(&account)).await;
    let foreign = begun(ports, a_session(&bystander)).await;

    let next = account_with_password(&account, "new");
    ports
        .accounts
        .change_password(&next, Some(&kept.digest.digest), &an_event())
        .await
        .expect("the next version is stored");

    assert_same_account(&by_email(ports, &account).await.expect("it is there"), &next);
    let (moved, of) = session(ports, kept.digest).await.expect("it is there");
    assert_same_account(&of, &next);
    let want = latchkey_accounts::Session { account_version: next.parts().version, ..kept };
    assert_same_session(&moved, &want);
    assert!(!goes_on(ports, &left).await);
    if let Some((stale, _)) = session(ports, left.digest).await {
        assert_same_session(&stale, &left);
    }
    assert!(goes_on(ports, &foreign).await);
    assert_same_account(&by_email(ports, &bystander).await.expect("it is there"), &bystander);
}

pub async fn a_reset_password_ends_every_session(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let left = begun(ports, a_session(&account)).await;
    let next = account_with_password(&account, "new");
    ports
        .accounts
        .change_password(&next, None, &an_event())
        .await
        .expect("the next version is stored");
    assert!(!goes_on(ports, &left).await);
    // A session that has ended meanwhile is no obstacle.
    let next = account_with_password(&next, "newer");
    let gone = a_digest().digest;
    ports
        .accounts
        .change_password(&next, Some(&gone), &an_event())
        .await
        .expect("the next version is stored");
    assert_same_account(&by_email(ports, &account).await.expect("it is there"), &next);
}

pub async fn a_stale_password_change_is_refused_and_nothing_written(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let next = account_with_password(&account, "new");
    ports
        .accounts
        .change_password(&next, None, &an_event())
        .await
        .expect("the next version is stored");
    let kept = begun(ports, a_session(&next)).await;

    let stale = account_with_password(&account, "stale");
    let ahead = account_with_password(&next, "ahead");
    let ahead = account_with_password(&ahead, "further ahead");
    let stranger = account_with_password(&an_account().build(), "x");
    for wrong in [stale, ahead, stranger] {
        let it =
            ports.accounts.change_password(&wrong, Some(&kept.digest.digest), &an_event()).await;
        assert!(matches!(it, Err(UpdateError::Stale)), "got {it:?}");
        assert_same_account(&by_email(ports, &account).await.expect("it is there"), &next);
        let (same, _) = session(ports, kept.digest).await.expect("it is there");
        assert_same_session(&same, &kept);
    }
}

pub async fn of_concurrent_password_changes_exactly_one_wins(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let answers = concurrently((0..10).map(|n| {
        let accounts = Arc::clone(&ports.accounts);
        let next = account_with_password(&account, &format!("new {n}"));
        async move { accounts.change_password(&next, None, &an_event()).await.map(|()| next) }
    }))
    .await;
    let winner = the_only_winner(answers);
    assert_same_account(&by_email(ports, &account).await.expect("it is there"), &winner);
}

pub async fn another_address_is_stored_and_the_sessions_go_on(ports: &AllPorts) {
    let account = registered(ports, an_account().with_email("ada@example.com")).await;
    let bystander = registered(ports, an_account()).await;
    let goes = begun(ports, a_session(&account)).await;
    let moved = account_with_email(&account, "lovelace@example.com");
    ports.accounts.change_email(&moved, &an_event()).await.expect("the address is free");
    assert!(by_email(ports, &account).await.is_none());
    assert_same_account(&by_email(ports, &moved).await.expect("it is there"), &moved);
    assert_same_account(&by_email(ports, &bystander).await.expect("it is there"), &bystander);
    assert!(goes_on(ports, &goes).await);
    // What was read before the address changed gives it back in no other change.
    let next = account_with_password(&account, "new");
    ports.accounts.change_password(&next, None, &an_event()).await.expect("the next version");
    let next = account_with_password(&moved, "new");
    assert_same_account(&by_email(ports, &moved).await.expect("it is there"), &next);
}

pub async fn an_address_that_is_taken_or_stale_is_refused_and_nothing_written(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let other = registered(ports, an_account().with_email("taken@example.com")).await;
    let taken = account_with_email(&account, "taken@example.com");
    let it = ports.accounts.change_email(&taken, &an_event()).await;
    assert!(matches!(it, Err(ChangeEmailError::AddressTaken)), "got {it:?}");

    let off = disabled_account(&registered(ports, an_account()).await, moment(1));
    ports.accounts.disable(&off, &an_event()).await.expect("the next version is stored");
    let ahead = account_with_password(&account, "ahead");
    for wrong in [&ahead, &off, &an_account().build()] {
        let wrong = account_with_email(wrong, "free@example.com");
        let it = ports.accounts.change_email(&wrong, &an_event()).await;
        assert!(matches!(it, Err(ChangeEmailError::Stale)), "got {it:?}");
    }
    for want in [account, other, off] {
        assert_same_account(&by_email(ports, &want).await.expect("it is there"), &want);
    }
}

pub async fn an_operators_account_reads_back_equal_and_its_sessions_go_on(ports: &AllPorts) {
    let account = registered(ports, an_account()).await;
    let goes = begun(ports, a_session(&account)).await;
    for is_operator in [true, false, true] {
        let marked = account_with_operator(&account, is_operator);
        ports.accounts.set_operator(&marked, &an_event()).await.expect("it was not that before");
        let again = ports.accounts.set_operator(&marked, &an_event()).await;
        assert!(matches!(again, Err(UpdateError::Stale)), "got {again:?}");
        assert_same_account(&by_email(ports, &account).await.expect("it is there"), &marked);
        assert!(goes_on(ports, &goes).await);
    }
    // What was read before takes the mark away in no other change.
    let next = account_with_password(&account, "new");
    ports.accounts.change_password(&next, None, &an_event()).await.expect("the next version");
    let next = account_with_operator(&next, true);
    assert_same_account(&by_email(ports, &account).await.expect("it is there"), &next);
}
