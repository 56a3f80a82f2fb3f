use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use latchkey_domain::ports::{
    ChangeFeed, Heartbeat, InstanceId, InstanceList, InstanceStatus, News, Position, Registration,
    StoreError,
};
use latchkey_domain::{ApiKeyId, ChangeNumber, Failover};
use uuid::Uuid;

use crate::PostgresStore;
use crate::cached_sql::cached;
use crate::fault::failed;
use crate::schema::{change_clock, instances};

const REGISTER: &str = "\
with clock as (select seq, nonce from change_clock), \
mine as ( \
    insert into instances (id, acked, heartbeats, seen_at) \
    select gen_random_uuid(), seq, 0, now() from clock returning id \
) \
select mine.id, clock.seq, clock.nonce from mine, clock";

/// All of it in one snapshot. A number whose row is gone, or has another nonce, is not of this
/// history, and acknowledges nothing. Of a number from before the oldest row nobody can say: those
/// rows were removed, by [`TRIM`] or with all keys.
///
/// A page ends with a transaction, since an instance can't be in the midst of one. The limit of
/// [`MOST`] keeps what can't be told from being sent.
const HEARTBEAT: &str = "\
with mine as ( \
    update instances \
    set acked = greatest(acked, $2), heartbeats = heartbeats + 1, seen_at = now() \
    where id = $1 and exists(select from key_changes where seq = $2 and nonce = $3) returning id \
), page as materialized ( \
    select * from ( \
        select seq, nonce, key_id, revoked from key_changes where seq > $2 \
        order by seq fetch first 10000 rows with ties \
    ) as whole limit 20001 \
), reached as ( \
    select seq, nonce from page order by seq desc limit 1 \
) \
select coalesce(reached.seq, clock.seq) as seq, coalesce(reached.nonce, clock.nonce) as nonce, \
    coalesce(reached.seq < clock.seq, false) as is_more, \
    exists(select from mine) as is_listed, \
    $2 >= coalesce((select min(seq) from key_changes), 0) \
        and not exists(select from key_changes where seq = $2 and nonce = $3) as is_lost, \
    array(select key_id from page) as changed, \
    array(select key_id from page where revoked) as revoked \
from change_clock as clock left join reached on true";

/// Where one transaction changed more keys than this, instances void their whole cache: to read so many
/// could take longer than a heartbeat may, again and again, until the lease ends.
const MOST: usize = 20_000;

const EXPEL: &str = "\
delete from instances using unnest($1, $2) as silent (id, heartbeats) \
where instances.id = silent.id and instances.heartbeats = silent.heartbeats";

/// The row of the number that an instance is at stays: its nonce is asked for.
const TRIM: &str = "\
delete from key_changes where at < now() - interval '1 day' and seq < \
    least((select min(acked) from instances), (select seq from change_clock))";

const KEPT: &str = "\
select max(seq) as seq from unnest($1, $2) as told (seq, nonce) \
where exists(select from key_changes as kept where (kept.seq, kept.nonce) = (told.seq, told.nonce))";

/// A role without privileges sees how many copy the changes, and no more of them.
const STANDBYS: &str = "\
select current_setting('synchronous_standby_names') <> '' \
        and current_setting('synchronous_commit') in ('on', 'remote_apply') as waits, \
    exists(select from pg_stat_replication) as exist";

#[derive(QueryableByName)]
struct RegisteredRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = SqlUuid)]
    nonce: Uuid,
}

#[derive(QueryableByName)]
struct HeartbeatRow {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = SqlUuid)]
    nonce: Uuid,
    #[diesel(sql_type = Bool)]
    is_more: bool,
    #[diesel(sql_type = Bool)]
    is_listed: bool,
    #[diesel(sql_type = Bool)]
    is_lost: bool,
    #[diesel(sql_type = Array<SqlUuid>)]
    changed: Vec<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    revoked: Vec<Uuid>,
}

#[derive(QueryableByName)]
struct KeptRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    seq: Option<i64>,
}

#[derive(QueryableByName)]
struct StandbysRow {
    #[diesel(sql_type = Bool)]
    waits: bool,
    #[diesel(sql_type = Bool)]
    exist: bool,
}

/// A number of the database; it counts from zero.
pub(crate) fn change_number(seq: i64) -> Result<ChangeNumber, StoreError> {
    u64::try_from(seq).map(ChangeNumber::new).map_err(failed)
}

fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[async_trait]
impl ChangeFeed for PostgresStore {
    async fn connect(&self) -> Result<(), StoreError> {
        self.heartbeats.connect().await
    }

    fn takeovers(&self) -> u64 {
        self.connector.epochs().changes()
    }

