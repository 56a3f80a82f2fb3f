use crate::flaw::Flaw;
use crate::protocol::Protocol;
use crate::store::{Row, Server};
use crate::world::World;
use latchkey_domain::BootTime;

/// A verification that is sent after the answer to a change.
///
/// There is one in a run: others would only begin look-ups, and these begin by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Verification {
    at: usize,
    /// The version that had been answered when it was sent.
    answered: u8,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// It has read the clock.
    Clocked(BootTime),
    /// The lease covers what is cached.
    Covered,
    /// It has looked into the cache before it read the clock: [`Flaw::CacheBeforeClock`].
    ReadCache(Row),
    Told(Row, Source),
}

/// Where the answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Cache,
    LookUp,
    Server,
}

impl Verification {
    pub(crate) fn begin(
        world: &World,
        at: usize,
        now: BootTime,
        protocol: &Protocol,
    ) -> Option<Self> {
        let (answered, _) = world.answered?;
        let step = match protocol.flaw {
            Some(Flaw::CacheBeforeClock) => Step::ReadCache(world.instances[at].cached()?),
            Some(Flaw::CoarseClock) => Step::Clocked(protocol.a_tick_before(now)),
            _ => Step::Clocked(now),
        };
        Some(Self { at, answered, step })
    }

    /// Goes on, unless it has to ask the store; `now` reads the clock of its instance.
    pub(crate) fn go_on(self, world: &World, now: BootTime) -> Option<Self> {
        let instance = &world.instances[self.at];
        let step = match self.step {
            Step::Clocked(clock) => instance.freshness.covers(clock).then_some(Step::Covered),
            Step::Covered => instance.cached().map(|row| Step::Told(row, Source::Cache)),
            Step::ReadCache(row) => {
                instance.freshness.covers(now).then_some(Step::Told(row, Source::Cache))
            }
            Step::Told(..) => None,
        };
        step.map(|step| Self { step, ..self })
    }

    /// Joins a look-up that is under way, whose answer it is told.
    pub(crate) fn board(self, world: &World, flaw: Option<Flaw>) -> Option<Self> {
        let row = world.instances[self.at].board(flaw).filter(|_| self.step == Step::Covered)?;
        Some(Self { step: Step::Told(row, Source::LookUp), ..self })
    }

    /// Asks a server by itself, under the lease.
    pub(crate) fn ask(self, world: &World, server: Server, flaw: Option<Flaw>) -> Option<Self> {
        let required = world.instances[self.at].required;
        let row = server.believed(required, flaw).filter(|_| self.step == Step::Covered)?;
        Some(Self { step: Step::Told(row, Source::Server), ..self })
    }

    pub(crate) fn instance(self) -> usize {
        self.at
    }

    pub(crate) fn source(self) -> Option<Source> {
        match self.step {
            Step::Told(_, source) => Some(source),
            _ => None,
        }
    }

    pub(crate) fn is_too_old(self) -> bool {
        matches!(self.step, Step::Told(row, _) if row.version < self.answered)
    }
}
