use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::Principal;
use crate::barred::Barred;
use crate::cache::{ByDigest, FirstBytes};
use crate::freshness::{Fill, Freshness};

pub(crate) type Verdict = Result<Principal, Barred>;

/// Look-ups under way, so that a crowd that asks for the same key asks the store once.
#[derive(Debug, Default)]
pub(crate) struct SingleFlight(Mutex<HashMap<ByDigest, LookUp, FirstBytes>>);

#[derive(Debug)]
struct LookUp {
    fill: Fill,
    answer: watch::Receiver<Option<Verdict>>,
}

/// Who asks the store.
pub(crate) enum Role<'a> {
    /// The caller.
    Leader(Leader<'a>),
    /// Somebody else, whose answer comes here.
    Follower(watch::Receiver<Option<Verdict>>),
}

/// Asks the store for all who wait. Dropped without an answer, it leaves them to ask themselves.
pub(crate) struct Leader<'a> {
    in_flight: &'a SingleFlight,
    digest: ByDigest,
    pub(crate) fill: Fill,
    answer: watch::Sender<Option<Verdict>>,
}

impl SingleFlight {
    /// Joins the look-up of `digest` that is under way, if there is one that began after every
    /// change that has been applied until now. The caller must be covered by the lease: then a
    /// change that was answered before the request was sent has been applied here, and so the
    /// look-up began after it.
    pub(crate) fn join(&self, digest: ByDigest, freshness: &Freshness) -> Role<'_> {
        let mut in_flight = self.lock();
        let fill = freshness.begin_fill();
        if let Some(look_up) = in_flight.get(&digest)
            && look_up.fill == fill
        {
            return Role::Follower(look_up.answer.clone());
        }
        let (sender, answer) = watch::channel(None);
        in_flight.insert(digest, LookUp { fill, answer });
        drop(in_flight);
        Role::Leader(Leader { in_flight: self, digest, fill, answer: sender })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ByDigest, LookUp, FirstBytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leader<'_> {
    pub(crate) fn publish(self, answer: &Verdict) {
        self.answer.send_replace(Some(answer.clone()));
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let mut in_flight = self.in_flight.lock();
        // A later look-up may have taken the place.
        if in_flight.get(&self.digest).is_some_and(|look_up| look_up.fill == self.fill) {
            in_flight.remove(&self.digest);
        }
    }
}
