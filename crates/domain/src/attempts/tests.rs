use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

/// A clock that moves only when told.
#[derive(Debug, Default)]
struct StandingClock(AtomicU64);

impl StandingClock {
    fn advance(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).expect("not so long");
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl SteadyClock for StandingClock {
    fn now(&self) -> BootTime {
        BootTime::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

fn attempts(limit: u32) -> (Attempts, Arc<StandingClock>) {
    let clock = Arc::new(StandingClock::default());
    (Attempts::new(limit, Arc::<StandingClock>::clone(&clock)), clock)
}

#[test]
fn attempts_of_a_name_are_bounded_for_a_minute_from_the_first() {
    let (attempts, clock) = attempts(2);
    assert!(attempts.begin("ada").is_ok());
    clock.advance(Duration::from_secs(20));
    assert!(attempts.begin("ada").is_ok());
    assert_eq!(attempts.begin("ada").err(), Some(NotNow::TooMany(Duration::from_secs(40))));
    assert!(attempts.begin("bob").is_ok());
    clock.advance(Duration::from_secs(40));
    assert!(attempts.begin("ada").is_ok());
}

#[test]
fn what_is_forgiven_does_not_count_and_takes_no_room() {
    let (attempts, _clock) = attempts(1);
    for name in 0..10 {
        for _again in 0..3 {
            let attempt = attempts.begin(name).expect("let through");
            attempts.forgive(&attempt);
        }
    }
    assert!(attempts.generations().young.is_empty());
}

#[test]
fn a_name_is_forgiven_only_in_the_minute_of_its_attempt() {
    let (attempts, clock) = attempts(1);
    let late = attempts.begin("ada").expect("let through");
    clock.advance(WINDOW);
    assert!(attempts.begin("ada").is_ok());
    attempts.forgive(&late);
    assert!(attempts.begin("ada").is_err());
}

#[test]
fn new_names_find_no_room_where_too_many_are_counted_and_counted_ones_go_on() {
    let (attempts, clock) = attempts(2);
    let attempts = Attempts { most_names: 3, ..attempts };
    for name in ["a", "b", "c"] {
        assert!(attempts.begin(name).is_ok());
    }
    clock.advance(Duration::from_secs(45));
    assert_eq!(attempts.begin("d").err(), Some(NotNow::NoRoom(Duration::from_secs(15))));
    assert!(attempts.begin("a").is_ok());
    assert!(attempts.begin("a").is_err());
    clock.advance(Duration::from_secs(15));
    assert!(attempts.begin("d").is_ok());
}

#[test]
fn however_many_names_come_only_two_generations_are_kept() {
    let (attempts, clock) = attempts(1);
    let attempts = Attempts { most_names: 100, ..attempts };
    for name in 0..10_000 {
        drop(attempts.begin(name));
        clock.advance(Duration::from_millis(500));
        let Generations { young, old, .. } = &*attempts.generations();
        assert!(young.len() <= 100 && old.len() <= 100);
    }
}

/// The windows that there are, without generations and without a bound.
#[derive(Default)]
struct Plain(HashMap<u64, (Duration, u32)>);

impl Plain {
    fn begin(&mut self, name: u64, now: Duration, limit: u32) -> Result<Duration, Duration> {
        let window = self.0.entry(name).or_insert((now, 0));
        if now.saturating_sub(window.0) >= WINDOW || window.1 == 0 {
            *window = (now, 0);
        }
        if window.1 >= limit {
            return Err((window.0 + WINDOW).saturating_sub(now));
        }
        window.1 += 1;
        Ok(window.0)
    }

    fn forgive(&mut self, name: u64, began: Duration) {
        if let Some(window) = self.0.get_mut(&name).filter(|window| window.0 == began) {
            window.1 -= 1;
        }
    }
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Begin(u64),
    Forgive,
    Wait(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let nanos =
        prop_oneof![Just(1), 0..5_000_000_000_u64, Just(20_000_000_000), Just(60_000_000_000)];
    prop_oneof![
        6 => (0..5_u64).prop_map(Step::Begin),
        1 => Just(Step::Forgive),
        3 => nanos.prop_map(|nanos| Step::Wait(Duration::from_nanos(nanos))),
    ]
}

proptest! {
    #[test]
    fn any_attempts_agree_with_a_plain_model(steps in prop::collection::vec(step(), 0..400)) {
        let (attempts, clock) = attempts(3);
        let (mut plain, mut begun) = (Plain::default(), Vec::new());
        for step in steps {
            let now = Duration::from_nanos(clock.now().nanos());
            match step {
                Step::Begin(name) => match (attempts.begin(name), plain.begin(name, now, 3)) {
                    (Ok(attempt), Ok(began)) => begun.push((attempt, name, began)),
                    (got, want) => prop_assert_eq!(got.err().map(NotNow::retry_after), want.err()),
                },
                Step::Forgive => {
                    if let Some((attempt, name, began)) = begun.pop() {
                        attempts.forgive(&attempt);
                        plain.forgive(name, began);
                    }
                }
                Step::Wait(span) => clock.advance(span),
            }
        }
    }
}
