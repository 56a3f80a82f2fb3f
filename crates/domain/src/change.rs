use std::fmt;

/// The number of a change to a key: the later one was committed, the greater it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChangeNumber(u64);

impl ChangeNumber {
    /// Before the first change.
    pub const ZERO: Self = Self(0);

    /// Wraps a number of the store.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, for an adapter to store or compare.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ChangeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
