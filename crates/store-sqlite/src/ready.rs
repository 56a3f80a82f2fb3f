use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use latchkey_domain::ports::StoreError;
use tokio::sync::Mutex;

use crate::SqliteStore;
use crate::migrate::known;

/// How long a write that was made counts as a proof that the next can be.
const COUNTS: Duration = Duration::from_secs(1);
/// Pages of the log that the largest change may need.
const PAGES_OF_A_CHANGE: u32 = 32;
/// Writes one page, and changes nothing: nobody uses this number.
const WRITE: &str = "pragma user_version = 0";

/// When it was last proved that changes can be made.
#[derive(Debug, Default)]
pub(crate) struct Proof(Mutex<Option<Instant>>);

impl SqliteStore {
    /// Whether the store can do its work: the database is where it was opened, answers, has every
    /// migration that this version needs, and takes changes. The last is proved by a write, at most one a
    /// second, and after a change that failed by as many as it would have needed: nothing else
    /// tells a full disk, a quota or a file system that became read-only.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.has_current_schema().await?;
        // Those who ask meanwhile wait for this proof.
        let mut proved = self.0.proof.0.lock().await;
        let failed = self.0.pool.take_failure();
        if !failed && proved.is_some_and(|at| at.elapsed() < COUNTS) {
            return Ok(());
        }
        *proved = None;
        for _page in 0..if failed { PAGES_OF_A_CHANGE } else { 1 } {
            self.write::<_, StoreError>(|db| Ok(db.batch_execute(WRITE)?)).await?;
        }
        *proved = Some(Instant::now());
        drop(proved);
        Ok(())
    }

    async fn has_current_schema(&self) -> Result<(), StoreError> {
        let applied = self.applied().await?;
        if applied.is_superset(&known().map_err(StoreError::new)?) {
            Ok(())
        } else {
            Err(StoreError::new("the database has not been migrated"))
        }
    }
}
