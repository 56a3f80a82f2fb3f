use std::cmp::Reverse;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// Where the programs of a Postgres server lie, if there are any on this machine.
pub(super) fn find() -> Result<Option<PathBuf>, String> {
    if let Some(chosen) = env::var_os("PG_BIN_DIR").map(PathBuf::from) {
        if complete(&chosen) {
            return Ok(Some(chosen));
        }
        let chosen = chosen.display();
        return Err(format!("PG_BIN_DIR is {chosen}, which lacks initdb, pg_ctl or postgres"));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let candidates = env::split_paths(&path).chain(installed());
    Ok(candidates.filter(|folder| complete(folder)).map(|folder| real(&folder)).next())
}

fn complete(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
}

/// The folder that the programs lie in themselves: what lies beside them is found from there.
fn real(folder: &Path) -> PathBuf {
    let program = fs::canonicalize(folder.join("postgres")).ok();
    let real = program.and_then(|program| program.parent().map(Path::to_owned));
    real.filter(|real| complete(real)).unwrap_or_else(|| folder.to_owned())
}

/// Where packages put the programs out of the way of PATH, the highest version of each first.
fn installed() -> impl Iterator<Item = PathBuf> {
    [
        ("/usr/lib/postgresql", ""),                          // Debian, Ubuntu
        ("/usr", "pgsql-"),                                   // Fedora, RHEL
        ("/usr/libexec", "postgresql"),                       // Alpine
        ("/opt/homebrew/opt", "postgresql"),                  // macOS
        ("/usr/local/opt", "postgresql"),                     // macOS on Intel
        ("/Applications/Postgres.app/Contents/Versions", ""), // macOS
    ]
    .into_iter()
    .flat_map(|(root, start)| {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
            .map(|entry| entry.path())
            .collect();
        found.sort_by_key(|folder| Reverse(version(folder)));
        found.into_iter().flat_map(|folder| [folder.join("bin"), folder])
    })
}

/// The number at the end of the folder's name: 15 in `15`, `pgsql-15`, `postgresql@15`.
fn version(folder: &Path) -> u32 {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let start = name.trim_end_matches(|c: char| c.is_ascii_digit());
    name.strip_prefix(start).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// A user and group of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Whom to run a server as, when it must not be ourselves: Postgres refuses to run as root.
pub(super) fn stand_in() -> Option<User> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].iter().find_map(|name| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (user, _password) = (fields.next()?, fields.next()?);
            let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            (user == *name).then_some(User { uid, gid })
        })
    })
}

/// A command run as `user`, or as ourselves, that hears nothing from the terminal and knows
/// nothing of the server that somebody's environment may point at.
pub(super) fn command(program: impl AsRef<OsStr>, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C").current_dir("/").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (name, want) in [("9", 9), ("15", 15), ("pgsql-17", 17), ("postgresql@16", 16)] {
            assert_eq!(version(&Path::new("/somewhere").join(name)), want);
        }
        assert_eq!(version(Path::new("/somewhere/postgresql")), 0);
    }
}
