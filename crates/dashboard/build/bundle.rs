//! Puts a module and all that it imports into one module.
//!
//! Each becomes a function that runs once and returns what the module exports, after those that it imports. What
//! modules may say of each other is what these scripts need: `import { a, b } from './c.js'` and `import './c.js'`, and
//! `export` before `const`, `function`, `async function` and `class`, each on a line of its own. Everything else is
//! refused, and so is a module that imports itself by way of others. A module may wait for something while it begins, in
//! a line that is not indented, and `import()` what is no part of the bundle.

use std::collections::BTreeMap;

/// The scripts, by their names.
pub(crate) type Sources = BTreeMap<String, String>;

/// One module that does what `entry` does.
pub(crate) fn bundle(entry: &str, sources: &Sources) -> Result<String, String> {
    let mut bundle = Vec::new();
    for name in modules_of(entry, sources)? {
        let Module { code, exports, waits, .. } = module(name, sources)?;
        let variable = variable(name);
        let (wait, kind) = if waits { ("await ", "async ") } else { ("", "") };
        bundle.push(format!("// {name}\nconst {variable} = {wait}({kind}() => {{"));
        bundle.extend(code);
        bundle.push(format!("return {{ {} }}\n}})()", exports.join(", ")));
    }
    Ok(bundle.join("\n") + "\n")
}

/// `entry` and all that it imports, each after those that it imports itself.
pub(crate) fn modules_of<'a>(entry: &'a str, sources: &'a Sources) -> Result<Vec<&'a str>, String> {
    let mut found = Vec::new();
    visit(entry, sources, &mut Vec::new(), &mut found)?;
    Ok(found)
}

fn visit<'a>(
    name: &'a str,
    sources: &'a Sources,
    way: &mut Vec<&'a str>,
    found: &mut Vec<&'a str>,
) -> Result<(), String> {
    if found.contains(&name) {
        return Ok(());
    }
    if way.contains(&name) {
        return Err(format!("{name} imports itself by way of {}", way.join(", ")));
    }
    way.push(name);
    for imported in module(name, sources)?.imports {
        visit(imported, sources, way, found)?;
    }
    way.pop();
    found.push(name);
    Ok(())
}

struct Module<'a> {
    imports: Vec<&'a str>,
    /// Its lines, without comments.
    code: Vec<String>,
    exports: Vec<&'a str>,
    /// Whether it waits while it begins.
    waits: bool,
}

fn module<'a>(name: &str, sources: &'a Sources) -> Result<Module<'a>, String> {
    let source =
        sources.get(name).ok_or_else(|| format!("{name} is imported, and is no script"))?;
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let (mut code, mut waits) = (Vec::new(), false);
    for Line { text: line, is_code } in
        code_of(source).map_err(|fault| format!("{name}: {fault}"))?
    {
        let refused = || format!("{name} says what no bundle can: {line}");
        if !is_code {
            code.push(line.to_owned());
        } else if let Some(import) = line.strip_prefix("import ") {
            let (names, from) = parse_import(import).ok_or_else(refused)?;
            if let Some(names) = names {
                let pattern = names.replace(" as ", ": ");
                code.push(format!("const {pattern} = {}", variable(from)));
            }
            imports.push(from);
        } else if let Some(exported) = line.strip_prefix("export ") {
            exports.push(name_of(exported).ok_or_else(refused)?);
            code.push(exported.to_owned());
        } else {
            waits |= line.starts_with("const ") && line.contains(" = await ");
            code.push(line.to_owned());
        }
    }
    Ok(Module { imports, code, exports, waits })
}

/// The names that are imported, if there are any, and the module that they come from.
fn parse_import(import: &str) -> Option<(Option<&str>, &str)> {
    let (names, from) = match import.split_once(" from ") {
        Some((names, from)) => (Some(names), from),
        None => (None, import),
    };
    let is_list = |names: &str| names.starts_with("{ ") && names.ends_with(" }");
    let from = from.strip_prefix("'./")?.strip_suffix('\'')?;
    Some((names, from)).filter(|_| names.is_none_or(is_list))
}

/// The name that a declaration declares.
fn name_of(declaration: &str) -> Option<&str> {
    let kinds = ["const ", "function ", "async function ", "class "];
    let rest = kinds.iter().find_map(|kind| declaration.strip_prefix(kind))?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    rest.get(..end).filter(|name| !name.is_empty())
}

/// The variable that holds what a module exports. No script has names with a dollar.
fn variable(name: &str) -> String {
    let stem = name.trim_end_matches(".js");
    format!("${}", stem.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

struct Line<'a> {
    text: &'a str,
    /// Whether it begins outside of a text of several lines.
    is_code: bool,
}

/// The lines that are neither blank nor comments. A line within a text of several lines is neither, whatever it holds.
fn code_of(source: &str) -> Result<Vec<Line<'_>>, &'static str> {
    let (mut lines, mut in_comment, mut in_text) = (Vec::new(), false, false);
    for text in source.lines() {
        let trimmed = text.trim();
        if !in_text && (in_comment || trimmed.starts_with("/*")) {
            in_comment = !trimmed.contains("*/");
            if !in_comment && !trimmed.ends_with("*/") {
                return Err("code follows a comment on its line");
            }
        } else if in_text || !trimmed.is_empty() && !trimmed.starts_with("//") {
            lines.push(Line { text, is_code: !in_text });
            in_text ^= marks_of_texts(text) % 2 == 1;
        }
    }
    if in_comment || in_text { Err("a comment or a text does not end") } else { Ok(lines) }
}

/// How often a text of several lines may begin or end in a line.
fn marks_of_texts(line: &str) -> usize {
    line.replace("'`'", "").replace("\\`", "").matches('`').count()
}
