use std::time::Duration;

use thiserror::Error;

use crate::RefusalReason;

/// Why a good key is refused: the budget that has no room. Nothing was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OverBudget {
    /// A limit is reached.
    #[error("a limit is reached")]
    Rate {
        /// When its window ends: the longest of them, where several limits are reached.
        retry_after: Duration,
    },
    /// There are too few credits.
    #[error("there are too few credits")]
    Credits,
}

impl OverBudget {
    /// As it is counted for the key.
    pub const fn reason(self) -> RefusalReason {
        match self {
            Self::Rate { .. } => RefusalReason::Rate,
            Self::Credits => RefusalReason::Credits,
        }
    }
}

/// Whole seconds, rounded up: what headers say of a wait.
pub fn seconds_up(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
