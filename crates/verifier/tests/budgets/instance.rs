use std::time::Duration;

use latchkey_domain::BootTime;
use latchkey_domain::ports::budgets::{Answer, Request, Share, Wanted};
use latchkey_verifier::slices::{Hand, Holding, Spent};

use crate::flaw::Flaw;
use crate::number::Number;
use crate::store::{Registration, Statement, Store, Time};

/// An instance that spends from memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Instance {
    pub(crate) hand: Hand<Number>,
    holding: Holding,
    pub(crate) registration: Registration,
    /// Which holding this is.
    number: u8,
    pub(crate) call: Option<Call>,
    /// Statements that nobody waits for any more, and that may yet run.
    pub(crate) late: Vec<Statement>,
    pub(crate) statements: u8,
    /// What a verification has taken that may yet be refused.
    pub(crate) charged: Option<Spent>,
    /// The share, and for how long from when the last answer let it spend, as the flaws need it.
    known: Share,
    window: (BootTime, Option<Duration>),
}

/// A statement that an answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    statement: Statement,
    sent: BootTime,
    pub(crate) stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Sent,
    /// It has run; the answer is on its way.
    Run(Option<Answer>),
}

impl Instance {
    pub(crate) fn new(registration: Registration) -> Self {
        Self {
            hand: Hand::default(),
            holding: Holding::default(),
            registration,
            number: 0,
            call: None,
            late: Vec::new(),
            statements: 0,
            charged: None,
            known: Share::default(),
            window: (BootTime::ZERO, None),
        }
    }

    pub(crate) fn send(&mut self, wanted: u64, now: BootTime) {
        let request = self.holding.next(Wanted { least: 1, needed: wanted, ahead: 0 });
        self.begin(request, now);
    }

    fn begin(&mut self, request: Request, sent: BootTime) {
        self.statements += 1;
        let Self { registration, number, .. } = *self;
        let statement = Statement { registration, number, request, looked: None };
        self.call = Some(Call { statement, sent, stage: Stage::Sent });
    }

    pub(crate) fn let_go(&mut self, now: BootTime, flaw: Option<Flaw>) {
        if flaw == Some(Flaw::GiveBackFirst) {
            let (amount, known) = (self.hand.held(), self.known);
            self.begin(Request::GiveBack { amount, known }, now);
        } else {
            self.holding.let_go(&self.hand, 0);
        }
    }

    /// The next step of the statement under way.
    pub(crate) fn run(&mut self, store: &mut Store, time: Time, flaw: Option<Flaw>) -> Option<()> {
        let Call { statement, stage, .. } = self.call.as_mut()?;
        let is_first = *stage == Stage::Sent && statement.looked.is_none();
        if is_first && flaw == Some(Flaw::LookFirst) && store.has_listed(statement.registration) {
            statement.looked = Some(store.left());
        } else if *stage == Stage::Sent {
            *stage = Stage::Run(store.run(*statement, time, flaw));
        } else {
            return None;
        }
        Some(())
    }

    pub(crate) fn run_late(&mut self, store: &mut Store, time: Time, flaw: Option<Flaw>) {
        if let Some(statement) = self.late.pop() {
            store.run(statement, time, flaw);
        }
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn lose(&mut self, flaw: Option<Flaw>) {
        let Some(Call { statement, sent, stage }) = self.call.take() else { return };
        match (statement.request, flaw) {
            (Request::Take(wanted), Some(Flaw::UnknownIsGranted)) => {
                self.pretend(sent, wanted.needed);
            }
            (Request::GiveBack { amount, .. }, Some(Flaw::UnknownIsKept)) => {
                self.known.returned += amount;
                self.pretend(sent, amount);
            }
            _ => {}
        }
        if stage == Stage::Sent {
            self.late.push(statement);
        }
    }

    /// Puts something in the hand that no answer has told of.
    pub(crate) fn pretend(&mut self, sent: BootTime, amount: u64) {
        self.known.granted += amount;
        let answer = told(self.known, None);
        self.holding.answered(&self.hand, sent, answer);
    }

    /// Says whether the instance has to register again.
    pub(crate) fn receive(&mut self, now: BootTime, flaw: Option<Flaw>) -> Option<bool> {
        let Call { statement, sent, stage: Stage::Run(answer) } = self.call.take()? else {
            return None;
        };
        let Statement { registration, request, .. } = statement;
        let Some(mut answer) = answer.filter(|_| registration == self.registration) else {
            return Some(registration == self.registration);
        };
        let held = self.hand.held();
        let begins = answer.share.period != self.known.period;
        let sent = if flaw == Some(Flaw::TimeFromReceipt) { now } else { sent };
        match flaw {
            Some(Flaw::AllIsNew) => self.holding.closed(),
            Some(Flaw::EndlessTime) => answer.rest = None,
            Some(Flaw::NoMargin) => answer.rest = answer.rest.map(|rest| rest * 11 / 9),
            Some(Flaw::GiveBackFirst) if matches!(request, Request::GiveBack { .. }) => {
                self.holding.let_go(&self.hand, 0);
            }
            _ => {}
        }
        self.holding.answered(&self.hand, sent, answer);
        if flaw == Some(Flaw::HandSurvives) && begins {
            let more = Share { granted: answer.share.granted + held, ..answer.share };
            self.holding.answered(&self.hand, sent, Answer { share: more, ..answer });
        }
        (self.known, self.window) = (answer.share, (sent, answer.rest));
        Some(false)
    }

    /// The instance is on the list again. It spends what it holds.
    pub(crate) fn come_back(&mut self, registration: Registration) {
        self.holding.closed();
        (self.registration, self.known) = (registration, Share::default());
    }

    /// No key has the budget any more, and then one has it again. A statement under way may yet run.
    pub(crate) fn forget(&mut self) {
        let sent = self.call.filter(|call| call.stage == Stage::Sent);
        let Self { registration, number, statements, .. } = *self;
        let mut late = std::mem::take(&mut self.late);
        late.extend(sent.map(|call| call.statement));
        *self = Self { late, statements, number: number + 1, ..Self::new(registration) };
    }

    /// The process ends, and another takes its place.
    pub(crate) fn start_again(&mut self, registration: Registration) {
        let (statements, late) = (self.statements, std::mem::take(&mut self.late));
        *self = Self { late, statements, ..Self::new(registration) };
    }

    /// What was charged is refused after all.
    pub(crate) fn refuse(&mut self, flaw: Option<Flaw>) -> Option<()> {
        let charged = self.charged.take()?;
        if flaw == Some(Flaw::PutBackBlindly) {
            let share = Share { granted: self.known.granted + 1, ..self.known };
            self.known = share;
            let (sent, rest) = self.window;
            self.holding.answered(&self.hand, sent, told(share, rest));
        } else {
            self.hand.put_back(charged);
        }
        Some(())
    }
}

/// What nobody has answered.
const fn told(share: Share, rest: Option<Duration>) -> Answer {
    Answer { share, left: 0, amount: 0, rest, instances: 1 }
}
