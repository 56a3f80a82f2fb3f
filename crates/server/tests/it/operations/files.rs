//! The embedded default: what it makes, where, and who may read it.

use std::fs::{metadata, read_dir};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use crate::person::ADA;
use crate::process::Process;
use crate::server::Setup;

fn mode(path: &Path) -> u32 {
    let metadata = metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    metadata.permissions().mode() & 0o777
}

#[track_caller]
fn is_private(data: &Path) {
    assert_eq!(mode(data), 0o700, "{}", data.display());
    for entry in read_dir(data).expect("a directory") {
        let path = entry.expect("readable").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn the_data_directory_is_0700_and_its_files_0600_whatever_the_umask() {
    let setup = Setup::on_sqlite();
    let binary = setup.command(&[]).get_program().to_string_lossy().into_owned();
    let line = format!("umask 000; exec {binary} serve");
    let mut command = setup.command(&[]);
    let environment: Vec<_> =
        command.get_envs().map(|(n, v)| (n.to_owned(), v.map(ToOwned::to_owned))).collect();
    command = std::process::Command::new("sh");
    command.args(["-c", &line]).current_dir(setup.directory()).env_clear();
    command.envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let mut process = Process::spawn(&mut command, "");
    let address = crate::server::wait_for_address(&mut process);
    crate::http::get("/healthz").send(address).expect_status(200);
    let data = setup.data_directory();
    is_private(&data);
    for name in ["latchkey.db", "peppers", "control.sock"] {
        assert!(data.join(name).exists(), "{name}");
    }
    let socket = metadata(data.join("control.sock")).expect("it exists");
    assert!(socket.file_type().is_socket());
}

#[test]
fn everything_is_made_in_the_working_directory_when_nothing_is_set() {
    // The port alone is not left to its default: it may be taken.
    let setup = Setup::on_sqlite().without("LATCHKEY_DATA_DIR");
    let server = setup.start_as(&[]);
    let key = server.sign_up(ADA).create_key("a");
    server.verify(&key.key).expect_status(200);
    let data = server.setup.directory().join("latchkey-data");
    is_private(&data);
    let curl_lines = server.log().lines().filter(|line| line.contains("curl ")).count();
    assert!(curl_lines >= 3, "{}", server.log());
    assert!(server.log().contains(&server.address.to_string()), "{}", server.log());
}

#[test]
fn a_database_url_puts_the_file_elsewhere() {
    let setup = Setup::on_sqlite();
    let file = setup.directory().join("other.db");
    let setup = setup.with("DATABASE_URL", &format!("sqlite://{}", file.display()));
    let server = setup.start();
    server.sign_up(ADA);
    assert_eq!(mode(&file), 0o600);
    assert!(!server.setup.data_directory().join("latchkey.db").exists());
}
