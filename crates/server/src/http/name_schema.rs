use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// What no name contains: control characters, line separators, text direction, the byte order mark,
/// noncharacters.
const FORBIDDEN: &str = "\\u0000-\\u001F\\u007F-\\u009F\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069\\uFEFF\
     \\uFDD0-\\uFDEF\\uFFFE\\uFFFF\u{1FFFE}\u{1FFFF}\u{2FFFE}\u{2FFFF}\u{3FFFE}\u{3FFFF}\
     \u{4FFFE}\u{4FFFF}\u{5FFFE}\u{5FFFF}\u{6FFFE}\u{6FFFF}\u{7FFFE}\u{7FFFF}\u{8FFFE}\u{8FFFF}\
     \u{9FFFE}\u{9FFFF}\u{AFFFE}\u{AFFFF}\u{BFFFE}\u{BFFFF}\u{CFFFE}\u{CFFFF}\u{DFFFE}\u{DFFFF}\
     \u{EFFFE}\u{EFFFF}\u{FFFFE}\u{FFFFF}\u{10FFFE}\u{10FFFF}";
/// What nobody sees: white space and format characters.
const INVISIBLE: &str = " \\u00A0\\u1680\\u2000-\\u200A\\u202F\\u205F\\u3000\
     \\u00AD\\u0600-\\u0605\\u061C\\u06DD\\u070F\\u0890\\u0891\\u08E2\\u180E\\u200B-\\u200F\
     \\u2060-\\u2064\\u206A-\\u206F\\uFFF9-\\uFFFB\u{110BD}\u{110CD}\u{13430}-\u{1343F}\
     \u{1BCA0}-\u{1BCA3}\u{1D173}-\u{1D17A}\u{E0001}\u{E0020}-\u{E007F}";

/// The rule for names as JSON Schema says it. `KeyName` decides; a test holds this to it.
fn pattern() -> String {
    format!("^[^{FORBIDDEN}]*[^{FORBIDDEN}{INVISIBLE}][^{FORBIDDEN}]*$")
}

/// Describes a `KeyName` to readers of the OpenAPI document.
#[derive(Debug)]
pub(crate) struct NameSchema;

impl PartialSchema for NameSchema {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .min_length(Some(1))
            .max_length(Some(100))
            .pattern(Some(pattern()))
            .examples(["Production"])
            .description(Some("1 to 100 Unicode characters, at least one of them visible"))
            .into()
    }
}

impl ToSchema for NameSchema {}

#[cfg(test)]
mod tests {
    use latchkey_domain::KeyName;
    use regex_lite::Regex;

    use super::pattern;

    #[test]
    fn the_described_rule_is_the_rule_for_names() {
        let pattern = Regex::new(&pattern()).expect("a regular expression");
        // Every character of the first plane, and of the others those around what is special.
        let special = ('\u{11000}'..='\u{13500}')
            .chain('\u{1BC90}'..='\u{1BCB0}')
            .chain('\u{1D160}'..='\u{1D190}')
            .chain('\u{E0000}'..='\u{E0090}')
            .chain(
                (1..=16)
                    .flat_map(|plane| (0xFFF0..=0xFFFF).map(move |low| plane << 16 | low))
                    .filter_map(char::from_u32),
            );
        for c in ('\0'..='\u{FFFF}').chain(special) {
            for name in [c.to_string(), format!("a{c}")] {
                let accepted = KeyName::parse(name.clone()).is_ok();
                assert_eq!(pattern.is_match(&name), accepted, "U+{:04X}", u32::from(c));
            }
        }
    }
}
