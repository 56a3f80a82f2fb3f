use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// What begins a text in another encoding than UTF-8, or in UTF-8 with a mark that JSON does not allow
/// (RFC 8259, section 8.1). The longer of two alike comes first.
const MARKS: [(&[u8], &str); 6] = [
    (b"\xEF\xBB\xBF", "begins with a byte order mark; send it as UTF-8 without one"),
    (b"\xFF\xFE\0\0", "is UTF-32; send it as UTF-8"),
    (b"\xFF\xFE", "is UTF-16; send it as UTF-8"),
    (b"\xFE\xFF", "is UTF-16; send it as UTF-8"),
    (b"{\0", "is UTF-16; send it as UTF-8"),
    (b"\0{", "is UTF-16; send it as UTF-8"),
];

/// In place of a name that might hold anything.
const A_MEMBER: &str = "A member of the request";

/// Reads a body that is a JSON object, or says what is wrong with it: which member, and why. No value
/// is repeated, since it may be a password.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let said = |what: &str| format!("The request body {what}");
    if let Some((_, what)) = MARKS.iter().find(|(mark, _)| body.starts_with(mark)) {
        return Err(said(what));
    }
    let text = str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to() + 1;
        said(&format!("is not UTF-8: byte {at} begins no character; is it Latin-1?"))
    })?;
    match text.trim_ascii_start().as_bytes().first() {
        None => return Err(said("is empty; send a JSON object")),
        Some(b'{') => {}
        Some(_) => return Err(said("must be a JSON object")),
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut json);
    let read = read.map_err(|error| describe(&error.path().to_string(), error.inner()))?;
    let rest = json.end();
    rest.map(|()| read).map_err(|_more| said("goes on after the end of its JSON object"))
}

fn describe(path: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    if error.classify() != Category::Data {
        // The parser's own words name no more than the place and what belongs there.
        return format!("The request body is not valid JSON: {text}");
    }
    of_member(path, text.rsplit_once(" at line ").map_or(&*text, |(what, _place)| what))
}

/// What serde says of a member at `path`, in our words.
pub(crate) fn of_member(path: &str, what: &str) -> String {
    let (problem, expected) = match what.rsplit_once(", expected ") {
        Some((problem, expected)) => (problem, in_words(expected)),
        None => (what, String::new()),
    };
    let named = |beginning: &str| problem.strip_prefix(beginning)?.strip_suffix('`');
    if let Some(member) = named("missing field `") {
        return format!("{member} is required");
    }
    if let Some(member) = named("duplicate field `") {
        return format!("{member} is given twice");
    }
    if let Some(member) = named("unknown field `") {
        let member = if is_plain(member) { member } else { A_MEMBER };
        return format!("{member} is not known here; expected {expected}");
    }
    let member = if is_plain_path(path) { path } else { A_MEMBER };
    if expected.is_empty() {
        format!("{member} has a wrong value")
    } else {
        format!("{member} must be {expected}")
    }
}

/// The parser speaks of Rust's types.
fn in_words(expected: &str) -> String {
    match expected {
        "a boolean" => "true or false".to_owned(),
        "u32" => "a whole number, not negative".to_owned(),
        "i64" => "a whole number".to_owned(),
        other => other.replace('`', "\""),
    }
}

/// Names of members as ours are, also of those in a list: `limits[0].every`.
fn is_plain_path(path: &str) -> bool {
    path.split('.').all(|step| match step.split_once('[') {
        None => is_plain(step),
        Some((name, place)) => {
            let digits = place.strip_suffix(']').unwrap_or_default();
            is_plain(name)
                && (1..=5).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit())
        }
    })
}

/// The name of a member as ours are. Others might hold anything.
fn is_plain(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its shape matters")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only its shape matters")]
        count: u32,
        #[serde(default)]
        #[expect(dead_code, reason = "only its shape matters")]
        kind: Kind,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        #[default]
        One,
        Two,
    }

    fn said_of(body: &[u8]) -> String {
        parse::<Sample>(body).expect_err("it is wrong")
    }

    #[test]
    fn a_message_names_the_member_and_the_cause_and_repeats_no_value() {
        for (body, said) in [
            (r"{}", "name is required"),
            (r#"{"name":"hunter2","name":"hunter2"}"#, "name is given twice"),
            (r#"{"name":["hunter2"]}"#, "name must be a string"),
            (r#"{"name":null}"#, "name must be a string"),
            (r#"{"name":"","count":"hunter2"}"#, "count must be a whole number, not negative"),
            (r#"{"name":"","count":-1}"#, "count must be a whole number, not negative"),
            (r#"{"name":"","kind":"hunter2"}"#, "kind must be \"one\" or \"two\""),
            (
                r#"{"Name":"hunter2"}"#,
                "Name is not known here; expected one of \"name\", \"count\", \"kind\"",
            ),
            (
                r#"{"hunter2":1}"#,
                "A member of the request is not known here; expected one of \"name\", \"count\", \"kind\"",
            ),
        ] {
            assert_eq!(said_of(body.as_bytes()), said, "{body}");
        }
    }

    #[test]
    fn a_message_about_the_whole_body_names_the_cause() {
        let latin_1 = b"{\"name\":\"Caf\xE9\"}";
        let utf_16: Vec<_> = "{\"name\":\"a\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (body, said) in [
            (&b""[..], "is empty"),
            (b" \n", "is empty"),
            (b"[\"hunter2\"]", "must be a JSON object"),
            (b"null", "must be a JSON object"),
            (b"\xEF\xBB\xBF{\"name\":\"a\"}", "byte order mark"),
            (latin_1, "is not UTF-8: byte 13 begins no character; is it Latin-1?"),
            (&utf_16, "is UTF-16"),
            (&[b"\xFF\xFE", &*utf_16].concat(), "is UTF-16"),
            (b"{\"name\":\"hunter2\"} {}", "goes on after the end of its JSON object"),
            (b"{\"name\":\"hunter2\"", "not valid JSON: EOF"),
            (b"{\"name\":\"hunter2\",}", "not valid JSON: trailing comma"),
            (b"{'name':'hunter2'}", "not valid JSON: key must be a string"),
            (b"{\"name\":\"\\ud800\"}", "not valid JSON: "),
        ] {
            let message = said_of(body);
            assert!(message.contains(said) && !message.contains("hunter2"), "{message}");
        }
    }
}
