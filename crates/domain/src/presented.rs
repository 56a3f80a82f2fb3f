/// The text that a request presents as its key, or none: what its `x-api-key` headers say, and only
/// where they say nothing, its `Authorization` headers by the scheme `Bearer`.
///
/// It decides between "a key is required" and "this key is not good", so one text with every way to
/// get it wrong is here: a header that was sent twice could mean two things, and a credential without
/// any scheme was meant as a key; both are a text that is no key. Another scheme is none of our
/// business.
pub fn presented<'a>(
    x_api_key: impl Iterator<Item = &'a [u8]>,
    authorization: impl Iterator<Item = &'a [u8]>,
) -> Option<&'a [u8]> {
    only(x_api_key).or_else(|| only(authorization).and_then(bearer))
}

/// In place of a text that can't be told, or does not count: a word that is neither key nor scheme.
const NO_KEY: &[u8] = b"-";

fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let first = values.next()?;
    match values.next() {
        None => Some(first.trim_ascii()).filter(|text| !text.is_empty()),
        Some(_second) => Some(NO_KEY),
    }
}

fn bearer(credentials: &[u8]) -> Option<&[u8]> {
    let blank = credentials.iter().position(u8::is_ascii_whitespace);
    let (scheme, token) = credentials.split_at(blank.unwrap_or(credentials.len()));
    match (scheme.eq_ignore_ascii_case(b"bearer"), token.trim_ascii_start()) {
        (true, b"") => None,
        (true, token) => Some(token),
        (false, b"") => Some(NO_KEY),
        (false, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(x_api_key: &[&'a str], authorization: &[&'a str]) -> Option<&'a str> {
        let bytes = |values: &[&'a str]| values.iter().map(|it| it.as_bytes()).collect::<Vec<_>>();
        let (x_api_key, authorization) = (bytes(x_api_key), bytes(authorization));
        presented(x_api_key.into_iter(), authorization.into_iter())
            .map(|text| str::from_utf8(text).expect("as it was given"))
    }

    #[test]
    fn the_key_is_in_its_header_or_else_behind_bearer() {
        for (x_api_key, authorization) in [
            (&["k"][..], &[][..]),
            (&[" k\t"], &["Bearer other"]),
            (&["k"], &["Basic eDp5"]),
            (&["k"], &["a", "b"]),
            (&[], &["Bearer k"]),
            (&[], &["bEARER   k "]),
            (&[""], &["Bearer k"]),
            (&[" \t"], &["Bearer k"]),
        ] {
            assert_eq!(of(x_api_key, authorization), Some("k"), "{x_api_key:?} {authorization:?}");
        }
    }

    #[test]
    fn nothing_empty_headers_and_other_schemes_present_no_key() {
        for (x_api_key, authorization) in [
            (&[][..], &[][..]),
            (&[""], &[""]),
            (&[], &["Bearer"]),
            (&[], &["Bearer  "]),
            (&[], &["Basic eDp5"]),
            (&[" "], &["Digest k"]),
        ] {
            assert_eq!(of(x_api_key, authorization), None, "{x_api_key:?} {authorization:?}");
        }
    }

    #[test]
    fn what_could_mean_two_things_or_has_no_scheme_is_a_text_that_is_no_key() {
        for (x_api_key, authorization) in [
            (&["k", "k"][..], &[][..]),
            (&["", ""], &["Bearer k"]),
            (&["k", ""], &[]),
            (&[], &["Bearer k", "Bearer k"]),
            (&[], &["Basic eDp5", "Bearer k"]),
            (&[], &["k"]),
            (&[""], &["Bearer:k"]),
        ] {
            let found = of(x_api_key, authorization);
            assert_eq!(found, Some("-"), "{x_api_key:?} {authorization:?}");
        }
    }
}
