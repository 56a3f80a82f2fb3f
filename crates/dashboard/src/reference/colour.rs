//! Colours of code: the parts of an example, each with the class that the style sheet gives a colour.

/// What an example is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Shell,
    Json,
    /// The head of a message and, if there is one, its JSON.
    Http,
    Plain,
}

/// A part of an example.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// `n` a name, `s` a text, `v` another value, `w` a command, `c` a comment; empty for the rest.
    pub(super) class: &'static str,
    pub(super) text: &'a str,
}

const PUNCTUATION: &[char] =
    &[' ', '\n', '\t', '{', '}', '[', ']', ',', ':', '(', ')', '|', ';', '='];
const COMMANDS: [&str; 6] = ["curl", "echo", "export", "rm", "sed", "HTTP/1.1"];

impl Syntax {
    /// The language by its name in Markdown.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "sh" => Self::Shell,
            "json" => Self::Json,
            "http" => Self::Http,
            _ => Self::Plain,
        }
    }

    /// The parts of `text`, in order; joined they are `text`.
    pub(super) fn tokens(self, text: &str) -> Vec<Token<'_>> {
        if self == Self::Plain {
            return vec![Token { class: "", text }];
        }
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (text, after) = rest.split_at(self.length(first, rest));
            tokens.push(Token { class: self.class(text, after), text });
            rest = after;
        }
        tokens
    }

    /// How long the part is that `rest` begins with.
    fn length(self, first: char, rest: &str) -> usize {
        let ends = |found: Option<usize>| found.unwrap_or(rest.len());
        match first {
            '"' => quoted(rest, '"'),
            '\'' if self == Self::Shell => quoted(rest, '\''),
            '#' if self == Self::Shell => ends(rest.find('\n')),
            it if PUNCTUATION.contains(&it) => ends(rest.find(|it| !PUNCTUATION.contains(&it))),
            _ => ends(rest.find(|it| PUNCTUATION.contains(&it) || it == '"')),
        }
    }

    fn class(self, text: &str, after: &str) -> &'static str {
        let is_name = after.starts_with(':');
        match text.chars().next() {
            Some('"') if is_name && self != Self::Shell => "n",
            Some('"') => "s",
            Some('\'') if self == Self::Shell => "s",
            Some('#') if self == Self::Shell => "c",
            Some('-') if self == Self::Shell => "n",
            _ if COMMANDS.contains(&text) => "w",
            _ if is_name && self == Self::Http => "n",
            _ if self == Self::Shell => "",
            _ if text == "true" || text == "false" || text == "null" => "v",
            Some('-' | '0'..='9') => "v",
            _ => "",
        }
    }
}

/// The length of the quoted text that `rest` begins with.
fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, it) in rest.char_indices().skip(1) {
        if it == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = it == '\\' && quote == '"' && !is_escaped;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coloured(syntax: Syntax, text: &str) -> Vec<(&'static str, String)> {
        let tokens = syntax.tokens(text);
        assert_eq!(tokens.iter().map(|it| it.text).collect::<String>(), text);
        let coloured = tokens.into_iter().filter(|it| !it.class.is_empty());
        coloured.map(|it| (it.class, it.text.to_owned())).collect()
    }

    fn pairs(list: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        list.iter().map(|(class, text)| (*class, (*text).to_owned())).collect()
    }

    #[test]
    fn json_has_names_texts_and_values() {
        let expected =
            [("n", "\"a\""), ("s", "\"b \\\" c\""), ("n", "\"d\""), ("v", "-1"), ("v", "null")];
        assert_eq!(coloured(Syntax::Json, r#"{"a": "b \" c", "d": [-1, null]}"#), pairs(&expected));
    }

    #[test]
    fn a_command_has_options_and_texts() {
        let command = "# Why\ncurl -X POST \"https://a\" \\\n  -d '{\"a\": \"b\\\"}'";
        let expected = [
            ("c", "# Why"),
            ("w", "curl"),
            ("n", "-X"),
            ("s", "\"https://a\""),
            ("n", "-d"),
            ("s", "'{\"a\": \"b\\\"}'"),
        ];
        assert_eq!(coloured(Syntax::Shell, command), pairs(&expected));
    }

    #[test]
    fn what_is_cut_off_or_in_another_script_is_kept_whole() {
        for text in ["\"", "'ключ", "é\"ü", "\\", "\"a\\"] {
            for language in [Syntax::Shell, Syntax::Json, Syntax::Http, Syntax::Plain] {
                let tokens = language.tokens(text);
                assert_eq!(tokens.iter().map(|it| it.text).collect::<String>(), text);
            }
        }
    }
}
