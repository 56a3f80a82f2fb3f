use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use latchkey_domain::ports::UsageRepository;
use latchkey_domain::{
    ApiKeyId, KeyRefused, KeyUse, RefusalReason, RefusedCall, Timestamp, UsageBatch, UsageWriterId,
};

use crate::refusals::Refusals;
use crate::{Principal, cause};

/// How often uses are looked through for what is due.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two writes for one key: what is stored lags behind by at most a minute.
const ROUND: usize = 58;
/// Keys in one statement: as many as keep the one writer of SQLite for a few milliseconds. A revocation may be waiting.
const BATCH: usize = 500;

/// Collects how much keys are used and when last, and writes that in batches.
///
/// A verification waits for no write: a first use within two seconds, later ones and refusals at most once a minute for each key. What is
/// counted is written once, whatever becomes of answers; a process that is killed loses what it had not written.
#[derive(Debug)]
pub struct UsageWriter {
    /// Used for the first time, or again after a minute without a use.
    first: Mutex<Vec<Principal>>,
    /// Keys that were written, in slots a tick apart; the front one is due next.
    written: Mutex<VecDeque<Vec<Principal>>>,
    refusals: Refusals,
    /// When everything that was due had been written.
    up_to_date: Mutex<Instant>,
    /// Held while something is written.
    batches: tokio::sync::Mutex<Batches>,
    /// Keys in the batch whose outcome is not known.
    unsure: AtomicUsize,
    closing: tokio::sync::Notify,
    repository: Arc<dyn UsageRepository>,
}

#[derive(Debug)]
struct Batches {
    writer: UsageWriterId,
    number: u64,
    /// Whose outcome is not known. It is sent again, unchanged, before any other.
    unsure: Option<UsageBatch>,
    /// Refusals that were taken out of their table and are in no batch yet.
    refused: Vec<KeyRefused>,
    ticks_to_refusals: usize,
}

impl UsageWriter {
    /// Writes to `repository`, once [`keep_writing`](Self::keep_writing) runs. `writer` must be the id of no other.
    pub fn new(repository: Arc<dyn UsageRepository>, writer: UsageWriterId) -> Self {
        Self {
            first: Mutex::default(),
            written: Mutex::default(),
            refusals: Refusals::default(),
            up_to_date: Mutex::new(Instant::now()),
            batches: tokio::sync::Mutex::new(Batches {
                writer,
                number: 0,
                unsure: None,
                refused: Vec::new(),
                ticks_to_refusals: ROUND,
            }),
            unsure: AtomicUsize::new(0),
            closing: tokio::sync::Notify::new(),
            repository,
        }
    }

    #[inline]
    pub(crate) fn count(&self, principal: &Principal, cost: u32, now: Timestamp) {
        if principal.uses().add(cost, now) {
            lock(&self.first).push(principal.clone());
        }
    }

    pub(crate) fn refused(
        &self,
        key: ApiKeyId,
        reason: RefusalReason,
        now: Timestamp,
        call: RefusedCall,
    ) {
        self.refusals.add(key, reason, now, call);
    }

    /// Writes what is due, until [`close`](Self::close).
    pub async fn keep_writing(&self) {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                () = self.closing.notified() => return,
                _ = ticks.tick() => {}
            }
            self.write_due(1).await;
        }
    }

    /// Ends [`keep_writing`](Self::keep_writing) and writes everything that is not yet written, also
    /// what was being written just then.
    pub async fn close(&self) {
        self.closing.notify_one();
        self.write_due(ROUND).await;
    }

    /// Keys whose uses or refusals are waiting to be written.
    pub(crate) fn unwritten(&self) -> usize {
        lock(&self.first).len() + self.unsure.load(Ordering::Relaxed)
    }

    /// The time since everything that was due had been written.
    pub(crate) fn lag(&self) -> Duration {
        lock(&self.up_to_date).elapsed()
    }

    /// Refused calls that are counted by reason alone.
    pub(crate) fn refused_beyond(&self) -> impl Iterator<Item = (RefusalReason, u64)> {
        self.refusals.beyond()
    }

    /// Writes first uses, what was used again of the keys in the next `slots` slots, and refusals when it is their time.
    async fn write_due(&self, slots: usize) {
        let mut batches = self.batches.lock().await;
        let began = Instant::now();
        let mut due = None;
        loop {
            if batches.unsure.is_none() {
                let due = due.get_or_insert_with(|| self.take_due(slots, &mut batches));
                batches.unsure = batches.next(due);
            }
            let Some(batch) = &batches.unsure else { break };
            self.unsure.store(batch.uses().len() + batch.refused().len(), Ordering::Relaxed);
            // It stays where it is: this task may be dropped while it waits.
            if let Err(error) = self.repository.record(batch).await {
                tracing::warn!(error = cause(&error), "could not write usage; trying again");
                return;
            }
            batches.unsure = None;
            self.unsure.store(0, Ordering::Relaxed);
        }
        drop(batches);
        *lock(&self.up_to_date) = began;
    }

    fn take_due(&self, slots: usize, batches: &mut Batches) -> Due<'_> {
        batches.ticks_to_refusals = batches.ticks_to_refusals.saturating_sub(slots);
        // At the end all of them; until then no more than the table holds.
        if batches.ticks_to_refusals == 0 && (batches.refused.is_empty() || slots == ROUND) {
            batches.refused.append(&mut self.refusals.take());
            batches.ticks_to_refusals = ROUND;
        }
        let mut left = std::mem::take(&mut *lock(&self.first));
        let mut written = lock(&self.written);
        written.resize_with(ROUND, Vec::new);
        left.extend(written.drain(..slots).flatten());
        written.resize_with(ROUND, Vec::new);
        drop(written);
        left.sort_unstable_by_key(Principal::key);
        Due { writer: self, left }
    }
}

impl Batches {
    /// The next batch of what is due, if there is anything.
    fn next(&mut self, due: &mut Due<'_>) -> Option<UsageBatch> {
        let uses = due.collect();
        let room = BATCH - uses.len();
        let refused = self.refused.split_off(self.refused.len().saturating_sub(room));
        if uses.is_empty() && refused.is_empty() {
            return None;
        }
        self.number += 1;
        Some(UsageBatch::new(self.writer, self.number, uses, refused))
    }
}

/// Principals whose uses are due to be written. When it is dropped, also because the task was, they wait for the next time.
struct Due<'a> {
    writer: &'a UsageWriter,
    left: Vec<Principal>,
}

impl Due<'_> {
    /// Collects up to a batch. Principals that were used get another turn; the others are forgotten.
    fn collect(&mut self) -> Vec<KeyUse> {
        let mut uses = Vec::new();
        let mut again = Vec::new();
        while uses.len() < BATCH
            && let Some(principal) = self.left.pop()
        {
            if let Some(collected) = principal.uses().collect() {
                uses.push(KeyUse {
                    key: principal.key(),
                    last_used_at: collected.last,
                    accepted: collected.accepted,
                    cost: collected.cost,
                });
                again.push(principal);
            }
        }
        if let Some(last) = lock(&self.writer.written).back_mut() {
            last.append(&mut again);
        }
        uses
    }
}

impl Drop for Due<'_> {
    fn drop(&mut self) {
        lock(&self.writer.first).append(&mut self.left);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
