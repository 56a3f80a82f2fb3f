//! What people see of a character, and what it does to the text around it, by Unicode's tables.

use unicode_properties::{
    EmojiStatus, GeneralCategory, GeneralCategoryGroup, UnicodeEmoji as _,
    UnicodeGeneralCategory as _,
};

const ZERO_WIDTH_NON_JOINER: char = '\u{200C}';
const ZERO_WIDTH_JOINER: char = '\u{200D}';
const EMOJI_STYLE: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';

/// Breaks a line, turns the direction of the text around it, or is no character: what a text of
/// people never needs.
pub(crate) fn is_disruptive(c: char) -> bool {
    c.is_control()
        || is_bidi_control(c)
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FDD0}'..='\u{FDEF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// The property `Bidi_Control`.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Shows nothing anywhere: the property `Default_Ignorable_Code_Point`, and the marks around
/// annotations.
pub(crate) fn is_hidden(c: char) -> bool {
    is_default_ignorable(c) || matches!(c, '\u{FFF9}'..='\u{FFFB}')
}

/// A test compares the ranges with the Unicode tables.
fn is_default_ignorable(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether a person sees it, on its own. A mark is seen on another character only.
pub(crate) fn is_visible(c: char) -> bool {
    // Signs whose whole picture is blank: an empty braille cell, a note without a head, the place of
    // an object.
    let is_blank = matches!(c, '\u{2800}' | '\u{1D159}' | '\u{FFFC}');
    let is_format = c.general_category() == GeneralCategory::Format;
    !(is_blank || is_format || is_mark(c) || c.is_whitespace() || c.is_control() || is_hidden(c))
}

/// Whether script or emoji need `c`, which is hidden, between its neighbours: a joiner in a script that
/// joins letters or between emoji, or the sign that makes an emoji of what is before it.
pub(crate) fn is_needed(before: Option<char>, c: char, after: Option<char>) -> bool {
    let (Some(before), after) = (before, after.unwrap_or(' ')) else { return false };
    match c {
        ZERO_WIDTH_JOINER if is_emoji(before) || before == EMOJI_STYLE => is_emoji(after),
        ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER => joins(before) && joins(after),
        EMOJI_STYLE => is_emoji(before) || (is_keycap_base(before) && after == KEYCAP),
        _ => false,
    }
}

fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

fn is_keycap_base(c: char) -> bool {
    c.emoji_status() == EmojiStatus::EmojiOtherAndEmojiComponent
}

fn is_emoji(c: char) -> bool {
    c.is_emoji_char() && !is_keycap_base(c)
}

/// A letter of Arabic and its relatives, of the Indic scripts and theirs, or of Mongolian, or a mark on
/// one.
fn joins(c: char) -> bool {
    let of_such_script = matches!(c,
        '\u{600}'..='\u{DFF}' | '\u{F00}'..='\u{109F}' | '\u{1700}'..='\u{18AF}'
        | '\u{1900}'..='\u{1CFF}' | '\u{A800}'..='\u{AAFF}' | '\u{ABC0}'..='\u{ABFF}'
        | '\u{10A00}'..='\u{11FFF}' | '\u{1E900}'..='\u{1E95F}');
    of_such_script && (c.is_alphabetic() || is_mark(c)) && !is_hidden(c)
}

#[cfg(test)]
mod tests {
    use icu_properties::CodePointSetData;
    use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, NoncharacterCodePoint};

    use super::*;

    #[test]
    fn the_ranges_are_those_of_the_unicode_tables() {
        let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        let bidi = CodePointSetData::new::<BidiControl>();
        let none = CodePointSetData::new::<NoncharacterCodePoint>();
        for c in '\0'..=char::MAX {
            let place = u32::from(c);
            assert_eq!(is_default_ignorable(c), ignorable.contains(c), "U+{place:04X}");
            assert_eq!(is_bidi_control(c), bidi.contains(c), "U+{place:04X}");
            assert!(is_disruptive(c) || !none.contains(c), "U+{place:04X}");
        }
        assert_eq!(('\0'..=char::MAX).filter(|c| is_bidi_control(*c)).count(), 12);
    }
}
