use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;
use uuid::{Builder, Uuid};

use crate::ports::{Entropy, EntropyError};
use crate::{ApiKeyId, RefusalReason, RefusedCall, Timestamp};

/// Who writes usage: a process, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UsageWriterId(Uuid);

impl UsageWriterId {
    /// Wraps a UUID that stands for no other writer.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// Draws one that no other process has.
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes)?;
        Ok(Self(Builder::from_random_bytes(bytes).into_uuid()))
    }

    /// The UUID, for an adapter to store.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

/// Accepted calls of a key that are written together. They belong to the hour of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// Which key.
    pub key: ApiKeyId,
    /// When the last of them was.
    pub last_used_at: Timestamp,
    /// How many.
    pub accepted: u64,
    /// What they cost together.
    pub cost: u64,
}

/// Refused calls of a key, for one reason, that are written together. They belong to the hour of the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRefused {
    /// Which key.
    pub key: ApiKeyId,
    /// How many.
    pub calls: u64,
    /// The last of them.
    pub last: KeptRefusal,
}

/// A refused call, as it is kept for those who ask why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRefusal {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RefusalReason,
    /// Where it came from, and what it asked for.
    pub call: RefusedCall,
}

impl KeptRefusal {
    /// The most that are kept of a key: the latest ones.
    pub const MOST: u32 = 20;

    /// The minute it was in: of a minute, a key and a reason, one is kept.
    pub fn minute(&self) -> Timestamp {
        floor(self.at, Duration::from_mins(1))
    }
}

/// What a process has counted since its batch before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageBatch {
    /// Who counted.
    pub writer: UsageWriterId,
    /// Higher than that of the writer's batch before. The same number stands for the same batch.
    pub number: u64,
    uses: Vec<KeyUse>,
    refused: Vec<KeyRefused>,
}

impl UsageBatch {
    /// Puts what belongs together into one, in the order of keys.
    pub fn new(
        writer: UsageWriterId,
        number: u64,
        mut uses: Vec<KeyUse>,
        mut refused: Vec<KeyRefused>,
    ) -> Self {
        uses.sort_by_key(|it| it.key);
        uses.dedup_by(|next, one| {
            let is_same = next.key == one.key;
            if is_same {
                one.last_used_at = one.last_used_at.max(next.last_used_at);
                one.accepted += next.accepted;
                one.cost += next.cost;
            }
            is_same
        });
        refused.sort_by_key(|it| (it.key, it.last.reason));
        refused.dedup_by(|next, one| {
            let is_same = (next.key, next.last.reason) == (one.key, one.last.reason);
            if is_same {
                let calls = one.calls + next.calls;
                if one.last.at < next.last.at {
                    std::mem::swap(one, next);
                }
                one.calls = calls;
            }
            is_same
        });
        Self { writer, number, uses, refused }
    }

    /// Accepted calls, each key once, ascending.
    pub fn uses(&self) -> &[KeyUse] {
        &self.uses
    }

    /// Refused calls, each key and reason once, ascending.
    pub fn refused(&self) -> &[KeyRefused] {
        &self.refused
    }
}

/// For how long calls are counted together, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageSpan {
    /// By the hour.
    Hour,
    /// By the day.
    Day,
}

/// The name of no [`UsageSpan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("neither hour nor day")]
pub struct UnknownSpan;

impl UsageSpan {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Hour, Self::Day];

    /// Its name, for answers and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Reads a name as [`as_str`](Self::as_str) gives it.
    pub fn parse(name: &str) -> Result<Self, UnknownSpan> {
        Self::ALL.into_iter().find(|span| span.as_str() == name).ok_or(UnknownSpan)
    }

    /// For how long counts are kept.
    pub const fn kept(self) -> Duration {
        match self {
            Self::Hour => Duration::from_hours(35 * 24),
            Self::Day => Duration::from_hours(400 * 24),
        }
    }

    /// The first instant of the hour or day that `at` is in.
    pub fn start_of(self, at: Timestamp) -> Timestamp {
        floor(at, self.length())
    }

    fn end_of(self, at: Timestamp) -> Timestamp {
        self.start_of(at).saturating_add(self.length()).saturating_sub(Duration::from_millis(1))
    }

    const fn length(self) -> Duration {
        match self {
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
        }
    }
}

