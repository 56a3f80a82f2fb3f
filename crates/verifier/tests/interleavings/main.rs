//! The corner where a look-up fills the cache while a change voids it: every interleaving of a
//! keeper, a fill and a verification, and every stale value that the memory model lets them read.
//!
//! It runs [`Freshness`] and the effects of [`Membership`]. The store is weaker here than any
//! database: a fill may read the row from before a change as long as it knows of none. The map is
//! one slot under a mutex. No bound on preemptions is set for what must hold; the bounds are those
//! of the corner itself: one key, one change, one fill while it is applied, one verification.

#![expect(clippy::print_stdout, reason = "a test tells how much it has seen")]

mod rules;
mod spending;

use std::sync::Arc as Shared;
use std::sync::atomic::{AtomicUsize, Ordering as Tally};

use latchkey_domain::ports::{InstanceId, News, Position, Registration};
use latchkey_domain::{BootTime, ChangeNumber};
use latchkey_verifier::freshness::Freshness;
use latchkey_verifier::protocol::{Effect, LEASE, Membership};
use loom::model::Builder;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use rules::{Copied, Flaw, KEY, Ordered, Relaxed, Rules};
use uuid::Uuid;

/// When the verification reads the clock.
const NOW: BootTime = BootTime::from_nanos(1_000_000_000_000);

/// When the verification is sent, which decides what it must not believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// When the wait for the change is over: nothing tells its instance of that but the clock, by
    /// which the lease from before is over too.
    AfterTheWait,
    /// When the change is acknowledged, while the lease from before goes on.
    AfterTheAcknowledgement,
}

/// What one instance has, and the row.
struct Corner<R: Rules> {
    rules: R,
    /// How often the key was changed.
    row: AtomicU64,
    cache: Mutex<Option<(R::Stamp, u64)>>,
    acknowledged: AtomicU64,
}

impl<R: Rules> Corner<R> {
    fn new(rules: R, sent: Sent) -> Self {
        rules.apply(Effect::Extend(match sent {
            Sent::AfterTheWait => NOW,
            Sent::AfterTheAcknowledgement => NOW.after(LEASE),
        }));
        let (row, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
        let corner = Self { rules, row, cache: Mutex::new(None), acknowledged };
        corner.fill();
        corner
    }

    fn fill(&self) {
        let fill = self.rules.begin_fill();
        let row = self.row.load(Ordering::Acquire);
        if let Some(stamp) = self.rules.stamp(fill) {
            *self.cache.lock().expect("nobody panics") = Some((stamp, row));
        }
    }

    /// Commits a change, applies what the next answer tells, and acknowledges it.
    fn change(&self, effects: Vec<Effect>) {
        self.row.store(1, Ordering::Release);
        for effect in effects {
            self.rules.apply(effect);
        }
        self.acknowledged.store(1, Ordering::Release);
    }

    /// The row that is believed, if any.
    fn verify(&self) -> Option<u64> {
        if !self.rules.covers(NOW) {
            return None;
        }
        let (stamp, row) = (*self.cache.lock().expect("nobody panics"))?;
        self.rules.holds(stamp).then_some(row)
    }
}

/// In how many interleavings a verification believed which row.
#[derive(Debug, Default)]
struct Seen {
    interleavings: AtomicUsize,
    new_row: AtomicUsize,
    old_row: AtomicUsize,
}

/// Runs the corner in every interleaving with that many preemptions, or with any number.
fn explore<R: Rules>(
    preemptions: Option<usize>,
    rules: fn() -> R,
    effects: fn() -> Vec<Effect>,
    sent: Sent,
) -> Seen {
    let seen = Shared::new(Seen::default());
    let tally = Shared::clone(&seen);
    let mut model = Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        tally.interleavings.fetch_add(1, Tally::Relaxed);
        let corner = Arc::new(Corner::new(rules(), sent));
        let spawn = |work: fn(&Corner<R>, Vec<Effect>), effects| {
            let corner = Arc::clone(&corner);
            thread::spawn(move || work(&corner, effects))
        };
        spawn(Corner::change, effects());
        spawn(|corner, _none| corner.fill(), Vec::new());
        if sent == Sent::AfterTheWait || corner.acknowledged.load(Ordering::Acquire) > 0 {
            match corner.verify() {
                None => 0,
                Some(0) => tally.old_row.fetch_add(1, Tally::Relaxed),
                Some(_) => tally.new_row.fetch_add(1, Tally::Relaxed),
            };
        }
    });
    println!("{seen:?}");
    Shared::into_inner(seen).expect("the model has ended")
}

