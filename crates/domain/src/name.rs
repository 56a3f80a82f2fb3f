use std::fmt;

use thiserror::Error;

use crate::FoundSecret;
use crate::characters::{is_disruptive, is_hidden, is_needed, is_visible};

/// What a person calls a key: 1 to 100 Unicode scalar values, kept exactly as sent.
///
/// Scalar values are the one measure on which JSON Schema, Postgres, SQLite and Rust agree.
/// Refused is what would hide in a list or a log, or does not belong there: names with nothing visible,
/// control characters, line and paragraph separators, bidirectional controls, the byte order mark,
/// noncharacters, hidden characters that neither script nor emoji need, and the text of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName(String);

/// Why a text is not a [`KeyName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// No character that a person could see.
    #[error("the name has no visible character")]
    NothingVisible,
    /// More than 100 Unicode scalar values.
    #[error("the name has more than 100 characters")]
    TooLong,
    /// A character that would break a line or turn the text around it.
    #[error("the name has a control, line separator or text direction character")]
    Forbidden,
    /// An invisible character that the text does not need.
    #[error("the name has a hidden character")]
    Hidden,
    /// Names are shown in lists and kept in plain text.
    #[error("the name holds the text of a key or of a management token")]
    HoldsKey,
}

impl KeyName {
    /// The most Unicode scalar values a name has.
    pub const MAX_CHARS: usize = 100;

    /// What a key is called that its owner did not name.
    pub fn untitled() -> Self {
        Self("Untitled key".to_owned())
    }

    /// Accepts the text unchanged, or says what is wrong with it.
    pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.chars().any(is_disruptive) {
            return Err(NameError::Forbidden);
        }
        if text.chars().nth(Self::MAX_CHARS).is_some() {
            return Err(NameError::TooLong);
        }
        if !text.chars().any(is_visible) {
            return Err(NameError::NothingVisible);
        }
        if has_needless_hidden(&text) {
            return Err(NameError::Hidden);
        }
        if FoundSecret::is_in(text.as_bytes()) {
            return Err(NameError::HoldsKey);
        }
        Ok(Self(text))
    }

    /// A name as it was stored, perhaps under an earlier rule: of 1 to 100 characters, none of them a
    /// control character, which no rule ever let in.
    pub fn restore(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.chars().any(char::is_control) {
            return Err(NameError::Forbidden);
        }
        match text.chars().take(Self::MAX_CHARS + 1).count() {
            0 => Err(NameError::NothingVisible),
            count if count > Self::MAX_CHARS => Err(NameError::TooLong),
            _ => Ok(Self(text)),
        }
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

fn has_needless_hidden(text: &str) -> bool {
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if is_hidden(c) && !is_needed(before, c, rest.clone().next()) {
            return true;
        }
        before = Some(c);
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";

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
        for blank in [
            "",
            " ",
            "\u{A0}\u{3000}",
            "\u{200B}",
            "\u{2060}\u{AD}",
            "\u{3164}",
            "\u{115F}\u{1160}",
            "\u{FFA0}",
            "\u{2800}\u{2800}",
            "\u{301}",
            " \u{301}\u{20E3}",
            "\u{FE0F}",
            "\u{E0041}",
            "\u{1D159}",
            "\u{FFFC}",
        ] {
            assert_eq!(KeyName::parse(blank), Err(NameError::NothingVisible), "{blank:?}");
        }
        assert_eq!(KeyName::parse(" x ").expect("visible").as_str(), " x ");
    }

    #[test]
    fn characters_that_break_lines_or_turn_text_are_refused() {
        for bad in
            "\0\t\r\n\u{1B}\u{7F}\u{85}\u{2028}\u{2029}\u{61C}\u{200E}\u{200F}\u{202A}\u{202E}\
                    \u{2066}\u{2069}\u{FEFF}\u{FFFE}\u{FDD0}\u{FDEF}\u{1FFFF}\u{10FFFF}"
                .chars()
        {
            assert_eq!(KeyName::parse(format!("a{bad}b")), Err(NameError::Forbidden), "{bad:?}");
        }
        for good in ["שלום", "<script>", "'; DROP TABLE", "a\u{2800}b"] {
            assert!(KeyName::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn hidden_characters_are_refused_where_neither_script_nor_emoji_need_them() {
        for bad in [
            "a\u{200B}b",
            "a\u{200D}b",
            "a\u{200C}b",
            "a\u{2060}",
            "a\u{AD}b",
            "a\u{3164}",
            "a\u{34F}b",
            "a\u{FE0F}",
            "1\u{FE0F}",
            "a\u{E0041}",
            "a\u{180E}",
            "a\u{FFF9}b",
            "\u{200D}👧",
            "👧\u{200D}",
            "👧\u{200D}\u{200D}👧",
            "👧\u{200D}a",
            "م\u{200C}",
            "م\u{200C}\u{200C}م",
            "م\u{200C} a",
        ] {
            assert_eq!(KeyName::parse(bad), Err(NameError::Hidden), "{bad:?}");
        }
        for good in [
            "👨\u{200D}👩\u{200D}👧",
            "👁\u{FE0F}\u{200D}🗨\u{FE0F}",
            "👩🏽\u{200D}🚀",
            "⚙\u{FE0F} Production",
            "1\u{FE0F}\u{20E3}",
            "می\u{200C}خواهم",
            "क्\u{200D}ष",
            "🇩🇪",
        ] {
            assert!(KeyName::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn the_text_of_a_key_is_no_name() {
        for bad in [KEY.to_owned(), format!("old: {KEY}")] {
            assert_eq!(KeyName::parse(bad), Err(NameError::HoldsKey));
        }
        for good in ["sk_live_0123", KEY.get(..45).expect("it is longer")] {
            assert!(KeyName::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_name_of_an_earlier_rule_can_be_read_again() {
        for earlier in ["\u{3164}", "a\u{200B}b", "שלום\u{200F}", KEY] {
            assert!(KeyName::parse(earlier).is_err(), "{earlier}");
            assert_eq!(KeyName::restore(earlier).expect("stored").as_str(), earlier);
        }
        assert!(KeyName::restore("").is_err() && KeyName::restore("a".repeat(101)).is_err());
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_unchanged_short_and_visible(text in any::<String>()) {
            if let Ok(name) = KeyName::parse(text.clone()) {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert!((1..=100).contains(&text.chars().count()));
                prop_assert!(text.chars().any(|c| !c.is_whitespace()));
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(KeyName::restore(text).is_ok());
            }
        }

        #[test]
        fn a_hidden_character_in_a_latin_word_is_always_refused(
            hidden in "[\\u{AD}\\u{34F}\\u{200B}-\\u{200D}\\u{2060}-\\u{2065}\\u{FE00}-\\u{FE0F}]",
            (before, after) in ("[a-zA-Z0-9 ]{0,40}x", "[a-zA-Z0-9 ]{0,40}"),
        ) {
            let name = KeyName::parse(format!("{before}{hidden}{after}"));
            prop_assert_eq!(name, Err(NameError::Hidden));
        }

        #[test]
        fn plain_words_are_always_accepted(text in "[\\p{L}\\p{N}--\\p{Default_Ignorable_Code_Point}]{1,100}") {
            prop_assert!(KeyName::parse(text).is_ok());
        }
    }
}
