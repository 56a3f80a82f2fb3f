//! A Postgres database, as the start finds it.

use std::error::Error;

use latchkey_accounts::{Contents, Part, TakeOverError};
use latchkey_domain::ports::ChangeFeed as _;
use latchkey_domain::{Failover, error_chain};
use latchkey_store_postgres::{Pooler, PostgresSettings, PostgresStore, PostgresUrlError};

use crate::app::{NotPrepared, StartError};

/// Brings the schema up to date. Refuses a database that does not promise what the site says that it
/// has.
pub(crate) async fn prepare(
    store: &PostgresStore,
    failover: Option<Failover>,
) -> Result<(), NotPrepared> {
    store.migrate().await.map_err(|error| {
        let kind = if error.is_away() { NotPrepared::Away } else { NotPrepared::Refused };
        kind(of_database(&error))
    })?;
    let seen = store.failover().await.map_err(|error| NotPrepared::Away(of_database(&error)))?;
    if failover != Some(Failover::Synchronous) || seen == Failover::Synchronous {
        return Ok(());
    }
    let why = "the database does not promise it: it needs standbys in synchronous_standby_names, and \
               synchronous_commit on or remote_apply";
    Err(NotPrepared::Refused(format!("LATCHKEY_FAILOVER: synchronous: {why}").into()))
}

/// Tries what [`prepare`] needs and changes nothing; says what it would do.
pub(crate) async fn check(url: &str, pooler: Option<Pooler>) -> Result<String, StartError> {
    let due = connect(url, pooler)?.due_migrations().await.map_err(|error| of_database(&error))?;
    Ok(match due {
        0 => "The database can be used; its schema is current.".to_owned(),
        1 => "The database can be used; 1 migration is due, which the start makes.".to_owned(),
        _ => format!("The database can be used; {due} migrations are due, which the start makes."),
    })
}

/// Whether everything can be moved to `url`, as far as the text of it tells. A password in it would
/// be an argument, which everybody on the machine can read.
pub(crate) fn check_target(url: &str) -> Result<(), StartError> {
    let settings = PostgresSettings::parse(url).map_err(|error| format!("--to: {error}"))?;
    if settings.has_password() {
        let why = "takes no password, since everybody on this machine can read arguments; leave it \
                   out and type it, or give it on standard input";
        return Err(format!("--to: {why}").into());
    }
    Ok(())
}

/// Brings the schema at `url` up to date, and puts everything that `source` holds there.
pub(crate) async fn take_over(
    url: &str,
    password: &str,
    source: &dyn Contents,
) -> Result<Vec<(Part, u64)>, StartError> {
    let of_target = |error: &(dyn Error + 'static)| format!("--to: {}", error_chain(error));
    let settings = PostgresSettings::parse(url).map_err(|error| of_target(&error))?;
    let settings = settings.with_password(password);
    let store = PostgresStore::connect(&settings).map_err(|error| of_target(&error))?;
    store.migrate().await.map_err(|error| of_target(&error))?;
    let taken_over = store.take_over(source).await.map_err(|error| match error {
        TakeOverError::NotEmpty { part } => {
            format!(
                "--to: there are {part} already; name an empty database that no server has used"
            )
        }
        failed => of_target(&failed),
    })?;
    Ok(taken_over)
}

/// Where the database is, and by which way.
pub(crate) fn settings(
    url: &str,
    pooler: Option<Pooler>,
) -> Result<PostgresSettings, PostgresUrlError> {
    let settings = PostgresSettings::parse(url)?;
    match pooler {
        Some(pooler) => settings.through(pooler),
        None => Ok(settings),
    }
}

/// Connects nowhere yet.
pub(crate) fn connect(url: &str, pooler: Option<Pooler>) -> Result<PostgresStore, StartError> {
    let settings = settings(url, pooler).map_err(|error| of_database(&error))?;
    PostgresStore::connect(&settings).map_err(|error| of_database(&error))
}

/// What is wrong, by the name of the setting that leads there.
fn of_database(error: &(dyn Error + 'static)) -> StartError {
    format!("DATABASE_URL: {}", error_chain(error)).into()
}
