//! Another system that signs tokens: what it publishes, and what an attacker would send in its name.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};

/// A key that tokens are signed by, and its name.
#[derive(Debug)]
pub struct Issuer {
    kid: String,
    key: Pair,
}

#[derive(Debug)]
enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Issuer {
    /// An issuer with a new Ed25519 key.
    pub fn ed25519(kid: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("chance");
        let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
        Self { kid: kid.to_owned(), key: Pair::Ed25519(key) }
    }

    /// An issuer with a new key on the curve P-256.
    pub fn p256(kid: &str) -> Self {
        let (random, curve) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(curve, &random).expect("chance");
        let key = EcdsaKeyPair::from_pkcs8(curve, document.as_ref(), &random).expect("a key");
        Self { kid: kid.to_owned(), key: Pair::P256(key) }
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": self.algorithm(), "kid": self.kid })
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// A token with any header and claims, whatever these are.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let message = message(header, claims);
        let signature = match &self.key {
            Pair::Ed25519(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Pair::P256(key) => {
                let signed = key.sign(&SystemRandom::new(), message.as_bytes());
                signed.expect("chance").as_ref().to_vec()
            }
        };
        format!("{message}.{}", base64url(&signature))
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        let (kid, alg) = (&self.kid, self.algorithm());
        let part = |bytes: Option<&[u8]>| base64url(bytes.expect("as long as the curve says"));
        match &self.key {
            Pair::Ed25519(_) => json!({
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": alg, "kid": kid,
                "x": base64url(self.public()),
            }),
            Pair::P256(_) => json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": alg, "kid": kid,
                "x": part(self.public().get(1..33)), "y": part(self.public().get(33..65)),
            }),
        }
    }

    /// The public key as its signatures are checked by.
    pub fn public(&self) -> &[u8] {
        match &self.key {
            Pair::Ed25519(key) => key.public_key().as_ref(),
            Pair::P256(key) => key.public_key().as_ref(),
        }
    }

    const fn algorithm(&self) -> &'static str {
        match &self.key {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
        }
    }
}

/// What an issuer of these keys publishes.
#[expect(single_use_lifetimes, reason = "an impl can't leave it out")]
pub fn jwks<'a>(issuers: impl IntoIterator<Item = &'a Issuer>) -> String {
    let keys: Vec<Value> = issuers.into_iter().map(Issuer::jwk).collect();
    json!({ "keys": keys }).to_string()
}

/// A token by HS256.
pub fn sign_by_secret(secret: &[u8], header: &str, claims: &str) -> String {
    let message = message(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", base64url(signature.as_ref()))
}

/// A token without a signature.
pub fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.", message(header, claims))
}

fn message(header: &str, claims: &str) -> String {
    format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()))
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
