//! Who may act: accounts, which sign in to the dashboard, with their passwords and sessions, and the
//! management tokens of backends.
//!
//! Like the domain crate it builds on, it does no I/O. An embedding service that has its own
//! users needs none of this: keys belong to opaque owners.
#![warn(clippy::future_not_send)]

mod account;
mod contents;
mod email;
mod errors;
mod limits;
mod management_token;
mod operate;
mod own_account;
mod own_sessions;
mod password;
pub mod ports;
mod rights;
mod service;
mod session;
mod sign_in;
mod sign_up;
mod token;
mod token_service;

pub use account::{Account, AccountId, AccountParts, AccountState};
pub use contents::{Contents, Part, Record, StoredBudget, TakeOverError};
pub use email::{Email, EmailError};
pub use errors::{
    CreateAccountError, EndSessionError, OperatorError, OwnAccountError, SignInError, SignUpError,
};
pub use limits::AccountLimits;
pub use management_token::{
    Entitled, Forbidden, ManagementToken, NewManagementToken, NewManagementTokenError,
    TokenLifetime, TokenLifetimeError,
};
pub use password::{Password, PasswordError, PasswordHash};
pub use rights::{Right, Rights, UnknownRight};
pub use service::{AccountPorts, AccountService, SignedIn};
pub use session::{LiveSessions, Session, SessionId, SessionLifetime};
pub use token::{MalformedToken, SessionToken};
pub use token_service::{
    AuthenticateTokenError, CreateTokenError, IssuedToken, PepperRole, PepperStanding,
    RevokeTokenError, TokenPorts, TokenService, TokensUnderPepper,
};
