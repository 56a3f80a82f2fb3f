//! What the refusals of accounts' use cases are to a client.

use latchkey_accounts::ports::HashError;
use latchkey_accounts::{
    CreateAccountError, EmailError, EndSessionError, OwnAccountError, PasswordError, SignInError,
    SignUpError,
};

use super::{ApiError, ErrorCode};

const fn password_sentence(refusal: PasswordError) -> &'static str {
    match refusal {
        PasswordError::TooShort => "a password must have at least 12 characters",
        PasswordError::TooLong => "a password must have at most 128 characters",
        PasswordError::HoldsAddress => "a password must not contain your email address",
        PasswordError::HoldsProduct => "a password must not contain \"latchkey\"",
        PasswordError::Common => {
            "this password is too easy to guess; choose several unrelated words"
        }
    }
}

impl ApiError {
    fn address_taken() -> Self {
        Self::new(ErrorCode::AddressTaken, "An account with this email address exists already")
    }

    /// 400 for a new password that must not be used.
    pub(crate) fn weak_password(error: PasswordError) -> Self {
        Self::new(ErrorCode::WeakPassword, password_sentence(error))
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        Self::bad_request(password_sentence(error))
    }
}

impl From<EmailError> for ApiError {
    fn from(EmailError: EmailError) -> Self {
        let message = "email must be an address such as ada@example.com, of at most 254 characters";
        Self::bad_request(message)
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        Self::unavailable(error)
    }
}

impl From<CreateAccountError> for ApiError {
    fn from(error: CreateAccountError) -> Self {
        match error {
            CreateAccountError::AddressTaken => Self::address_taken(),
            CreateAccountError::Hash(error) => error.into(),
            CreateAccountError::Entropy(error) => error.into(),
            CreateAccountError::Store(error) => error.into(),
        }
    }
}

impl From<SignUpError> for ApiError {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::NotNow(not_now) => {
                Self::too_many("Too many sign-ups; try again later", not_now)
            }
            SignUpError::NotMade(error) => error.into(),
        }
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            // One sentence for both limits: only who has the password reaches the second.
            SignInError::NotNow(not_now) => {
                Self::too_many("Too many sign-ins; try again later", not_now)
            }
            SignInError::Rejected => {
                Self::new(ErrorCode::InvalidCredentials, "Invalid email or password").challenged()
            }
            SignInError::Hash(error) => error.into(),
            SignInError::Entropy(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<EndSessionError> for ApiError {
    fn from(error: EndSessionError) -> Self {
        match error {
            EndSessionError::Entropy(error) => error.into(),
            EndSessionError::Store(error) => error.into(),
        }
    }
}

impl From<OwnAccountError> for ApiError {
    fn from(error: OwnAccountError) -> Self {
        match error {
            OwnAccountError::NotNow(not_now) => {
                Self::too_many("Too many wrong passwords; try again later", not_now)
            }
            OwnAccountError::WrongPassword => {
                Self::new(ErrorCode::WrongPassword, "The current password is wrong")
            }
            OwnAccountError::AddressTaken => Self::address_taken(),
            OwnAccountError::Stale => {
                let message = "The account was changed at the same time; try again";
                Self::new(ErrorCode::Conflict, message)
            }
            OwnAccountError::Hash(error) => error.into(),
            OwnAccountError::Entropy(error) => error.into(),
            OwnAccountError::Store(error) => error.into(),
        }
    }
}
