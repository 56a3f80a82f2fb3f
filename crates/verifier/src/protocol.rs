//! The protocol of strict revocation, as far as it is decisions.
//!
//! What an instance sends and does, and when the answer to a change may be given. No I/O; the
//! driver, the model and the tests feed it. [`freshness`](crate::freshness) is the other half.
//!
//! Why it is safe. Let a change commit, and its maker know of it at `t`. A heartbeat whose statement
//! saw the change names its key before the lease is extended, so the entry of the cache is void first. Where one
//! answer can't name all changed keys, only the answer with the last of them extends the lease. A
//! heartbeat that did not see the change was *sent* before `t`, and the lease runs from that: it ends
//! before `t` + [`WAIT`] on any clock that is at most a tenth faster or slower. The change is answered
//! when every instance has applied it or `WAIT` is over. A verification that was sent after that and passes the check of
//! the lease runs under one that followed the change. An instance that is not on the list got its
//! lease later, and had an empty cache then.
//!
//! Why it is safe where a server takes over that lacks changes. What was answered before and is lost,
//! nobody can keep. What is committed on the new server is answered when the leases that the one
//! before gave are over: [`Takeover`]. Later leases are given by the new one, to instances on its list.
//!
//! Why it is safe where several servers answer, one of which lags or was the primary before. A
//! verification that passes the check of the lease, and was sent after the answer to a change, is on
//! an instance that has applied that change. What it has not cached it believes only from a server
//! that shows every change that was applied here before it was asked: [`Effect::Require`]. Likewise the
//! list of instances counts only from a server that shows the change. A server with changes of its own
//! may show more; that no such one is asked is the part of the store.

use std::time::Duration;

use latchkey_domain::ports::{InstanceId, InstanceStatus, News, Position, Registration};
use latchkey_domain::{ApiKeyId, BootTime, ChangeNumber};

/// How long a heartbeat lets an instance answer from the cache, from the instant before it was sent.
pub const LEASE: Duration = Duration::from_millis(2_700);
/// How long a change waits for instances that don't show that they have applied it. It is longer
/// than [`LEASE`] by the factor 1.22: clocks may run at rates a tenth apart in either direction.
pub const WAIT: Duration = Duration::from_millis(3_300);
/// The time between two heartbeats without news.
pub const HEARTBEAT: Duration = Duration::from_millis(500);

/// An instance's part in the list of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Membership {
    inside: Option<Registration>,
}

/// What to send next. One request is under way at a time; an answer that is not awaited any more
/// is not to be fed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// Join the list.
    Register,
    /// Say how far this instance is, and ask for news.
    Heartbeat(Registration),
}

/// What to do to the [`Freshness`](crate::freshness::Freshness), one after the other, before the next request
/// is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Believe nothing any more.
    EndLease,
    /// Forget everything.
    VoidAll,
    /// Forget this key.
    Void(ApiKeyId),
    /// Believe the cache until then.
    Extend(BootTime),
    /// From now on, ask only for what the store had come to then, or later.
    Require(Position),
}

impl Membership {
    /// What to send now.
    pub const fn next(&self) -> Request {
        match self.inside {
            None => Request::Register,
            Some(registration) => Request::Heartbeat(registration),
        }
    }

    /// Which registration this instance has.
    pub fn instance(&self) -> Option<InstanceId> {
        self.inside.map(|it| it.instance)
    }

    /// Everything up to this has been applied, once the effects are.
    pub fn applied(&self) -> Option<ChangeNumber> {
        self.inside.map(|it| it.position.change)
    }

    /// A registration has been answered. It brings no lease: a change that was made meanwhile may
    /// have been answered before anybody could see this instance on the list. The next heartbeat
    /// brings that change, and of later ones their makers wait for this instance.
    pub fn registered(&mut self, registration: Registration) -> Vec<Effect> {
        self.inside = Some(registration);
        vec![Effect::EndLease, Effect::Require(registration.position), Effect::VoidAll]
    }

    /// A heartbeat that was sent at `sent` has been answered.
    pub fn answered(&mut self, sent: BootTime, news: Option<News>) -> Vec<Effect> {
        let (Some(inside), Some(news)) = (&mut self.inside, news) else {
            self.inside = None;
            return vec![Effect::EndLease, Effect::VoidAll];
        };
        inside.position = news.position;
        // First, so that a look-up that begins after an entry is void asks for the change as well.
        let mut effects = vec![Effect::Require(news.position)];
        effects.extend(news.changed.into_iter().map(Effect::Void));
        // One of the changes that are not told yet may void what a longer lease would cover.
        if !news.more {
            effects.push(Effect::Extend(sent.after(LEASE)));
        }
        effects
    }
}

/// A change whose answer is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wait {
    change: ChangeNumber,
    end: BootTime,
}

impl Wait {
    /// Waits for `change`, which is known at `known` to be committed.
    pub fn new(change: ChangeNumber, known: BootTime) -> Self {
        Self { change, end: known.after(WAIT) }
    }

    /// When it ends at the latest.
    pub const fn end(&self) -> BootTime {
        self.end
    }

    /// Whether the leases of instances that have not applied the change are over.
    pub fn is_over(&self, now: BootTime) -> bool {
        now >= self.end
    }

    /// Whether a list of that time can lack no instance that answers by what was before the change.
    pub fn is_shown_by(&self, as_of: ChangeNumber) -> bool {
        as_of >= self.change
    }

    /// Whether each of `instances`, a list read since, has applied the change.
    pub fn is_through(&self, instances: &[InstanceStatus]) -> bool {
        instances.iter().all(|it| it.applied >= self.change)
    }
}

/// Whether the list of instances can be relied on.
///
/// A server that has taken over may not know of instances that the one before gave a lease, and may
/// give out numbers again that an instance has applied: for [`WAIT`] after it was noticed, no change
/// is answered because all have applied it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Takeover {
    count: u64,
    noticed: Option<BootTime>,
}

impl Takeover {
    /// Takes note, at `now`, of how often it has happened.
    pub fn note(&mut self, count: u64, now: BootTime) {
        if count != self.count {
            *self = Self { count, noticed: Some(now) };
        }
    }

    /// Whether all leases of the server before are over.
    pub fn is_over(&self, now: BootTime) -> bool {
        self.noticed.is_none_or(|noticed| now >= noticed.after(WAIT))
    }
}

/// An instance that has not shown itself for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Silence {
    /// What it last showed.
    pub status: InstanceStatus,
    /// An instant after that was read.
    pub since: BootTime,
}

impl Silence {
    /// Whether its lease is over for certain, so that nobody need wait for it again.
    pub fn is_over(&self, now: BootTime) -> bool {
        now >= self.since.after(WAIT)
    }
}
