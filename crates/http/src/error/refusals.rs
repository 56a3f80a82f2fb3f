//! What the refusals of keys' use cases, and failing ports, are to a client.

use std::borrow::Cow;

use latchkey_domain::ports::{EntropyError, StoreError};
use latchkey_domain::{
    AddCreditsError, AllowedNetworksError, ChangeError, ChangeOwnerError, CreditsRefused,
    GrantsError, IssueError, MetadataError, NameError, NameMissing, NamePartError, NotNow,
    OverlapTooLong, ReportLeaksError, RevokeAllError, RevokeError, ScopeRefused, TransitionError,
    VerifyError,
};

use super::{ApiError, ErrorCode};

const NOT_IN_FUTURE: &str = "expiresAt must lie in the future";

fn too_many_changes(not_now: NotNow) -> ApiError {
    ApiError::too_many("Too many changes of API keys; try again later", not_now)
}

fn owner_suspended() -> ApiError {
    let message = "Owner is suspended; end the suspension before making new API keys";
    ApiError::new(ErrorCode::OwnerSuspended, message)
}

/// Why the state of a key does not allow what was asked for.
const fn sentence(refusal: TransitionError) -> &'static str {
    match refusal {
        TransitionError::Revoked => "A revoked API key can't be changed",
        TransitionError::Disabled => "A disabled API key can't be rotated; enable it first",
        TransitionError::Expired => "An expired API key can't be rotated; extend it first",
        TransitionError::Replaced => "This API key has been rotated already",
        TransitionError::NotNearer => "The expiry of a rotated API key can only come nearer",
    }
}

const fn name_sentence(refusal: NameError) -> &'static str {
    match refusal {
        NameError::NothingVisible => "name must have at least one visible character",
        NameError::TooLong => "name must have at most 100 characters",
        NameError::Forbidden => {
            "name must not contain control, line separator or text direction characters"
        }
        NameError::Hidden => "name must not contain hidden characters",
        NameError::HoldsKey => "name must not hold an API key",
    }
}

const fn metadata_sentence(refusal: MetadataError) -> &'static str {
    match refusal {
        MetadataError::NotAnObject => "metadata must be an object",
        MetadataError::TooLong => "metadata must have at most 2048 bytes in compact form",
        MetadataError::TooDeep => "metadata must have at most 5 levels",
        MetadataError::Nul => "metadata must not contain U+0000",
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error)
    }
}

impl From<EntropyError> for ApiError {
    fn from(error: EntropyError) -> Self {
        Self::unavailable(error)
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::bad_request(name_sentence(error))
    }
}

impl From<MetadataError> for ApiError {
    fn from(error: MetadataError) -> Self {
        Self::bad_request(metadata_sentence(error))
    }
}

impl From<GrantsError> for ApiError {
    fn from(error: GrantsError) -> Self {
        match error {
            GrantsError::Malformed { number } => Self::bad_request(format!(
                "scopes: entry {number} must be 1 to 64 characters, segments of a-z, 0-9, _, . and - joined by :, \
                 and may end in :*, or be *"
            )),
            GrantsError::TooMany => Self::bad_request("scopes must have at most 64 entries"),
        }
    }
}

impl From<AllowedNetworksError> for ApiError {
    fn from(error: AllowedNetworksError) -> Self {
        Self::bad_request(match error {
            AllowedNetworksError::Malformed { number, why } => {
                format!("allowedNetworks: entry {number} {why}").into()
            }
            AllowedNetworksError::HostBits { given, meant } => Cow::from(format!(
                "allowedNetworks: {given} has host bits set; did you mean {meant}?"
            )),
            AllowedNetworksError::None => {
                "allowedNetworks must not be empty; null allows every network".into()
            }
            AllowedNetworksError::TooMany => "allowedNetworks must have at most 32 entries".into(),
        })
    }
}

impl From<NamePartError> for ApiError {
    fn from(NamePartError: NamePartError) -> Self {
        Self::bad_request("q must not contain control characters")
    }
}

impl From<NameMissing> for ApiError {
    fn from(NameMissing: NameMissing) -> Self {
        Self::bad_request("name is required")
    }
}

impl From<OverlapTooLong> for ApiError {
    fn from(OverlapTooLong: OverlapTooLong) -> Self {
        Self::bad_request("overlapSeconds must be at most 2592000, which is 30 days")
    }
}

impl From<ScopeRefused> for ApiError {
    fn from(refused: ScopeRefused) -> Self {
        Self::bad_request(match refused {
            ScopeRefused::Unknown(scope) => format!("There is no scope {scope} here"),
            ScopeRefused::Restricted(scope) => {
                format!("scopes must not have {scope}: only a management token may give that")
            }
            ScopeRefused::Everything => {
                "scopes must be a list: some scopes are given by management tokens only".to_owned()
            }
        })
    }
}

