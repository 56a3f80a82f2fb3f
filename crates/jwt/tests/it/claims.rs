use std::sync::Arc;
use std::time::Duration;

use latchkey_jwt::{ForeignSession, ForeignSessions, JwtError, KeySet, Keys};
use latchkey_testkit::fakes::FakeClock;
use latchkey_testkit::issuer::{Issuer, jwks};
use serde_json::{Value, json};

use crate::world::{
    FakeSteadyClock, NOW, ask, claims, claims_with, expect_refused, rules, sessions_of,
};

struct World {
    issuer: Issuer,
    sessions: ForeignSessions,
}

impl World {
    fn new() -> Self {
        let issuer = Issuer::ed25519("a");
        let sessions = sessions_of(&jwks([&issuer]));
        Self { issuer, sessions }
    }

    async fn ask(&self, changes: Value) -> Result<ForeignSession, JwtError> {
        ask(&self.sessions, &self.issuer.token(&claims_with(&changes))).await
    }
}

#[tokio::test]
async fn the_claims_say_whose_session_it_is() {
    let world = World::new();
    let session = world.ask(json!({ "email": "ada@example.com" })).await.expect("a session");
    assert_eq!((session.owner.as_str(), session.actor.as_str()), ("o1", "ada"));
    assert_eq!(session.email.as_deref(), Some("ada@example.com"));
}

#[tokio::test]
async fn only_the_exact_issuer_counts() {
    let world = World::new();
    for iss in [
        json!(null),
        json!(""),
        json!("https://id.example.com/"),
        json!("https://ID.example.com"),
        json!("https://id.example.com.evil.example"),
        json!(["https://id.example.com"]),
        json!(1),
    ] {
        expect_refused(&world.ask(json!({ "iss": iss })).await, &iss.to_string());
    }
}

#[tokio::test]
async fn the_audience_is_the_text_or_one_of_the_texts() {
    let world = World::new();
    for aud in [json!("latchkey"), json!(["latchkey"]), json!(["other", "latchkey"])] {
        assert!(world.ask(json!({ "aud": aud })).await.is_ok(), "{aud}");
    }
    for aud in [
        json!(null),
        json!(""),
        json!("other"),
        json!("latchkey "),
        json!("Latchkey"),
        json!([]),
        json!(["other"]),
        json!(["latchkey", 1]),
        json!([["latchkey"]]),
        json!({ "latchkey": true }),
        json!(true),
    ] {
        expect_refused(&world.ask(json!({ "aud": aud })).await, &aud.to_string());
    }
}

#[tokio::test]
async fn a_token_ends_a_minute_after_exp_and_begins_a_minute_before_nbf() {
    let world = World::new();
    // The clock stands 123 ms after a full second.
    for exp in [json!(NOW - 59), json!(NOW - 59 + 86_400 * 36_500), json!(1e300), json!(u64::MAX)] {
        assert!(world.ask(json!({ "exp": exp })).await.is_ok(), "{exp}");
    }
    assert!(world.ask(json!({ "exp": 1_774_366_140.124 })).await.is_ok(), "1 ms before");
    for exp in [
        json!(NOW - 60),
        json!(1_774_366_140.123),
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(-1e300),
        json!(null),
        json!("1999999999"),
        json!([1_999_999_999]),
        json!(true),
        json!({}),
    ] {
        expect_refused(&world.ask(json!({ "exp": exp })).await, &exp.to_string());
    }
    for nbf in [json!(NOW + 60), json!(0), json!(-1), json!(i64::MIN), json!(-1e300), json!(1.5)] {
        assert!(world.ask(json!({ "nbf": nbf })).await.is_ok(), "{nbf}");
    }
    for nbf in [
        json!(NOW + 61),
        json!(NOW + 86_400 * 365_000),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!("0"),
        json!(false),
        json!([]),
    ] {
        expect_refused(&world.ask(json!({ "nbf": nbf })).await, &nbf.to_string());
    }
}

#[tokio::test]
async fn a_token_that_was_a_session_is_none_once_it_has_ended() {
    let (issuer, clock) = (Issuer::p256("a"), Arc::<FakeClock>::default());
    let keys = KeySet::of_jwks(jwks([&issuer]).as_bytes()).expect("a JWKS");
    let sessions = ForeignSessions::new(
        rules(),
        Keys::Given(keys),
        Arc::<FakeClock>::clone(&clock),
        Arc::<FakeSteadyClock>::default(),
    );
    let token = issuer.token(&claims());
    for _ in 0..2 {
        ask(&sessions, &token).await.expect("a session");
    }
    clock.advance(Duration::from_mins(61));
    expect_refused(&ask(&sessions, &token).await, "the same token");
}

#[tokio::test]
async fn a_time_that_is_null_or_too_great_to_read_is_refused() {
    let world = World::new();
    let header = world.issuer.header().to_string();
    let claims = claims_with(&json!({ "exp": null })).to_string();
    for exp in ["null", "1e999", "-1e999", "NaN", "Infinity", "0x7fffffff", "1_999_999_999"] {
        let claims = claims.replacen('{', &format!("{{\"exp\":{exp},"), 1);
        expect_refused(&ask(&world.sessions, &world.issuer.sign(&header, &claims)).await, exp);
    }
}

#[tokio::test]
async fn owner_and_actor_are_1_to_255_visible_ascii_characters() {
    let world = World::new();
    for id in ["o", "auth0|5f7c8ec7c33c6c004bbafe82", "operator", "token:x", &"x".repeat(255)] {
        let owner = world.ask(json!({ "org": { "id": id } })).await.expect("a session").owner;
        assert_eq!(owner.as_str(), id);
        let actor = world.ask(json!({ "sub": id })).await.expect("a session").actor;
        assert_eq!(actor.as_str(), id);
    }
    for bad in [
        json!(""),
        json!("x".repeat(256)),
        json!("a b"),
        json!("ad\u{e1}"),
        json!("\u{ff41}da"),
        json!("ada\n"),
        json!("ada\u{0}"),
        json!("\u{202e}ada"),
        json!("ada\u{200b}"),
        json!(1),
        json!(["ada"]),
        json!({ "id": "ada" }),
        json!(true),
        json!(null),
    ] {
        let what = bad.to_string();
        expect_refused(&world.ask(json!({ "org": { "id": bad } })).await, &what);
        expect_refused(&world.ask(json!({ "sub": bad })).await, &what);
    }
    for org in [json!("o1"), json!([{ "id": "o1" }]), json!({}), json!(null)] {
        expect_refused(&world.ask(json!({ "org": org })).await, &org.to_string());
    }
}

#[tokio::test]
async fn an_address_is_shown_or_it_is_none() {
    let world = World::new();
    for email in [json!(1), json!(""), json!("x".repeat(255)), json!("a\n@b"), json!(["a@b"])] {
        let session = world.ask(json!({ "email": email })).await.expect("a session");
        assert_eq!(session.email, None, "{email}");
    }
}
