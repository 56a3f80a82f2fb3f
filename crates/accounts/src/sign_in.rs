use std::time::Duration;

use latchkey_domain::ports::{EntropyError, StoreError};
use latchkey_domain::{Action, AuditEvent, Caller, Network, NotNow, Timestamp};

use crate::limits::{Guess, Guesses};
use crate::{
    Account, AccountService, Email, EndSessionError, Password, Session, SessionId, SessionToken,
    SignInError, SignedIn,
};

/// How long a network is known to the account that signed in from there.
pub(crate) const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

impl AccountService {
    /// Begins a session of the account that `email` and `password` belong to, and ends the
    /// `previous` ones of the person who signs in. An unknown address takes as long as a wrong password
    /// (ASVS 5.0, 6.3.8).
    ///
    /// A wrong password counts for the network of the caller and for the account, a right one as a
    /// session that begins. A caller that drops the call is counted.
    pub async fn sign_in(
        &self,
        email: &str,
        password: Password,
        previous: &[SessionToken],
        caller: &Caller,
    ) -> Result<(Account, SessionToken), SignInError> {
        let (limits, address) = (&self.limits, Email::parse(email).ok());
        let guess = self.count_guess(&limits.sign_in, address.as_ref(), caller).await??;
        let success = limits
            .count_sign_in(address.as_ref())
            .inspect_err(|_too_many| limits.sign_in.forgive(&guess))?;
        let done = self.begin_session(email, password, previous, caller).await;
        if !matches!(done, Err(SignInError::Rejected)) {
            limits.sign_in.forgive(&guess);
        }
        if done.is_err() {
            limits.forgive_sign_in(&success);
        }
        done
    }

    async fn begin_session(
        &self,
        email: &str,
        password: Password,
        previous: &[SessionToken],
        caller: &Caller,
    ) -> Result<(Account, SessionToken), SignInError> {
        let found = self.find(email).await?;
        let hash = found.as_ref().map(|account| account.parts().password.clone());
        let right = self.passwords.verify(password, hash).await?;
        let now = self.clock.now();
        let account = match found {
            Some(account) if right && account.is_active() => account,
            found => {
                let owner = found.map(|account| account.parts().id.owner());
                let refused = Action::SessionRefused;
                let event = AuditEvent::new(&self.ids, now, owner, refused, caller)?;
                self.trail.record(&event).await?;
                return Err(SignInError::Rejected);
            }
        };
        for token in previous {
            for candidate in self.tokens.candidates(token).as_slice() {
                self.sessions.remove(&candidate.digest, None).await?;
            }
        }
        self.record_network(&account, now, caller).await?;
        let (session, token) = self.new_session(&account, now, caller)?;
        let event = self.event(now, &account, Action::SessionStarted, caller)?;
        self.sessions.insert(&session, Some(&event)).await?;
        Ok((account, token))
    }

    pub(crate) async fn record_network(
        &self,
        account: &Account,
        now: Timestamp,
        caller: &Caller,
    ) -> Result<(), StoreError> {
        let Some(address) = caller.address else { return Ok(()) };
        self.networks.record(account.parts().id, Network::of(address), now).await
    }

    /// A new session; its token is in the answer and nowhere else.
    pub(crate) fn new_session(
        &self,
        account: &Account,
        now: Timestamp,
        caller: &Caller,
    ) -> Result<(Session, SessionToken), EntropyError> {
        let token = SessionToken::generate(&*self.entropy)?;
        let session = Session {
            id: SessionId::new(self.ids.next(now)?),
            digest: self.tokens.digest(&token),
            account: account.parts().id,
            account_version: account.parts().version,
            created_at: now,
            last_seen_at: now,
            confirmed_at: now,
            address: caller.address,
            user_agent: caller.user_agent.clone(),
        };
        Ok((session, token))
    }

    /// Counts a password that is tried for the account with the address `email`, among `guesses`. A network
    /// that has tried too many asks the store nothing.
    pub(crate) async fn count_guess(
        &self,
        guesses: &Guesses,
        email: Option<&Email>,
        caller: &Caller,
    ) -> Result<Result<Guess, NotNow>, StoreError> {
        let network = caller.address.map(Network::of);
        if let Err(not_now) = guesses.check(network) {
            return Ok(Err(not_now));
        }
        let is_known = match (email, network) {
            (Some(email), Some(network)) => self.knows_network(email, network).await?,
            _ => false,
        };
        Ok(guesses.begin(network, email, is_known))
    }

    /// Whether the account with this address signed in from `network` during the last 30 days.
    async fn knows_network(&self, email: &Email, network: Network) -> Result<bool, StoreError> {
        let since = self.clock.now().saturating_sub(KNOWN_FOR);
        self.networks.knows(email, network, since).await
    }

    /// Who presents `token`, if its session is good now; the use is recorded.
    pub async fn authenticate(&self, token: &SessionToken) -> Result<Option<SignedIn>, StoreError> {
        let candidates = self.tokens.candidates(token);
        let now = self.clock.now();
        let found = self.sessions.find(&candidates).await?;
        let signed_in = found.filter(|(session, account)| {
            candidates.contain(&session.digest.digest)
                && self.lifetime.covers(session, account, now)
        });
        let Some((session, account)) = signed_in else { return Ok(None) };
        if self.lifetime.should_record(&session, now) {
            self.sessions.touch(&session.digest.digest, now).await?;
        }
        Ok(Some(SignedIn { account, session }))
    }

    /// Ends a session; its token is worthless from now on.
    pub async fn end_session(
        &self,
        who: &SignedIn,
        caller: &Caller,
    ) -> Result<(), EndSessionError> {
        let event = self.event(self.clock.now(), &who.account, Action::SessionEnded, caller)?;
        self.sessions.remove(&who.session.digest.digest, Some(&event)).await?;
        Ok(())
    }
}
