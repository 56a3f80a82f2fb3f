//! Random numbers that a seed repeats.

use std::time::Duration;

/// The generator splitmix64.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// One of the many independent sequences of a seed.
    pub(crate) fn new(seed: u64, sequence: usize) -> Self {
        let sequence = u64::try_from(sequence).expect("few sequences");
        let mut this = Self(seed ^ sequence.wrapping_mul(0xd134_2543_de82_ef95));
        this.next();
        this
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a small number");
        usize::try_from(self.next() % bound).expect("smaller still")
    }

    pub(crate) fn between(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let micros = longest.saturating_sub(shortest).as_micros();
        let micros = u64::try_from(micros).expect("some seconds");
        shortest + Duration::from_micros(self.next() % (micros + 1))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
