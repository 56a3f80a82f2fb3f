//! The catalogue of scopes, as an operator writes it down. Only a server reads the file: a command does its work while
//! the file is wrong.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use latchkey_domain::{CataloguedScope, ScopeCatalogue};
use serde::Deserialize;
use toml::Spanned;

/// As many scopes as a catalogue may have need less.
const READ_AT_MOST: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    scope: Vec<WrittenScope>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScope {
    name: Spanned<String>,
    description: String,
    group: Option<String>,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    restricted: bool,
}

/// Reads a file, or says why it is no catalogue, and in which line.
pub(crate) fn read_scopes(path: &Path) -> Result<ScopeCatalogue, String> {
    read(path).map_err(|problem| format!("{}: {problem}", path.display()))
}

fn read(path: &Path) -> Result<ScopeCatalogue, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(READ_AT_MOST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if u64::try_from(text.len()) == Ok(READ_AT_MOST) {
        return Err("the file has 1 MiB or more".to_owned());
    }
    catalogue(&text)
}

fn catalogue(text: &str) -> Result<ScopeCatalogue, String> {
    let written: Written = toml::from_str(text).map_err(|error| {
        let place = error.span().map_or_else(String::new, |span| line(text, span.start));
        format!("{place}{}", error.message())
    })?;
    if written.scope.is_empty() {
        return Err("the file has no [[scope]]".to_owned());
    }
    let places: Vec<usize> = written.scope.iter().map(|scope| scope.name.span().start).collect();
    let scopes = written.scope.into_iter().map(CataloguedScope::from).collect();
    ScopeCatalogue::new(scopes).map_err(|error| {
        let place = places.get(error.index).copied().unwrap_or_default();
        format!("{}{}", line(text, place), error.problem)
    })
}

/// The line in which a byte stands, to begin a sentence with.
fn line(text: &str, at: usize) -> String {
    let before = text.as_bytes().iter().take(at);
    format!("line {}: ", 1 + before.filter(|byte| **byte == b'\n').count())
}

impl From<WrittenScope> for CataloguedScope {
    fn from(written: WrittenScope) -> Self {
        let WrittenScope { name, description, group, default, restricted } = written;
        let name = name.into_inner();
        Self { name, description, group, is_default: default, is_restricted: restricted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_all_that_it_says() {
        let text = r#"
            # What keys may do.
            [[scope]]
            name = "docs:read"
            description = "Read documents"
            group = "Documents"
            default = true

            [[scope]]
            name = "billing"
            description = "Pay"
            restricted = true
        "#;
        let read = catalogue(text).expect("a catalogue");
        let [docs, billing] = read.scopes() else { panic!("two scopes: {read:?}") };
        assert_eq!((docs.name.as_str(), docs.group.as_deref()), ("docs:read", Some("Documents")));
        assert_eq!((docs.is_default, docs.is_restricted), (true, false));
        assert_eq!((billing.description.as_str(), billing.group.as_deref()), ("Pay", None));
        assert_eq!((billing.is_default, billing.is_restricted), (false, true));
    }

    #[test]
    fn a_file_that_is_no_catalogue_is_refused_with_line_and_reason() {
        let entry = |members: &str| format!("\n[[scope]]\n{members}\n");
        let good = entry("name = \"a\"\ndescription = \"A\"");
        for (text, expected) in [
            (String::new(), "the file has no [[scope]]"),
            ("scope = 1".into(), "line 1: invalid type"),
            (entry("name = \"a\""), "line 2: missing field `description`"),
            (entry("name = \"a\"\nx = 1\ndescription = \"A\""), "line 4: unknown field `x`"),
            (entry("name = \"a\"\ndescription = \"A\"\ndefault = 1"), "line 5: invalid type"),
            (entry("name = "), "line 3: "),
            (entry("name = \"docs:*\"\ndescription = \"A\""), "line 3: a name has"),
            (format!("{good}{good}"), "line 7: the name is in the catalogue already"),
            (format!("{good}[other]\n"), "line 5: unknown field `other`"),
        ] {
            let error = catalogue(&text).expect_err("it is no catalogue");
            assert!(error.starts_with(expected), "{error} for {text}");
        }
    }
}
