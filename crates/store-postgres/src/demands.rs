//! What Latchkey takes for granted of a database and of the role it has there, and whether they give
//! it. All of it is one statement, cheap enough to be asked every second.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use thiserror::Error;

use crate::cached_sql::cached;

/// `gen_random_uuid` is there without an extension.
const OLDEST: i32 = 130_000;

/// A table, and what is done with its rows.
pub(crate) type Need = (&'static str, &'static [&'static str]);

const ALL: &[&str] = &["select", "insert", "update", "delete"];

/// What the server does. For a trail that nobody rewrites, grant no more on it than this.
pub(crate) const SERVING: &[Need] = &[
    ("__diesel_schema_migrations", &["select"]),
    ("accounts", ALL),
    ("api_keys", ALL),
    ("audit_events", &["select", "insert"]),
    ("budget_shares", ALL),
    ("budgets", ALL),
    ("change_clock", &["select", "update"]),
    ("instances", ALL),
    ("key_changes", &["select", "insert", "delete"]),
    ("key_owners", ALL),
    ("key_refusals", ALL),
    ("key_usage", ALL),
    ("known_networks", ALL),
    ("last_uses", ALL),
    ("recent_usage", ALL),
    ("management_tokens", &["select", "insert", "update"]),
    ("peppers", &["select", "insert", "update"]),
    ("schema_compat", &["select"]),
    ("sessions", ALL),
    ("usage_writers", ALL),
];

/// What a service does that verifies in its own process. It sees no accounts, sessions or events.
pub(crate) const VERIFYING: &[Need] = &[
    ("__diesel_schema_migrations", &["select"]),
    ("api_keys", &["select"]),
    ("budget_shares", ALL),
    ("budgets", &["select", "update"]),
    ("change_clock", &["select"]),
    ("instances", ALL),
    ("key_changes", &["select", "delete"]),
    ("key_owners", &["select"]),
    ("key_refusals", ALL),
    ("key_usage", &["select", "insert", "update"]),
    ("last_uses", &["select", "insert", "update"]),
    ("recent_usage", &["select", "insert", "update"]),
    ("peppers", &["select", "insert", "update"]),
    ("usage_writers", &["select", "insert", "update"]),
];

/// Why a database can't be used, and what to do about it.
#[derive(Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnfitError {
    /// An old server.
    #[error("PostgreSQL {found} is too old; Latchkey needs PostgreSQL 13 or newer")]
    Version {
        /// Its major version.
        found: i32,
    },
    /// Names and addresses may hold any character.
    #[error(
        "the encoding of the database is {found}, which can't hold every text; create it again with \
         `createdb --encoding=UTF8 --template=template0`"
    )]
    Encoding {
        /// What `server_encoding` says.
        found: String,
    },
    /// A commit is answered before it is safe.
    #[error(
        "synchronous_commit is off, so that a crash would lose changes that were answered; turn it \
         on for this server, database and role"
    )]
    AsynchronousCommit,
    /// The statements are written for another level.
    #[error(
        "default_transaction_isolation is {found}, and Latchkey needs `read committed`; take it out \
         of the options in the URL"
    )]
    Isolation {
        /// The level.
        found: String,
    },
    /// Triggers don't run, by which instances learn of changes.
    #[error(
        "session_replication_role is {found}, which keeps triggers from running; set it to origin \
         for this database and role"
    )]
    ReplicationRole {
        /// What it is.
        found: String,
    },
    /// The same, for single triggers.
    #[error(
        "these triggers are disabled: {names}; other instances would not learn of changes. Run \
         `alter table api_keys enable trigger user` and the same for key_owners"
    )]
    DisabledTriggers {
        /// Their names.
        names: String,
    },
    /// The search path leads nowhere.
    #[error("the search_path names no schema that the role {role} may use")]
    NoSchema {
        /// Who asked.
        role: String,
    },
    /// Only a primary takes changes.
    #[error("the database is a standby, which takes no changes; connect to the primary")]
    Standby,
    /// Somebody has made it so.
    #[error("the database takes no changes: default_transaction_read_only is on")]
    ReadOnly,
    /// Grants are missing.
    #[error("the role {role} lacks {missing}; grant what docs/operations/postgres.md lists")]
    Privileges {
        /// Who asked.
        role: String,
        /// Such as `INSERT on sessions`.
        missing: String,
    },
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Text)]
    synchronous_commit: String,
    #[diesel(sql_type = Text)]
    isolation: String,
    #[diesel(sql_type = Text)]
    replication_role: String,
    #[diesel(sql_type = Nullable<Text>)]
    disabled_triggers: Option<String>,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Bool)]
    has_schema: bool,
    #[diesel(sql_type = Bool)]
    is_standby: bool,
    #[diesel(sql_type = Bool)]
    is_read_only: bool,
    #[diesel(sql_type = Nullable<Text>)]
    missing: Option<String>,
}

