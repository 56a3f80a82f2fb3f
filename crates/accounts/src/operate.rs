//! What operators do to accounts. None of it is limited.

use std::time::Duration;

use latchkey_domain::ports::{EntropyError, StoreError, UpdateError};
use latchkey_domain::{Action, Caller, Timestamp};

use crate::sign_in::KNOWN_FOR;
use crate::{
    Account, AccountId, AccountService, Email, OperatorError, Password, SessionLifetime, SignedIn,
};

/// So long after an operator gave the password a session may do what can't be undone.
const OPERATORS_PROOF: Duration = Duration::from_mins(5);

impl AccountService {
    /// The account with this address, however it is spelled, for an operator.
    pub async fn by_email(&self, email: &Email) -> Result<Account, OperatorError> {
        self.find(email.as_str()).await?.ok_or(OperatorError::NotFound)
    }

    /// The account with this id, for an operator.
    pub async fn by_id(&self, id: AccountId) -> Result<Account, OperatorError> {
        self.accounts.find_by_id(id).await?.ok_or(OperatorError::NotFound)
    }

    /// Gives an account another password, for an operator, and ends all its sessions. One that is
    /// disabled keeps its password.
    pub async fn reset_password(
        &self,
        account: &Account,
        new: Password,
        caller: &Caller,
    ) -> Result<(), OperatorError> {
        if !account.is_active() {
            return Err(OperatorError::Disabled);
        }
        let account = account.with_password(self.passwords.hash(new).await?);
        let event = self.event(self.clock.now(), &account, Action::PasswordChanged, caller)?;
        Ok(self.accounts.change_password(&account, None, &event).await?)
    }

    /// Disables an account, for an operator: its sessions end and its keys are revoked, on every
    /// instance when this answers. Doing it again is harmless. Answers the account as it is then.
    pub async fn disable(
        &self,
        account: &Account,
        caller: &Caller,
    ) -> Result<Account, OperatorError> {
        self.close(account, caller).await
    }

    /// Disables an account, which holds on every instance when this answers.
    async fn close<E>(&self, account: &Account, caller: &Caller) -> Result<Account, E>
    where
        E: From<UpdateError> + From<EntropyError>,
    {
        let now = self.clock.now();
        let event = self.event(now, account, Action::AccountDisabled, caller)?;
        let disabled = account.disable(now);
        let change = self.accounts.disable(&disabled, &event).await?;
        self.barrier.pass(change).await;
        Ok(disabled)
    }

    /// Lets a disabled account sign in and have keys again, for an operator. Its keys stay revoked.
    /// Doing it again is harmless. Answers the account as it is then.
    pub async fn enable(
        &self,
        account: &Account,
        caller: &Caller,
    ) -> Result<Account, OperatorError> {
        if account.is_active() {
            return Ok(account.clone());
        }
        let event = self.event(self.clock.now(), account, Action::AccountEnabled, caller)?;
        let enabled = account.enable();
        self.accounts.enable(&enabled, &event).await?;
        Ok(enabled)
    }

    /// Removes an account, for an operator, with its keys and what is personal in its audit events.
    /// It is [disabled](Self::disable) first, so that its keys are dead on every instance before they
    /// are gone. Where this stops in between, the account is disabled, and doing it again goes on.
    pub async fn delete(&self, account: &Account, caller: &Caller) -> Result<(), OperatorError> {
        self.remove(account, caller).await
    }

    /// Disables an account and removes it.
    pub(crate) async fn remove<E>(&self, account: &Account, caller: &Caller) -> Result<(), E>
    where
        E: From<UpdateError> + From<EntropyError>,
    {
        let account = self.close::<E>(account, caller).await?;
        let now = self.clock.now();
        let event = self.event(now, &account, Action::AccountDeleted, caller)?;
        Ok(self.accounts.delete(&account, &event).await?)
    }

    /// Gives an account the pages of operators, or takes them away, for an operator. Doing it again is harmless.
    pub async fn set_operator(
        &self,
        account: &Account,
        is_operator: bool,
        caller: &Caller,
    ) -> Result<(), OperatorError> {
        if account.parts().is_operator == is_operator {
            return Ok(());
        }
        let action = if is_operator { Action::OperatorAdded } else { Action::OperatorRemoved };
        let event = self.event(self.clock.now(), account, action, caller)?;
        Ok(self.accounts.set_operator(&account.with_operator(is_operator), &event).await?)
    }

    /// Whether an operator gave the password for this session lately enough for what can't be undone.
    pub fn is_operators_proof_fresh(&self, who: &SignedIn) -> bool {
        who.session.was_confirmed_within(OPERATORS_PROOF, self.clock.now())
    }

    /// The accounts after one, the eldest first, at most `limit`.
    pub async fn page(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        self.accounts.page(after, limit).await
    }

    /// Removes the sessions whose time is over at `now`, and the networks that are no longer known.
    /// What is removed is gone for every instance: so `now` is not this one's opinion alone.
    pub async fn purge(&self, now: Timestamp) -> Result<(), StoreError> {
        let SessionLifetime { idle, absolute, .. } = self.lifetime;
        self.sessions.purge(now.saturating_sub(absolute), now.saturating_sub(idle)).await?;
        self.networks.purge(now.saturating_sub(KNOWN_FOR)).await
    }
}
