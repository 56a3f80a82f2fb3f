use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use latchkey_domain::Refusal;
use tokio::sync::watch;

use crate::Principal;
use crate::cache::{ByDigest, FirstBytes};
use crate::freshness::{Fill, Freshness};

pub(crate) type Answer = Result<Principal, Refusal>;

/// Look-ups under way, so that a crowd that asks for the same key asks the store once.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<ByDigest, Flight, FirstBytes>>);

#[derive(Debug)]
struct Flight {
    fill: Fill,
    answer: watch::Receiver<Option<Answer>>,
}

/// Who asks the store.
pub(crate) enum Seat<'a> {
    /// The caller.
    Pilot(Pilot<'a>),
    /// Somebody else, whose answer comes here.
    Passenger(watch::Receiver<Option<Answer>>),
}

/// Asks the store for all who wait. Dropped without an answer, it leaves them to ask themselves.
pub(crate) struct Pilot<'a> {
    flights: &'a Flights,
    digest: ByDigest,
    pub(crate) fill: Fill,
    answer: watch::Sender<Option<Answer>>,
}

impl Flights {
    /// Joins the look-up of `digest` that is under way, if there is one that began after every
    /// change that has been applied until now. The caller must be covered by the lease: then a
    /// change that was answered before the request was sent has been applied here, and so the
    /// look-up began after it.
    pub(crate) fn board(&self, digest: ByDigest, freshness: &Freshness) -> Seat<'_> {
        let mut flights = self.lock();
        let fill = freshness.begin_fill();
        if let Some(flight) = flights.get(&digest)
            && flight.fill == fill
        {
            return Seat::Passenger(flight.answer.clone());
        }
        let (sender, answer) = watch::channel(None);
        flights.insert(digest, Flight { fill, answer });
        drop(flights);
        Seat::Pilot(Pilot { flights: self, digest, fill, answer: sender })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ByDigest, Flight, FirstBytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pilot<'_> {
    pub(crate) fn land(self, answer: &Answer) {
        self.answer.send_replace(Some(answer.clone()));
    }
}

impl Drop for Pilot<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        // A later look-up may have taken the place.
        if flights.get(&self.digest).is_some_and(|flight| flight.fill == self.fill) {
            flights.remove(&self.digest);
        }
    }
}
