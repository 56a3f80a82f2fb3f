use latchkey_jwt::{KeySet, Keys};
use latchkey_testkit::issuer::{Issuer, jwks, sign_by_secret, unsigned};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::vectors::PYJWT_PEM;
use crate::world::{ask, claims, expect_refused, rules, sessions, sessions_of};

const SECRET: &[u8] = b"a secret that two services share, of 32 bytes or more";

fn by_secret() -> latchkey_jwt::ForeignSessions {
    sessions(rules(), Keys::Given(KeySet::of_secret(SECRET).expect("long enough")))
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    let issuer = Issuer::ed25519("a");
    for sessions in [sessions_of(&jwks([&issuer])), by_secret()] {
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let header = json!({ "alg": alg, "kid": "a" }).to_string();
            expect_refused(&ask(&sessions, &unsigned(&header, &claims().to_string())).await, alg);
        }
        for alg in ["HS256", "RS256", "PS256", "ES256", "EdDSA"] {
            let header = json!({ "alg": alg, "kid": "a" }).to_string();
            expect_refused(&ask(&sessions, &unsigned(&header, &claims().to_string())).await, alg);
        }
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let issuer = Issuer::p256("a");
    let header = json!({ "alg": "HS256", "kid": "a" }).to_string();
    let texts = [issuer.public().to_vec(), issuer.jwk().to_string().into(), jwks([&issuer]).into()];
    for secret in texts {
        let token = sign_by_secret(&secret, &header, &claims().to_string());
        expect_refused(&ask(&sessions_of(&jwks([&issuer])), &token).await, "HS256 by a public key");
    }
    let keys = KeySet::of_file(PYJWT_PEM.as_bytes()).expect("a file of keys");
    let token = sign_by_secret(PYJWT_PEM.as_bytes(), &header, &claims().to_string());
    expect_refused(&ask(&sessions(rules(), Keys::Given(keys)), &token).await, "HS256 by PEM");
}

#[tokio::test]
async fn a_secret_in_a_jwks_signs_nothing() {
    let jwk =
        json!({ "kty": "oct", "kid": "a", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });
    let issuer = Issuer::ed25519("b");
    let sessions = sessions_of(&json!({ "keys": [jwk, issuer.jwk()] }).to_string());
    let header = json!({ "alg": "HS256", "kid": "a" }).to_string();
    let token = sign_by_secret(&[0; 32], &header, &claims().to_string());
    expect_refused(&ask(&sessions, &token).await, "a secret of the JWKS");
}

#[tokio::test]
async fn an_algorithm_works_with_keys_of_its_own_type_alone() {
    let issuers = [Issuer::p256("a"), Issuer::ed25519("b")];
    let sessions = sessions_of(&jwks(&issuers));
    for issuer in &issuers {
        ask(&sessions, &issuer.token(&claims())).await.expect("a session");
        for alg in
            ["HS256", "RS256", "PS256", "ES256", "EdDSA", "ES384", "Ed25519", "es256", "HS512"]
        {
            let mut header = issuer.header();
            if header["alg"] == alg {
                continue;
            }
            header["alg"] = alg.into();
            let token = issuer.sign(&header.to_string(), &claims().to_string());
            expect_refused(&ask(&sessions, &token).await, alg);
        }
    }
    let header = r#"{"alg":"HS256"}"#;
    ask(&by_secret(), &sign_by_secret(SECRET, header, &claims().to_string()))
        .await
        .expect("a session");
    let token = issuers[0].token(&claims());
    expect_refused(&ask(&by_secret(), &token).await, "ES256 where there is a secret");
}

