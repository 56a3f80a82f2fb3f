use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;

use crate::BootTime;
use crate::ports::SteadyClock;

const WINDOW: Duration = Duration::from_mins(1);
/// More than an IPv6 /48 has networks of 64 bits: one site alone leaves room for others.
const MOST_NAMES: usize = 100_000;

/// Bounds how many attempts each name makes in a minute, on this instance.
///
/// An attempt is counted when it begins, so that many at the same time can't slip through together.
/// One that turns out not to count is [forgiven](Self::forgive).
///
/// Names are kept in two generations. Each minute the older one is forgotten as a whole and the
/// younger one becomes the older: by then every window in the forgotten one is over. So an attempt
/// costs the same however many names there are, and memory is bounded: where a generation is full,
/// a new name finds [no room](NotNow::NoRoom), and those that are counted already go on.
///
/// A name is kept as a hash under a key that this process has drawn: nobody outside can find two
/// that collide.
#[derive(Debug)]
pub struct Attempts {
    limit: u32,
    most_names: usize,
    clock: Arc<dyn SteadyClock>,
    hasher: RandomState,
    generations: Mutex<Generations>,
}

#[derive(Debug)]
struct Generations {
    young: HashMap<u64, Window>,
    old: HashMap<u64, Window>,
    swapped: BootTime,
}

/// The minute that begins with the first attempt of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    began: BootTime,
    count: u32,
}

/// One that was let through, with the name and the window that it counts in.
#[derive(Debug)]
#[must_use = "it may have to be forgiven"]
pub struct Attempt(Option<(u64, BootTime)>);

/// Why an attempt was not let through; it may be made again after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotNow {
    /// The name has made as many as it may.
    #[error("too many attempts; the next may be made after {} ms", .0.as_millis())]
    TooMany(Duration),
    /// Too many other names are being counted.
    #[error("too many others make attempts; the next may be made after {} ms", .0.as_millis())]
    NoRoom(Duration),
}

impl NotNow {
    /// How long to wait before another attempt.
    pub const fn retry_after(self) -> Duration {
        match self {
            Self::TooMany(wait) | Self::NoRoom(wait) => wait,
        }
    }
}

impl Attempt {
    /// One that counts nowhere.
    pub const UNCOUNTED: Self = Self(None);
}

impl Attempts {
    /// Each name makes up to `limit` attempts in a minute of `clock`.
    pub fn new(limit: u32, clock: Arc<dyn SteadyClock>) -> Self {
        let generations =
            Generations { young: HashMap::new(), old: HashMap::new(), swapped: clock.now() };
        let (hasher, generations) = (RandomState::new(), Mutex::new(generations));
        Self { limit, most_names: MOST_NAMES, clock, hasher, generations }
    }

    /// Whether `name` may make another attempt; this is none.
    pub fn check(&self, name: impl Hash) -> Result<(), NotNow> {
        let name = self.hasher.hash_one(name);
        let now = self.clock.now();
        match self.generations().running(name, now) {
            Some(window) if window.count >= self.limit => {
                Err(NotNow::TooMany(left_of(window.began, now)))
            }
            _ => Ok(()),
        }
    }

    /// Lets an attempt of `name` through, or says how long to wait.
    pub fn begin(&self, name: impl Hash) -> Result<Attempt, NotNow> {
        let name = self.hasher.hash_one(name);
        let began = self.generations().begin(name, self)?;
        Ok(Attempt(Some((name, began))))
    }

    /// The attempt does not count after all.
    pub fn forgive(&self, attempt: &Attempt) {
        if let Some((name, began)) = attempt.0 {
            self.generations().forgive(name, began);
        }
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    /// Counts an attempt of `name`, and says when its window began.
    fn begin(&mut self, name: u64, attempts: &Attempts) -> Result<BootTime, NotNow> {
        let now = attempts.clock.now();
        self.swap_when_due(now);
        if let Some(window) = self.running(name, now) {
            if window.count >= attempts.limit {
                return Err(NotNow::TooMany(left_of(window.began, now)));
            }
            window.count += 1;
            return Ok(window.began);
        }
        if self.young.len() >= attempts.most_names && !self.young.contains_key(&name) {
            return Err(NotNow::NoRoom(left_of(self.swapped, now)));
        }
        self.young.insert(name, Window { began: now, count: 1 });
        Ok(now)
    }

    /// Takes an attempt of `name` back from the window that began then, if that still counts.
    fn forgive(&mut self, name: u64, began: BootTime) {
        for generation in [&mut self.young, &mut self.old] {
            let Some(window) = generation.get_mut(&name).filter(|it| it.began == began) else {
                continue;
            };
            window.count -= 1;
            // What counts nowhere takes no room.
            if window.count == 0 {
                generation.remove(&name);
            }
            return;
        }
    }

    fn swap_when_due(&mut self, now: BootTime) {
        if now.since(self.swapped) >= WINDOW {
            mem::swap(&mut self.young, &mut self.old);
            // This visits no name: there is nothing to drop.
            self.young.clear();
            self.swapped = now;
        }
    }

    /// The window of a name, if it is not over.
    fn running(&mut self, name: u64, now: BootTime) -> Option<&mut Window> {
        let Self { young, old, .. } = self;
        let windows = [young, old].into_iter().filter_map(|generation| generation.get_mut(&name));
        windows.into_iter().find(|window| now.since(window.began) < WINDOW)
    }
}

fn left_of(began: BootTime, now: BootTime) -> Duration {
    WINDOW.saturating_sub(now.since(began))
}

#[cfg(test)]
mod tests;
