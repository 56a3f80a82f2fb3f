//! The corner where verifications spend from a hand while its instance gives back, or while a new period begins: every
//! interleaving, and every stale value that the memory model lets them read.

use std::sync::Arc as Shared;
use std::sync::atomic::{AtomicUsize, Ordering as Tally};
use std::time::Duration;

use latchkey_domain::BootTime;
use latchkey_domain::ports::budgets::{Answer, Request, Share, Wanted};
use latchkey_verifier::slices::{Counter, Hand, Holding};
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

/// When the statements are sent and the verifications read the clock.
const NOW: BootTime = BootTime::from_nanos(1_000_000_000_000);
const LONG: Option<Duration> = Some(Duration::from_mins(1));
/// A period that is over when it is heard of.
const OVER: Option<Duration> = Some(Duration::ZERO);

/// A number with the orderings of the real one.
#[derive(Debug, Default)]
struct Ordered(AtomicU64);

impl Counter for Ordered {
    fn read(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn write(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    fn exchange(&self, known: u64, value: u64) -> bool {
        self.0.compare_exchange(known, value, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// A number that is written whatever it has become.
#[derive(Debug, Default)]
struct Overwritten(Ordered);

impl Counter for Overwritten {
    fn read(&self) -> u64 {
        self.0.read()
    }

    fn write(&self, value: u64) {
        self.0.write(value);
    }

    fn exchange(&self, known: u64, value: u64) -> bool {
        let is_known = self.read() == known;
        if is_known {
            self.write(value);
        }
        is_known
    }
}

fn answer(period: u64, granted: u64, rest: Option<Duration>) -> Answer {
    let share = Share { period, granted, returned: 0 };
    Answer { share, left: 0, amount: 0, rest, instances: 1 }
}

/// So many are enough to see a flaw.
const PREEMPTIONS: usize = 2;

fn model(preemptions: Option<usize>) -> Builder {
    let mut model = Builder::new();
    model.preemption_bound = preemptions;
    model
}

/// The most that was spent of two credits and given back, in any interleaving, where two verifications pay and the
/// instance lets go.
fn most_used<C: Counter + 'static>(preemptions: Option<usize>) -> usize {
    let most = Shared::new(AtomicUsize::new(0));
    let seen = Shared::clone(&most);
    model(preemptions).check(move || {
        let (hand, mut holding) = (Arc::new(Hand::<C>::default()), Holding::default());
        holding.answered(&hand, NOW, answer(0, 2, None));
        let verifications = [(); 2].map(|()| {
            let hand = Arc::clone(&hand);
            thread::spawn(move || usize::from(hand.spend(1, NOW).is_ok()))
        });
        holding.let_go(&hand, 0);
        let spent: usize = verifications.into_iter().map(|it| it.join().expect("no panic")).sum();
        let given_back = match holding.next(Wanted::default()) {
            Request::GiveBack { amount, .. } => usize::try_from(amount).expect("two"),
            Request::Take(_) => 0,
        };
        let held = usize::try_from(hand.held()).expect("two");
        seen.fetch_max(spent + given_back + held, Tally::Relaxed);
    });
    most.load(Tally::Relaxed)
}

#[test]
fn what_is_spent_is_not_given_back() {
    assert_eq!(most_used::<Ordered>(None), 2);
}

#[test]
fn a_hand_that_is_overwritten_is_found_out() {
    assert!(most_used::<Overwritten>(Some(PREEMPTIONS)) > 2);
}

/// How the instance takes in that a new period has begun, of which it gets one credit.
type Turn = fn(&mut Holding, &Hand<Ordered>);

fn turned(holding: &mut Holding, hand: &Hand<Ordered>) {
    holding.answered(hand, NOW, answer(2, 1, LONG));
}

/// The time of the hand is extended before what it holds is void.
fn extended_first(holding: &mut Holding, hand: &Hand<Ordered>) {
    holding.answered(hand, NOW, answer(1, 1, LONG));
    turned(holding, hand);
}

/// The most that verifications of the new period spend, where the hand holds one credit of the period before, another
/// one may be put back into it, and the new period has one.
fn most_spent_in_the_new_period(preemptions: Option<usize>, turn: Turn) -> usize {
    let most = Shared::new(AtomicUsize::new(0));
    let seen = Shared::clone(&most);
    model(preemptions).check(move || {
        let (hand, mut holding) = (Arc::new(Hand::default()), Holding::default());
        holding.answered(&hand, NOW, answer(1, 2, LONG));
        let refused = hand.spend(1, NOW).expect("it holds two");
        holding.answered(&hand, NOW, answer(1, 2, OVER));
        let refusal = {
            let hand = Arc::clone(&hand);
            thread::spawn(move || hand.put_back(refused))
        };
        let verification = {
            let hand = Arc::clone(&hand);
            thread::spawn(move || usize::from(hand.spend(1, NOW).is_ok()))
        };
        turn(&mut holding, &hand);
        let mut spent = verification.join().expect("no panic");
        refusal.join().expect("no panic");
        while hand.spend(1, NOW).is_ok() {
            spent += 1;
        }
        seen.fetch_max(spent, Tally::Relaxed);
    });
    most.load(Tally::Relaxed)
}

#[test]
fn what_is_left_of_a_period_is_not_spent_in_the_next() {
    assert_eq!(most_spent_in_the_new_period(None, turned), 1);
}

#[test]
fn a_time_that_is_extended_first_is_found_out() {
    assert!(most_spent_in_the_new_period(Some(PREEMPTIONS), extended_first) > 1);
}
