use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

use latchkey_domain::Secret;

/// Looks for keys in files, and in all files below folders; writes the place and the public
/// beginning of each, and answers how many there are. Links are not followed.
pub(crate) fn scan(paths: Vec<PathBuf>, out: &mut impl Write) -> io::Result<usize> {
    let mut found = 0;
    let mut waiting = paths;
    waiting.reverse();
    while let Some(path) = waiting.pop() {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let kind = fs::symlink_metadata(&path).map_err(named)?.file_type();
        if kind.is_dir() {
            let entries = fs::read_dir(&path).map_err(named)?;
            let mut inside: Vec<_> =
                entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>().map_err(named)?;
            inside.sort_by(|a, b| b.cmp(a));
            waiting.extend(inside);
        } else if kind.is_file() {
            found += scan_file(&path, out).map_err(named)?;
        }
    }
    Ok(found)
}

/// A line at a time: a key has no line end in it, and a file may be larger than memory.
fn scan_file(path: &Path, out: &mut impl Write) -> io::Result<usize> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut line, mut number, mut found) = (Vec::new(), 0_u64, 0);
    while file.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        for (at, secret) in Secret::find_in(&line) {
            found += 1;
            writeln!(out, "{}:{number}:{}: {}", path.display(), at + 1, secret.prefix())?;
        }
        line.clear();
    }
    Ok(found)
}
