//! What people see of their sessions, and end.

use latchkey_domain::ports::StoreError;
use latchkey_domain::{Action, Caller, Network, Timestamp};

use crate::{AccountService, EndSessionError, Session, SignedIn};

/// The most sessions that are listed.
const MOST: u32 = 1_000;

impl AccountService {
    /// The sessions of the person who is signed in that are good now: the newest first, at most 1,000.
    pub async fn sessions(&self, who: &SignedIn) -> Result<Vec<Session>, StoreError> {
        let live = self.lifetime.live(&who.account, self.clock.now());
        self.sessions.live(&live, MOST).await
    }

    /// The networks that the person who is signed in signed in from lately, the last one first.
    pub async fn networks(&self, who: &SignedIn) -> Result<Vec<(Network, Timestamp)>, StoreError> {
        self.networks.networks_of(who.account.parts().id).await
    }

    /// Ends the one of these sessions that `id` names, which may be the own one. Answers whether there was one.
    pub async fn end_listed(
        &self,
        who: &SignedIn,
        id: &str,
        caller: &Caller,
    ) -> Result<bool, EndSessionError> {
        let listed = self.sessions(who).await?;
        let Some(session) = listed.into_iter().find(|session| session.id.to_string() == id) else {
            return Ok(false);
        };
        let event = self.event(self.clock.now(), &who.account, Action::SessionEnded, caller)?;
        self.sessions.remove(&session.digest.digest, Some(&event)).await?;
        Ok(true)
    }

    /// Ends all sessions of the person who is signed in but this one. Answers how many there were; the trail has one
    /// event for all. A session that has ended meanwhile ends no other, and is answered nothing.
    pub async fn end_others(
        &self,
        who: &SignedIn,
        caller: &Caller,
    ) -> Result<Option<u64>, EndSessionError> {
        let now = self.clock.now();
        let live = self.lifetime.live(&who.account, now);
        let event = self.event(now, &who.account, Action::SessionEnded, caller)?;
        let keep = &who.session.digest.digest;
        Ok(self.sessions.remove_others(&live, keep, &event).await?)
    }
}
