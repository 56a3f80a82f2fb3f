use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::json;

/// The most bytes of a token.
const MAX_BYTES: usize = 8 * 1024;
/// What a header must not have: keys that the token brings along itself, and conditions that are not
/// understood (RFC 7515, section 4.1).
const REFUSED: [&str; 5] = ["crit", "jku", "jwk", "x5c", "x5u"];

/// Whether a text claims to be a JWT: three parts between two dots. No other credential of Latchkey has
/// a dot.
pub fn looks_like_jwt(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'.').count() == 3
}

/// A token that was taken apart. Nothing in it has been proved.
pub(crate) struct Token<'a> {
    /// All of it.
    pub(crate) text: &'a [u8],
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    /// What was signed.
    pub(crate) message: &'a [u8],
    pub(crate) signature: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Token<'a> {
    /// Takes a token of the compact form (RFC 7515, section 3.1) apart, or says what is wrong with it.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("the token is longer than 8 KiB");
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("the token has not three parts");
        };
        let message = text.get(..header.len() + 1 + payload.len()).unwrap_or_default();
        let header = read(header).ok_or("the header is no JSON object in base64url")?;
        if REFUSED.iter().any(|name| header.contains_key(*name)) {
            return Err("the header has a member that is refused");
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err("the kid is no text"),
        };
        let signature = URL_SAFE_NO_PAD.decode(signature);
        Ok(Self {
            text,
            algorithm: algorithm.ok_or("the algorithm is not known")?,
            kid,
            message,
            signature: signature.map_err(|_no_base64| "the signature is no base64url")?,
            payload,
        })
    }

    /// The claims. They mean something only once the signature is proved.
    pub(crate) fn claims(&self) -> Option<Map<String, Value>> {
        read(self.payload)
    }
}

fn read(part: &[u8]) -> Option<Map<String, Value>> {
    json::object(&URL_SAFE_NO_PAD.decode(part).ok()?)
}
