use latchkey_domain::{OwnerId, Timestamp};
use serde_json::{Map, Value};

use crate::ForeignSession;
use crate::rules::Rules;

/// How far the clocks of the issuer and this machine may be apart.
const LEEWAY_SECONDS: i128 = 60;
/// The most characters of an address (RFC 5321).
const MAX_EMAIL: usize = 254;

/// Whose session the claims are at `now`, or what is wrong with them.
pub(crate) fn session(
    claims: &Map<String, Value>,
    rules: &Rules,
    now: Timestamp,
) -> Result<ForeignSession, &'static str> {
    if claims.get("iss").and_then(Value::as_str) != Some(&rules.issuer) {
        return Err("another issuer");
    }
    if !is_meant_for(claims.get("aud"), &rules.audience) {
        return Err("another audience");
    }
    let end = claims.get("exp").and_then(millis).ok_or("exp is missing or no number")?;
    let begin = claims.get("nbf").map(|at| millis(at).ok_or("nbf is no number")).transpose()?;
    let (now, leeway) = (i128::from(now.unix_millis()), LEEWAY_SECONDS * 1_000);
    if now >= end.saturating_add(leeway) {
        return Err("expired");
    }
    if begin.is_some_and(|begin| now < begin.saturating_sub(leeway)) {
        return Err("not valid yet");
    }
    let who = |path: &crate::ClaimPath| OwnerId::parse(path.text_in(claims)?).ok();
    Ok(ForeignSession {
        owner: who(&rules.owner).ok_or("the owner's claim is no owner")?,
        actor: who(&rules.actor).ok_or("the actor's claim is no actor")?,
        email: email(claims),
    })
}

fn is_meant_for(aud: Option<&Value>, audience: &str) -> bool {
    match aud {
        Some(Value::String(only)) => only == audience,
        Some(Value::Array(several)) => {
            several.iter().all(Value::is_string) && several.iter().any(|it| it == audience)
        }
        _ => false,
    }
}

/// A `NumericDate`: seconds since 1970, which may have a fraction (RFC 7519, section 2).
fn millis(at: &Value) -> Option<i128> {
    let Value::Number(at) = at else { return None };
    let whole = at.as_i64().map(i128::from).or_else(|| at.as_u64().map(i128::from));
    whole.map(|seconds| seconds * 1_000).or_else(|| at.as_f64().map(millis_of_float))
}

/// What is too great for an `i128` becomes its end: the comparison comes out the same.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "it saturates")]
const fn millis_of_float(seconds: f64) -> i128 {
    (seconds * 1_000.0) as i128
}

/// For people to see, and for nothing else: another text is as good as none.
fn email(claims: &Map<String, Value>) -> Option<String> {
    let email = claims.get("email")?.as_str()?;
    let fits = !email.is_empty() && email.chars().count() <= MAX_EMAIL;
    (fits && !email.chars().any(char::is_control)).then(|| email.to_owned())
}
