use latchkey_domain::ports::{InstanceId, InstanceStatus, News, Position, Registration};
use latchkey_domain::{ApiKeyId, ChangeNumber};
use uuid::Uuid;

use crate::flaw::Flaw;

/// The key that verifications present.
pub(crate) const KEY: ApiKeyId = ApiKeyId::new(Uuid::from_u128(0));
/// Another one, in another bucket.
pub(crate) const OTHER: ApiKeyId = ApiKeyId::new(Uuid::from_u128(1));

/// The one database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    /// The changes; the first has number 1.
    log: Vec<Logged>,
    /// How often changes were lost.
    losses: u8,
    pub(crate) members: Vec<InstanceStatus>,
    /// How many have ever registered.
    pub(crate) registered: u8,
    /// Whether the digest of [`KEY`] was made anew.
    pub(crate) redigested: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Logged {
    key: ApiKeyId,
    committed: bool,
    /// Tells it from a lost one of the same number.
    losses: u8,
}

/// The row of [`KEY`], which has been changed so many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) version: u8,
    pub(crate) redigested: bool,
}

/// A server that has made so many of the changes; one that lags, or was the primary before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    position: Position,
    row: Row,
}

impl Server {
    /// What a look-up takes from it that requires a position.
    pub(crate) fn believed(self, required: Option<Position>, flaw: Option<Flaw>) -> Option<Row> {
        let shows = required.is_none_or(|required| self.position.includes(required));
        (shows || flaw == Some(Flaw::NoFence)).then_some(self.row)
    }
}

impl Store {
    /// The places in the log that a server can have come to.
    pub(crate) fn places(&self) -> impl Iterator<Item = u8> + use<> {
        let latest = self.position().change.get();
        (0..=latest).map(|place| place.try_into().expect("a handful"))
    }

    /// A server that is at that place; with [`Flaw::AnotherHistory`] one that made other changes then.
    pub(crate) fn server(&self, place: u8, flaw: Option<Flaw>) -> Option<Server> {
        let place = usize::from(place);
        let made = self.log.iter().take(place).filter(|it| it.key == KEY && it.committed).count();
        let version = u8::try_from(made).expect("a handful");
        let mut position = self.position_at(place)?;
        if flaw == Some(Flaw::AnotherHistory) {
            position = Position { change: number(self.log.len() + 1), nonce: Uuid::max() };
        }
        Some(Server { position, row: Row { version, redigested: self.redigested } })
    }

    pub(crate) fn row(&self) -> Row {
        Row { version: self.made(KEY, true), redigested: self.redigested }
    }

    /// How many changes were made to `key`, committed or begun.
    pub(crate) fn made(&self, key: ApiKeyId, committed: bool) -> u8 {
        let made = self.log.iter().filter(|it| it.key == key && (it.committed || !committed));
        u8::try_from(made.count()).expect("a handful")
    }

    /// The number of a new change, which is not committed yet.
    pub(crate) fn begin(&mut self, key: ApiKeyId) -> ChangeNumber {
        self.log.push(Logged { key, committed: false, losses: self.losses });
        number(self.log.len())
    }

    pub(crate) fn commit(&mut self, change: ChangeNumber) -> ApiKeyId {
        let change = &mut self.log[index(change) - 1];
        change.committed = true;
        change.key
    }

    pub(crate) fn uncommitted(&self) -> impl Iterator<Item = ChangeNumber> {
        let begun = self.log.iter().enumerate().filter(|(_, it)| !it.committed);
        begun.map(|(before, _)| number(before + 1))
    }

    /// Another server takes over, which does not have the latest change, nor who registered.
    pub(crate) fn fail_over(&mut self) {
        self.log.pop();
        self.losses += 1;
        self.members.clear();
    }

    pub(crate) fn losses(&self) -> u8 {
        self.losses
    }

    /// Whether the latest change is one of `key`.
    pub(crate) fn ends_with(&self, key: ApiKeyId) -> bool {
        self.log.last().is_some_and(|it| it.key == key)
    }

    pub(crate) fn position(&self) -> Position {
        let latest = self.log.iter().rposition(|it| it.committed).map_or(0, |before| before + 1);
        self.position_at(latest).expect("the latest")
    }

    fn position_at(&self, place: usize) -> Option<Position> {
        let nonce = match place.checked_sub(1) {
            None => Uuid::nil(),
            Some(before) => {
                let lost = self.log.get(before)?.losses;
                Uuid::from_u64_pair(lost.into(), number(place).get())
            }
        };
        Some(Position { change: number(place), nonce })
    }

    /// What a registration's statement sees; nobody else sees the registration before it commits.
    pub(crate) fn see_registration(&mut self) -> Registration {
        self.registered += 1;
        let instance = InstanceId(Uuid::from_u128(self.registered.into()));
        Registration { instance, position: self.position() }
    }

    pub(crate) fn commit_registration(&mut self, registration: Registration) {
        self.members.push(InstanceStatus {
            instance: registration.instance,
            applied: registration.position.change,
            heartbeats: 0,
        });
    }

    /// What a heartbeat's statement sees, of so many changes at most.
    pub(crate) fn see_heartbeat(&self, applied: Position, most: usize) -> Option<News> {
        let (before, latest) = (index(applied.change), index(self.position().change));
        let reached = latest.min(before.saturating_add(most));
        let news = self.log.iter().take(reached).skip(before).filter(|it| it.committed);
        let continues = self.position_at(before) == Some(applied);
        let position = self.position_at(reached).filter(|_| continues)?;
        let changed = news.map(|it| it.key).collect();
        Some(News { changed, revoked: Vec::new(), position, more: reached < latest })
    }

    /// Says whether the instance is still on the list. Heartbeats are counted only while `counted`:
    /// nobody would notice.
    pub(crate) fn commit_heartbeat(
        &mut self,
        instance: InstanceId,
        applied: Option<ChangeNumber>,
        counted: bool,
    ) -> bool {
        let Some(member) = self.members.iter_mut().find(|it| it.instance == instance) else {
            return false;
        };
        member.applied = member.applied.max(applied.unwrap_or(ChangeNumber::ZERO));
        member.heartbeats = u64::from(counted);
        true
    }
}

fn number(place: usize) -> ChangeNumber {
    ChangeNumber::new(place.try_into().expect("a handful"))
}

fn index(change: ChangeNumber) -> usize {
    change.get().try_into().expect("a handful")
}
