use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use latchkey_domain::{ApiKeyId, KeptRefusal, KeyRefused, RefusalReason, RefusedCall, Timestamp};

/// Pairs of a key and a reason of which refusals are kept until they are written.
const MOST: usize = 10_000;

/// Calls with known keys that were refused, until they are written.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    of_pairs: Mutex<HashMap<(ApiKeyId, RefusalReason), Refusal>>,
    /// Of pairs that found no room, by reason alone.
    beyond: [AtomicU64; RefusalReason::ALL.len()],
}

/// What is kept of a key and a reason.
#[derive(Debug)]
struct Refusal {
    calls: u64,
    last_at: Timestamp,
    last: RefusedCall,
}

impl Refusals {
    /// Counts a refused call. Where there is no room for another pair, the call is counted by its reason alone.
    pub(crate) fn add(
        &self,
        key: ApiKeyId,
        reason: RefusalReason,
        at: Timestamp,
        call: RefusedCall,
    ) {
        let mut of_pairs = self.lock();
        let has_room = of_pairs.len() < MOST;
        if let Some(known) = of_pairs.get_mut(&(key, reason)) {
            let calls = known.calls + 1;
            let before = std::mem::replace(known, Refusal { calls, last_at: at, last: call });
            drop(of_pairs);
            drop(before);
        } else if has_room {
            of_pairs.insert((key, reason), Refusal { calls: 1, last_at: at, last: call });
        } else {
            drop(of_pairs);
            let mut counters = RefusalReason::ALL.into_iter().zip(&self.beyond);
            if let Some((_, counter)) = counters.find(|(it, _)| *it == reason) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Takes all that are not yet written.
    pub(crate) fn take(&self) -> Vec<KeyRefused> {
        let of_pairs = std::mem::take(&mut *self.lock());
        let refused =
            of_pairs.into_iter().map(|((key, reason), Refusal { calls, last_at, last })| {
                KeyRefused { key, calls, last: KeptRefusal { at: last_at, reason, call: last } }
            });
        refused.collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(ApiKeyId, RefusalReason), Refusal>> {
        self.of_pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls found no room, by reason.
    pub(crate) fn beyond(&self) -> impl Iterator<Item = (RefusalReason, u64)> {
        let counts = self.beyond.each_ref().map(|counter| counter.load(Ordering::Relaxed));
        RefusalReason::ALL.into_iter().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use latchkey_domain::uuid::Uuid;

    use super::*;

    fn key(number: u16) -> ApiKeyId {
        ApiKeyId::new(Uuid::from_u128(number.into()))
    }

    #[test]
    fn beyond_the_bound_refusals_are_counted_by_reason_alone() {
        let refusals = Refusals::default();
        let add = |number, reason| {
            refusals.add(key(number), reason, Timestamp::MAX, RefusedCall::default());
        };
        (0..10_002).for_each(|number| add(number, RefusalReason::Scope));
        add(0, RefusalReason::Scope);
        add(0, RefusalReason::Rate);
        let beyond: Vec<_> = refusals.beyond().filter(|(_, calls)| *calls > 0).collect();
        assert_eq!(beyond, [(RefusalReason::Scope, 2), (RefusalReason::Rate, 1)]);
        let of_pairs = refusals.of_pairs.into_inner().expect("nobody panicked");
        assert_eq!(of_pairs.len(), MOST);
        assert_eq!(of_pairs[&(key(0), RefusalReason::Scope)].calls, 2);
    }
}
