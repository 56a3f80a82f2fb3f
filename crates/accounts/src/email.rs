use std::fmt;

use latchkey_domain::is_plain;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;

/// An e-mail address, in the form in which addresses are compared: in lower case and NFC, its domain
/// with the characters that an IDNA domain stands for (`müller.example`, not
/// `xn--mller-kva.example`).
///
/// Only what cannot be an address is refused, and what hides characters; whether mail arrives there,
/// only mail can tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// The text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an email address of at most 254 characters")]
pub struct EmailError;

impl Email {
    /// The most bytes an address has (RFC 5321, section 4.5.3.1.3, less the angle brackets).
    pub const MAX_LEN: usize = 254;

    /// Accepts one `@` between two non-empty parts, all of whose characters a person sees: no blanks,
    /// no control characters, none that are invisible or turn the direction of text.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let (local, domain) = text.split_once('@').ok_or(EmailError)?;
        let parts_fit = !local.is_empty() && !domain.is_empty() && !domain.contains('@');
        if !parts_fit || !text.chars().all(is_plain) {
            return Err(EmailError);
        }
        let address = format!("{}@{}", lower(local), compared_domain(domain));
        if address.len() <= Self::MAX_LEN { Ok(Self(address)) } else { Err(EmailError) }
    }

    /// Every form under which the address may be stored, the one of [`parse`](Self::parse) first:
    /// addresses were once only put in lower case.
    pub fn spellings(text: &str) -> Vec<Self> {
        let mut spellings = vec![text.to_lowercase()];
        if let Ok(Self(now)) = Self::parse(text) {
            let (local, domain) = now.split_once('@').unwrap_or_default();
            let ascii = idna::domain_to_ascii(domain).map(|domain| format!("{local}@{domain}"));
            spellings.extend(ascii);
            spellings.push(now.nfd().collect());
            spellings.retain(|spelling| *spelling != now);
            spellings.insert(0, now);
        }
        spellings.dedup();
        spellings.into_iter().map(Self).collect()
    }

    /// Wraps an address from storage, where one may be that is not accepted any more.
    pub const fn restore(address: String) -> Self {
        Self(address)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In lower case and NFC.
fn lower(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// A domain by UTS 46; as it is, in lower case, where that knows no such domain.
fn compared_domain(domain: &str) -> String {
    match idna::domain_to_unicode(domain) {
        (domain, Ok(())) => domain,
        (_, Err(_no_idna_domain)) => lower(domain),
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_an_address_are_one_address() {
        for (one, other) in [
            ("Ada@Example.COM", "ada@example.com"),
            ("ren\u{e9}@example.com", "rene\u{301}@example.com"),
            ("REN\u{c9}@example.com", "ren\u{e9}@example.com"),
            ("ada@m\u{fc}ller.example", "ada@xn--mller-kva.example"),
            ("ada@MU\u{308}LLER.example", "ada@m\u{fc}ller.example"),
            ("ada@\u{ff45}xample.com", "ada@example.com"),
        ] {
            assert_eq!(Email::parse(one).expect(one), Email::parse(other).expect(other));
        }
        assert_ne!(Email::parse("ada@example.com"), Email::parse("a.da@example.com"));
    }

    #[test]
    fn a_domain_that_idna_does_not_know_is_taken_as_it_is() {
        for plain in ["ada@localhost", "ada@[192.0.2.1]", "ada@my_host.example", "ada@-a.example"] {
            assert_eq!(Email::parse(plain).expect(plain).as_str(), plain);
        }
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(243));
        for bad in ["", "ada", "@", "ada@", "@example.com", "a@b@c", "a b@c", "a@b\n", &long] {
            assert_eq!(Email::parse(bad), Err(EmailError), "{bad:?}");
        }
        assert!(Email::parse(&format!("{}@example.com", "a".repeat(242))).is_ok());
    }

    #[test]
    fn an_address_hides_nothing() {
        for hidden in
            ['\u{202e}', '\u{200b}', '\u{ad}', '\u{200d}', '\u{3164}', '\u{2800}', '\u{feff}']
        {
            for bad in [format!("a{hidden}da@example.com"), format!("ada@exam{hidden}ple.com")] {
                assert_eq!(Email::parse(&bad), Err(EmailError), "{bad:?}");
            }
        }
    }

    #[test]
    fn an_address_that_was_stored_in_lower_case_alone_is_looked_for_too() {
        let all = |text| Email::spellings(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(all("Ada@example.com"), ["ada@example.com"]);
        let (now, ascii) = ("ada@m\u{fc}ller.example", "ada@xn--mller-kva.example");
        let decomposed = "ada@mu\u{308}ller.example";
        assert_eq!(all("Ada@xn--mller-kva.example"), [now, ascii, decomposed]);
        assert_eq!(all("Ada@M\u{fc}ller.example"), [now, ascii, decomposed]);
        assert_eq!(all("a\u{200b}@example.com"), ["a\u{200b}@example.com"]);
    }
}