fn position(change: u64) -> Position {
    Position { change: ChangeNumber::new(change), nonce: Uuid::nil() }
}

/// What an instance does after the answer to a heartbeat that tells of the change.
fn told() -> Vec<Effect> {
    let mut membership = Membership::default();
    let registration = Registration { instance: InstanceId(Uuid::nil()), position: position(0) };
    membership.registered(registration);
    membership.answered(NOW, Some(News { changed: vec![KEY], ..nothing_new() }))
}

/// What it does after it has registered again, after the change, and sent a heartbeat.
fn registered_anew() -> Vec<Effect> {
    let registration = Registration { instance: InstanceId(Uuid::nil()), position: position(1) };
    let mut membership = Membership::default();
    let mut effects = membership.registered(registration);
    effects.extend(membership.answered(NOW, Some(nothing_new())));
    effects
}

fn nothing_new() -> News {
    News { changed: vec![], revoked: vec![], position: position(1), more: false }
}

/// The lease is extended before the change is applied.
fn extended_first() -> Vec<Effect> {
    let mut effects = told();
    effects.rotate_right(1);
    effects
}

fn real() -> Freshness<Ordered> {
    Freshness::with_buckets(1)
}

/// No interleaving lets a row from before the change be believed, and some let the one from after.
fn holds(sent: Sent) {
    std::thread::scope(|scope| {
        for effects in [told, registered_anew] {
            scope.spawn(move || {
                let seen = explore(None, real, effects, sent);
                assert_eq!(
                    seen.old_row.into_inner(),
                    0,
                    "a row from before the change is believed"
                );
                assert!(seen.new_row.into_inner() > 0, "the cache is never filled again");
            });
        }
    });
}

/// Whether a row from before the change is believed; three preemptions are enough to see it.
fn is_broken<R: Rules>(rules: fn() -> R, effects: fn() -> Vec<Effect>, sent: Sent) -> bool {
    explore(Some(3), rules, effects, sent).old_row.into_inner() > 0
}

#[test]
fn after_the_wait_a_lease_covers_no_row_from_before_the_change() {
    holds(Sent::AfterTheWait);
}

#[test]
fn after_the_acknowledgement_no_row_from_before_the_change_is_believed() {
    holds(Sent::AfterTheAcknowledgement);
}

#[test]
fn each_flaw_is_found() {
    let late_count = || Copied::with(Flaw::LateCount);
    let late_bucket = || Copied::with(Flaw::LateBucket);
    for sent in [Sent::AfterTheWait, Sent::AfterTheAcknowledgement] {
        assert!(!is_broken(Copied::default, told, sent), "the copy itself is broken");
        assert!(is_broken(late_count, told, sent), "LateCount goes unnoticed: {sent:?}");
        assert!(is_broken(late_bucket, told, sent), "LateBucket goes unnoticed: {sent:?}");
    }
    assert!(is_broken(real, extended_first, Sent::AfterTheWait));
}

#[test]
fn words_that_order_nothing_are_found_out() {
    let relaxed = || Freshness::<Relaxed>::with_buckets(1);
    assert!(is_broken(relaxed, told, Sent::AfterTheWait));
    assert!(is_broken(relaxed, told, Sent::AfterTheAcknowledgement));
}
