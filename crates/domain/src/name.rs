use std::fmt;

use thiserror::Error;

/// What a person calls a key: 1 to 100 Unicode scalar values, kept exactly as sent.
///
/// Scalar values are the one measure on which JSON Schema, Postgres, SQLite and Rust agree.
/// Refused is what would hide in a list or a log: names with nothing visible, control characters,
/// line and paragraph separators, bidirectional controls, the byte order mark, noncharacters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(String);

/// Why a text is not a [`KeyName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// No character that a person could see.
    #[error("name must have at least one visible character")]
    NothingVisible,
    /// More than 100 Unicode scalar values.
    #[error("name must have at most 100 characters")]
    TooLong,
    /// A character that would break a line or hide text.
    #[error("name must not contain control, line separator or text direction characters")]
    Forbidden,
}

impl KeyName {
    /// The most Unicode scalar values a name has.
    pub const MAX_CHARS: usize = 100;

    /// Accepts the text unchanged, or says what is wrong with it.
    pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.chars().any(is_forbidden) {
            return Err(NameError::Forbidden);
        }
        if text.chars().nth(Self::MAX_CHARS).is_some() {
            return Err(NameError::TooLong);
        }
        if !text.chars().any(is_visible) {
            return Err(NameError::NothingVisible);
        }
        Ok(Self(text))
    }

    /// The name as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !is_format(c)
}

fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{2028}' | '\u{2029}'
            | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}'
            | '\u{FDD0}'..='\u{FDEF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// General category Cf; a test compares the ranges with the Unicode tables.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}'
        | '\u{890}'..='\u{891}' | '\u{8E2}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}'
        | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{110BD}' | '\u{110CD}'
        | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0001}' | '\u{E0020}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_general_category::{GeneralCategory, get_general_category};

    use super::*;

    #[test]
    fn the_format_characters_are_those_of_the_unicode_tables() {
        for c in '\0'..=char::MAX {
            let category = get_general_category(c);
            assert_eq!(is_format(c), category == GeneralCategory::Format, "U+{:04X}", u32::from(c));
            assert_eq!(c.is_control(), category == GeneralCategory::Control);
        }
    }

    #[test]
    fn a_name_has_1_to_100_scalar_values_whatever_their_width() {
        for unit in ["a", "\u{1F600}", "鍵", "é"] {
            let hundred = unit.repeat(100);
            assert_eq!(KeyName::parse(hundred.clone()).expect("fits").as_str(), hundred);
            assert_eq!(KeyName::parse(unit.repeat(101)), Err(NameError::TooLong));
        }
        assert!(KeyName::parse("e\u{301}".repeat(50)).is_ok());
        assert_eq!(KeyName::parse("e\u{301}".repeat(51)), Err(NameError::TooLong));
    }

    #[test]
    fn a_name_needs_something_visible() {
        for blank in ["", " ", "\u{A0}\u{3000}", "\u{200B}", "\u{2060}\u{AD}"] {
            assert_eq!(KeyName::parse(blank), Err(NameError::NothingVisible), "{blank:?}");
        }
        assert_eq!(KeyName::parse(" x ").expect("visible").as_str(), " x ");
    }

    #[test]
    fn characters_that_break_lines_or_hide_text_are_refused() {
        for bad in [
            '\0',
            '\t',
            '\r',
            '\n',
            '\u{1B}',
            '\u{7F}',
            '\u{85}',
            '\u{2028}',
            '\u{2029}',
            '\u{202A}',
            '\u{202E}',
            '\u{2066}',
            '\u{2069}',
            '\u{FEFF}',
            '\u{FFFE}',
            '\u{FDD0}',
            '\u{FDEF}',
            '\u{1FFFF}',
            '\u{10FFFF}',
        ] {
            assert_eq!(KeyName::parse(format!("a{bad}b")), Err(NameError::Forbidden), "{bad:?}");
        }
        for good in ["שלום\u{200F}", "👨\u{200D}👩\u{200D}👧", "<script>", "'; DROP TABLE"]
        {
            assert!(KeyName::parse(good).is_ok(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_unchanged_short_and_visible(text in any::<String>()) {
            if let Ok(name) = KeyName::parse(text.clone()) {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert!((1..=100).contains(&text.chars().count()));
                prop_assert!(text.chars().any(|c| !c.is_whitespace()));
                prop_assert!(!text.chars().any(char::is_control));
            }
        }

        #[test]
        fn plain_words_are_always_accepted(text in "[\\p{L}\\p{N}]{1,100}") {
            prop_assert!(KeyName::parse(text).is_ok());
        }
    }
}
