//! Which server of a database a connection leads to, and whether that is still the one to ask.

use std::sync::atomic::{AtomicU64, Ordering};

use diesel::prelude::{QueryResult, QueryableByName};
use diesel::result::Error;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use tokio::sync::watch;

use crate::attempts::Purpose;
use crate::session::HAS_OPTIONS;

/// A role may lack the privilege for the identifier. Where either is unknown, the other decides.
const EPOCH: &str = "\
case when not pg_is_in_recovery() \
    then ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint end \
    as timeline, \
case when has_function_privilege('pg_control_system()', 'execute') \
    then (select system_identifier from pg_control_system()) end as system";

const NO_EPOCH: &str = "null::bigint as timeline, null::bigint as system";

/// The time of one primary, from when it became the primary: of one database, a later primary has a
/// higher timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    system: Option<i64>,
    timeline: i64,
}

/// The epoch that connections must be of. The connection for the heartbeats leads: what it is
/// connected to keeps the lease. All others follow, and end when it is connected to another one.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    current: watch::Sender<Option<Epoch>>,
    changes: AtomicU64,
}

/// Why a connection is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongServer {
    #[error("the server is a standby; Latchkey needs the primary")]
    Standby,
    #[error("the server was the primary before (timeline {there}, the primary has {known})")]
    LeftBehind { there: i64, known: i64 },
    #[error(
        "the server is another one than that of the heartbeats (timeline {there}, not {known})"
    )]
    Another { there: i64, known: i64 },
}

/// What a new connection leads to.
#[derive(QueryableByName)]
pub(crate) struct Server {
    #[diesel(sql_type = Bool)]
    pub(crate) is_standby: bool,
    /// Whether the options of the connection arrived there.
    #[diesel(sql_type = Bool)]
    pub(crate) has_options: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    timeline: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    system: Option<i64>,
}

impl Server {
    pub(crate) async fn of(connection: &mut AsyncPgConnection) -> QueryResult<Self> {
        let mut servers: Vec<Self> = match sql_query(ask(EPOCH)).load(connection).await {
            // Some services that speak Postgres have no log of their own to ask for.
            Err(Error::DatabaseError(..)) => sql_query(ask(NO_EPOCH)).load(connection).await?,
            asked => asked?,
        };
        servers.pop().ok_or(Error::NotFound)
    }

    /// `None` where the server can't tell.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.timeline.map(|timeline| Epoch { system: self.system, timeline })
    }
}

fn ask(epoch: &str) -> String {
    format!("select pg_is_in_recovery() as is_standby, {HAS_OPTIONS} as has_options, {epoch}")
}

impl Epoch {
    fn is_of_the_same_database(self, other: Self) -> bool {
        self.system.is_none() || other.system.is_none() || self.system == other.system
    }
}

impl Epochs {
    /// Lets a new connection of the epoch in, or says why not. Those of other epochs learn of it by
    /// [`ended`](Self::ended).
    pub(crate) fn admit(&self, epoch: Epoch, purpose: Purpose) -> Result<(), WrongServer> {
        let leads = purpose == Purpose::Heartbeats;
        let mut refused = None;
        self.current.send_if_modified(|current| {
            let Some(known) = *current else {
                *current = leads.then_some(epoch);
                return leads;
            };
            let (there, known_timeline) = (epoch.timeline, known.timeline);
            if epoch == known {
                return false;
            }
            if known.is_of_the_same_database(epoch) && there < known_timeline {
                refused = Some(WrongServer::LeftBehind { there, known: known_timeline });
                return false;
            }
            if !leads {
                refused = Some(WrongServer::Another { there, known: known_timeline });
                return false;
            }
            *current = Some(epoch);
            // Before connections of the epoch are let in: what they commit follows it.
            self.changes.fetch_add(1, Ordering::SeqCst);
            true
        });
        refused.map_or(Ok(()), Err)
    }

    /// How often an epoch has followed another.
    pub(crate) fn changes(&self) -> u64 {
        AtomicU64::load(&self.changes, Ordering::SeqCst)
    }

    /// Returns when another epoch than this one has begun.
    pub(crate) async fn ended(&self, epoch: Epoch) {
        let mut current = self.current.subscribe();
        // The sender is this.
        let _another = current.wait_for(|now| now.is_some_and(|now| now != epoch)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(system: i64, timeline: i64) -> Epoch {
        Epoch { system: Some(system), timeline }
    }

    #[test]
    fn followers_are_let_in_to_the_epoch_of_the_leader_alone() {
        let epochs = Epochs::default();
        assert_eq!(epochs.admit(epoch(1, 1), Purpose::Reads), Ok(()), "nobody leads yet");
        assert_eq!(epochs.admit(epoch(1, 2), Purpose::Heartbeats), Ok(()));
        assert_eq!(epochs.admit(epoch(1, 2), Purpose::Reads), Ok(()));
        let another = WrongServer::Another { there: 3, known: 2 };
        assert_eq!(epochs.admit(epoch(1, 3), Purpose::Reads), Err(another));
        let other_system = WrongServer::Another { there: 1, known: 2 };
        assert_eq!(epochs.admit(epoch(9, 1), Purpose::Reads), Err(other_system));
    }

    #[test]
    fn nobody_goes_back_to_a_primary_of_before() {
        let epochs = Epochs::default();
        assert_eq!(epochs.admit(epoch(1, 2), Purpose::Heartbeats), Ok(()));
        let left_behind = WrongServer::LeftBehind { there: 1, known: 2 };
        assert_eq!(epochs.admit(epoch(1, 1), Purpose::Heartbeats), Err(left_behind));
        assert_eq!(
            epochs.admit(Epoch { system: None, timeline: 1 }, Purpose::Heartbeats),
            Err(left_behind)
        );
        assert_eq!(epochs.changes(), 0);
        // Another database begins at 1.
        assert_eq!(epochs.admit(epoch(7, 1), Purpose::Heartbeats), Ok(()));
        assert_eq!(epochs.admit(epoch(7, 1), Purpose::Heartbeats), Ok(()));
        assert_eq!(epochs.changes(), 1);
    }

    #[tokio::test]
    async fn an_epoch_ends_when_the_leader_finds_another() {
        let epochs = Epochs::default();
        assert_eq!(epochs.admit(epoch(1, 1), Purpose::Heartbeats), Ok(()));
        let soon = tokio::time::timeout(std::time::Duration::ZERO, epochs.ended(epoch(1, 1))).await;
        assert!(soon.is_err(), "it goes on");
        assert_eq!(epochs.admit(epoch(1, 2), Purpose::Heartbeats), Ok(()));
        epochs.ended(epoch(1, 1)).await;
    }
}
