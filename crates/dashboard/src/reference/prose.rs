//! Sentences with code, links and emphasis in them.

/// A part of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Code(&'a str),
    Strong(&'a str),
    Link { text: &'a str, to: &'a str },
}

/// The parts of a sentence that is written as Markdown: `code`, **strong** and [links](#to).
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, part, after)) = next(rest) {
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(part);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// The first part that is more than text, with what is before and after it.
fn next(text: &str) -> Option<(&str, Part<'_>, &str)> {
    let found = [code(text), strong(text), link(text)].into_iter().flatten();
    found.min_by_key(|(before, ..)| before.len())
}

fn code(text: &str) -> Option<(&str, Part<'_>, &str)> {
    let (before, code, after) = between(text, "`", "`")?;
    Some((before, Part::Code(code), after))
}

fn strong(text: &str) -> Option<(&str, Part<'_>, &str)> {
    let (before, strong, after) = between(text, "**", "**")?;
    Some((before, Part::Strong(strong), after))
}

fn link(text: &str) -> Option<(&str, Part<'_>, &str)> {
    let (before, text, rest) = between(text, "[", "](")?;
    let (to, after) = rest.split_once(')')?;
    let is_local = to.starts_with(['#', '/']);
    is_local.then_some((before, Part::Link { text, to }, after))
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_once(open)?;
    let (within, after) = rest.split_once(close)?;
    Some((before, within, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_has_code_links_and_emphasis() {
        let text = "**Now** [sign in](#signIn) with `a [b](#c)`.";
        let expected = [
            Part::Strong("Now"),
            Part::Text(" "),
            Part::Link { text: "sign in", to: "#signIn" },
            Part::Text(" with "),
            Part::Code("a [b](#c)"),
            Part::Text("."),
        ];
        assert_eq!(parts(text), expected);
    }

    #[test]
    fn what_is_not_closed_or_leads_elsewhere_is_text() {
        for text in ["a ` b", "a ** b", "[a](https://example.com)", "items[] (b)"] {
            assert_eq!(parts(text), [Part::Text(text)], "{text}");
        }
    }
}
