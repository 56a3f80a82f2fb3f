use latchkey_domain::Timestamp;
use latchkey_domain::ports::Clock;
use time::OffsetDateTime;

/// The machine's wall clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    fn now(&self) -> Timestamp {
        OffsetDateTime::now_utc().into()
    }
}
