use latchkey_domain::ports::UpdateError;
use latchkey_domain::{Action, Caller};

use crate::{AccountService, ChangePasswordError, Password, SignedIn};

impl AccountService {
    /// Changes the password of the person who is signed in, and ends every other session of theirs. A wrong
    /// current password is in the trail.
    pub async fn change_password(
        &self,
        who: &SignedIn,
        current: Password,
        new: Password,
        caller: &Caller,
    ) -> Result<(), ChangePasswordError> {
        let guesses = &self.limits.current_password;
        let email = &who.account.parts().email;
        let guess = self.count_guess(guesses, Some(email), caller).await??;
        let done = self.set_password(who, current, new, caller).await;
        if !matches!(done, Err(ChangePasswordError::WrongPassword)) {
            guesses.forgive(&guess);
        }
        done
    }

    async fn set_password(
        &self,
        who: &SignedIn,
        current: Password,
        new: Password,
        caller: &Caller,
    ) -> Result<(), ChangePasswordError> {
        let hash = who.account.parts().password.clone();
        if !self.passwords.verify(current, Some(hash)).await? {
            let refused = Action::PasswordRefused;
            let event = self.event(self.clock.now(), &who.account, refused, caller)?;
            self.trail.record(&event).await?;
            return Err(ChangePasswordError::WrongPassword);
        }
        let account = who.account.with_password(self.passwords.hash(new).await?);
        let event = self.event(self.clock.now(), &account, Action::PasswordChanged, caller)?;
        let keep = Some(&who.session.digest.digest);
        match self.accounts.change_password(&account, keep, &event).await {
            Ok(()) => Ok(()),
            Err(UpdateError::Stale) => Err(ChangePasswordError::Stale),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    }
}
