use super::*;

fn parse(url: &str) -> PostgresSettings {
    PostgresSettings::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn mode(url: &str) -> SslMode {
    parse(url).config.get_ssl_mode()
}

#[test]
fn plain_text_is_the_default_only_where_nothing_leaves_the_machine() {
    for local in [
        "postgres://u@localhost/d",
        "postgres://u@127.0.0.2:5433/d",
        "postgresql://u@[::1]/d",
        "postgres://u@%2Frun%2Fpostgresql/d",
        "postgres:///d?host=/run/postgresql&user=u",
        "postgres://u@db.example.com/d?hostaddr=127.0.0.1",
    ] {
        assert_eq!(mode(local), SslMode::Disable, "{local}");
    }
    for remote in [
        "postgres://u@db.example.com/d",
        "postgres://u@10.0.0.7/d",
        "postgres://u@localhost,db.example.com/d",
        "postgres://u@localhost/d?hostaddr=10.0.0.7",
        "postgres://u@localhost.example.com/d",
    ] {
        assert_eq!(mode(remote), SslMode::Require, "{remote}");
    }
}

#[test]
fn the_modes_of_libpq_are_understood() {
    for (text, expected) in [
        ("disable", SslMode::Disable),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::Require),
        ("verify-full", SslMode::Require),
    ] {
        assert_eq!(mode(&format!("postgres://u@h/d?sslmode={text}")), expected);
        assert_eq!(mode(&format!("postgres://u@localhost/d?sslmode={text}")), expected);
    }
    assert_eq!(mode("postgres://u@%2Ftmp/d?sslmode=require"), SslMode::Disable);
}

#[test]
fn the_authorities_to_trust_come_from_a_file_or_the_system() {
    let roots = |query: &str| parse(&format!("postgres://u@h/d{query}")).roots;
    assert_eq!(roots(""), Roots::System);
    assert_eq!(roots("?sslrootcert=system"), Roots::System);
    assert_eq!(roots("?sslrootcert=/etc/my%20ca+1.pem"), Roots::File("/etc/my ca+1.pem".into()));
}

#[test]
fn a_unix_socket_is_a_percent_encoded_host() {
    let config = parse("postgres://postgres@%2Ftmp%2Fx/dbname").config;
    assert_eq!(config.get_hosts(), [Host::Unix("/tmp/x".into())]);
    assert_eq!(config.get_dbname(), Some("dbname"));
    assert_eq!(config.get_user(), Some("postgres"));
}

#[test]
fn what_the_url_says_goes_before_what_latchkey_adds() {
    let ours = parse("postgres://u@h/d").driver_config();
    assert_eq!(ours.get_application_name(), Some("latchkey"));
    assert_eq!(ours.get_connect_timeout(), Some(&CONNECT_TIMEOUT));
    let options = ours.get_options().expect("limits");
    assert!(options.starts_with("-c statement_timeout=5000 -c "), "{options}");

    let theirs = parse(
        "postgres://u@h/d?application_name=x&connect_timeout=9&keepalives_idle=1\
         &tcp_user_timeout=2&options=-c%20statement_timeout%3D1",
    )
    .driver_config();
    assert_eq!(theirs.get_application_name(), Some("x"));
    assert_eq!(theirs.get_connect_timeout(), Some(&Duration::from_secs(9)));
    assert_eq!(theirs.get_keepalives_idle(), Duration::from_secs(1));
    assert_eq!(theirs.get_tcp_user_timeout(), Some(&Duration::from_secs(2)));
    let last = theirs.get_options().and_then(|all| all.strip_prefix(options));
    assert_eq!(last, Some("-c statement_timeout=1"));
}

#[test]
fn a_pooler_gets_no_options() {
    let through = |url: &str| parse(url).through(Pooler::Session);
    let settings = through("postgres://u@h/d").expect("a good URL");
    assert_eq!(settings.driver_config().get_options(), None);
    let with_options = through("postgres://u@h/d?options=-c%20search_path%3Dapp");
    assert!(matches!(with_options, Err(PostgresUrlError::OptionsThroughPooler)));
}

#[test]
fn an_error_names_the_problem() {
    for (url, problem) in [
        ("mysql://u@h/d", "must begin with postgres://"),
        ("host=h user=u", "must begin with postgres://"),
        ("postgres:///d", "names no host"),
        ("postgres://u@h/d?sslmode=allow", "sslmode must be"),
        ("postgres://u@h/d?sslmode", "name=value"),
        ("postgres://u@h/d?sslcert=x", "\"sslcert\" is not supported"),
        ("postgres://u@h:none/d", "port"),
        ("postgres://u@h/d?connect_timeout=soon", "connect_timeout"),
        ("postgres://u@h/d?channel_binding=maybe", "channel_binding"),
    ] {
        let error = PostgresSettings::parse(url).expect_err(url).to_string();
        assert!(error.contains(problem), "{url}: {error}");
    }
}

#[test]
fn no_password_is_ever_printed() {
    for url in [
        "postgres://u:hunter2@db.example.com/d",
        "postgres://u:hunter2@h/d?sslmode=hunter2",
        "postgres://u:hunter2@h:port/d",
        "postgres://u:hunter2@h/d?sslcert=x",
        "postgres://u:a@hunter2@h/d",
        "postgres://u:a/hunter2@h/d",
        "postgres://u:a?hunter2@h/d",
        "postgres://u:a#hunter2@h/d",
        "postgres://h/d?user=u&password=a@hunter2",
        "postgres://h/d?user=u&password=hunter2",
        "postgres://u:hunter2/d",
    ] {
        let shown = match PostgresSettings::parse(url) {
            Ok(settings) => format!("{settings:?} {settings}"),
            Err(error) => format!("{error:?} {error}"),
        };
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn several_hosts_mean_the_one_that_takes_writes() {
    let wanted =
        |url: &str| PostgresSettings::parse(url).map(|it| it.config.get_target_session_attrs());
    for url in ["postgres://u@a,b/d", "postgres://u@a,b/d?target_session_attrs=read-write"] {
        assert_eq!(wanted(url).ok(), Some(TargetSessionAttrs::ReadWrite), "{url}");
    }
    assert_eq!(wanted("postgres://u@a/d").ok(), Some(TargetSessionAttrs::Any));
    let any = wanted("postgres://u@a,b/d?target_session_attrs=any");
    assert!(matches!(any, Err(PostgresUrlError::AnyHost)), "{any:?}");
}
