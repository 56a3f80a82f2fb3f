//! Budgets as an instance spends them: from memory, out of slices that the store hands out.
//!
//! [`Budget`] is what verifications see, [`Treasury`] asks the store. What either may do is decided in
//! [`slices`](crate::slices).

mod budget;
mod second;
mod told;
mod treasury;

use std::time::Duration;

use latchkey_domain::ports::StoreError;
use latchkey_domain::{OverBudget, Window};
use thiserror::Error;

pub(crate) use budget::{Budget, Now, Paid, Room};
pub(crate) use treasury::Treasury;

/// Why a call was not charged.
#[derive(Debug, Error)]
pub enum ChargeError {
    /// A budget has no room.
    #[error(transparent)]
    Over(#[from] OverBudget),
    /// The store had to be asked, and failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One limit of a key, as this instance knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitState {
    /// For each of which.
    pub window: Window,
    /// Whether all keys of the owner share it.
    pub is_owners: bool,
    /// What may be used in each window.
    pub limit: u64,
    /// What is left in this one, as far as this instance knows: on one instance exactly that.
    pub left: u64,
    /// When the window ends, rounded up.
    pub ends_in: Duration,
    /// How long the window is.
    pub length: Duration,
}
