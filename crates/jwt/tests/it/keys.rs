use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey_jwt::{JwtError, KeySet, KeySetError, Keys, SecretTooShort};
use latchkey_testkit::issuer::{Issuer, jwks};
use serde_json::{Value, json};

use crate::vectors::{
    EDDSA, EDDSA_KEY, ES256, ES256_KEY, HS256, HS256_SECRET, PYJWT_MODULUS, PYJWT_PEM, PYJWT_PS256,
    PYJWT_RS256, PYJWT_RS384, RS256, RS256_KEY,
};
use crate::world::{ask, claims, expect_refused, rules_of_people, sessions, sessions_of};

/// Why a token is refused that is good but for its claims: after the signature was believed.
const OF_CLAIMS: [&str; 2] = ["another issuer", "the claims are no JSON object"];

#[tokio::test]
async fn the_signatures_of_the_rfcs_are_believed_and_changed_ones_are_not() {
    let secret = URL_SAFE_NO_PAD.decode(HS256_SECRET).expect("base64url");
    let of_jwks = |text: &str| KeySet::of_jwks(text.as_bytes()).expect("a JWKS");
    for (token, keys) in [
        (HS256, KeySet::of_secret(&secret).expect("64 bytes")),
        (RS256, of_jwks(RS256_KEY)),
        (ES256, of_jwks(ES256_KEY)),
        (EDDSA, of_jwks(EDDSA_KEY)),
    ] {
        let sessions = sessions(rules_of_people(), Keys::Given(keys));
        let answer = ask(&sessions, token).await;
        let is_believed = |answer: &Result<_, JwtError>| matches!(answer, Err(JwtError::Refused(why)) if OF_CLAIMS.contains(why));
        assert!(is_believed(&answer), "{token}: {answer:?}");
        for at in 0..token.len() {
            let mut changed = token.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let answer = sessions.authenticate(&changed).await;
            assert!(!is_believed(&answer), "{token} changed at {at}");
            expect_refused(&answer, token);
        }
    }
}

#[tokio::test]
async fn rsa_keys_are_read_from_pem_and_from_a_jwks_and_check_both_of_their_algorithms() {
    let jwks = json!({ "keys": [{ "kty": "RSA", "n": PYJWT_MODULUS, "e": "AQAB" }] }).to_string();
    for text in [PYJWT_PEM, &jwks] {
        let keys = KeySet::of_file(text.as_bytes()).expect("a file of keys");
        let sessions = sessions(rules_of_people(), Keys::Given(keys));
        for token in [PYJWT_RS256, PYJWT_PS256] {
            let session = ask(&sessions, token).await.expect("a session");
            assert_eq!((session.owner.as_str(), session.actor.as_str()), ("ada", "ada"));
        }
        expect_refused(&ask(&sessions, PYJWT_RS384).await, "RS384");
    }
}

#[tokio::test]
async fn a_key_is_used_only_as_its_issuer_says() {
    let issuer = Issuer::p256("a");
    let token = issuer.token(&claims());
    let with = |name: &str, value: Value| {
        let mut jwk = issuer.jwk();
        jwk[name] = value;
        json!({ "keys": [jwk] }).to_string()
    };
    for (name, value) in [
        ("use", json!("sig")),
        ("key_ops", json!(["verify"])),
        ("alg", json!("ES256")),
        ("x5t", json!("of no interest")),
    ] {
        let answer = ask(&sessions_of(&with(name, value.clone())), &token).await;
        assert!(answer.is_ok(), "{name} {value}: {answer:?}");
    }
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!(1)),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!("verify")),
        ("alg", json!("ES384")),
        ("alg", json!("RS256")),
        ("alg", json!(null)),
        ("kty", json!("OKP")),
        ("crv", json!("P-384")),
        ("kid", json!("b")),
        ("kid", json!(1)),
        ("x", json!("AAAA")),
    ] {
        let answer = ask(&sessions_of(&with(name, value.clone())), &token).await;
        expect_refused(&answer, &format!("{name} {value}"));
    }
}

#[tokio::test]
async fn an_algorithm_that_the_key_names_excludes_the_other_one_of_its_type() {
    let jwk = json!({ "kty": "RSA", "n": PYJWT_MODULUS, "e": "AQAB", "alg": "PS256" });
    let keys = KeySet::of_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).expect("a JWKS");
    let sessions = sessions(rules_of_people(), Keys::Given(keys));
    ask(&sessions, PYJWT_PS256).await.expect("the key's own algorithm");
    expect_refused(&ask(&sessions, PYJWT_RS256).await, "the other one");
}

#[tokio::test]
async fn a_token_without_a_kid_is_tried_against_every_key_of_its_type() {
    let issuers = [Issuer::p256("a"), Issuer::ed25519("b"), Issuer::p256("c")];
    let sessions = sessions_of(&jwks(&issuers));
    for issuer in &issuers {
        let mut header = issuer.header();
        header.as_object_mut().expect("an object").remove("kid");
        let token = issuer.sign(&header.to_string(), &claims().to_string());
        ask(&sessions, &token).await.expect("a session");
    }
}

#[test]
fn files_that_hold_no_public_keys_are_refused() {
    let of_file = |text: &str| KeySet::of_file(text.as_bytes()).map(|set| set.len());
    assert_eq!(of_file(&format!("{PYJWT_PEM}{PYJWT_PEM}")), Ok(2));
    let private = PYJWT_PEM.replace("PUBLIC KEY", "PRIVATE KEY");
    let unknown = PYJWT_PEM.replace("PUBLIC KEY", "RSA PUBLIC KEY");
    for text in [private.clone(), unknown.clone(), format!("{PYJWT_PEM}{private}")] {
        assert_eq!(of_file(&text), Err(KeySetError::NoPublicKey), "{text}");
    }
    assert_eq!(of_file(&format!("{PYJWT_PEM}{unknown}")), Err(KeySetError::NoPublicKey));
    for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[1]}", "{\"keys\":[],\"keys\":[]}"] {
        assert_eq!(of_file(text), Err(KeySetError::Unreadable), "{text}");
    }
    assert_eq!(of_file("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}"), Ok(0));
    let many = json!({ "keys": vec![json!({}); 101] }).to_string();
    assert_eq!(of_file(&many), Err(KeySetError::TooMany));
}

#[test]
fn short_rsa_keys_and_short_secrets_are_refused() {
    let of_bits = |bytes: Vec<u8>| {
        let jwk = json!({ "kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(bytes) });
        KeySet::of_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).expect("a JWKS").len()
    };
    assert_eq!(of_bits(vec![0x80; 256]), 1);
    assert_eq!(of_bits([vec![0], vec![0x80; 256]].concat()), 1, "a leading zero means nothing");
    for short in [vec![0x7f; 256], vec![0xff; 255], vec![0; 256], vec![0xff; 1025], vec![]] {
        assert_eq!(of_bits(short), 0);
    }
    assert_eq!(KeySet::of_secret(&[7; 31]).map(drop), Err(SecretTooShort));
    assert!(KeySet::of_secret(&[7; 32]).is_ok());
}
