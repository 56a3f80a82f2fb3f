use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use latchkey_domain::BootTime;
use latchkey_domain::ports::SteadyClock;
use latchkey_jwt::{ClaimPath, ForeignSession, ForeignSessions, JwtError, KeySet, Keys, Rules};
use latchkey_testkit::fakes::FakeClock;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example.com";
/// The fixtures' moment zero, in seconds.
pub(crate) const NOW: i64 = 1_774_366_200;

/// A clock that moves only when told, a day after the machine started.
#[derive(Debug)]
pub(crate) struct FakeSteadyClock(AtomicU64);

impl FakeSteadyClock {
    pub(crate) fn advance(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).expect("tests don't last that long");
        self.0.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Default for FakeSteadyClock {
    fn default() -> Self {
        Self(AtomicU64::new(86_400_000_000_000))
    }
}

impl SteadyClock for FakeSteadyClock {
    fn now(&self) -> BootTime {
        BootTime::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn rules() -> Rules {
    let path = |text| ClaimPath::parse(text).expect("a path");
    Rules {
        issuer: ISSUER.to_owned(),
        audience: "latchkey".to_owned(),
        owner: path("org.id"),
        actor: path("sub"),
    }
}

/// Where the owner is the subject.
pub(crate) fn rules_of_people() -> Rules {
    Rules { owner: ClaimPath::parse("sub").expect("a path"), ..rules() }
}

pub(crate) fn sessions(rules: Rules, keys: Keys) -> ForeignSessions {
    ForeignSessions::new(
        rules,
        keys,
        Arc::<FakeClock>::default(),
        Arc::<FakeSteadyClock>::default(),
    )
}

pub(crate) fn sessions_of(jwks: &str) -> ForeignSessions {
    sessions(rules(), Keys::Given(KeySet::of_jwks(jwks.as_bytes()).expect("a JWKS")))
}

/// What a good token says: ada acts for o1, for an hour.
pub(crate) fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "latchkey", "sub": "ada", "org": { "id": "o1" }, "exp": NOW + 3_600 })
}

/// The same with members replaced; null takes one away.
pub(crate) fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

pub(crate) async fn ask(
    sessions: &ForeignSessions,
    token: &str,
) -> Result<ForeignSession, JwtError> {
    sessions.authenticate(token.as_bytes()).await
}

#[track_caller]
pub(crate) fn expect_refused(answer: &Result<ForeignSession, JwtError>, what: &str) {
    assert!(matches!(answer, Err(JwtError::Refused(_))), "{what}: {answer:?}");
}
