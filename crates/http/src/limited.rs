use std::hash::Hash;

use actix_web::HttpRequest;
use latchkey_accounts::{AccountId, Email, Network};

use super::Http;
use super::attempts::{Attempt, Attempts};
use super::client_address::client_address;
use super::error::ApiError;
use super::limits::{Guess, Guesses};

/// The network that a request comes from.
pub(crate) fn client_network(req: &HttpRequest, http: &Http) -> Option<Network> {
    client_address(req, http).map(Network::of)
}

/// Counts one more of `whose`, or refuses it with `message` and 429.
pub(crate) fn count(
    limit: &Attempts,
    whose: Option<impl Hash>,
    message: &'static str,
) -> Result<Attempt, ApiError> {
    let attempt = whose.map_or(Ok(Attempt::UNCOUNTED), |whose| limit.begin(whose));
    attempt.map_err(|not_now| ApiError::too_many(message, not_now.retry_after()))
}

/// Counts a change of a key by the session of `account`.
pub(crate) fn count_key_change(http: &Http, account: AccountId) -> Result<(), ApiError> {
    let message = "Too many changes of API keys; try again later";
    count(&http.services.limits.key_changes, Some(account), message).map(drop)
}

/// Counts a try of a password, or refuses it with `message` and 429.
///
/// A network that has tried too many asks the database nothing.
pub(crate) async fn count_guess(
    http: &Http,
    guesses: &Guesses,
    network: Option<Network>,
    email: Option<&Email>,
    message: &'static str,
) -> Result<Guess, ApiError> {
    guesses.check(network).map_err(|not_now| ApiError::too_many(message, not_now.retry_after()))?;
    let is_known = match (email, network) {
        (Some(email), Some(network)) => {
            http.services.accounts.knows_network(email, network).await?
        }
        _ => false,
    };
    let guess = guesses.begin(network, email, is_known);
    guess.map_err(|not_now| ApiError::too_many(message, not_now.retry_after()))
}
