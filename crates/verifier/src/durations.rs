use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper end of the first bucket.
const SHORTEST: Duration = Duration::from_micros(250);
/// 250 us, 500 us, 1 ms, … 16.384 s; the last takes the rest.
const BUCKETS: usize = 18;

/// How long something took, each time: a histogram whose buckets double in length from 250 us to 16 s.
///
/// It has no lock. A reader may meet a duration that is in its bucket and not yet in the sum.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; BUCKETS],
    micros: AtomicU64,
}

impl Durations {
    /// Counts one.
    pub fn note(&self, took: Duration) {
        let bucket = Self::ends().take_while(|end| *end < took).count();
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Each upper end, and how many took no longer.
    pub fn up_to(&self) -> impl Iterator<Item = (Duration, u64)> {
        let mut total = 0;
        Self::ends().zip(&self.buckets).map(move |(end, bucket)| {
            total += bucket.load(Ordering::Relaxed);
            (end, total)
        })
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    /// Without that of the last bucket, which has none.
    fn ends() -> impl Iterator<Item = Duration> {
        std::iter::successors(Some(SHORTEST), |end| Some(*end * 2)).take(BUCKETS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_counted_up_to_every_end_that_it_reaches() {
        let durations = Durations::default();
        for micros in [0, 250, 251, 1_000, 16_384_000, 60_000_000] {
            durations.note(Duration::from_micros(micros));
        }
        let counts: Vec<_> =
            durations.up_to().map(|(end, count)| (end.as_micros(), count)).collect();
        assert_eq!(counts[..3], [(250, 2), (500, 3), (1_000, 4)]);
        assert_eq!(counts.last(), Some(&(16_384_000, 5)));
        assert_eq!(durations.count(), 6);
        assert_eq!(durations.sum(), Duration::from_micros(76_385_501));
    }
}
