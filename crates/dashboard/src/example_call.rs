//! The command that calls the API of the product, as `codeIn('curl', …)` in `assets/languages.js` writes it: the empty list
//! shows it before scripts run, and a browser test holds the two to each other.

use url::{Position, Url};

/// The variable of the environment that has the key.
const VARIABLE: &str = "API_KEY";

/// The command that sends `request`: a method, an address and perhaps a body of JSON, with a blank between them. `None` if
/// it is no such text.
pub(crate) fn curl(request: &str) -> Option<String> {
    let (method, rest) = request.split_once(' ')?;
    let (address, body) = match rest.split_once(' ') {
        Some((address, body)) => (address, Some(body)),
        None => (rest, None),
    };
    let program = match method {
        "GET" => "curl".to_owned(),
        "HEAD" => "curl --head".to_owned(),
        _ => format!("curl -X {method}"),
    };
    let mut lines = vec![
        format!("{program} {}", in_shell(&written(&Url::parse(address).ok()?))),
        format!("-H \"x-api-key: ${VARIABLE}\""),
    ];
    if let Some(body) = body {
        lines.push(format!("-H {}", in_shell("content-type: application/json")));
        lines.push(format!("-d {}", in_shell(body)));
    }
    Some(lines.join(" \\\n  "))
}

/// A text as one word of a shell.
fn in_shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if text.is_empty() || !text.chars().all(is_plain) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    text.to_owned()
}

/// The address as RFC 3986 has it, without a fragment.
fn written(url: &Url) -> String {
    let query = url.query().filter(|query| !query.is_empty());
    let rest = &url[Position::BeforePath..Position::AfterPath];
    let rest = query.map_or_else(|| rest.to_owned(), |query| format!("{rest}?{query}"));
    let mut written = url[..Position::BeforePath].to_owned();
    for (at, c) in rest.char_indices() {
        let is_kept = c.is_ascii_alphanumeric() || "_-.~:/?@!$&'()*+,;=".contains(c);
        if is_kept || c == '%' && is_escape(rest.get(at..).unwrap_or_default()) {
            written.push(c);
        } else {
            let escaped = c.to_string().into_bytes();
            written.extend(escaped.iter().map(|byte| format!("%{byte:02X}")));
        }
    }
    written
}

/// Whether a text begins with a byte in percent notation.
fn is_escape(text: &str) -> bool {
    let digits = text.as_bytes().get(1..3);
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_command_as_the_scripts_write_it() {
        for (request, command) in [
            (
                "GET https://keys.example.com/api/v1/verify",
                "curl https://keys.example.com/api/v1/verify \\\n  -H \"x-api-key: $API_KEY\"",
            ),
            (
                "POST https://api.example.com/v1/items?a=1&b {\"name\": \"it's\"}",
                "curl -X POST 'https://api.example.com/v1/items?a=1&b' \\\n  -H \"x-api-key: $API_KEY\" \\\n  \
                 -H 'content-type: application/json' \\\n  -d '{\"name\": \"it'\\''s\"}'",
            ),
            (
                "HEAD https://api.example.com/a|b%zz%20?#part",
                "curl --head https://api.example.com/a%7Cb%25zz%20 \\\n  -H \"x-api-key: $API_KEY\"",
            ),
        ] {
            assert_eq!(curl(request).as_deref(), Some(command));
        }
        assert_eq!(curl("GET"), None);
        assert_eq!(curl("GET nowhere"), None);
    }
}
