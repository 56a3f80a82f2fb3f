use thiserror::Error;

/// What another system keeps with a key for its own use: the compact text of a JSON object.
///
/// It is given back as it was sent, but for the blanks between its parts. Names in it may repeat and numbers be
/// of any size: nobody here reads them. By default it is an object without members, `{}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// No text for an object without members, as most keys have it: that takes no memory.
    text: String,
}

/// Why a text is no [`Metadata`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// It is another JSON value.
    #[error("metadata is a JSON object")]
    NotAnObject,
    /// It has more than [`Metadata::MAX_BYTES`] in compact form.
    #[error("metadata has at most 2048 bytes in compact form")]
    TooLong,
    /// Objects and arrays lie in each other more than [`Metadata::MAX_LEVELS`] deep.
    #[error("metadata has at most 5 levels")]
    TooDeep,
    /// A text in it has the character U+0000, which many databases can't keep.
    #[error("metadata has no U+0000 in it")]
    Nul,
}

impl Metadata {
    /// The most bytes of the compact form.
    pub const MAX_BYTES: usize = 2_048;
    /// The most levels: the outermost object is the first, and each object or array in another is one more.
    pub const MAX_LEVELS: usize = 5;
    const NONE: &str = "{}";

    /// Takes the blanks out of a text that the caller has checked to be JSON: of other texts this crate, which
    /// knows no JSON, accepts some.
    pub fn parse(json: &str) -> Result<Self, MetadataError> {
        if json == Self::NONE {
            return Ok(Self::default());
        }
        let mut compact = String::new();
        let mut rest = json;
        let mut level = 0_usize;
        while let Some(next) = rest.chars().next() {
            let part = match next {
                ' ' | '\t' | '\n' | '\r' => "",
                '"' => text_at_start(rest)?,
                _ => rest.split_at(next.len_utf8()).0,
            };
            match next {
                '{' | '[' => level += 1,
                '}' | ']' => level = level.saturating_sub(1),
                _ => {}
            }
            if level > Self::MAX_LEVELS {
                return Err(MetadataError::TooDeep);
            }
            if compact.len() + part.len() > Self::MAX_BYTES {
                return Err(MetadataError::TooLong);
            }
            compact.push_str(part);
            rest = rest.split_at(part.len().max(1)).1;
        }
        if compact == Self::NONE {
            compact.clear();
        } else if !compact.starts_with('{') {
            return Err(MetadataError::NotAnObject);
        }
        Ok(Self { text: compact })
    }

    /// The compact text.
    pub fn as_str(&self) -> &str {
        if self.is_empty() { Self::NONE } else { &self.text }
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// The text in quotation marks that `json` begins with, unless it has U+0000 in it.
fn text_at_start(json: &str) -> Result<&str, MetadataError> {
    let mut places = json.char_indices().skip(1);
    while let Some((place, c)) = places.next() {
        match c {
            '"' => return Ok(json.split_at(place + 1).0),
            '\\' => {
                places.next();
                let escaped = json.split_at(place + 1).1;
                if escaped.starts_with("u0000") {
                    return Err(MetadataError::Nul);
                }
            }
            _ => {}
        }
    }
    // Not JSON.
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(json: &str) -> Result<String, MetadataError> {
        Metadata::parse(json).map(|it| it.as_str().to_owned())
    }

    #[test]
    fn metadata_is_kept_as_sent_but_for_blanks() {
        let sent = "\n{ \"b\" : [ 1.50 , true,null ],\t\"a b\": \"x \\\" } y\", \"b\": 1e999,\r\"\u{e9} \": {} } ";
        let kept = "{\"b\":[1.50,true,null],\"a b\":\"x \\\" } y\",\"b\":1e999,\"\u{e9} \":{}}";
        assert_eq!(compact(sent).as_deref(), Ok(kept));
        assert_eq!(compact(kept).as_deref(), Ok(kept));
        assert_eq!(compact(" { } "), Ok(Metadata::default().as_str().to_owned()));
        assert!(Metadata::default().is_empty());
        assert!(!Metadata::parse("{\"a\":1}").expect("an object").is_empty());
    }

    #[test]
    fn other_values_than_objects_are_refused() {
        for json in ["[]", " null", "1", "\"{}\"", "true", ""] {
            assert_eq!(compact(json), Err(MetadataError::NotAnObject), "{json}");
        }
    }

    #[test]
    fn objects_and_arrays_lie_in_each_other_five_deep_at_most() {
        assert!(compact("{\"a\":[{\"b\":[{}]},[[[1]]]],\"c\":[\"[[[[[[{{{{{{\"]}").is_ok());
        for json in ["{\"a\":[{\"b\":[{\"c\":[]}]}]}", "{\"a\":[[[[[]]]]]}"] {
            assert_eq!(compact(json), Err(MetadataError::TooDeep), "{json}");
        }
    }

    #[test]
    fn the_compact_form_has_2048_bytes_at_most() {
        let of = |bytes: usize| format!("{{ \"a\" : \"{}\" }}", "x".repeat(bytes - 8));
        assert_eq!(compact(&of(2_048)).map(|it| it.len()), Ok(2_048));
        assert_eq!(compact(&of(2_049)), Err(MetadataError::TooLong));
        let blanks = format!("{{{}}}", " ".repeat(5_000));
        assert_eq!(compact(&blanks).as_deref(), Ok("{}"));
        let two_bytes_each = format!("{{\"a\":\"{}\"}}", "\u{e9}".repeat(1_021));
        assert_eq!(compact(&two_bytes_each), Err(MetadataError::TooLong));
    }

    #[test]
    fn the_character_zero_is_refused_in_names_and_texts() {
        for json in [r#"{"a":"\u0000"}"#, r#"{"a\u0000b":1}"#, r#"{"a":["\\\u0000"]}"#] {
            assert_eq!(compact(json), Err(MetadataError::Nul), "{json}");
        }
        for json in [r#"{"a":"\\u0000"}"#, r#"{"a":"u0000 \u0001"}"#, r#"{"a":"\"u0000"}"#] {
            assert_eq!(compact(json).as_deref(), Ok(json));
        }
    }
}
