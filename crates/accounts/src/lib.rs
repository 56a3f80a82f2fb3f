//! Who signs in to the dashboard: accounts, their passwords and their sessions.
//!
//! Like the domain crate it builds on, it does no I/O. An embedding service that has its own
//! users needs none of this: keys belong to opaque owners.
#![warn(clippy::future_not_send)]

mod account;
mod change_password;
mod contents;
mod email;
mod errors;
mod limits;
mod operate;
mod password;
pub mod ports;
mod service;
mod session;
mod sign_in;
mod sign_up;
mod token;

pub use account::{Account, AccountId, AccountParts, AccountState};
pub use contents::{Contents, Part, Record, TakeOverError};
pub use email::{Email, EmailError};
pub use errors::{
    ChangePasswordError, CreateAccountError, EndSessionError, OperatorError, SignInError,
    SignUpError,
};
pub use limits::AccountLimits;
pub use password::{Password, PasswordError, PasswordHash};
pub use service::{AccountPorts, AccountService, SignedIn};
pub use session::{Session, SessionLifetime};
pub use token::{MalformedToken, SessionToken};
