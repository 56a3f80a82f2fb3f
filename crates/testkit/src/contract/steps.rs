//! Steps that many promises share.

use latchkey_accounts::{Account, AccountParts, Session};
use latchkey_domain::ports::{
    ChangeFeed, Heartbeat, InstanceId, KeyInUse, News, Position, Registration, UpdateError,
};
use latchkey_domain::{
    ApiKey, ApiKeyId, ApiKeyParts, Candidates, FoundKey, KeyState, KeyedDigest, OwnerId, Timestamp,
};

use super::{AllPorts, Ports};
use crate::fixtures::{AccountBuilder, KeyBuilder, SessionBuilder, an_event, an_event_at};

/// A limit on keys that no promise but those on the limit comes near.
pub(super) const AMPLE: u32 = 1_000;

/// Adds a key that must go in.
pub(super) async fn added(ports: &Ports, key: KeyBuilder) -> ApiKey {
    let key = key.build();
    ports.keys.insert(&key, None, AMPLE, &an_event()).await.expect("a new key is added");
    key
}

/// Stores a change that must be accepted.
pub(super) async fn stored(ports: &Ports, key: ApiKey) -> ApiKey {
    ports.keys.update(&key, &an_event()).await.expect("the next version is stored");
    key
}

/// Revokes a key that must not be revoked yet.
pub(super) async fn revoke(ports: &Ports, key: &ApiKey, at: Timestamp) {
    let ApiKeyParts { owner, id, .. } = key.parts();
    let revoked = ports.keys.revoke(owner, *id, &an_event_at(at)).await.expect("the store answers");
    assert!(revoked.is_some());
}

/// What the store has under the key's digest, revoked or not.
pub(super) async fn by_digest(ports: &Ports, key: &ApiKey) -> Option<ApiKey> {
    found(ports, key).await.map(|found| found.key)
}

/// The same, with what is said about the key's owner.
pub(super) async fn found(ports: &Ports, key: &ApiKey) -> Option<FoundKey> {
    let candidates = Candidates::new(key.parts().digest, []);
    ports.lookup.find_by_digest(&candidates, None).await.expect("the store answers")
}

/// What the store finds under the key's id and owner.
pub(super) async fn find(ports: &Ports, key: &ApiKey) -> Option<KeyInUse> {
    let ApiKeyParts { owner, id, .. } = key.parts();
    ports.keys.find(owner, *id).await.expect("the store answers")
}

/// The owner's keys.
pub(super) async fn list(ports: &Ports, owner: &OwnerId) -> Vec<KeyInUse> {
    ports.keys.list(owner).await.expect("the store answers")
}

/// One page of everybody's keys.
pub(super) async fn page(ports: &Ports, after: Option<ApiKeyId>, limit: u32) -> Vec<KeyInUse> {
    ports.register.page(after, limit).await.expect("the store answers")
}

/// The ids of some keys, in their order.
pub(super) fn ids(keys: &[KeyInUse]) -> Vec<ApiKeyId> {
    keys.iter().map(|in_use| in_use.key.parts().id).collect()
}

/// Adds an account that must go in.
pub(super) async fn registered(ports: &AllPorts, account: AccountBuilder) -> Account {
    let account = account.build();
    ports.accounts.insert(&account, &an_event()).await.expect("a new account is added");
    account
}

/// What the store has under the account's address.
pub(super) async fn by_email(ports: &AllPorts, account: &Account) -> Option<Account> {
    ports.accounts.find_by_email(&account.parts().email).await.expect("the store answers")
}

/// Adds a session that must go in.
pub(super) async fn begun(ports: &AllPorts, session: SessionBuilder) -> Session {
    let session = session.build();
    ports.sessions.insert(&session, None).await.expect("a new session is added");
    session
}

/// What the store has under this digest.
pub(super) async fn session(ports: &AllPorts, digest: KeyedDigest) -> Option<(Session, Account)> {
    let candidates = Candidates::new(digest, []);
    ports.sessions.find(&candidates).await.expect("the store answers")
}

/// Whether the store still has the session, and the account it belongs to has not moved on.
pub(super) async fn goes_on(ports: &AllPorts, of: &Session) -> bool {
    session(ports, of.digest).await.is_some_and(|(session, account)| {
        account.is_active() && session.account_version == account.parts().version
    })
}

/// An instance that is on the feed's list, and how far it is.
#[derive(Clone, Copy)]
pub(super) struct Instance<'p> {
    pub(super) feed: &'p dyn ChangeFeed,
    pub(super) id: InstanceId,
    pub(super) applied: Position,
}