impl From<IssueError> for ApiError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::ExpiryNotInFuture => Self::bad_request(NOT_IN_FUTURE),
            IssueError::Scopes(refused) => refused.into(),
            IssueError::NotNow(not_now) => too_many_changes(not_now),
            IssueError::LimitReached { limit } => {
                let message = format!(
                    "You have reached the limit of {limit} API keys; revoke one you no longer use"
                );
                Self::new(ErrorCode::LimitReached, message)
            }
            // The account was disabled after the session was checked: the session is dead too.
            IssueError::OwnerClosed => Self::session_required(),
            IssueError::OwnerSuspended => owner_suspended(),
            IssueError::Entropy(error) => error.into(),
            IssueError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Nothing => Self::bad_request(
                "Nothing to change: name, enabled, expiresAt, scopes, allowedNetworks or limits",
            ),
            ChangeError::NotNow(not_now) => too_many_changes(not_now),
            ChangeError::ExpiryNotInFuture => Self::bad_request(NOT_IN_FUTURE),
            ChangeError::Scopes(refused) => refused.into(),
            ChangeError::NotFound => Self::key_not_found(),
            ChangeError::LimitReached { limit } => {
                let message = format!(
                    "You have reached the limit of {limit} rotated API keys that still work; revoke \
                     one of them, or rotate with an overlap of 0"
                );
                Self::new(ErrorCode::LimitReached, message)
            }
            ChangeError::OwnerSuspended => owner_suspended(),
            ChangeError::Refused(refusal) => Self::new(ErrorCode::Conflict, sentence(refusal)),
            ChangeError::Contended => {
                let message = "The API key was changed by others at the same time; try again";
                Self::new(ErrorCode::Conflict, message)
            }
            ChangeError::Entropy(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeOwnerError> for ApiError {
    fn from(error: ChangeOwnerError) -> Self {
        match error {
            ChangeOwnerError::Contended => {
                let message = "The owner was changed by others at the same time; try again";
                Self::new(ErrorCode::Conflict, message)
            }
            ChangeOwnerError::Entropy(error) => error.into(),
            ChangeOwnerError::Store(error) => error.into(),
        }
    }
}

impl From<AddCreditsError> for ApiError {
    fn from(error: AddCreditsError) -> Self {
        match error {
            AddCreditsError::NotNow(not_now) => too_many_changes(not_now),
            AddCreditsError::NotFound => Self::key_not_found(),
            AddCreditsError::Refused(CreditsRefused::TooFew { left }) => {
                let message = format!("Only {left} credits are left; nothing was taken");
                Self::new(ErrorCode::Conflict, message)
            }
            AddCreditsError::Refused(CreditsRefused::TooMany) => {
                let message = "There can be at most 1000000000000 credits; nothing was added";
                Self::new(ErrorCode::Conflict, message)
            }
            AddCreditsError::Entropy(error) => error.into(),
            AddCreditsError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeError> for ApiError {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::NotNow(not_now) => too_many_changes(not_now),
            RevokeError::NotFound => Self::key_not_found(),
            RevokeError::Entropy(error) => error.into(),
            RevokeError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeAllError> for ApiError {
    fn from(error: RevokeAllError) -> Self {
        match error {
            RevokeAllError::TooMany { most } => {
                let message = format!("More than {most} API keys are meant; none was revoked");
                Self::new(ErrorCode::LimitReached, message)
            }
            RevokeAllError::NotNow(not_now) => too_many_changes(not_now),
            RevokeAllError::Contended => {
                let message = "The API keys were rotated by others at the same time; try again";
                Self::new(ErrorCode::Conflict, message)
            }
            RevokeAllError::Entropy(error) => error.into(),
            RevokeAllError::Store(error) => error.into(),
        }
    }
}

impl From<ReportLeaksError> for ApiError {
    fn from(error: ReportLeaksError) -> Self {
        match error {
            ReportLeaksError::NotNow(not_now) => {
                Self::too_many("Too many reports; try again later", not_now)
            }
            ReportLeaksError::NoKey => Self::bad_request("No API key found in this text"),
            ReportLeaksError::Entropy(error) => error.into(),
            ReportLeaksError::Store(error) => error.into(),
        }
    }
}

impl From<VerifyError> for ApiError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Refused(_) => Self::invalid_key(),
            VerifyError::Store(error) => error.into(),
        }
    }
}
