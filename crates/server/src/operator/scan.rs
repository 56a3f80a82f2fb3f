use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

use latchkey_domain::{FoundSecret, KeyPrefix};

/// What a scan came to.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Keys and management tokens that it found.
    pub(crate) found: usize,
    /// Files and folders that it could not read.
    pub(crate) unread: usize,
}

/// Looks for keys and management tokens in files, and in all files below folders; writes the place and the public
/// beginning of each. What can't be read is named in `problems`, and the rest is looked through all
/// the same. Links are followed where they are given, and not below.
pub(crate) fn scan(
    paths: Vec<PathBuf>,
    out: &mut impl Write,
    problems: &mut impl Write,
) -> io::Result<Scanned> {
    let mut scanned = Scanned::default();
    let given = paths.into_iter().map(|path| (path, true));
    let mut waiting: Vec<_> = given.rev().collect();
    while let Some((path, is_given)) = waiting.pop() {
        match look(&path, is_given) {
            Ok(Seen::Folder(inside)) => {
                waiting.extend(inside.into_iter().rev().map(|path| (path, false)));
            }
            Ok(Seen::Keys(keys)) => {
                scanned.found += keys.len();
                for (line, column, prefix) in keys {
                    writeln!(out, "{}:{line}:{column}: {prefix}", path.display())?;
                }
            }
            Err(error) => {
                scanned.unread += 1;
                // They are counted, whether they can be named or not.
                drop(writeln!(problems, "{}: {error}", path.display()));
            }
        }
    }
    Ok(scanned)
}

enum Seen {
    /// What is in it, in order.
    Folder(Vec<PathBuf>),
    /// Line, column and public beginning of each.
    Keys(Vec<(usize, usize, KeyPrefix)>),
}

fn look(path: &Path, follow: bool) -> io::Result<Seen> {
    let found = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) }?;
    if found.is_dir() {
        let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path()));
        let mut inside = entries.collect::<io::Result<Vec<_>>>()?;
        inside.sort();
        return Ok(Seen::Folder(inside));
    }
    // A device or a pipe may never end.
    Ok(Seen::Keys(if found.is_file() { keys_in(path)? } else { Vec::new() }))
}

/// A line at a time: a key has no line end in it.
fn keys_in(path: &Path) -> io::Result<Vec<(usize, usize, KeyPrefix)>> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut line, mut number, mut keys) = (Vec::new(), 0, Vec::new());
    while file.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        let mut found: Vec<_> = FoundSecret::find_in(&line).collect();
        found.sort_by_key(|secret| secret.at);
        keys.extend(found.into_iter().map(|secret| (number, secret.at + 1, secret.prefix)));
        line.clear();
    }
    Ok(keys)
}