/// What is not there yet misses nothing: the migrations make it.
const ASK: &str = "\
select \
    current_setting('server_version_num')::integer as version, \
    current_setting('server_encoding') as encoding, \
    current_setting('synchronous_commit') as synchronous_commit, \
    current_setting('default_transaction_isolation') as isolation, \
    current_setting('session_replication_role') as replication_role, \
    (select string_agg(tgname, ', ' order by tgname) from pg_trigger \
        where tgrelid in (to_regclass('api_keys'), to_regclass('key_owners')) \
        and not tgisinternal \
        and tgenabled not in ('O', 'A')) as disabled_triggers, \
    current_user::text as role, \
    current_schema() is not null as has_schema, \
    pg_is_in_recovery() as is_standby, \
    current_setting('transaction_read_only')::boolean as is_read_only, \
    (select string_agg(upper(privilege) || ' on ' || name, ', ') \
        from unnest($1, $2) as needed (name, privilege) \
        where not has_table_privilege(to_regclass(name), privilege)) as missing";

/// What keeps Latchkey from using the database, if anything does.
pub(crate) async fn unmet(
    mut connection: &AsyncPgConnection,
    needs: &[Need],
) -> QueryResult<Option<UnfitError>> {
    let each = || needs.iter().flat_map(|(table, done)| done.iter().map(move |it| (*table, *it)));
    let (tables, privileges): (Vec<&str>, Vec<&str>) = each().unzip();
    let ask = sql_query(ASK).bind::<Array<Text>, _>(tables).bind::<Array<Text>, _>(privileges);
    let rows: Vec<Found> = cached(ask).load(&mut connection).await?;
    Ok(rows.into_iter().find_map(Found::unmet))
}

impl Found {
    fn unmet(self) -> Option<UnfitError> {
        Some(match self {
            Self { version, .. } if version < OLDEST => {
                UnfitError::Version { found: version / 10_000 }
            }
            Self { encoding: found, .. } if found != "UTF8" => UnfitError::Encoding { found },
            Self { synchronous_commit, .. } if synchronous_commit == "off" => {
                UnfitError::AsynchronousCommit
            }
            Self { isolation: found, .. } if found != "read committed" => {
                UnfitError::Isolation { found }
            }
            Self { replication_role: found, .. } if found == "replica" => {
                UnfitError::ReplicationRole { found }
            }
            Self { disabled_triggers: Some(names), .. } => UnfitError::DisabledTriggers { names },
            Self { is_standby: true, .. } => UnfitError::Standby,
            Self { is_read_only: true, .. } => UnfitError::ReadOnly,
            Self { has_schema: false, role, .. } => UnfitError::NoSchema { role },
            Self { missing: Some(missing), role, .. } => UnfitError::Privileges { role, missing },
            _ => return None,
        })
    }
}

#[derive(QueryableByName)]
struct Switch {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The switches that are off and that only a database may lack which is worth nothing: without them a
/// crash of the machine can destroy it.
pub(crate) async fn unsafe_switches(
    connection: &mut AsyncPgConnection,
) -> QueryResult<Vec<String>> {
    let off = "select name from pg_settings \
        where name in ('fsync', 'full_page_writes') and setting = 'off' order by name";
    let switches: Vec<Switch> = sql_query(off).load(connection).await?;
    Ok(switches.into_iter().map(|switch| switch.name).collect())
}

#[cfg(test)]
mod tests;
