//! The files beside each other: who may read them, and who holds them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use latchkey_store_sqlite::{OpenError, SqliteStore};

/// Another process that holds `latchkey.db` in a folder, until it is killed.
struct Holder(Child);

impl Holder {
    fn start(folder: &Path, umask: &str) -> Self {
        let child = Command::new("sh")
            .args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"])
            .arg(std::env::current_exe().expect("this test"))
            .args(["--ignored", "--exact", "holds_a_store_until_it_is_killed"])
            .current_dir(folder)
            .spawn()
            .expect("sh starts");
        let mut holder = Self(child);
        while !folder.join("held").exists() {
            assert!(holder.0.try_wait().expect("a child").is_none(), "the holder failed");
            sleep(Duration::from_millis(5));
        }
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().expect("a child");
        self.0.wait().expect("a child");
    }
}

#[tokio::test]
#[ignore = "the other process of the tests below"]
async fn holds_a_store_until_it_is_killed() {
    let store = SqliteStore::open(Path::new("latchkey.db")).expect("opens");
    store.migrate().await.expect("migrates");
    fs::write("held", "").expect("written");
    sleep(Duration::from_mins(1));
    drop(store);
}

#[test]
fn every_file_is_for_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "777"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let holder = Holder::start(folder.path(), umask);
        for name in ["latchkey.db", "latchkey.db-wal", "latchkey.db-shm", "latchkey.db.lock"] {
            let mode = fs::metadata(folder.path().join(name)).expect(name).permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{name} under umask {umask}");
        }
        drop(holder);
    }
}

#[test]
fn a_killed_process_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("latchkey.db");
    let holder = Holder::start(folder.path(), "022");
    let it = SqliteStore::open(&path);
    assert!(matches!(&it, Err(OpenError::InUse { .. })), "got {it:?}");
    drop(holder);
    assert!(path.with_extension("db.lock").exists());
    SqliteStore::open(&path).expect("opens");
}

#[test]
fn a_store_is_opened_once_by_whatever_name_and_again_when_it_is_dropped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("latchkey.db");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("linked");

    let store = SqliteStore::open(&path).expect("opens");
    let clone = store.clone();
    drop(store);
    for name in [&path, &link] {
        let message = SqliteStore::open(name).expect_err("held").to_string();
        assert!(message.ends_with("latchkey.db is in use by another process"), "{message}");
    }
    drop(clone);
    SqliteStore::open(&link).expect("opens");
}

#[test]
fn names_that_sqlite_would_take_for_something_else_are_plain_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in [":memory:", "file:x?mode=memory", "a b%20c#d.db"] {
        let path = folder.path().join(name);
        drop(SqliteStore::open(&path).expect("opens"));
        assert!(path.metadata().expect("a file").len() > 0, "{name}");
    }
}

#[test]
fn what_is_no_database_is_refused_and_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database, and longer than the header of one".repeat(9))
        .expect("written");
    let it = SqliteStore::open(&text);
    assert!(matches!(&it, Err(OpenError::Database { .. })), "got {it:?}");

    let nowhere = folder.path().join("missing/latchkey.db");
    let it = SqliteStore::open(&nowhere);
    assert!(matches!(&it, Err(OpenError::File { path, .. }) if *path == nowhere), "got {it:?}");
}
