//! Instances that are on the list and show themselves no more.

use std::collections::HashMap;
use std::time::Duration;

use latchkey_domain::ports::{ChangeFeed, InstanceId, InstanceStatus, SteadyClock};
use tokio::time::sleep;

use crate::cause;
use crate::protocol::Silence;

/// How often one looks for them. A process that was killed stays on the list for twice as long at most: then its shares of
/// budgets are closed, and what is stranded in them is told.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How each has last shown itself, and since when it has not.
pub(crate) type Silences = HashMap<InstanceId, Silence>;

/// Takes them off the list, also where no change waits for them. Never returns.
pub(crate) async fn keep_expelling(feed: &dyn ChangeFeed, clock: &dyn SteadyClock) {
    let mut silent = Silences::new();
    loop {
        sleep(LOOK_EVERY).await;
        // Where the list can't be read, heartbeats can't be taken either.
        let Ok(list) = feed.instances().await else { continue };
        let now = clock.now();
        silent.retain(|_, silence| list.instances.contains(&silence.status));
        for status in list.instances {
            silent.entry(status.instance).or_insert(Silence { status, since: now });
        }
        let dead: Vec<_> =
            silent.values().filter(|it| it.is_over(now)).map(|it| it.status).collect();
        expel(feed, &dead).await;
    }
}

/// Takes these off the list, if they have not shown themselves since.
pub(crate) async fn expel(feed: &dyn ChangeFeed, dead: &[InstanceStatus]) {
    if dead.is_empty() {
        return;
    }
    match feed.expel(dead).await {
        Ok(()) => {
            tracing::warn!(
                instances = dead.len(),
                "removed instances that do not respond from the list"
            );
        }
        Err(error) => {
            tracing::debug!(
                error = cause(&error),
                "could not remove instances that do not respond"
            );
        }
    }
}
