//! Everything that a store keeps, to be carried into another one.

use std::fmt;

use async_trait::async_trait;
use latchkey_domain::ports::StoreError;
use latchkey_domain::{
    ApiKey, ApiKeyId, AuditEvent, BudgetHolder, BudgetKind, CountedCalls, KeptRefusal, KeyedDigest,
    Network, OwnerId, OwnerSettings, Timestamp, UsageSpan,
};
use thiserror::Error;

use crate::{Account, AccountId, ManagementToken, Session};

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Digests of a fixed text under each pepper.
    Peppers,
    /// Accounts.
    Accounts,
    /// Networks from which accounts signed in.
    Networks,
    /// Sessions.
    Sessions,
    /// Management tokens, revoked ones too.
    Tokens,
    /// How many keys each owner holds, and what holds for it.
    Owners,
    /// Keys, revoked ones too.
    Keys,
    /// How much of what keys and owners may use was handed out.
    Budgets,
    /// Last uses of keys.
    LastUses,
    /// Counts of calls, by hour and by day; what is counted of the hour of a key's last use is with that.
    Usage,
    /// The last ones of each key.
    Refusals,
    /// The audit trail.
    Events,
}

/// One of the things that a store keeps.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is named for what it is")]
pub enum Record {
    Pepper(KeyedDigest),
    Account(Account),
    Network {
        account: AccountId,
        network: Network,
        signed_in_at: Timestamp,
    },
    Session(Session),
    Token(ManagementToken),
    Owner {
        owner: OwnerId,
        held: u32,
        closed_at: Option<Timestamp>,
        settings: OwnerSettings,
    },
    Key(ApiKey),
    Budget(StoredBudget),
    /// With what is counted of its hour.
    LastUse {
        key: ApiKeyId,
        at: Timestamp,
        of_hour: CountedCalls,
    },
    Usage {
        key: ApiKeyId,
        span: UsageSpan,
        counted: CountedCalls,
    },
    Refusal {
        key: ApiKeyId,
        kept: KeptRefusal,
    },
    Event(AuditEvent),
}

/// A budget as a store counts it. What was handed out counts as spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBudget {
    /// Whose it is.
    pub holder: BudgetHolder,
    /// What it counts.
    pub kind: BudgetKind,
    /// The limit, or all credits that were ever granted in the period; `None`: nothing is counted at present.
    pub amount: Option<u64>,
    /// The latest window that something was handed out of, or how often the counting of credits began again.
    pub period: i64,
    /// How much was handed out in that period.
    pub handed_out: u64,
}

/// A store that can be read whole. It must not be changed meanwhile.
#[async_trait]
pub trait Contents: Send + Sync + fmt::Debug {
    /// Up to `limit` records of a part, those after `after`, in an order of the store's own.
    async fn page(
        &self,
        part: Part,
        after: Option<&Record>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError>;

    /// How many records a part has.
    async fn count(&self, part: Part) -> Result<u64, StoreError>;
}

/// Why nothing was taken over. The store is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TakeOverError {
    /// The store is in use.
    #[error("the store is not empty: there are {part}")]
    NotEmpty {
        /// What it holds.
        part: Part,
    },
    /// The one store does not hold what the other gave.
    #[error("of {sent} {part} only {stored} arrived")]
    Miscounted {
        /// Which records.
        part: Part,
        /// How many the source has.
        sent: u64,
        /// How many are stored.
        stored: u64,
    },
    /// One of the stores failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Part {
    /// All of them, in an order in which they can be stored: what others refer to comes first.
    pub const ALL: [Self; 12] = [
        Self::Peppers,
        Self::Accounts,
        Self::Networks,
        Self::Sessions,
        Self::Tokens,
        Self::Owners,
        Self::Keys,
        Self::Budgets,
        Self::LastUses,
        Self::Usage,
        Self::Refusals,
        Self::Events,
    ];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peppers => "peppers",
            Self::Accounts => "accounts",
            Self::Networks => "known networks",
            Self::Sessions => "sessions",
            Self::Tokens => "management tokens",
            Self::Owners => "owners",
            Self::Keys => "keys",
            Self::Budgets => "budgets",
            Self::LastUses => "last uses",
            Self::Usage => "counts of calls",
            Self::Refusals => "refusals",
            Self::Events => "audit events",
        })
    }
}
