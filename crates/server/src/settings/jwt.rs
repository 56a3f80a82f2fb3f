//! Sessions of another system: who issues their tokens, and by which keys.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use latchkey_http::Origin;
use latchkey_jwt::{ClaimPath, KeySet, Rules};
use url::Url;

use super::values::Bad;
use super::{Problems, RawSettings};

pub(super) const SECRET: &str = "LATCHKEY_JWT_SECRET";
const ISSUER: &str = "LATCHKEY_JWT_ISSUER";
const AUDIENCE: &str = "LATCHKEY_JWT_AUDIENCE";
const KEYS: &str = "LATCHKEY_JWT_KEYS";
const OWNER_CLAIM: &str = "LATCHKEY_JWT_OWNER_CLAIM";
const ACTOR_CLAIM: &str = "LATCHKEY_JWT_ACTOR_CLAIM";
const DEFAULT_CLAIM: &str = "sub";

/// Which JWTs are sessions here.
#[derive(Debug, Clone)]
pub(crate) struct JwtSettings {
    pub(crate) rules: Rules,
    pub(crate) keys: JwtKeys,
}

/// Where the keys of the issuer come from.
#[derive(Debug, Clone)]
pub(crate) enum JwtKeys {
    Secret(KeySet),
    File(PathBuf, KeySet),
    Address(Url),
}

impl RawSettings {
    #[expect(clippy::option_option, reason = "outside: was it good; inside: was it given")]
    pub(super) fn jwt(&self, problems: &mut Problems) -> Option<Option<JwtSettings>> {
        let secret = self.secret(SECRET, problems)?;
        let keys = match (&self.jwt_keys, secret) {
            (None, None) => return self.nothing_without_keys(problems).then_some(None),
            (Some(_), Some(_)) => {
                let why = "is given, and so is LATCHKEY_JWT_SECRET; keep the one that the issuer \
                           signs by";
                problems.add(KEYS, why);
                None
            }
            (None, Some(secret)) => {
                problems.keep(SECRET, KeySet::of_secret(secret.as_bytes())).map(JwtKeys::Secret)
            }
            (Some(text), None) => problems.keep(KEYS, keys_at(text)),
        };
        let issuer = required(self.jwt_issuer.as_ref(), ISSUER, "as in the claim iss", problems);
        let audience =
            required(self.jwt_audience.as_ref(), AUDIENCE, "as in the claim aud", problems);
        let claim =
            |given: &Option<String>| ClaimPath::parse(given.as_deref().unwrap_or(DEFAULT_CLAIM));
        let owner = problems.keep(OWNER_CLAIM, claim(&self.jwt_owner_claim));
        let actor = problems.keep(ACTOR_CLAIM, claim(&self.jwt_actor_claim));
        let rules = Rules { issuer: issuer?, audience: audience?, owner: owner?, actor: actor? };
        Some(Some(JwtSettings { rules, keys: keys? }))
    }

    /// Whether nobody meant to have such sessions: one setting forgotten must not look like that.
    fn nothing_without_keys(&self, problems: &mut Problems) -> bool {
        let given = [
            (ISSUER, &self.jwt_issuer),
            (AUDIENCE, &self.jwt_audience),
            (OWNER_CLAIM, &self.jwt_owner_claim),
            (ACTOR_CLAIM, &self.jwt_actor_claim),
        ];
        let mut is_nothing = true;
        for (name, _) in given.iter().filter(|(_, value)| value.is_some()) {
            problems.add(name, "needs LATCHKEY_JWT_KEYS or LATCHKEY_JWT_SECRET");
            is_nothing = false;
        }
        is_nothing
    }

    #[expect(clippy::option_option, reason = "outside: was it good; inside: was it given")]
    pub(super) fn sign_in_url(&self, problems: &mut Problems) -> Option<Option<Url>> {
        let url = self.sign_in_url.as_deref().map(|text| {
            let wrong = Bad("must be an address such as https://www.example.com/sign-in");
            let url = Url::parse(text).ok().filter(is_plain);
            url.filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(wrong)
        });
        problems.keep("LATCHKEY_SIGN_IN_URL", url.transpose())
    }
}

fn required(
    given: Option<&String>,
    name: &str,
    example: &str,
    problems: &mut Problems,
) -> Option<String> {
    if given.is_none() {
        problems.add(name, format_args!("is required where JWTs are sessions, {example}"));
    }
    given.cloned()
}

fn keys_at(text: &str) -> Result<JwtKeys, String> {
    let is_address = text.contains("://");
    if !is_address {
        let path = PathBuf::from(text);
        let file = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let keys =
            KeySet::of_file(&file).map_err(|error| format!("{}: {error}", path.display()))?;
        return if keys.is_empty() {
            Err(format!("{}: holds no key that can be used", path.display()))
        } else {
            Ok(JwtKeys::File(path, keys))
        };
    }
    let wrong = "must be an https:// address, http:// on this machine, or the path of a file";
    let url = Url::parse(text).ok().filter(is_plain).ok_or(wrong)?;
    let is_near =
        Origin::parse(&url.origin().ascii_serialization()).is_ok_and(|it| it.is_loopback());
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_near);
    if is_safe && url.fragment().is_none() { Ok(JwtKeys::Address(url)) } else { Err(wrong.into()) }
}