#[tokio::test]
async fn a_token_brings_no_key_and_no_condition_along() {
    let (issuer, mallory) = (Issuer::ed25519("a"), Issuer::ed25519("a"));
    let sessions = sessions_of(&jwks([&issuer]));
    for (name, value) in [
        ("jwk", mallory.jwk()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/certificate")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("jwk", Value::Null),
    ] {
        for signer in [&issuer, &mallory] {
            let mut header = signer.header();
            header[name] = value.clone();
            let token = signer.sign(&header.to_string(), &claims().to_string());
            expect_refused(&ask(&sessions, &token).await, &format!("{name}: {value}"));
        }
    }
}

#[tokio::test]
async fn another_issuers_key_of_the_same_name_is_another_key() {
    let (issuer, mallory) = (Issuer::ed25519("a"), Issuer::ed25519("a"));
    let sessions = sessions_of(&jwks([&issuer]));
    expect_refused(&ask(&sessions, &mallory.token(&claims())).await, "the same kid");
    let mut header = mallory.header();
    header.as_object_mut().expect("an object").remove("kid");
    let token = mallory.sign(&header.to_string(), &claims().to_string());
    expect_refused(&ask(&sessions, &token).await, "no kid");
}

#[tokio::test]
async fn a_kid_that_is_no_text_or_no_keys_is_refused() {
    let issuer = Issuer::ed25519("a");
    let sessions = sessions_of(&jwks([&issuer]));
    for kid in
        [json!(1), json!(null), json!(["a"]), json!("b"), json!(""), json!("../a"), json!("A")]
    {
        let mut header = issuer.header();
        header["kid"] = kid.clone();
        let token = issuer.sign(&header.to_string(), &claims().to_string());
        expect_refused(&ask(&sessions, &token).await, &kid.to_string());
    }
}

#[tokio::test]
async fn a_token_has_8192_bytes_at_most() {
    let issuer = Issuer::ed25519("a");
    let sessions = sessions_of(&jwks([&issuer]));
    let padded = |by: usize| {
        let mut claims = claims();
        claims["pad"] = "x".repeat(by).into();
        issuer.token(&claims)
    };
    let longest = (0..8_192).rev().map(padded).find(|token| token.len() <= 8_192);
    ask(&sessions, &longest.expect("an empty one fits")).await.expect("a session");
    let shortest = (0..8_192).map(padded).find(|token| token.len() > 8_192);
    expect_refused(&ask(&sessions, &shortest.expect("a full one does not")).await, "8193 bytes");
}

#[tokio::test]
async fn members_that_occur_twice_and_deep_nesting_are_refused_though_they_are_signed() {
    let issuer = Issuer::ed25519("a");
    let sessions = sessions_of(&jwks([&issuer]));
    let (header, claims) = (issuer.header().to_string(), claims().to_string());
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let deep = format!("\"pad\":{}{}", "[".repeat(16), "]".repeat(16));
    for (header, claims) in [
        (twice(&header, "\"alg\":\"none\""), claims.clone()),
        (twice(&header, "\"kid\":\"a\""), claims.clone()),
        (header.clone(), twice(&claims, "\"sub\":\"root\"")),
        (header.clone(), twice(&claims, "\"s\\u0075b\":\"root\"")),
        (header.clone(), claims.replacen("\"id\":", "\"id\":\"o2\",\"id\":", 1)),
        (header.clone(), twice(&claims, &deep)),
        (twice(&header, &deep), claims.clone()),
        (header.clone(), format!("{claims}{claims}")),
        (header.clone(), format!("[{claims}]")),
        (header.clone(), "null".to_owned()),
        (header.clone(), String::new()),
    ] {
        let token = issuer.sign(&header, &claims);
        expect_refused(&ask(&sessions, &token).await, &format!("{header} {claims}"));
    }
}

#[tokio::test]
async fn what_has_not_the_form_of_a_token_is_refused() {
    let issuer = Issuer::ed25519("a");
    let sessions = sessions_of(&jwks([&issuer]));
    let good = issuer.token(&claims());
    ask(&sessions, &good).await.expect("a session");
    let cut = good.rsplit_once('.').expect("three parts").0;
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        cut.to_owned(),
        format!("{cut}."),
        format!("{good}."),
        format!("{good}.{good}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}="),
        format!("{good}\n"),
        good.replace('.', ".."),
        good.to_ascii_uppercase(),
    ] {
        expect_refused(&ask(&sessions, &bad).await, &bad);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_are_a_session_by_chance(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let answer = runtime.block_on(by_secret().authenticate(&bytes));
        prop_assert!(answer.is_err());
    }

    #[test]
    fn a_changed_byte_ends_a_session(at in 0_usize..400, byte in any::<u8>()) {
        let token = sign_by_secret(SECRET, r#"{"alg":"HS256"}"#, &claims().to_string());
        let mut changed = token.into_bytes();
        let at = at % changed.len();
        prop_assume!(changed[at] != byte);
        changed[at] = byte;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        prop_assert!(runtime.block_on(by_secret().authenticate(&changed)).is_err());
    }
}
