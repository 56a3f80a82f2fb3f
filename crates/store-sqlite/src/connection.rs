use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use thiserror::Error;

/// What SQLite needs to hear on every connection.
///
/// `secure_delete = fast` blots out old digests and password hashes where that costs no extra
/// write. A database file may come from elsewhere, so what its schema calls is not trusted.
const EVERY: &str = "
    pragma busy_timeout = 5000;
    pragma foreign_keys = on;
    pragma trusted_schema = off;
    pragma temp_store = memory;
    pragma secure_delete = fast;";

/// A commit that was answered survives the loss of power, on macOS too.
const WRITER: &str = "
    pragma synchronous = full;
    pragma fullfsync = on;
    pragma checkpoint_fullfsync = on;
    pragma cache_size = -16384;
    pragma journal_size_limit = 67108864;";

const READER: &str = "
    pragma query_only = on;
    pragma cache_size = -8192;";

/// Why the database could not be opened.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    #[error(transparent)]
    Connect(#[from] ConnectionError),
    #[error(transparent)]
    Setup(#[from] diesel::result::Error),
    #[error("the file system can't hold a write-ahead log")]
    NoWal,
    #[error("its path is not UTF-8")]
    NotUtf8,
    #[error("no thread for it")]
    Thread(#[from] std::io::Error),
}

pub(crate) fn connect_writer(database: &Path) -> Result<SqliteConnection, ConnectError> {
    let mut db = connect(database)?;
    // The answer is the mode that now holds, which is the old one where the new one can't.
    let mode: JournalMode = diesel::sql_query("pragma journal_mode = wal").get_result(&mut db)?;
    if mode.journal_mode != "wal" {
        return Err(ConnectError::NoWal);
    }
    db.batch_execute(WRITER)?;
    Ok(db)
}

pub(crate) fn connect_reader(database: &Path) -> Result<SqliteConnection, ConnectError> {
    let mut db = connect(database)?;
    db.batch_execute(READER)?;
    Ok(db)
}

/// One that copies: it writes to the copy alone.
pub(crate) fn connect_copier(database: &Path) -> Result<SqliteConnection, ConnectError> {
    connect(database)
}

fn connect(database: &Path) -> Result<SqliteConnection, ConnectError> {
    let path = database.to_str().ok_or(ConnectError::NotUtf8)?;
    let mut db = SqliteConnection::establish(path)?;
    db.batch_execute(EVERY)?;
    Ok(db)
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}
