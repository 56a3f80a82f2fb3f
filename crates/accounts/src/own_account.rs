//! What people do to their own accounts. All of it asks for the password.

use latchkey_domain::ports::{StoreError, UpdateError};
use latchkey_domain::{Action, Caller};

use crate::ports::ChangeEmailError;
use crate::{Account, AccountId, AccountService, Email, OwnAccountError, Password, SignedIn};

impl AccountService {
    /// Changes the password of the person who is signed in, and ends every other session of theirs.
    pub async fn change_password(
        &self,
        who: &SignedIn,
        current: Password,
        new: Password,
        caller: &Caller,
    ) -> Result<(), OwnAccountError> {
        self.prove(who, current, caller).await?;
        let account = who.account.with_password(self.passwords.hash(new).await?);
        let event = self.event(self.clock.now(), &account, Action::PasswordChanged, caller)?;
        let keep = Some(&who.session.digest.digest);
        Ok(self.accounts.change_password(&account, keep, &event).await?)
    }

    /// Gives the account of the person who is signed in another address. Its sessions go on. The trail keeps neither
    /// address.
    pub async fn change_email(
        &self,
        who: &SignedIn,
        email: Email,
        password: Password,
        caller: &Caller,
    ) -> Result<Account, OwnAccountError> {
        self.prove(who, password, caller).await?;
        if who.account.parts().email == email {
            return Ok(who.account.clone());
        }
        let other = self.spelled_otherwise(&email).await?;
        if other.is_some_and(|other| other != who.account.parts().id) {
            return Err(OwnAccountError::AddressTaken);
        }
        let account = who.account.with_email(email);
        let event = self.event(self.clock.now(), &account, Action::EmailChanged, caller)?;
        match self.accounts.change_email(&account, &event).await {
            Ok(()) => Ok(account),
            Err(ChangeEmailError::AddressTaken) => Err(OwnAccountError::AddressTaken),
            Err(ChangeEmailError::Stale) => Err(OwnAccountError::Stale),
            Err(ChangeEmailError::Store(error)) => Err(error.into()),
        }
    }

    /// Removes the account of the person who is signed in, as [`delete`](Self::delete) does: it is disabled first,
    /// so that its keys are dead on every instance before they are gone. Its last event says nothing personal either.
    pub async fn delete_own(
        &self,
        who: &SignedIn,
        password: Password,
        caller: &Caller,
    ) -> Result<(), OwnAccountError> {
        self.prove(who, password, caller).await?;
        let caller = Caller { address: None, user_agent: None, ..caller.clone() };
        self.remove(&who.account, &caller).await
    }

    /// Notes that the person who is signed in gave the password again for this session.
    pub async fn confirm(
        &self,
        who: &SignedIn,
        password: Password,
        caller: &Caller,
    ) -> Result<(), OwnAccountError> {
        self.prove(who, password, caller).await?;
        let now = self.clock.now();
        Ok(self.sessions.record_proof(&who.session.digest.digest, now).await?)
    }

    /// Whether the password was given for this session lately enough to hand out and to end keys.
    pub fn is_fresh(&self, who: &SignedIn) -> bool {
        self.lifetime.is_fresh(&who.session, self.clock.now())
    }

    /// Checks the password of the person who is signed in. A wrong one counts, and is in the trail.
    async fn prove(
        &self,
        who: &SignedIn,
        password: Password,
        caller: &Caller,
    ) -> Result<(), OwnAccountError> {
        let (guesses, account) = (&self.limits.current_password, who.account.parts());
        let guess = self.count_guess(guesses, Some(&account.email), caller).await??;
        let is_right = self.passwords.verify(password, Some(account.password.clone())).await;
        if !matches!(is_right, Ok(false)) {
            guesses.forgive(&guess);
        }
        if is_right? {
            return Ok(());
        }
        let refused = Action::PasswordRefused;
        let event = self.event(self.clock.now(), &who.account, refused, caller)?;
        self.trail.record(&event).await?;
        Err(OwnAccountError::WrongPassword)
    }

    /// The account that has this address in another spelling. Under this very one the store sees to it.
    pub(crate) async fn spelled_otherwise(
        &self,
        email: &Email,
    ) -> Result<Option<AccountId>, StoreError> {
        for spelling in Email::spellings(email.as_str()).iter().skip(1) {
            if let Some(account) = self.accounts.find_by_email(spelling).await? {
                return Ok(Some(account.parts().id));
            }
        }
        Ok(None)
    }
}

impl From<UpdateError> for OwnAccountError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Stale => Self::Stale,
            UpdateError::Store(error) => Self::Store(error),
        }
    }
}
