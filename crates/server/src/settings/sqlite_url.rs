use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

/// What would mean something else than itself.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// Why a `sqlite://` URL names no file.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum SqliteUrlError {
    #[error("must name a file: sqlite://path")]
    NoFile,
    #[error("must name a file and not a directory: sqlite://path")]
    Directory,
    #[error("a path after sqlite:// has no parameters; write %3F for a question mark in it")]
    Parameters,
    #[error("a path after sqlite:// has no fragment; write %23 for a number sign in it")]
    Fragment,
    #[error("a % after sqlite:// begins an escape such as %20; write %25 for the sign itself")]
    Escape,
    #[error("the path after sqlite:// must be UTF-8 without control characters")]
    Unprintable,
}

/// The file that is named by what follows `sqlite://`, with its escapes resolved.
pub(crate) fn parse(path: &str) -> Result<PathBuf, SqliteUrlError> {
    let is_escape = |rest: &str| {
        rest.as_bytes().first_chunk::<2>().is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit))
    };
    match path {
        "" => return Err(SqliteUrlError::NoFile),
        _ if path.starts_with(':') => return Err(SqliteUrlError::NoFile),
        _ if path.contains('?') => return Err(SqliteUrlError::Parameters),
        _ if path.contains('#') => return Err(SqliteUrlError::Fragment),
        _ if !path.split('%').skip(1).all(is_escape) => return Err(SqliteUrlError::Escape),
        _ if path.ends_with('/') => return Err(SqliteUrlError::Directory),
        _ => {}
    }
    let path = percent_decode_str(path).decode_utf8();
    let path = path.map_err(|_not_utf8| SqliteUrlError::Unprintable)?;
    if path.chars().any(char::is_control) {
        return Err(SqliteUrlError::Unprintable);
    }
    Ok(PathBuf::from(&*path))
}

/// The URL that names a file.
pub(crate) fn url(path: &Path) -> String {
    format!("sqlite://{}", utf8_percent_encode(&path.to_string_lossy(), ESCAPED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_follows_the_slashes_with_its_escapes_resolved() {
        for (text, path) in [
            ("/var/lib/latchkey.db", "/var/lib/latchkey.db"),
            ("./rel.db", "./rel.db"),
            ("a%20b%3Fc%23%25.db", "a b?c#%.db"),
            ("d%C3%A9.db", "dé.db"),
            ("%3Amemory:", ":memory:"),
        ] {
            let parsed = parse(text).expect(text);
            assert_eq!(parsed, Path::new(path));
            let url = url(&parsed);
            let again = url.strip_prefix("sqlite://").expect(&url);
            assert!(text.starts_with("%3A") || parse(again) == Ok(parsed), "{url}");
        }
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for (text, why) in [
            ("", SqliteUrlError::NoFile),
            (":memory:", SqliteUrlError::NoFile),
            ("a.db?mode=ro", SqliteUrlError::Parameters),
            ("a#b.db", SqliteUrlError::Fragment),
            ("100%.db", SqliteUrlError::Escape),
            ("a%2", SqliteUrlError::Escape),
            ("a%+1b", SqliteUrlError::Escape),
            ("a/", SqliteUrlError::Directory),
            ("a%FF.db", SqliteUrlError::Unprintable),
            ("a%00.db", SqliteUrlError::Unprintable),
            ("a.db\n", SqliteUrlError::Unprintable),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
    }
}
