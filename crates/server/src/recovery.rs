//! What the server does about a database that has lost changes, or that would lose some in a failover.

use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::{ApiKeyId, AuditEvent, Failover, RevokeError, error_chain};
use latchkey_verifier::LostHistory;
use tokio::time::sleep;

use crate::app::App;

/// How soon it is tried again to make up for what was lost.
const RETRY: Duration = Duration::from_secs(1);
/// How many keys are named at most whose changes are lost.
const LISTED: usize = 100;
/// How soon after the start it is seen what a failover would keep, and how often it is said.
const SOON: Duration = Duration::from_secs(5);
const SAY_EVERY: Duration = Duration::from_hours(1);

/// Revokes again what the database has forgotten was revoked, each time that happens.
pub(crate) async fn keep_recovering(app: Arc<App>) {
    loop {
        let LostHistory { before, now, revoked, changed } =
            app.services.verifier.lost_history().await;
        tracing::error!(
            before = before.change.get(),
            now = now.change.get(),
            keys = revoked.len(),
            changed = changed.len(),
            changed_keys = listed(&changed),
            "history lost: the database no longer has changes that were answered; of the keys that \
             were revoked in the last day none is accepted, and each is revoked again; other changes \
             are lost: make those of the changed keys again"
        );
        let mut event = None;
        loop {
            match make_up(&app, &revoked, &mut event).await {
                Ok(again) => {
                    tracing::warn!(keys = again, "revoked again the keys whose revokes were lost");
                    break;
                }
                Err(error) => {
                    tracing::warn!(
                        error = error_chain(&error),
                        "could not revoke the keys again yet; trying again"
                    );
                    sleep(RETRY).await;
                }
            }
        }
    }
}

/// The event is the same each time that it is tried.
async fn make_up(
    app: &App,
    revoked: &[ApiKeyId],
    event: &mut Option<AuditEvent>,
) -> Result<u64, RevokeError> {
    let event = match event {
        Some(event) => event,
        None => event.insert(app.services.api_keys.history_lost()?),
    };
    let (register, trail) = (&*app.register, &*app.services.trail);
    app.services.api_keys.recover(register, trail, event, revoked).await
}

fn listed(keys: &[ApiKeyId]) -> String {
    let listed: Vec<_> = keys.iter().take(LISTED).map(ToString::to_string).collect();
    listed.join(" ")
}

/// Says from time to time that a failover would lose changes, where nobody said that they know.
pub(crate) async fn keep_warning(app: Arc<App>) {
    loop {
        sleep(SOON).await;
        if app.settings.failover.is_none()
            && app.services.verifier.failover() == Some(Failover::Lossy)
        {
            tracing::warn!(
                "the database has standbys that copy changes after they were answered: a failover may \
                 lose a revoke; name the standbys in its synchronous_standby_names, or set \
                 LATCHKEY_FAILOVER=lossy"
            );
            sleep(SAY_EVERY).await;
        }
    }
}
