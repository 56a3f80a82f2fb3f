//! Backups of the embedded database, and what a restore brings back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::person::{ADA, ADAS_PASSWORD, Issued, Person};
use crate::server::{Server, Setup};

fn back_up(setup: &Setup, file: &Path) -> String {
    let finished = setup.run(&["backup", &file.display().to_string()], "");
    finished.expect_code(0).stdout
}

/// A server on a new data directory with the copy and the ring of another.
fn restored(copy: &Path, of: &Setup) -> Server {
    let setup = Setup::on_sqlite().with("LATCHKEY_MAX_KEYS_PER_OWNER", "100000");
    fs::create_dir(setup.data_directory()).expect("made");
    fs::copy(copy, setup.data_directory().join("latchkey.db")).expect("copied");
    let ring = |setup: &Setup| setup.data_directory().join("peppers");
    fs::copy(ring(of), ring(&setup)).expect("copied");
    setup.start()
}

/// Makes keys and revokes every other one, until told to stop. What was answered before the copy was
/// asked for is in it.
fn change(
    ada: &Person,
    is_asked_for: &AtomicBool,
    stop: &AtomicBool,
) -> (Vec<Issued>, Vec<Issued>) {
    let (mut good, mut revoked) = (Vec::new(), Vec::new());
    while !stop.load(Ordering::SeqCst) {
        let [stays, goes] = ["stays", "goes"].map(|name| ada.create_key(name));
        ada.revoke(&goes.id).expect_status(200);
        if !is_asked_for.load(Ordering::SeqCst) {
            good.push(stays);
            revoked.push(goes);
        }
    }
    (good, revoked)
}

#[test]
fn a_copy_made_while_changes_run_brings_back_everything_that_was_answered_before() {
    let setup = Setup::on_sqlite()
        .with("LATCHKEY_MAX_KEYS_PER_OWNER", "100000")
        .with("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "10000");
    let server = setup.start();
    let ada = server.sign_up(ADA);
    let used = ada.create_key("used");
    server.verify(&used.key).expect_status(200);
    let copy = server.setup.directory().join("copy.db");
    let (is_asked_for, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let (good, revoked) = std::thread::scope(|scope| {
        let changing = scope.spawn(|| change(&ada, &is_asked_for, &stop));
        std::thread::sleep(std::time::Duration::from_secs(1));
        is_asked_for.store(true, Ordering::SeqCst);
        back_up(&server.setup, &copy);
        stop.store(true, Ordering::SeqCst);
        changing.join().expect("all are answered")
    });
    let (_, setup) = server.stop();
    assert!(!good.is_empty());

    let server = restored(&copy, &setup);
    for key in good.iter().chain([&used]) {
        server.verify(&key.key).expect_status(200);
    }
    for key in &revoked {
        server.verify(&key.key).expect_error(401);
    }
    // Also sessions, and what comes next.
    let ada = ada.at(&server);
    assert!(ada.list().len() > good.len());
    server.sign_in(ADA, ADAS_PASSWORD).expect_status(200);
    let made = ada.create_key("made later");
    ada.revoke(&made.id).expect_status(200);
}

#[test]
fn a_backup_is_for_its_owner_alone_and_overwrites_nothing() {
    let server = Setup::on_sqlite().start();
    let key = server.sign_up(ADA).create_key("a");
    let copy = server.setup.directory().join("copy.db");
    let said = back_up(&server.setup, Path::new("copy.db"));
    assert!(said.contains(&copy.display().to_string()), "{said}");
    assert_eq!(fs::metadata(&copy).expect("there").permissions().mode() & 0o777, 0o600);
    let before = fs::read(&copy).expect("readable");
    assert!(before.starts_with(b"SQLite format 3\0"));
    assert!(!contains(&before, key.key.as_bytes()));

    let refused = server.setup.run(&["backup", "copy.db"], "").expect_code(1);
    assert!(refused.text.contains("is there already"), "{}", refused.text);
    assert_eq!(fs::read(&copy).expect("readable"), before);

    let nowhere = server.setup.run(&["backup", "nowhere/copy.db"], "").expect_code(1);
    assert!(nowhere.text.contains("nowhere/copy.db"), "{}", nowhere.text);
    let names: Vec<_> = fs::read_dir(server.setup.directory()).expect("a folder").collect();
    assert_eq!(names.len(), 2, "the data and the copy: {names:?}");
}

#[test]
fn without_a_server_the_command_opens_the_database() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let (_, setup) = server.stop();
    let copy = setup.directory().join("copy.db");
    back_up(&setup, &copy);
    restored(&copy, &setup).verify(&key.key).expect_status(200);
}

#[test]
fn on_postgres_the_command_says_what_to_use() {
    let setup = Setup::on_postgres();
    let refused = setup.run(&["backup", "copy.db"], "").expect_code(1);
    assert!(refused.text.contains("pg_dump"), "{}", refused.text);
    assert!(!setup.directory().join("copy.db").exists());
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
