use std::time::Duration;

use latchkey_domain::ports::budgets::{Answer, Request, Share};

use crate::flaw::Flaw;

/// Which registration of an instance a share belongs to.
pub(crate) type Registration = u8;

/// The one budget, as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    pub(crate) limit: u64,
    /// In this period.
    pub(crate) handed_out: u64,
    period: u64,
    /// Of the instances on the list.
    shares: Vec<Shared>,
    registrations: Registration,
    /// What a top-up has read: [`Flaw::TopUpOverwrites`].
    read: Option<u64>,
}

/// The share of an instance, and which of its holdings has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shared {
    registration: Registration,
    number: u8,
    share: Share,
}

/// What an instance asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Statement {
    pub(crate) registration: Registration,
    pub(crate) number: u8,
    pub(crate) request: Request,
    /// What a look before it found to be left, if it does not go by what is left now.
    pub(crate) looked: Option<u64>,
}

/// What the database's clock says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    pub(crate) period: u64,
    /// How long that still lasts; `None`: it has no end.
    pub(crate) rest: Option<Duration>,
}

impl Store {
    pub(crate) fn new(limit: u64) -> Self {
        let (shares, registrations) = (Vec::new(), 0);
        Self { limit, handed_out: 0, period: 0, shares, registrations, read: None }
    }

    pub(crate) fn register(&mut self) -> Registration {
        self.registrations += 1;
        let (registration, share) = (self.registrations, Share::default());
        self.shares.push(Shared { registration, number: 0, share });
        self.registrations
    }

    pub(crate) fn has_listed(&self, registration: Registration) -> bool {
        self.shares.iter().any(|it| it.registration == registration)
    }

    /// Takes an instance off the list. What its share had counts as spent.
    pub(crate) fn remove(&mut self, registration: Registration, flaw: Option<Flaw>) {
        let at = self.shares.iter().position(|it| it.registration == registration);
        let Shared { share, .. } = self.shares.remove(at.expect("it is listed"));
        if flaw == Some(Flaw::ClosedShareReturns) && share.period == self.period {
            self.handed_out -= share.granted - share.returned;
        }
    }

    /// The same share for an instance that comes back: [`Flaw::ShareSurvives`].
    pub(crate) fn rename(&mut self, registration: Registration) -> Registration {
        self.registrations += 1;
        let found = self.shares.iter_mut().find(|it| it.registration == registration);
        found.expect("it is listed").registration = self.registrations;
        self.registrations
    }

    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.handed_out)
    }

    /// Runs a statement.
    pub(crate) fn run(
        &mut self,
        statement: Statement,
        Time { period, rest }: Time,
        flaw: Option<Flaw>,
    ) -> Option<Answer> {
        let Statement { registration, number, request, looked } = statement;
        let period = self.period.max(period);
        if self.period != period {
            (self.period, self.handed_out) = (period, 0);
        }
        let left = looked.unwrap_or_else(|| self.left());
        let shared = self.shares.iter_mut().find(|it| it.registration == registration)?;
        if number < shared.number {
            return None;
        }
        if number > shared.number {
            shared.number = number;
            if flaw != Some(Flaw::ForgottenShareSurvives) {
                shared.share = Share::default();
            }
        }
        let share = &mut shared.share;
        if share.period != period {
            *share = Share { period, ..Share::default() };
        }
        match request {
            Request::Take(wanted) => {
                let granted = wanted.of(left, 1);
                self.handed_out += granted;
                share.granted += granted;
            }
            Request::GiveBack { amount, known } => {
                let counts = match flaw {
                    Some(Flaw::NoGuard) => true,
                    Some(Flaw::GuardByAmount) => share.granted - share.returned >= amount,
                    _ => (share.period, share.returned) == (known.period, known.returned),
                };
                if counts {
                    self.handed_out = self.handed_out.saturating_sub(amount);
                    share.returned += amount;
                }
            }
        }
        let share = *share;
        Some(Answer { share, left: self.left(), amount: self.limit, rest, instances: 1 })
    }

    /// Adds a credit. Says whether that is done.
    pub(crate) fn top_up(&mut self, flaw: Option<Flaw>) -> bool {
        if flaw == Some(Flaw::TopUpOverwrites) {
            let Some(read) = self.read.take() else {
                self.read = Some(self.handed_out);
                return false;
            };
            self.handed_out = read;
        }
        self.limit += 1;
        true
    }
}
