use latchkey_domain::{Action, Caller};

use crate::ports::InsertAccountError;
use crate::{
    Account, AccountId, AccountParts, AccountService, AccountState, CreateAccountError, Email,
    Password, SessionToken, SignUpError,
};

impl AccountService {
    /// Makes an account, for an operator.
    pub async fn create(
        &self,
        email: Email,
        password: Password,
        caller: &Caller,
    ) -> Result<Account, CreateAccountError> {
        if self.spelled_otherwise(&email).await?.is_some() {
            return Err(CreateAccountError::AddressTaken);
        }
        let password = self.passwords.hash(password).await?;
        let now = self.clock.now();
        let account = Account::restore(AccountParts {
            id: AccountId::new(self.ids.next(now)?),
            email,
            password,
            created_at: now,
            state: AccountState::Active,
            is_operator: false,
            version: 1,
        });
        let event = self.event(now, &account, Action::AccountCreated, caller)?;
        match self.accounts.insert(&account, &event).await {
            Ok(()) => Ok(account),
            Err(InsertAccountError::AddressTaken) => Err(CreateAccountError::AddressTaken),
            Err(InsertAccountError::Store(error)) => Err(error.into()),
        }
    }

    /// Makes an account and begins a session of it. The trail has one event for both.
    pub async fn sign_up(
        &self,
        email: Email,
        password: Password,
        caller: &Caller,
    ) -> Result<(Account, SessionToken), SignUpError> {
        self.limits.count_sign_up(caller)?;
        Ok(self.create_signed_in(email, password, caller).await?)
    }

    async fn create_signed_in(
        &self,
        email: Email,
        password: Password,
        caller: &Caller,
    ) -> Result<(Account, SessionToken), CreateAccountError> {
        let account = self.create(email, password, caller).await?;
        let now = self.clock.now();
        self.record_network(&account, now, caller).await?;
        let (session, token) = self.new_session(&account, now, caller)?;
        self.sessions.insert(&session, None).await?;
        Ok((account, token))
    }
}
