use thiserror::Error;

/// What becomes of changes that were answered when another server of the store takes over from the
/// one that made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failover {
    /// The store is one server; no other takes over.
    None,
    /// A change is on another server before it is answered, and only such a server takes over.
    Synchronous,
    /// The servers share their storage, which obeys one at a time.
    Storage,
    /// Servers copy changes after these were answered: one that takes over may lack some.
    Lossy,
}

/// Not one of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be none, synchronous, storage or lossy")]
pub struct UnknownFailover;

impl Failover {
    const ALL: [Self; 4] = [Self::None, Self::Synchronous, Self::Storage, Self::Lossy];

    /// Reads the word for it.
    pub fn parse(text: &str) -> Result<Self, UnknownFailover> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownFailover)
    }

    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Synchronous => "synchronous",
            Self::Storage => "storage",
            Self::Lossy => "lossy",
        }
    }

    /// Whether no answered change is lost.
    pub const fn keeps_all(self) -> bool {
        !matches!(self, Self::Lossy)
    }

    /// Whether a server that was left behind may go on answering reads, with nothing lost: then a
    /// read by itself does not show what is true.
    pub const fn leaves_servers_behind(self) -> bool {
        matches!(self, Self::Synchronous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_means_one() {
        for failover in Failover::ALL {
            assert_eq!(Failover::parse(failover.as_str()), Ok(failover));
        }
        assert_eq!(Failover::parse("sync"), Err(UnknownFailover));
    }
}
