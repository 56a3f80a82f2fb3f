//! Settings: the environment, the flags, and what is wrong with them.

use crate::http::get;
use crate::person::ADA;
use crate::server::{PEPPERS, Setup};

/// Stands for a secret; no message may hold it.
const CANARY: &str = "c4n4ryc4n4ryc4n4ry";

on_both_empty_databases![
    check_config_accepts_what_the_server_starts_with,
    every_problem_is_named_in_one_run_and_the_exit_code_is_2,
];

fn check_config_accepts_what_the_server_starts_with(setup: Setup) {
    let setup = setup.with("LATCHKEY_PEPPERS", PEPPERS);
    let finished = setup.run(&["check-config"], "").expect_code(0);
    let (_, secret) = PEPPERS.split_once(':').expect("an id and a secret");
    assert!(!finished.text.contains(secret), "{}", finished.text);
}

fn every_problem_is_named_in_one_run_and_the_exit_code_is_2(setup: Setup) {
    let bad = [
        "LATCHKEY_UNHEARD_OF",
        "LATCHKEY_MAX_KEYS_PER_OWNER",
        "LATCHKEY_KEY_PREFIX",
        "LATCHKEY_SIGN_UP",
        "LATCHKEY_SESSION_IDLE",
    ];
    let setup = bad.iter().fold(setup, |setup, name| setup.with(name, "Not!Good"));
    for command in ["serve", "check-config", "migrate"] {
        let finished = setup.run(&[command], "").expect_code(2);
        for name in bad {
            assert!(finished.text.contains(name), "{name} is not in\n{}", finished.text);
        }
    }
}

#[test]
fn names_that_kubernetes_injects_are_no_problem() {
    let setup = Setup::on_sqlite();
    let setup = setup
        .with("LATCHKEY_PORT", "tcp://10.0.0.1:8080")
        .with("LATCHKEY_PORT_8080_TCP_ADDR", "10.0.0.1")
        .with("LATCHKEY_SERVICE_HOST", "10.0.0.1")
        .with("LATCHKEY_SERVICE_PORT_HTTP", "8080")
        .with("LATCHKEY_POSTGRESQL_SERVICE_HOST", "10.0.0.2")
        .with("LATCHKEY_POSTGRESQL_PORT", "tcp://10.0.0.2:5432")
        .with("LATCHKEY_POSTGRESQL_PORT_5432_TCP_PROTO", "tcp");
    setup.run(&["check-config"], "").expect_code(0);
    setup.start().send(&get("/healthz")).expect_status(200);
}

