//! The part of the reference that no OpenAPI document has. It is written once, in Markdown, for people and for
//! programs that read: here it becomes sections of the page.

use super::ReferenceAt;
use super::colour::Syntax;

const TEXT: &str = include_str!("../../templates/reference_introduction.md");

/// How somebody gets the credential that the first calls need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayIn {
    /// By making an account.
    SignUp,
    /// With an account that somebody else makes.
    SignIn,
    /// With a token of another system.
    Token,
}

/// A section: text, and examples beside it.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) anchor: String,
    pub(super) title: &'a str,
    pub(super) text: Vec<Block<'a>>,
    pub(super) examples: Vec<Sample<'a>>,
}

#[derive(Debug)]
pub(super) enum Block<'a> {
    Paragraph(&'a str),
    Steps(Vec<&'a str>),
    /// A row for each thing, its name and what is to be said of it. The first one holds the headings.
    Table(Vec<(&'a str, &'a str)>),
}

#[derive(Debug)]
pub(super) struct Sample<'a> {
    pub(super) syntax: Syntax,
    pub(super) title: &'a str,
    pub(super) code: &'a str,
}

/// The introduction of a service, as Markdown.
pub(super) fn markdown(at: &ReferenceAt<'_>, version: &str) -> String {
    let (step, way_in, credential) = at.way_in.texts();
    TEXT.replace("{way_in_step}", step)
        .replace("{way_in}", way_in)
        .replace("{credential}", credential)
        .replace("{base_url}", at.base_url)
        .replace("{cookie}", at.session_cookie)
        .replace("{version}", version)
}

impl WayIn {
    /// What the first step is, the command for it, and what shows the credential to a call.
    const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::SignUp => (
                "Sign up. Choose an address and a password of your own. The session goes into the file `cookies.txt`.",
                r#"```sh 1. Sign up
curl -sS -c cookies.txt "{base_url}/api/v1/auth/sign-up" \
  -H "Content-Type: application/json" \
  -d '{"email": "you@example.com", "password": "a password of your own"}'
```"#,
                "-b cookies.txt",
            ),
            Self::SignIn => (
                "Sign in with the account that the operator of the service made for you. The session goes into the file `cookies.txt`.",
                r#"```sh 1. Sign in
curl -sS -c cookies.txt "{base_url}/api/v1/auth/sign-in" \
  -H "Content-Type: application/json" \
  -d '{"email": "you@example.com", "password": "your password"}'
```"#,
                "-b cookies.txt",
            ),
            Self::Token => (
                "Take a token of the sign-in that this service trusts, a JWT.",
                r#"```sh 1. Take a token
TOKEN="your_token"
```"#,
                r#"-H "Authorization: Bearer $TOKEN""#,
            ),
        }
    }
}

/// The sections of Markdown in which a section has paragraphs, numbered steps, tables of two columns, and examples
/// between fences.
pub(super) fn sections(markdown: &str) -> Vec<Section<'_>> {
    let mut sections = Vec::new();
    for text in markdown.split("\n## ") {
        let (title, mut rest) = text.split_once('\n').unwrap_or((text, ""));
        let title = title.trim_start_matches("## ");
        let mut section = Section {
            anchor: title.to_lowercase().replace(' ', "-"),
            title,
            text: Vec::new(),
            examples: Vec::new(),
        };
        while let Some((before, fenced)) = rest.split_once("\n```") {
            section.text.extend(blocks(before));
            let (sample, after) = sample(fenced);
            section.examples.extend(sample);
            rest = after;
        }
        section.text.extend(blocks(rest));
        sections.push(section);
    }
    sections
}

fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    text.split("\n\n").map(|it| it.trim_matches('\n')).filter(|it| !it.is_empty()).map(|block| {
        if block.starts_with("1. ") {
            let steps = block.lines().filter_map(|line| line.split_once(". "));
            Block::Steps(steps.map(|(_number, step)| step).collect())
        } else if block.starts_with('|') {
            let rows = block.lines().filter(|line| !line.starts_with("|-"));
            let rows = rows.filter_map(|line| line.trim_matches('|').split_once('|'));
            Block::Table(rows.map(|(name, what)| (name.trim(), what.trim())).collect())
        } else {
            Block::Paragraph(block)
        }
    })
}

/// The example whose opening fence was read, and what comes after its closing one.
fn sample(fenced: &str) -> (Option<Sample<'_>>, &str) {
    let (code, after) = fenced.split_once("\n```").unwrap_or((fenced, ""));
    let sample = code.split_once('\n').map(|(head, code)| {
        let (language, title) = head.split_once(' ').unwrap_or((head, ""));
        Sample { syntax: Syntax::named(language), title, code }
    });
    (sample, after)
}