/// An address of a host, without a password that would be shown.
pub(super) fn is_plain(url: &Url) -> bool {
    url.has_host() && url.username().is_empty() && url.password().is_none()
}

impl JwtSettings {
    /// One `NAME=value` a line, for `check-config`.
    pub(super) fn show(jwt: Option<&Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |of: fn(&Rules) -> &str| jwt.map_or("none", |jwt| of(&jwt.rules));
        let claim = |of: fn(&Rules) -> &ClaimPath| {
            jwt.map_or(DEFAULT_CLAIM.to_owned(), |jwt| of(&jwt.rules).to_string())
        };
        let (keys, secret) = match jwt.map(|jwt| &jwt.keys) {
            Some(JwtKeys::Secret(_)) => ("none".to_owned(), "[redacted]"),
            Some(JwtKeys::File(path, _)) => (path.display().to_string(), "none"),
            Some(JwtKeys::Address(url)) => (url.to_string(), "none"),
            None => ("none".to_owned(), "none"),
        };
        writeln!(f, "{ISSUER}={}", text(|rules| &rules.issuer))?;
        writeln!(f, "{AUDIENCE}={}", text(|rules| &rules.audience))?;
        writeln!(f, "{KEYS}={keys}")?;
        writeln!(f, "{SECRET}={secret}")?;
        writeln!(f, "{OWNER_CLAIM}={}", claim(|rules| &rules.owner))?;
        writeln!(f, "{ACTOR_CLAIM}={}", claim(|rules| &rules.actor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(keys: Option<&str>, environment: &[(&str, &str)]) -> RawSettings {
        let pairs = environment.iter().map(|(name, value)| (name.into(), value.into()));
        RawSettings {
            jwt_issuer: Some("https://id.example.com".into()),
            jwt_audience: Some("latchkey".into()),
            jwt_keys: keys.map(ToOwned::to_owned),
            environment: pairs.collect(),
            ..RawSettings::default()
        }
    }

    #[track_caller]
    fn expect_problem(settings: &RawSettings, name: &str) {
        let problems = settings.resolve().expect_err(name).to_string();
        assert!(problems.starts_with(&format!("{name}: ")), "{problems}");
        assert!(!problems.contains("hunter2"), "{problems}");
    }

    #[test]
    fn keys_come_from_https_or_from_this_machine() {
        for good in [
            "https://id.example.com/.well-known/jwks.json",
            "https://id.example.com:8443/keys?version=2",
            "http://127.0.0.1:8081/jwks",
            "http://localhost/jwks",
            "http://[::1]/jwks",
        ] {
            let jwt = raw(Some(good), &[]).resolve().expect(good).jwt.expect("given");
            assert!(matches!(jwt.keys, JwtKeys::Address(url) if url.as_str() == good), "{good}");
        }
        for bad in [
            "http://id.example.com/jwks",
            "http://localhost.evil.example/jwks",
            "https://user:hunter2@id.example.com/jwks",
            "https://id.example.com/jwks#keys",
            "ftp://id.example.com/jwks",
            "file:///etc/jwks.json",
            "https://",
            "/nowhere/jwks.json",
            "/dev/null",
        ] {
            expect_problem(&raw(Some(bad), &[]), KEYS);
        }
    }

    #[test]
    fn a_secret_has_32_bytes_and_is_the_only_source() {
        let long = "hunter2-hunter2-hunter2-hunter2-";
        let jwt = raw(None, &[(SECRET, long)]).resolve().expect("32 bytes").jwt.expect("given");
        assert!(matches!(jwt.keys, JwtKeys::Secret(_)));
        expect_problem(&raw(None, &[(SECRET, "hunter2-hunter2-hunter2-hunter2")]), SECRET);
        expect_problem(&raw(Some("https://id.example.com/jwks"), &[(SECRET, long)]), KEYS);
        let file = ("LATCHKEY_JWT_SECRET_FILE", "/nowhere");
        expect_problem(&raw(None, &[(SECRET, long), file]), SECRET);
    }

    #[test]
    fn keys_need_an_issuer_and_an_audience_and_these_need_keys() {
        let keys = Some("https://id.example.com/jwks");
        expect_problem(&RawSettings { jwt_issuer: None, ..raw(keys, &[]) }, ISSUER);
        expect_problem(&RawSettings { jwt_audience: None, ..raw(keys, &[]) }, AUDIENCE);
        expect_problem(&raw(None, &[]), ISSUER);
        let bad = Some("org..id".to_owned());
        let settings = RawSettings { jwt_owner_claim: bad.clone(), ..raw(keys, &[]) };
        expect_problem(&settings, OWNER_CLAIM);
        expect_problem(&RawSettings { jwt_actor_claim: bad, ..raw(keys, &[]) }, ACTOR_CLAIM);
        let none = RawSettings::default().resolve().expect("the defaults are good");
        assert!(none.jwt.is_none() && none.http.accounts && none.http.sign_in_url.is_none());
    }

    #[test]
    fn a_sign_in_is_at_an_address_of_the_web() {
        let at =
            |url: &str| RawSettings { sign_in_url: Some(url.into()), ..RawSettings::default() };
        at("https://www.example.com/sign-in?a=b").resolve().expect("an address");
        let with_password = "https://u:hunter2@a.example";
        for bad in ["/sign-in", "www.example.com", "javascript:alert(1)", with_password] {
            expect_problem(&at(bad), "LATCHKEY_SIGN_IN_URL");
        }
    }
}