#[test]
fn a_bad_secret_is_named_and_not_shown() {
    for (name, value) in [
        ("LATCHKEY_PEPPERS", format!("1:{CANARY}")),
        ("LATCHKEY_PEPPERS", format!("{CANARY}:{CANARY}")),
        ("LATCHKEY_PEPPERS", format!("{PEPPERS},1:{CANARY}")),
        ("LATCHKEY_PEPPERS", format!("{PEPPERS},{PEPPERS},{CANARY}")),
        ("DATABASE_URL", format!("mysql://user:{CANARY}@localhost/db")),
        ("DATABASE_URL", CANARY.to_owned()),
        ("LATCHKEY_JWT_SECRET", CANARY.to_owned()),
    ] {
        let setup = Setup::on_sqlite();
        let mut command = setup.command(&["check-config"]);
        let output = command.env(name, &value).output().expect("it runs");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {text}");
        assert!(text.contains(name), "{name} is not in\n{text}");
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[test]
fn two_sources_for_one_secret_are_refused() {
    let setup = Setup::on_sqlite();
    let file = setup.directory().join("secret");
    std::fs::write(&file, PEPPERS).expect("a file can be written");
    let file = file.display().to_string();
    let url = setup.database.url().unwrap_or_else(|| "sqlite://latchkey.db".to_owned());
    let both = [
        [("LATCHKEY_PEPPERS", PEPPERS), ("LATCHKEY_PEPPERS_FILE", &*file)],
        [("DATABASE_URL", &*url), ("DATABASE_URL_FILE", &*file)],
    ];
    for [one, two] in both {
        let mut command = setup.command(&["check-config"]);
        let output = command.envs([one, two]).output().expect("it runs");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(two.0), "{text}");
    }
}

#[test]
fn secrets_are_read_from_files() {
    let setup = Setup::on_sqlite();
    let write = |name: &str, text: &str| {
        let file = setup.directory().join(name);
        std::fs::write(&file, text).expect("a file can be written");
        make_private(&file);
        file.display().to_string()
    };
    let data = setup.data_directory();
    let default_url = format!("sqlite://{}", data.join("latchkey.db").display());
    // An editor leaves a line end, which is no part of the secret.
    let peppers = write("peppers", &format!("{PEPPERS}\n"));
    let url = write("url", &format!("{}\n", setup.database.url().unwrap_or(default_url)));
    let setup = setup.without("LATCHKEY_PEPPERS").without("DATABASE_URL");
    let server =
        setup.with("LATCHKEY_PEPPERS_FILE", &peppers).with("DATABASE_URL_FILE", &url).start();
    let key = server.sign_up(ADA).create_key("a");
    server.verify(&key.key).expect_status(200);
    assert!(!data.join("peppers").exists(), "a ring was made beside the given one");
}

fn make_private(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(file, private).expect("the file is ours");
}

#[test]
fn settings_are_flags_too_and_secrets_are_not() {
    let setup = Setup::on_sqlite();
    for secret in ["--peppers", "--latchkey-peppers"] {
        setup.run(&["serve", secret, PEPPERS], "").expect_code(2);
    }
    let data = setup.directory().join("elsewhere").display().to_string();
    let setup = setup.without("LATCHKEY_LISTEN").without("LATCHKEY_DATA_DIR");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &data];
    let more = ["--key-prefix", "acme", "--max-keys-per-owner", "1", "--sign-up", "open"];
    let server = setup.start_as(&[&arguments[..], &more].concat());
    let ada = server.sign_up(ADA);
    assert!(ada.create_key("a").key.starts_with("acme_live_"));
    ada.create(r#"{"name":"b"}"#).expect_error(409);
    if server.setup.is_sqlite() {
        assert!(server.setup.directory().join("elsewhere").join("latchkey.db").exists());
    }
}

#[test]
fn each_bad_value_is_refused() {
    let setup = Setup::on_sqlite();
    let setup = setup.with("LATCHKEY_LISTEN", "127.0.0.1:8080");
    for (name, value) in [
        ("LATCHKEY_LISTEN", "nowhere"),
        ("LATCHKEY_LISTEN", "127.0.0.1:99999"),
        ("LATCHKEY_LISTEN", "127.0.0.1:8080,"),
        ("LATCHKEY_LISTEN", "127.0.0.1:8080,127.0.0.1:8080"),
        ("LATCHKEY_LISTEN", "127.0.0.1:8080,unix:latchkey.sock"),
        ("LATCHKEY_LISTEN", "unix:@latchkey"),
        ("LATCHKEY_LISTEN", "unix:/run/a.sock,unix:/run/a.sock"),
        ("LATCHKEY_PUBLIC_URL", "keys.example.com"),
        ("LATCHKEY_PUBLIC_URL", "ftp://keys.example.com"),
        ("LATCHKEY_TRUSTED_ORIGINS", "*"),
        ("LATCHKEY_TRUSTED_ORIGINS", "https://a.example,nonsense"),
        ("LATCHKEY_TRUSTED_ORIGINS", "https://*.example.com"),
        ("LATCHKEY_TRUSTED_ORIGINS", "https://app.example.com/dashboard"),
        ("LATCHKEY_TRUSTED_ORIGINS", "null"),
        ("LATCHKEY_PUBLIC_URL", "http://0.0.0.0:8080"),
        ("LATCHKEY_METRICS_LISTEN", "0.0.0.0:8080"),
        ("LATCHKEY_ADMIN_LISTEN", "0.0.0.0:8080"),
        ("LATCHKEY_ADMIN_LISTEN", "everywhere"),
        ("LATCHKEY_SESSION_COOKIE", "__HOST-session"),
        ("LATCHKEY_SESSION_IDLE", "30d"),
        ("LATCHKEY_LOG", "warning"),
        ("LATCHKEY_TRUSTED_PROXIES", "::ffff:10.0.0.0/90"),
        ("LATCHKEY_TRUSTED_PROXIES", "everybody"),
        ("LATCHKEY_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("LATCHKEY_SIGN_UP", "yes"),
        ("LATCHKEY_MAX_KEYS_PER_OWNER", "-1"),
        ("LATCHKEY_KEY_NAMES", "maybe"),
        ("LATCHKEY_DOCS", "yes"),
        ("LATCHKEY_RATELIMIT_HEADERS", "draft"),
        ("LATCHKEY_KEY_PREFIX", "SK"),
        ("LATCHKEY_KEY_PREFIX", "abcdefghijklmnopq"),
        ("LATCHKEY_SESSION_COOKIE", "a b"),
        ("LATCHKEY_SESSION_IDLE", "soon"),
        ("LATCHKEY_SESSION_ABSOLUTE", "-1h"),
        ("LATCHKEY_REAUTH_AFTER", "never"),
        ("LATCHKEY_REAUTH_AFTER", "0s"),
        ("LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE", "many"),
    ] {
        let mut command = setup.command(&["check-config"]);
        let output = command.env(name, value).output().expect("it runs");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}={value}: {text}");
        assert!(text.contains(name), "{name} is not in\n{text}");
    }
    // Reachable from elsewhere, so its address has to be said.
    let mut command = setup.command(&["check-config"]);
    let output = command.env("LATCHKEY_LISTEN", "0.0.0.0:8080").output().expect("it runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("LATCHKEY_PUBLIC_URL"), "{text}");
}

#[test]
fn an_empty_variable_counts_as_not_given() {
    let setup = Setup::on_sqlite();
    let postgres = setup.database.url().is_some();
    let names = [
        "LATCHKEY_PUBLIC_URL",
        "LATCHKEY_TRUSTED_ORIGINS",
        "LATCHKEY_TRUSTED_PROXIES",
        "LATCHKEY_ADMIN_LISTEN",
        "LATCHKEY_METRICS_LISTEN",
        "LATCHKEY_SIGN_UP",
        "LATCHKEY_MAX_KEYS_PER_OWNER",
        "LATCHKEY_KEY_NAMES",
        "LATCHKEY_KEY_PREFIX",
        "LATCHKEY_ACCOUNTS",
        "LATCHKEY_DOCS",
        "LATCHKEY_RATELIMIT_HEADERS",
        "LATCHKEY_JWT_ISSUER",
        "LATCHKEY_JWT_AUDIENCE",
        "LATCHKEY_JWT_KEYS",
        "LATCHKEY_JWT_SECRET",
        "LATCHKEY_JWT_SECRET_FILE",
        "LATCHKEY_JWT_OWNER_CLAIM",
        "LATCHKEY_JWT_ACTOR_CLAIM",
        "LATCHKEY_SIGN_IN_URL",
        "LATCHKEY_SESSION_COOKIE",
        "LATCHKEY_SESSION_IDLE",
        "LATCHKEY_SESSION_ABSOLUTE",
        "LATCHKEY_REAUTH_AFTER",
        "LATCHKEY_SIGN_IN_ATTEMPTS_PER_MINUTE",
        "LATCHKEY_VERIFY_CACHE",
        "LATCHKEY_LOG",
        "LATCHKEY_PEPPERS_FILE",
        "DATABASE_URL_FILE",
    ];
    let mut setup = names.iter().fold(setup, |setup, name| setup.with(name, ""));
    if !postgres {
        setup = setup.with("LATCHKEY_PEPPERS", "").with("DATABASE_URL", "");
    }
    let server = setup.start();
    let key = server.sign_up(ADA).create_key("a");
    assert!(key.key.starts_with("sk_live_"), "{}", key.key);
    server.verify(&key.key).expect_status(200);
}

#[test]
fn an_empty_file_is_no_secret() {
    let setup = Setup::on_sqlite();
    let file = setup.directory().join("empty");
    std::fs::write(&file, "\n").expect("a file can be written");
    make_private(&file);
    for name in ["LATCHKEY_PEPPERS_FILE", "DATABASE_URL_FILE"] {
        let mut command = setup.command(&["check-config"]);
        let output = command.env(name, &file).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(name), "{text}");
    }
}
