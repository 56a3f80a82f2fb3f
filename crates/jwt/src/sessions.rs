use std::sync::Arc;

use latchkey_domain::OwnerId;
use latchkey_domain::ports::{Clock, SteadyClock};
use thiserror::Error;

use crate::KeySet;
use crate::claims;
use crate::published::{Published, PublishedKeys};
use crate::rules::Rules;
use crate::token::Token;

/// A session of another system, proved by a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignSession {
    /// Whose keys the session is about.
    pub owner: OwnerId,
    /// Who acts for the owner, for the audit trail.
    pub actor: OwnerId,
    /// The address in the claim `email`, for people to see; nothing is decided by it.
    pub email: Option<String>,
}

/// Why a token is no session. What exactly is wrong with it is for the log of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwtError {
    /// The token is not good.
    #[error("{0}")]
    Refused(&'static str),
    /// No key of the issuer is known, so nobody can tell.
    #[error("no key of the issuer is known")]
    NoKeys,
}

/// By which keys tokens are checked.
#[derive(Debug)]
pub enum Keys {
    /// These, until the end of the process.
    Given(KeySet),
    /// Those that the issuer publishes.
    Published(Arc<dyn PublishedKeys>),
}

/// Tells whether a token is a session of another system. Share it.
#[derive(Debug)]
pub struct ForeignSessions {
    rules: Rules,
    keys: Source,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
enum Source {
    Given(Arc<KeySet>),
    Published(Published),
}

impl ForeignSessions {
    /// Sessions by `rules`. Tokens begin and end by `clock`; `steady_clock` says when keys are fetched.
    pub fn new(
        rules: Rules,
        keys: Keys,
        clock: Arc<dyn Clock>,
        steady_clock: Arc<dyn SteadyClock>,
    ) -> Self {
        let keys = match keys {
            Keys::Given(set) => Source::Given(Arc::new(set)),
            Keys::Published(source) => Source::Published(Published::new(source, steady_clock)),
        };
        Self { rules, keys, clock }
    }

    /// Whose session the token is. The time is that of the clock after keys were waited for.
    pub async fn authenticate(&self, token: &[u8]) -> Result<ForeignSession, JwtError> {
        let token = Token::parse(token).map_err(JwtError::Refused)?;
        let keys = match &self.keys {
            Source::Given(keys) => Arc::clone(keys),
            Source::Published(keys) => {
                keys.keys(token.kid.as_deref()).await.ok_or(JwtError::NoKeys)?
            }
        };
        if !keys.have_signed(&token) {
            return Err(JwtError::Refused("no key of the issuer has signed it"));
        }
        let claims = token.claims().ok_or(JwtError::Refused("the claims are no JSON object"))?;
        claims::session(&claims, &self.rules, self.clock.now()).map_err(JwtError::Refused)
    }

    /// Who issues the tokens.
    pub fn issuer(&self) -> &str {
        &self.rules.issuer
    }

    /// Fetches published keys again from time to time; never returns.
    pub async fn keep(&self) {
        match &self.keys {
            Source::Given(_) => std::future::pending().await,
            Source::Published(keys) => keys.keep().await,
        }
    }
}