impl<'p> Instance<'p> {
    pub(super) async fn joined(ports: &'p Ports) -> Self {
        let feed = ports.feed.as_ref();
        let Registration { instance, position } = feed.register().await.expect("the store answers");
        Self { feed, id: instance, applied: position }
    }

    /// Sends a heartbeat. What it tells is not applied.
    pub(super) async fn news(&self) -> Option<News> {
        match self.feed.heartbeat(self.id, self.applied).await.expect("the store answers") {
            Heartbeat::News(news) => Some(news),
            Heartbeat::Unlisted | Heartbeat::HistoryLost => None,
        }
    }

    /// Sends a heartbeat and applies what it tells, which the next one shows.
    pub(super) async fn apply_news(&mut self) -> Vec<ApiKeyId> {
        let News { changed, position, .. } = self.news().await.expect("it is on the list");
        self.applied = position;
        changed
    }
}

/// Runs `jobs` at the same time, on all threads there are, and waits for every one.
pub(super) async fn concurrently<T: Send + 'static>(
    jobs: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let running: Vec<_> = jobs.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::with_capacity(running.len());
    for job in running {
        answers.push(job.await.expect("no job panics"));
    }
    answers
}

/// Compares every field; taking the parts to pieces makes a new field a compile error here.
pub(super) fn assert_same_key(got: &ApiKey, want: &ApiKey) {
    let ApiKeyParts {
        id,
        family,
        owner,
        name,
        prefix,
        environment,
        digest,
        created_by,
        created_at,
        expires_at,
        metadata,
        restrictions,
        limits,
        state,
        replaced_by,
        version,
    } = got.parts();
    let want = want.parts();
    assert_eq!(*id, want.id);
    assert_eq!(*family, want.family, "family");
    assert_eq!(*owner, want.owner);
    assert_eq!(*name, want.name);
    assert_eq!(*prefix, want.prefix);
    assert_eq!(*environment, want.environment);
    assert_same_digest(digest, &want.digest);
    assert_eq!(*created_by, want.created_by, "created_by");
    assert_eq!(*created_at, want.created_at, "created_at");
    assert_eq!(*expires_at, want.expires_at, "expires_at");
    assert_eq!(*metadata, want.metadata);
    assert_eq!(*restrictions, want.restrictions);
    assert_eq!(*limits, want.limits);
    assert_eq!(*state, want.state);
    assert_eq!(*replaced_by, want.replaced_by, "replaced_by");
    assert_eq!(*version, want.version, "version");
}

/// Compares every field of a key that was revoked at `at`: the state and the version moved on,
/// the rest stayed.
pub(super) fn assert_revoked(got: &ApiKey, before: &ApiKey, at: Timestamp) {
    let mut want = before.parts().clone();
    want.state = KeyState::Revoked { at };
    want.version += 1;
    assert_same_key(got, &ApiKey::restore(want));
}

/// Compares every field.
pub(super) fn assert_same_account(got: &Account, want: &Account) {
    let AccountParts { id, email, password, created_at, state, is_operator, version } = got.parts();
    let want = want.parts();
    assert_eq!(*id, want.id);
    assert_eq!(*email, want.email);
    assert_eq!(password.as_str(), want.password.as_str());
    assert_eq!(*created_at, want.created_at, "created_at");
    assert_eq!(*state, want.state);
    assert_eq!(*is_operator, want.is_operator, "is_operator");
    assert_eq!(*version, want.version, "version");
}

/// Compares every field.
pub(super) fn assert_same_session(got: &Session, want: &Session) {
    let Session {
        id,
        digest,
        account,
        account_version,
        created_at,
        last_seen_at,
        confirmed_at,
        address,
        user_agent,
    } = got;
    assert_eq!(*id, want.id);
    assert_same_digest(digest, &want.digest);
    assert_eq!(*account, want.account);
    assert_eq!(*account_version, want.account_version, "account_version");
    assert_eq!(*created_at, want.created_at, "created_at");
    assert_eq!(*last_seen_at, want.last_seen_at, "last_seen_at");
    assert_eq!(*confirmed_at, want.confirmed_at, "confirmed_at");
    assert_eq!(*address, want.address);
    assert_eq!(*user_agent, want.user_agent);
}

fn assert_same_digest(got: &KeyedDigest, want: &KeyedDigest) {
    assert_eq!(got.pepper, want.pepper);
    assert_eq!(got.digest.as_bytes(), want.digest.as_bytes());
}

/// What the one call stored that was not stale.
pub(super) fn the_only_winner<T>(answers: Vec<Result<T, UpdateError>>) -> T {
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(winner) => winners.push(winner),
            Err(error) => assert!(matches!(error, UpdateError::Stale), "got {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    winners.remove(0)
}
