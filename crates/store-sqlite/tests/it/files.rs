//! The files beside each other: who may read them, and who holds them.

use std::error::Error as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use latchkey_domain::ApiKey;
use latchkey_domain::ports::{ApiKeyRepository as _, ChangeFeed as _, Heartbeat};
use latchkey_store_sqlite::{OpenError, SqliteStore};
use latchkey_testkit::fixtures::{a_key, an_event};

/// Another process that holds `latchkey.db` in a folder, until it is killed.
struct Holder(Child);

impl Holder {
    fn start(folder: &Path, umask: &str) -> Self {
        let child = Command::new("sh")
            .args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"])
            .arg(std::env::current_exe().expect("this test"))
            .args(["--ignored", "--exact", "files::holds_a_store_until_it_is_killed"])
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
fn the_log_of_a_killed_process_is_missed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("latchkey.db");
    drop(Holder::start(folder.path(), "022"));
    fs::remove_file(path.with_extension("db-wal")).expect("it is there");
    let it = SqliteStore::open(&path);
    assert!(matches!(&it, Err(OpenError::LogLost { .. })), "got {it:?}");
    let told = it.expect_err("refused").to_string();
    assert!(told.contains("remove ") && told.contains("latchkey.db-shm"), "{told}");
    fs::remove_file(path.with_extension("db-shm")).expect("it is there");
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
fn another_process_is_kept_off_by_a_hard_link_and_without_the_lock_file_too() {
    let [folder, other] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let path = folder.path().join("latchkey.db");
    let holder = Holder::start(folder.path(), "022");
    let link = other.path().join("link.db");
    fs::hard_link(&path, &link).expect("the same file system");
    fs::remove_file(path.with_extension("db.lock")).expect("it is there");
    for name in [&path, &link] {
        let it = SqliteStore::open(name);
        assert!(matches!(&it, Err(OpenError::InUse { .. })), "{}: {it:?}", name.display());
    }
    drop(holder);
}

#[test]
fn files_that_others_could_read_are_closed_to_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // As a killed process leaves them: with a log.
    drop(Holder::start(folder.path(), "022"));
    let files = ["latchkey.db", "latchkey.db-wal", "latchkey.db-shm", "latchkey.db.lock"];
    let files = files.map(|name| folder.path().join(name));
    for file in &files {
        fs::set_permissions(file, Permissions::from_mode(0o644)).expect("it is ours");
    }
    let store = SqliteStore::open(&files[0]).expect("opens");
    for file in &files {
        let mode = fs::metadata(file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{}", file.display());
    }
    drop(store);
}

#[tokio::test]
async fn nothing_is_answered_from_a_database_that_was_taken_away() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("latchkey.db");
    let elsewhere = folder.path().join("elsewhere.db");
    let (store, _) = a_store_with_a_key(&path).await;
    for (keys, replaced) in [(2, false), (3, true)] {
        let (key, registration) = (a_key().build(), store.register().await.expect("held"));
        store.insert(&key, None, 10, &an_event()).await.expect("stored");
        fs::rename(&path, &elsewhere).expect("moved");
        if replaced {
            fs::copy(&elsewhere, &path).expect("copied");
        }
        let told = lost(&store).await;
        assert!(told.contains("latchkey.db was moved, removed or replaced"), "{told}");
        assert!(store.insert(&a_key().build(), None, 10, &an_event()).await.is_err());
        assert!(store.list(&key.parts().owner).await.is_err());
        let news = store.heartbeat(registration.instance, registration.position).await;
        assert_eq!(news.expect("answered"), Heartbeat::Unlisted, "the cache is void");
        assert!(store.register().await.is_err() && store.ready().await.is_err());

        fs::rename(&elsewhere, &path).expect("moved back");
        wait(async || store.held().await.ok()).await;
        store.ready().await.expect("it is where it was");
        assert_eq!(store.list(&key.parts().owner).await.expect("answered").len(), keys);
    }
}

#[tokio::test]
async fn a_log_that_was_removed_is_noticed_and_a_clean_stop_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("latchkey.db");
    let (store, key) = a_store_with_a_key(&path).await;
    fs::remove_file(path.with_extension("db-wal")).expect("it is there");
    let told = lost(&store).await;
    assert!(told.contains("latchkey.db-wal was removed"), "{told}");
    assert!(store.insert(&a_key().build(), None, 10, &an_event()).await.is_err());
    store.close().await;
    drop(store);
    let store = SqliteStore::open(&path).expect("opens");
    assert_eq!(store.list(&key.parts().owner).await.expect("answered").len(), 1);
}

#[tokio::test]
async fn a_lock_file_that_was_removed_is_made_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("latchkey.db");
    let lock = path.with_extension("db.lock");
    let (store, _) = a_store_with_a_key(&path).await;
    fs::remove_file(&lock).expect("it is there");
    wait(async || (store.held().await.is_ok() && lock.exists()).then_some(())).await;

    fs::remove_file(&lock).expect("it is there");
    let taken = fs::File::create(&lock).expect("made");
    taken.lock().expect("locked");
    let told = lost(&store).await;
    assert!(told.contains("latchkey.db.lock was replaced"), "{told}");
}

async fn a_store_with_a_key(path: &Path) -> (SqliteStore, ApiKey) {
    let store = SqliteStore::open(path).expect("opens");
    store.migrate().await.expect("migrates");
    let key = a_key().build();
    store.insert(&key, None, 10, &an_event()).await.expect("stored");
    (store, key)
}

/// Waits until the store has noticed, and gives what it says.
async fn lost(store: &SqliteStore) -> String {
    let error = wait(async || store.held().await.err()).await;
    error.source().expect("a cause").to_string()
}

/// Waits until something is there, which takes a moment.
async fn wait<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(it) = look().await {
            return it;
        }
        assert!(Instant::now() < deadline, "nothing came");
        sleep(Duration::from_millis(5));
    }
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

    let it = SqliteStore::open(folder.path());
    assert!(matches!(&it, Err(OpenError::File { .. })), "got {it:?}");
}
