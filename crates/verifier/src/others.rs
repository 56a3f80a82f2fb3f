use latchkey_domain::ports::{ChangeFeed, StoreError};
use tokio::time::sleep;

use crate::protocol::LEASE;

/// Whether any instance on the list of `feed` is alive: within the time of a lease it shows itself.
/// One that crashed stays on the list, but doesn't. Not to be asked by an instance that is on it.
pub async fn other_instances_alive(feed: &dyn ChangeFeed) -> Result<bool, StoreError> {
    let before = feed.instances().await?.instances;
    if before.is_empty() {
        return Ok(false);
    }
    sleep(LEASE).await;
    Ok(feed.instances().await?.instances.iter().any(|now| !before.contains(now)))
}
