//! The reference as Markdown, for programs that read and for people who paste it to one.

use std::fmt;

use super::operation::{Answer, Body, Operation};
use super::schema::Member;
use super::{Reference, ReferenceAt, SUMMARY, introduction};

/// Shows the whole reference.
pub(super) struct Text<'a> {
    pub(super) reference: &'a Reference,
    pub(super) at: ReferenceAt<'a>,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reference, at } = self;
        writeln!(f, "# {} API reference\n\n> {SUMMARY}\n", at.product.name)?;
        f.write_str(&introduction::markdown(at, &reference.version))?;
        for group in &reference.groups {
            writeln!(f, "\n## {}\n\n{}", group.name, group.description)?;
            for call in &group.operations {
                write_call(f, call, at)?;
            }
        }
        Ok(())
    }
}

fn write_call(f: &mut fmt::Formatter<'_>, call: &Operation, at: &ReferenceAt<'_>) -> fmt::Result {
    writeln!(f, "\n### {}\n\n`{} {}`", call.title, call.method, call.path)?;
    if !call.description.is_empty() {
        writeln!(f, "\n{}", call.description)?;
    }
    match call.opened_by.as_slice() {
        [] => writeln!(f, "\nNo authentication.")?,
        ways => writeln!(f, "\nNeeds {}.", ways.join(", or "))?,
    }
    write_members(f, "Path parameters", &call.path_parameters)?;
    write_members(f, "Query parameters", &call.query_parameters)?;
    if let Some(body) = &call.body {
        write_members(f, &format!("Request body. {}", body.sentence()), &body.members)?;
    }
    let command = call.request.curl(at.base_url, at.session_cookie);
    writeln!(f, "\n```sh\n{command}\n```")?;
    let (good, bad): (Vec<_>, Vec<_>) = call.answers.iter().partition(|it| it.is_success);
    for answer in good {
        write_answer(f, answer)?;
    }
    if !bad.is_empty() {
        writeln!(f, "\nErrors:\n")?;
    }
    for Answer { status, description, codes, .. } in bad {
        let codes = codes.iter().map(|code| format!(" `{code}`")).collect::<Vec<_>>().join(",");
        writeln!(f, "- {status}{codes}: {description}")?;
    }
    Ok(())
}

fn write_answer(f: &mut fmt::Formatter<'_>, answer: &Answer) -> fmt::Result {
    writeln!(f, "\nResponse {}: {}", answer.status, answer.description)?;
    write_members(f, "Response fields", &answer.members)?;
    write_members(f, "Response headers", &answer.headers)?;
    match &answer.example {
        Some(example) => writeln!(f, "\n```json\n{example}\n```"),
        None => Ok(()),
    }
}

fn write_members(f: &mut fmt::Formatter<'_>, title: &str, members: &[Member]) -> fmt::Result {
    if members.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}:\n")?;
    for member in members {
        let needed = if member.is_required { "" } else { ", optional" };
        write!(f, "- `{}` ({}{needed})", member.name, member.kind)?;
        let facts = member.facts();
        let sentences = [&member.description].into_iter().chain(&facts).filter(|it| !it.is_empty());
        let sentences: Vec<_> = sentences.map(|it| it.replace('\n', " ")).collect();
        if !sentences.is_empty() {
            write!(f, ": {}", sentences.join(" "))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

impl Body {
    /// What kind of body it is.
    pub(super) fn sentence(&self) -> String {
        let optional = if self.is_required { "" } else { ", which may be left out" };
        let least = self.least_members.map(|it| format!(", with at least {it} of these members"));
        let closed = if self.is_closed { "; other members are refused" } else { "" };
        format!("A JSON object{optional}{}{closed}", least.unwrap_or_default())
    }
}

impl Member {
    /// Its values, its limits and its default, each in a sentence with code between backticks.
    pub(super) fn facts(&self) -> Vec<String> {
        let values = self.values.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
        let values = (!values.is_empty()).then(|| format!("One of {values}."));
        let default = self.default.as_ref().map(|it| format!("`{it}` if left out"));
        let limits: Vec<_> = self.limits.iter().cloned().chain(default).collect();
        let limits = (!limits.is_empty()).then(|| format!("{}.", limits.join("; ")));
        values.into_iter().chain(limits).collect()
    }
}
