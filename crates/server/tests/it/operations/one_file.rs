//! One server has one database file, and says nothing from the cache when it is another.

use std::fs::{copy, exists, hard_link, remove_file, rename};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::http::{get, post};
use crate::person::{ADA, ADAS_PASSWORD, Issued, Person, SIGN_UP, VERIFY, credentials, token_of};
use crate::process::{Finished, Process};
use crate::server::{Server, Setup, wait_for_address};
use crate::verify::INVALID;

const PATIENCE: Duration = Duration::from_secs(20);

fn database(setup: &Setup) -> PathBuf {
    setup.data_directory().join("latchkey.db")
}

/// Runs a second server with a server's settings, and with others in place of some.
fn run_beside(server: &Server, others: &[(&str, &str)]) -> Finished {
    let mut command = server.setup.command(&["serve"]);
    command.envs(others.iter().copied());
    Process::spawn(&mut command, "").finish(PATIENCE).expect_failure()
}

#[track_caller]
fn wait_for(server: &Server, what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not {what}:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn wait_for_readiness(server: &Server, status: u16) {
    wait_for(server, &format!("{status}"), || server.send(&get("/readyz")).status == status);
}

/// Lines at ERROR of the server itself; each request that fails has one of its own.
fn errors_that_say(server: &Server, why: &str) -> usize {
    let is_one = |line: &&str| {
        let parts = [r#""level":"ERROR""#, "every request that needs the database is refused", why];
        parts.iter().all(|part| line.contains(part))
    };
    server.log().lines().filter(is_one).count()
}

/// Everything that needs the database is refused, and one line says why.
fn refuses(server: &Server, ada: &Person, key: &Issued, why: &str) {
    wait_for_readiness(server, 503);
    // The next heartbeat ends the cache.
    wait_for(server, "503", || server.verify(&key.key).status == 503);
    server.verify(&key.key).expect_error(503);
    ada.create(r#"{"name":"lost"}"#).expect_error(503);
    ada.revoke(&key.id).expect_error(503);
    server.send(&get("/healthz")).expect_status(200);
    let told = || errors_that_say(server, why);
    wait_for(server, why, || told() > 0);
    assert_eq!(told(), 1, "{}", server.log());
}

#[test]
fn a_second_server_is_refused_without_the_lock_file_and_by_a_hard_link() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.verify(&key.key).expect_status(200);

    let path = database(&server.setup);
    remove_file(path.with_extension("db.lock")).expect("it is there");
    let link = server.setup.directory().join("link.db");
    hard_link(&path, &link).expect("the same file system");
    let symlink = server.setup.directory().join("symlink.db");
    std::os::unix::fs::symlink(&path, &symlink).expect("linked");
    let is_refused = |others: &[(&str, &str)]| {
        let refused = run_beside(&server, others);
        assert!(refused.text.contains("is in use by another process"), "{}", refused.text);
    };
    is_refused(&[]);
    let elsewhere = server.setup.directory().join("elsewhere").display().to_string();
    for name in [link, symlink] {
        let url = format!("sqlite://{}", name.display());
        is_refused(&[("DATABASE_URL", &url), ("LATCHKEY_DATA_DIR", &elsewhere)]);
    }

    // The first goes on as ever.
    ada.revoke(&key.id).expect_status(200);
    server.verify(&key.key).expect_error(401).expect_body(INVALID);
    server.send(&get("/readyz")).expect_status(200);
}

#[test]
fn two_servers_on_two_databases_do_not_share_a_data_directory() {
    let server = Setup::on_sqlite().start();
    let refused = run_beside(&server, &[("DATABASE_URL", "sqlite://other.db")]);
    assert!(refused.text.contains("LATCHKEY_DATA_DIR"), "{}", refused.text);
    server.setup.run(&["keys", "list"], "").expect_code(0);
}

#[test]
fn nothing_is_answered_from_a_database_that_was_moved_away_until_it_is_back() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.verify(&key.key).expect_status(200);
    let path = database(&server.setup);
    let elsewhere = path.with_extension("elsewhere");
    rename(&path, &elsewhere).expect("it is there");
    refuses(&server, &ada, &key, "latchkey.db was moved, removed or replaced");

    rename(&elsewhere, &path).expect("it is there");
    wait_for_readiness(&server, 200);
    server.verify(&key.key).expect_status(200);
    ada.create_key("b");
    assert_eq!(ada.names(), ["b", "a"]);
}

#[test]
fn nothing_is_answered_once_another_database_lies_in_its_place() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    server.verify(&key.key).expect_status(200);
    let path = database(&server.setup);
    let restored = path.with_extension("restored");
    copy(&path, &restored).expect("copied");
    rename(&restored, &path).expect("renamed");
    refuses(&server, &ada, &key, "latchkey.db was moved, removed or replaced");
}

