use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::Error;
use latchkey_domain::ports::StoreError;
use tempfile::TempDir;

use crate::fault::Fault;
use crate::hold::Hold;
use crate::pool::Pool;
use crate::schema::peppers;

struct Fixture {
    pool: Pool,
    folder: TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("test.db");
    let hold = Arc::new(Hold::acquire(&path).expect("nobody else has it"));
    let pool = Pool::open(&path, &hold).expect("opens");
    let sql = "create table peppers (id integer primary key, check_digest blob not null) strict";
    pool.write::<_, StoreError>(|db| Ok(db.batch_execute(sql)?)).await.expect("made");
    Fixture { pool, folder }
}

fn insert(db: &mut SqliteConnection, id: i64, size: usize) -> QueryResult<()> {
    let row = (peppers::id.eq(id), peppers::check_digest.eq(vec![0; size]));
    diesel::insert_into(peppers::table).values(row).execute(db).map(|_one| ())
}

impl Fixture {
    async fn stored(&self) -> Vec<i64> {
        let ids = peppers::table.select(peppers::id).order(peppers::id);
        self.pool.read(move |db| Ok(ids.load(db)?)).await.expect("the store answers")
    }

    /// Runs `odd` as the call number 20 of 40 that are waiting together, which otherwise insert
    /// their number, and gives the answers.
    async fn among_others(
        &self,
        odd: impl Fn(&mut SqliteConnection) -> QueryResult<()> + Copy + Send + Sync + 'static,
    ) -> Vec<bool> {
        // The writer is kept waiting meanwhile, so that they do come together.
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let block = self.pool.write::<_, StoreError>(move |_db| {
            assert!(wait.recv().is_err(), "the other end is dropped");
            Ok(())
        });
        let calls = (1..=40).map(|id| {
            self.pool.write::<_, StoreError>(move |db| {
                if id == 20 {
                    insert(db, id, 1)?;
                    Ok(odd(db)?)
                } else {
                    Ok(insert(db, id, 1)?)
                }
            })
        });
        let calls = futures(calls);
        let (blocked, answers, ()) = tokio::join!(block, calls, async move { drop(go) });
        // It shares their fate, if not their answer.
        drop(blocked);
        answers
    }
}

async fn futures(calls: impl Iterator<Item: Future<Output = Result<(), StoreError>>>) -> Vec<bool> {
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    // Each is polled once first: that queues it.
    for call in &mut calls {
        let waiting = std::future::poll_fn(|context| {
            std::task::Poll::Ready(call.as_mut().poll(context).is_pending())
        });
        assert!(waiting.await);
    }
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.is_ok());
    }
    answers
}

fn all_but_the_twentieth(answers: &[bool]) -> bool {
    answers.iter().zip(1..).all(|(it, id)| *it == (id != 20))
}

#[tokio::test]
async fn a_call_that_fails_is_undone_alone() {
    let fixture = fixture().await;
    let answers = fixture.among_others(|_db| Err(Error::NotFound)).await;
    assert!(all_but_the_twentieth(&answers), "{answers:?}");
    assert_eq!(fixture.stored().await, (1..=40).filter(|id| *id != 20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_that_panics_is_undone_alone() {
    let fixture = fixture().await;
    let answers = fixture.among_others(|_db| panic!("on purpose")).await;
    assert!(all_but_the_twentieth(&answers), "{answers:?}");
    assert_eq!(fixture.stored().await.len(), 39);
}

#[tokio::test]
async fn no_call_is_answered_as_done_that_sqlite_undid() {
    let fixture = fixture().await;
    // What a full disk makes SQLite do.
    let answers = fixture.among_others(|db| db.batch_execute("rollback; nonsense")).await;
    let stored = fixture.stored().await;
    let answered: Vec<i64> = (1..).zip(&answers).filter(|(_, it)| **it).map(|(id, _)| id).collect();
    assert_eq!(answered, stored);
    assert!(!stored.contains(&20) && stored.len() < 40, "{stored:?}");

    let again = fixture.pool.write::<_, StoreError>(|db| Ok(insert(db, 99, 1)?)).await;
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test]
async fn a_full_disk_is_a_failure_that_passes() {
    let fixture = fixture().await;
    let pages = |limit: &'static str| {
        fixture.pool.write::<_, StoreError>(move |db| Ok(db.batch_execute(limit)?))
    };
    pages("pragma max_page_count = 10").await.expect("set");
    let big = fixture.pool.write::<_, StoreError>(|db| Ok(insert(db, 1, 100_000)?)).await;
    assert!(big.is_err());
    assert!(fixture.stored().await.is_empty());
    pages("pragma max_page_count = 1000").await.expect("set");
    let big = fixture.pool.write::<_, StoreError>(|db| Ok(insert(db, 1, 100_000)?)).await;
    assert!(big.is_ok(), "{big:?}");
}

#[tokio::test]
async fn a_read_that_panics_leaves_the_next_ones_alone() {
    let fixture = fixture().await;
    for _each_reader in 0..20 {
        let it: Result<(), _> = fixture
            .pool
            .read(|db| db.transaction(|_db| -> Result<(), Fault<_>> { panic!("on purpose") }))
            .await;
        assert!(it.is_err());
        assert!(fixture.stored().await.is_empty());
    }
}

#[tokio::test]
async fn a_reader_can_only_read() {
    let fixture = fixture().await;
    assert!(fixture.pool.read(|db| Ok(insert(db, 1, 1)?)).await.is_err());
}

#[tokio::test]
async fn a_closed_pool_refuses_calls_and_leaves_no_log_behind() {
    let fixture = fixture().await;
    fixture.pool.close();
    assert!(fixture.pool.write::<_, StoreError>(|db| Ok(insert(db, 1, 1)?)).await.is_err());
    assert!(fixture.pool.read(|_db| Ok(())).await.is_err());
    let log = fixture.folder.path().join("test.db-wal");
    assert!(!log.exists());
}

#[tokio::test]
async fn what_follows_from_a_change_happens_also_where_its_commit_failed() {
    let fixture = fixture().await;
    let (told, hears) = std::sync::mpsc::channel();
    // A violation that SQLite finds at the commit.
    let sql = "create table parents (id integer primary key);
        create table children (
            parent integer references parents deferrable initially deferred)";
    fixture.pool.write::<_, StoreError>(move |db| Ok(db.batch_execute(sql)?)).await.expect("made");
    let orphan = "insert into children values (1)";
    let work = move |db: &mut SqliteConnection| Ok(db.batch_execute(orphan)?);
    let it: Result<_, StoreError> = fixture.pool.write_then(work, move |()| told.send(())).await;
    assert!(it.is_err());
    assert!(hears.try_recv().is_ok());
}
