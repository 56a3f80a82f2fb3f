//! What a verification requires of a key besides being good.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use latchkey_domain::{Denial, RefusalReason, Requirement};
use latchkey_verifier::Principal;

use crate::Http;
use crate::client_address::certain_address;
use crate::counts::Outcome;
use crate::error::ApiError;
use crate::price::{Price, exact_query};

const X_LATCHKEY_REQUIRE: HeaderName = HeaderName::from_static("x-latchkey-require");
/// The requirements that one call may have.
const MOST: usize = 64;
/// Bytes that are kept of what a refused call required.
const MOST_KEPT: usize = 1_000;

/// Where the call was sent: the query has requirements on the exact path alone. Below that, gateways append what
/// their client wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerifyPath {
    Exact,
    Below,
}

impl VerifyPath {
    /// That of a call of verifications at `path`.
    pub(crate) fn of(path: Option<&str>) -> Self {
        if path == Some("/api/v1/verify") { Self::Exact } else { Self::Below }
    }
}

/// Why a good key is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAccepted {
    /// A requirement can't be read.
    Unreadable,
    /// The cost can't be read, or how a full budget is to be answered.
    UnreadablePrice,
    /// The key may not be used from this address.
    Address,
    /// The key lacks a scope. All that was required, with a blank between each two.
    Scope(String),
}

/// Judges a good key by all but its budgets, and reads what these are charged. Query and header add up: nothing in a request
/// takes a requirement away.
pub(crate) fn judge(
    principal: &Principal,
    req: &HttpRequest,
    path: VerifyPath,
    http: &Http,
) -> Result<Price, NotAccepted> {
    let restrictions = principal.restrictions();
    let address = restrictions.networks.list().and_then(|_networks| certain_address(req, http));
    let all = || {
        let read = |(place, text)| Requirement::parse(text).ok().filter(|_| place < MOST);
        required(req, path).enumerate().map(read)
    };
    let mut is_readable = true;
    let readable = all().map_while(|read| {
        is_readable = read.is_some();
        read
    });
    let judged = restrictions.judge(address, readable);
    if !is_readable {
        return Err(NotAccepted::Unreadable);
    }
    let price = Price::of(req, path).map_err(|_unreadable| NotAccepted::UnreadablePrice)?;
    judged.map(|()| price).map_err(|denial| match denial {
        // Behind what decided there may be more.
        _ if all().any(|read| read.is_none()) => NotAccepted::Unreadable,
        Denial::Network => NotAccepted::Address,
        Denial::Scope => NotAccepted::Scope(required(req, path).collect::<Vec<_>>().join(" ")),
    })
}

/// The texts of the requirements. A line that is no text stands for one that nobody can read.
fn required(req: &HttpRequest, path: VerifyPath) -> impl Iterator<Item = Cow<'_, str>> {
    let of_query =
        exact_query(req, path).filter_map(|(name, value)| (name == "scope").then_some(value));
    let lines = req.headers().get_all(X_LATCHKEY_REQUIRE);
    let lines = lines.map(|line| line.to_str().unwrap_or_default());
    of_query.chain(lines.flat_map(|line| line.split(',').map(|text| Cow::Borrowed(text.trim()))))
}

/// What a refused call required, to be kept: its requirements with a blank between each two. Nothing where it required
/// nothing, or what nobody can read.
pub(crate) fn required_text(req: &HttpRequest, path: VerifyPath) -> Option<String> {
    let all: Vec<_> = required(req, path).collect();
    let is_readable = |text: &Cow<'_, str>| Requirement::parse(text.as_ref()).is_ok();
    let mut text = Some(all.join(" "))
        .filter(|_| !all.is_empty() && all.len() <= MOST && all.iter().all(is_readable))?;
    // It is ASCII.
    text.truncate(MOST_KEPT);
    Some(text)
}

impl NotAccepted {
    /// Why the call was refused, as it is counted for the key; a call that can't be read isn't counted.
    pub(crate) const fn reason(&self) -> Option<RefusalReason> {
        match self {
            Self::Unreadable | Self::UnreadablePrice => None,
            Self::Address => Some(RefusalReason::Network),
            Self::Scope(_) => Some(RefusalReason::Scope),
        }
    }
}

impl From<&NotAccepted> for Outcome {
    fn from(why: &NotAccepted) -> Self {
        match why {
            NotAccepted::Unreadable | NotAccepted::UnreadablePrice => Self::Unreadable,
            NotAccepted::Address => Self::Denied(Denial::Network),
            NotAccepted::Scope(_) => Self::Denied(Denial::Scope),
        }
    }
}

impl From<NotAccepted> for ApiError {
    fn from(why: NotAccepted) -> Self {
        match why {
            NotAccepted::Unreadable => Self::bad_request(
                "scope and X-Latchkey-Require must each be scopes joined by |, without *",
            ),
            NotAccepted::UnreadablePrice => Self::bad_request(
                "cost and X-Latchkey-Cost must each be a whole number from 0 to 1000000, and refusals 403, once at most",
            ),
            NotAccepted::Address => Self::address_not_allowed(),
            NotAccepted::Scope(required) => Self::insufficient_scope(&required),
        }
    }
}