fn floor(at: Timestamp, span: Duration) -> Timestamp {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let start = at.unix_millis().div_euclid(millis).saturating_mul(millis);
    Timestamp::from_unix_millis(start).unwrap_or(Timestamp::MIN)
}

/// Which usage is asked for: from the hour or day that `from` is in to the one that `to` is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsagePeriod {
    span: UsageSpan,
    from: Timestamp,
    to: Timestamp,
}

/// Why a [`UsagePeriod`] is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UsagePeriodError {
    /// It ends before it begins.
    #[error("from must not be after to")]
    Backwards,
    /// It is too long to be counted by this span.
    #[error("from and to must not be more than {} {}s apart", UsagePeriod::MOST, .0.as_str())]
    TooLong(UsageSpan),
}

impl UsagePeriod {
    /// The most hours or days that can be asked for together.
    pub const MOST: usize = 1_000;
    /// What is answered of where nobody says since when: today, and the days before.
    pub const DAYS: u32 = 30;

    /// Without `to`, until now; without `from`, for the 30 days that end with that of `to`.
    pub fn new(
        span: UsageSpan,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, UsagePeriodError> {
        let to = to.unwrap_or(now);
        let before = UsageSpan::Day.length() * (Self::DAYS - 1);
        let from = from.unwrap_or_else(|| UsageSpan::Day.start_of(to).saturating_sub(before));
        if from > to {
            return Err(UsagePeriodError::Backwards);
        }
        let (from, last) = (span.start_of(from), span.start_of(to));
        let spans = last.since(from).as_millis() / span.length().as_millis() + 1;
        if usize::try_from(spans).is_ok_and(|spans| spans <= Self::MOST) {
            Ok(Self { span, from, to: span.end_of(to) })
        } else {
            Err(UsagePeriodError::TooLong(span))
        }
    }

    /// The 30 days that end with that of `now`.
    pub fn last_days(now: Timestamp) -> Self {
        let span = UsageSpan::Day;
        let before = span.length() * (Self::DAYS - 1);
        let from = span.start_of(now).saturating_sub(before);
        Self { span, from, to: span.end_of(now) }
    }

    /// By what it is counted.
    pub const fn span(&self) -> UsageSpan {
        self.span
    }

    /// The start of the first hour or day.
    pub const fn from(&self) -> Timestamp {
        self.from
    }

    /// The last instant of the last hour or day.
    pub const fn to(&self) -> Timestamp {
        self.to
    }
}

/// Calls with one outcome, as a store keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedCalls {
    /// When their hour or day began; of calls that are counted by the hour as yet, their hour.
    pub start: Timestamp,
    /// Why they were refused; `None` where they were accepted.
    pub refused: Option<RefusalReason>,
    /// How many.
    pub calls: u64,
    /// What they cost together.
    pub cost: u64,
}

/// The calls of an hour or a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageCounts {
    /// Accepted calls.
    pub accepted: u64,
    /// What these cost together.
    pub cost: u64,
    /// Refused calls.
    pub refused: BTreeMap<RefusalReason, u64>,
}

impl UsageCounts {
    /// Adds calls, whenever they were.
    pub fn add(&mut self, counted: &CountedCalls) {
        self.cost += counted.cost;
        let calls = match counted.refused {
            None => &mut self.accepted,
            Some(reason) => self.refused.entry(reason).or_default(),
        };
        *calls += counted.calls;
    }

    /// The hours or days that have something, by their start.
    pub fn by_start(span: UsageSpan, all: &[CountedCalls]) -> BTreeMap<Timestamp, Self> {
        let mut by_start = BTreeMap::<_, Self>::new();
        for counted in all {
            by_start.entry(span.start_of(counted.start)).or_default().add(counted);
        }
        by_start
    }
}

#[cfg(test)]
mod tests;
