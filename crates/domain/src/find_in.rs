use std::fmt;

use crate::{Brand, KeyPrefix, ManagementTokenText, Secret, secret};

/// A key or a management token in a text.
pub struct FoundSecret<'a> {
    /// Where it begins.
    pub at: usize,
    /// Its public beginning.
    pub prefix: KeyPrefix,
    text: &'a [u8],
}

impl<'a> FoundSecret<'a> {
    /// Every key in a text, and then every management token, whatever stands next to them.
    pub fn find_in(text: &'a [u8]) -> impl Iterator<Item = Self> {
        let keys = Secret::find_in(text).map(|(at, key)| (at, key.expose().len(), key.prefix()));
        let tokens = ManagementTokenText::find_in(text)
            .map(|(at, token)| (at, token.expose().len(), token.prefix()));
        let found = keys.chain(tokens);
        found.filter_map(|(at, len, prefix)| {
            Some(Self { at, prefix, text: text.get(at..at + len)? })
        })
    }

    /// Whether there is any in a text.
    pub fn is_in(text: &'a [u8]) -> bool {
        Self::find_in(text).next().is_some()
    }

    /// `text` with nothing but the public beginning of each.
    pub(crate) fn cut(text: &str) -> String {
        FoundSecret::find_in(text.as_bytes()).fold(text.to_owned(), |cut, found| {
            let plain = str::from_utf8(found.text).expect("a secret is ASCII");
            cut.replace(plain, found.prefix.as_str())
        })
    }
}

impl fmt::Debug for FoundSecret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoundSecret").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Secret {
    /// Every key in a text, with the place where it begins: found by its form and its checksum,
    /// whatever stands next to it.
    pub fn find_in(text: &[u8]) -> impl Iterator<Item = (usize, Self)> {
        let underscores = text.iter().enumerate().filter(|(_, byte)| **byte == b'_');
        underscores.filter_map(|(brand_end, _)| {
            let end = brand_end + secret::TAIL_LEN;
            // Its checksum says where it begins: a word may run into it.
            (1..=Brand::MAX_LEN.min(brand_end)).find_map(|brand_len| {
                let begin = brand_end - brand_len;
                Some((begin, Self::parse(text.get(begin..end)?).ok()?))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";

    fn found_in(text: &str) -> Vec<(usize, String)> {
        Secret::find_in(text.as_bytes()).map(|(at, key)| (at, key.expose().to_owned())).collect()
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        for (before, after) in
            [("", ""), ("key = \"", "\";"), ("KEY=", "\r"), ("mykey", "x"), ("_", "_"), ("é", "é")]
        {
            let text = format!("{before}{KEY}{after}");
            assert_eq!(found_in(&text), [(before.len(), KEY.to_owned())], "{text}");
        }
        let twice = format!("{KEY}{KEY}");
        assert_eq!(found_in(&twice), [(0, KEY.to_owned()), (KEY.len(), KEY.to_owned())]);
    }

    #[test]
    fn management_tokens_are_found_beside_keys() {
        const TOKEN: &str = "lk_admin_0123456789ABCDEFGHIJKLMNOPQRSTUV0sTd4W";
        let text = format!("a={TOKEN};b={KEY}");
        let found: Vec<_> = FoundSecret::find_in(text.as_bytes()).collect();
        let found: Vec<_> = found.iter().map(|it| (it.at, it.prefix.as_str())).collect();
        assert_eq!(found, [(52, "sk_live_0123"), (2, "lk_admin_0123")]);
        assert_eq!(FoundSecret::cut(&text), "a=lk_admin_0123;b=sk_live_0123");
    }

    #[test]
    fn what_is_no_key_is_not_found() {
        let wrong = KEY.replace("28hqg7", "28hqg8");
        let cut = KEY.get(..45).expect("it is longer");
        for text in ["", "_", "_live_", "sk_live_", &wrong, cut, &KEY.replace("sk_", "_")] {
            assert_eq!(found_in(text), [], "{text}");
        }
    }
}