    async fn register(&self) -> Result<Registration, StoreError> {
        let register = cached(sql_query(REGISTER));
        let mut rows: Vec<RegisteredRow> =
            self.heartbeats.ask(|link| Box::pin(register.load(link))).await?;
        let row = rows.pop().ok_or_else(|| failed("the change clock has no row"))?;
        let position = Position { change: change_number(row.seq)?, nonce: row.nonce };
        Ok(Registration { instance: InstanceId(row.id), position })
    }

    async fn heartbeat(
        &self,
        instance: InstanceId,
        applied: Position,
    ) -> Result<Heartbeat, StoreError> {
        let heartbeat = sql_query(HEARTBEAT)
            .bind::<SqlUuid, _>(instance.0)
            .bind::<BigInt, _>(column(applied.change.get()))
            .bind::<SqlUuid, _>(applied.nonce);
        let heartbeat = cached(heartbeat);
        let mut rows: Vec<HeartbeatRow> =
            self.heartbeats.ask(|link| Box::pin(heartbeat.load(link))).await?;
        let row = rows.pop().ok_or_else(|| failed("the change clock has no row"))?;
        if row.is_lost {
            return Ok(Heartbeat::HistoryLost);
        }
        if !row.is_listed || row.changed.len() > MOST {
            return Ok(Heartbeat::Unlisted);
        }
        let position = Position { change: change_number(row.seq)?, nonce: row.nonce };
        let ids = |ids: Vec<Uuid>| ids.into_iter().map(ApiKeyId::new).collect();
        let (changed, revoked) = (ids(row.changed), ids(row.revoked));
        Ok(Heartbeat::News(News { changed, revoked, position, more: row.is_more }))
    }

    async fn kept(&self, points: &[Position]) -> Result<Option<ChangeNumber>, StoreError> {
        let (numbers, nonces): (Vec<i64>, Vec<Uuid>) =
            points.iter().map(|it| (column(it.change.get()), it.nonce)).unzip();
        let kept =
            sql_query(KEPT).bind::<Array<BigInt>, _>(numbers).bind::<Array<SqlUuid>, _>(nonces);
        let kept: Vec<KeptRow> = self.heartbeats.ask(|link| Box::pin(kept.load(link))).await?;
        kept.into_iter().find_map(|row| row.seq).map(change_number).transpose()
    }

    async fn failover(&self) -> Result<Failover, StoreError> {
        let standbys = cached(sql_query(STANDBYS));
        let mut rows: Vec<StandbysRow> =
            self.heartbeats.ask(|link| Box::pin(standbys.load(link))).await?;
        let row = rows.pop().ok_or_else(|| failed("the database tells nothing of standbys"))?;
        Ok(match row {
            StandbysRow { waits: true, .. } => Failover::Synchronous,
            StandbysRow { exist: true, .. } => Failover::Lossy,
            StandbysRow { .. } => Failover::None,
        })
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), StoreError> {
        let leave = diesel::delete(instances::table.find(instance.0));
        self.heartbeats.ask(|link| Box::pin(leave.execute(link))).await.map(drop)
    }

    async fn instances(&self) -> Result<InstanceList, StoreError> {
        let status = (instances::id, instances::acked, instances::heartbeats).nullable();
        let all = change_clock::table.left_join(instances::table.on(true.into_sql::<Bool>()));
        let all = all.select((change_clock::seq, status));
        let rows: Vec<(i64, Option<(Uuid, i64, i64)>)> =
            self.barrier.ask(|link| Box::pin(all.load(link))).await?;
        let Some(&(seq, _)) = rows.as_slice().first() else {
            return Err(failed("the change clock has no row"));
        };
        let instances = rows.into_iter().filter_map(|(_, row)| row.map(status_of));
        Ok(InstanceList {
            as_of: change_number(seq)?,
            instances: instances.collect::<Result<_, _>>()?,
        })
    }

    async fn expel(&self, silent: &[InstanceStatus]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = silent.iter().map(|it| it.instance.0).collect();
        let heartbeats: Vec<i64> = silent.iter().map(|it| column(it.heartbeats)).collect();
        let expel =
            sql_query(EXPEL).bind::<Array<SqlUuid>, _>(ids).bind::<Array<BigInt>, _>(heartbeats);
        self.barrier.ask(|link| Box::pin(expel.execute(link))).await.map(drop)
    }

    async fn trim(&self) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        cached(sql_query(TRIM)).execute(&mut connection).await.map(drop).map_err(failed)
    }

    async fn woken(&self) {
        self.heartbeats.noticed().await;
    }
}

fn status_of((id, acked, heartbeats): (Uuid, i64, i64)) -> Result<InstanceStatus, StoreError> {
    let heartbeats = u64::try_from(heartbeats).map_err(failed)?;
    Ok(InstanceStatus { instance: InstanceId(id), applied: change_number(acked)?, heartbeats })
}
