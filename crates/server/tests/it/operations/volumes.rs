//! Volumes, modes, paths and URLs as sites have them: they work, or a sentence says why not.

use std::fs::{self, Permissions, create_dir, metadata, set_permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::http::get;
use crate::person::{ADA, ADAS_PASSWORD, BOB};
use crate::process::Process;
use crate::server::{Setup, wait_for_address};

/// Debian's nobody and nogroup.
const NOBODY: u32 = 65_534;

fn mode(path: &Path) -> u32 {
    metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode()
        & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn restored_files_are_closed_to_others() {
    let server = Setup::on_sqlite().start();
    let key = server.sign_up(ADA).create_key("a");
    // With a log, as `cp` finds them after a crash.
    let (_, setup) = server.kill();
    let data = setup.data_directory();
    let files = ["latchkey.db", "latchkey.db-wal", "latchkey.db-shm", "latchkey.db.lock"];
    for name in files {
        set_mode(&data.join(name), 0o644);
    }
    set_mode(&data, 0o755);
    let server = setup.start();
    server.verify(&key.key).expect_status(200);
    for name in files {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&data), 0o700);
}

#[test]
fn a_directory_with_files_of_others_is_left_as_it_is_with_a_warning() {
    let setup = Setup::on_sqlite();
    let data = setup.data_directory();
    create_dir(&data).expect("made");
    fs::write(data.join("notes.txt"), "somebody else's").expect("written");
    set_mode(&data, 0o755);
    let server = setup.start();
    assert_eq!(mode(&data), 0o755);
    assert!(server.log().contains("chmod 700"), "{}", server.log());
    for name in ["latchkey.db", "peppers", "control.sock"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}

/// Starts the server as another user, from a copy of the binary that he can reach.
fn start_as_nobody(setup: &Setup) -> Process {
    set_mode(setup.directory(), 0o755);
    let original = setup.command(&["serve"]);
    let copy = setup.directory().join("latchkey");
    // By another process: a file that this one has open for writing can't be run, and a test beside
    // this one that spawns a process would hold it open.
    let copied = Command::new("cp").arg(original.get_program()).arg(&copy).status();
    assert!(copied.expect("cp runs").success(), "{}", copy.display());
    let mut command = Command::new(copy);
    command.arg("serve").current_dir(setup.directory()).env_clear();
    command.envs(original.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Process::spawn(command.uid(NOBODY).gid(NOBODY), "")
}

#[test]
fn a_volume_that_root_owns_works_for_its_group_with_a_warning() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can make such a volume.
    }
    let setup = Setup::on_sqlite();
    let data = setup.data_directory();
    create_dir(&data).expect("made");
    chown(&data, Some(0), Some(NOBODY)).expect("we are root");
    set_mode(&data, 0o2775);
    let mut process = start_as_nobody(&setup);
    let address = wait_for_address(&mut process);
    get("/readyz").send(address).expect_status(200);
    assert!(process.text().contains("chmod 700"), "{}", process.text());
    assert_eq!(mode(&data), 0o2775);
    for name in ["latchkey.db", "latchkey.db-wal", "peppers", "control.sock"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_ring_of_root_that_the_group_can_read_is_taken_with_a_warning() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can make such a file.
    }
    let setup = Setup::on_sqlite();
    let data = setup.data_directory();
    setup.run(&["migrate"], "").expect_code(0);
    for name in ["latchkey.db", "latchkey.db.lock"] {
        chown(data.join(name), Some(NOBODY), Some(NOBODY)).expect("we are root");
    }
    let ring = data.join("peppers");
    let made = setup.run(&["pepper", "generate"], "").expect_code(0).stdout;
    fs::write(&ring, made).expect("written");
    chown(&ring, Some(0), Some(NOBODY)).expect("we are root");
    set_mode(&ring, 0o640);
    chown(&data, Some(NOBODY), Some(NOBODY)).expect("we are root");
    let mut process = start_as_nobody(&setup);
    wait_for_address(&mut process);
    assert!(process.text().contains("the group can read"), "{}", process.text());
    assert_eq!(mode(&ring), 0o640);
}

#[test]
fn a_data_directory_with_a_long_path_is_served_and_reached_by_the_commands() {
    for name in ["0".repeat(100), "0".repeat(200)] {
        let setup = Setup::on_sqlite();
        let long = setup.directory().join(name).display().to_string();
        let setup = setup.with("LATCHKEY_DATA_DIR", &long);
        setup.run(&["check-config"], "").expect_code(0);
        let server = setup.start();
        server.sign_up(ADA);
        assert!(PathBuf::from(&long).join("control.sock").exists());
        let password = format!("{ADAS_PASSWORD}\n");
        server.setup.run(&["account", "create", BOB], &password).expect_code(0);
        server.sign_in_again(BOB);
    }
}

#[test]
fn a_control_socket_that_cannot_be_made_stops_nothing_but_the_commands() {
    let setup = Setup::on_sqlite();
    let socket = setup.data_directory().join("control.sock");
    create_dir(setup.data_directory()).expect("made");
    create_dir(&socket).expect("made");
    let server = setup.start();
    server.sign_up(ADA);
    assert!(server.log().contains("no control socket"), "{}", server.log());
    let refused = server.setup.run(&["keys", "list"], "").expect_code(1);
    assert!(refused.text.contains("is in use by another process"), "{}", refused.text);
}

#[test]
fn a_sqlite_url_names_a_file_or_is_refused_by_a_sentence() {
    let setup = Setup::on_sqlite();
    let path = |name: &str| setup.directory().join(name).display().to_string();
    let answer = |url: &str| {
        let mut command = setup.command(&["check-config"]);
        let finished =
            Process::spawn(command.env("DATABASE_URL", url), "").finish(Duration::from_secs(30));
        assert_eq!(finished.text.contains("DATABASE_URL: "), finished.code != Some(0), "{url}");
        (finished.code, finished.text)
    };
    for good in [path("a.db"), "b.db".into(), "./c.db".into(), path("d%20e%3F.db")] {
        let (code, text) = answer(&format!("sqlite://{good}"));
        assert_eq!(code, Some(0), "{good}: {text}");
    }
    let (file, directory) = (path("a.db?mode=rwc"), path("."));
    for (bad, code, why) in [
        (format!("sqlite://{file}"), 2, "write %3F for a question mark"),
        ("sqlite://a#b.db".into(), 2, "write %23"),
        ("sqlite://100%.db".into(), 2, "write %25"),
        ("sqlite://".into(), 2, "must name a file"),
        ("sqlite://:memory:".into(), 2, "must name a file"),
        ("sqlite://folder/".into(), 2, "not a directory"),
        ("sqlite:".into(), 2, "must begin with sqlite://"),
        ("sqlite:a.db".into(), 2, "must begin with sqlite://"),
        ("file:a.db".into(), 2, "must begin with sqlite://"),
        (":memory:".into(), 2, "must begin with sqlite://"),
        ("a.db".into(), 2, "must begin with sqlite://"),
        (format!("sqlite://{directory}"), 1, "is a directory"),
        ("sqlite://nowhere/a.db".into(), 1, "the folder nowhere is not there"),
    ] {
        let (got, text) = answer(&bad);
        assert_eq!(got, Some(code), "{bad}: {text}");
        assert!(text.contains(why), "{bad}: {text}");
    }
    let served = setup.with("DATABASE_URL", "sqlite://a%20b%3Fc.db").start();
    served.sign_up(ADA);
    assert!(served.setup.directory().join("a b?c.db").exists());
}

#[test]
fn check_config_tries_what_the_server_needs_and_makes_nothing() {
    let setup = Setup::on_sqlite();
    let data = setup.data_directory();
    setup.run(&["check-config"], "").expect_code(0);
    assert!(!data.exists(), "nothing is made");
    let refuses = |setup: &Setup, why: &str| {
        let text = setup.run(&["check-config"], "").expect_code(1).text;
        assert!(text.contains(why), "{why} is not in\n{text}");
    };

    fs::write(&data, "no directory").expect("written");
    refuses(&setup, "LATCHKEY_DATA_DIR");
    fs::remove_file(&data).expect("it is there");

    let server = setup.start();
    server.sign_up(ADA).create_key("a");
    server.setup.run(&["check-config"], "").expect_code(0);
    let (_, setup) = server.stop();
    setup.run(&["check-config"], "").expect_code(0);

    let ring = data.join("peppers");
    set_mode(&ring, 0o644);
    refuses(&setup, "chmod 600");
    set_mode(&ring, 0o600);
    let right = fs::read(&ring).expect("readable");
    fs::write(&ring, "1:nonsense").expect("written");
    refuses(&setup, "LATCHKEY_PEPPERS");
    fs::remove_file(&ring).expect("it is there");
    refuses(&setup, "peppers is missing");
    fs::write(&ring, right).expect("written");
    set_mode(&ring, 0o600);

    let database = data.join("latchkey.db");
    fs::rename(&database, data.join("latchkey.db.elsewhere")).expect("moved");
    refuses(&setup, "restore the database");
    assert!(!database.exists(), "nothing is made");
    fs::write(&database, "no database, and longer than the header of one".repeat(9)).expect("ours");
    refuses(&setup, "can't use");
}
