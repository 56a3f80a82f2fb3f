//! A Postgres database, as the start finds it.

use std::error::Error;

use latchkey_store_postgres::{PostgresSettings, PostgresStore};

use crate::app::StartError;
use crate::telemetry::error_chain;

/// Opens the database and brings its schema up to date.
pub(crate) async fn open(url: &str) -> Result<PostgresStore, StartError> {
    let store = connect(url)?;
    store.migrate().await.map_err(|error| of_database(&error))?;
    Ok(store)
}

/// Tries what [`open`] needs and changes nothing; says what it would do.
pub(crate) async fn check(url: &str) -> Result<String, StartError> {
    let due = connect(url)?.due_migrations().await.map_err(|error| of_database(&error))?;
    Ok(match due {
        0 => "The database can be used; its schema is current.".to_owned(),
        1 => "The database can be used; 1 migration is due, which the start makes.".to_owned(),
        _ => format!("The database can be used; {due} migrations are due, which the start makes."),
    })
}

fn connect(url: &str) -> Result<PostgresStore, StartError> {
    let settings = PostgresSettings::parse(url).map_err(|error| of_database(&error))?;
    PostgresStore::connect(&settings).map_err(|error| of_database(&error))
}

/// What is wrong, by the name of the setting that leads there.
fn of_database(error: &(dyn Error + 'static)) -> StartError {
    format!("DATABASE_URL: {}", error_chain(error)).into()
}