#[test]
fn without_a_cache_a_database_that_was_moved_away_is_not_answered_from_either() {
    let server = Setup::on_sqlite().with("LATCHKEY_VERIFY_CACHE", "off").start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    remove_file(database(&server.setup)).expect("it is there");
    refuses(&server, &ada, &key, "latchkey.db was moved, removed or replaced");
}

#[test]
fn a_database_deleted_under_a_running_server_is_no_first_start_after_it() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    let path = database(&server.setup);
    remove_file(&path).expect("it is there");
    refuses(&server, &ada, &key, "latchkey.db was moved, removed or replaced");
    let (_, setup) = server.stop();
    for _ in 0..2 {
        refuses_to_begin_afresh(&setup);
    }
    // As the sentence says.
    rename(setup.data_directory().join("peppers"), setup.directory().join("old")).expect("moved");
    let server = setup.start();
    server.verify(&key.key).expect_error(401);
    server.sign_up(ADA).create_key("a");
}

fn refuses_to_begin_afresh(setup: &Setup) {
    for command in ["serve", "migrate", "check-config"] {
        let refused = setup.run(&[command], "").expect_code(1);
        for part in ["LATCHKEY_DATA_DIR", "restore the database", "move the ring away"] {
            assert!(refused.text.contains(part), "{command}: {}", refused.text);
        }
    }
}

#[test]
fn a_log_removed_under_a_running_server_is_noticed_and_a_clean_stop_saves_it() {
    let server = Setup::on_sqlite().start();
    let ada = server.sign_up(ADA);
    let key = ada.create_key("a");
    remove_file(database(&server.setup).with_extension("db-wal")).expect("it is there");
    refuses(&server, &ada, &key, "latchkey.db-wal was removed");
    let server = server.restart();
    server.verify(&key.key).expect_status(200);
    assert_eq!(ada.at(&server).names(), ["a"]);
}

#[test]
fn a_log_removed_after_a_kill_is_missed_at_the_start() {
    let server = Setup::on_sqlite().start();
    server.sign_up(ADA).create_key("a");
    let (_, setup) = server.kill();
    let path = database(&setup);
    remove_file(path.with_extension("db-wal")).expect("it is there");
    let refused = setup.run_refused();
    assert!(refused.text.contains("latchkey.db-wal is missing"), "{}", refused.text);

    // With its index gone too, an empty database beside a ring is what is left.
    remove_file(path.with_extension("db-shm")).expect("it is there");
    refuses_to_begin_afresh(&setup);
    assert!(exists(&path).expect("readable"));
}

/// A server whose files can't grow beyond half a megabyte, as if the disk were full then.
fn start_on_a_small_disk(setup: Setup) -> (Process, Setup, Person) {
    let binary = setup.command(&[]).get_program().to_string_lossy().into_owned();
    let mut command = Command::new("sh");
    // Ignored, the signal becomes the error that a full disk is.
    command.args(["-c", &format!("trap '' XFSZ; ulimit -S -f 1024; exec {binary} serve")]);
    let environment = setup.command(&[]);
    let environment = environment.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.current_dir(setup.directory()).env_clear().envs(environment);
    let mut process = Process::spawn(&mut command, "");
    let address = wait_for_address(&mut process);
    let ada = sign_up_at(address);
    (process, setup, ada)
}

fn sign_up_at(address: SocketAddr) -> Person {
    let answer = post(SIGN_UP).json(credentials(ADA, ADAS_PASSWORD)).send(address);
    Person { address, token: token_of(&answer.expect_status(201)) }
}

#[test]
fn a_server_is_not_ready_while_a_full_disk_takes_no_change() {
    let (process, _setup, ada) = start_on_a_small_disk(Setup::on_sqlite());
    let ready = || get("/readyz").send(ada.address);
    ready().expect_status(200);
    let key = ada.create_key("a");
    fill(&ada);
    let until = |status: u16| {
        let deadline = Instant::now() + PATIENCE;
        while ready().status != status {
            assert!(Instant::now() < deadline, "not {status}:\n{}", process.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    until(503);
    ada.create(r#"{"name":"more"}"#).expect_error(503);
    let verify = || get(VERIFY).header("x-api-key", &key.key).send(ada.address);
    verify().expect_status(200);

    // The disk has room again.
    let pid = Pid::from_raw(i32::try_from(process.id()).expect("a process id"));
    let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
    let all = Rlimit { current: maximum, maximum };
    prlimit(pid, Resource::Fsize, all).expect("the process is ours");
    until(200);
    ada.create_key("more");
}

/// Makes keys until there is no room for one more.
fn fill(ada: &Person) {
    let full = (0..200).map(|_| ada.create(r#"{"name":"filler"}"#)).find(|it| it.status != 201);
    full.expect("half a megabyte holds less").expect_error(503);
}
