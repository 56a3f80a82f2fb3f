use std::borrow::Cow;

use latchkey_accounts::Account;
use latchkey_domain::OwnerId;

/// Whom a page is for.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Who has signed in.
    pub who: Who<'a>,
    /// Where somebody signs in, if not on a page of ours.
    pub sign_in_url: Option<&'a str>,
    /// Whether there is an API reference to link to.
    pub has_reference: bool,
}

/// Who has signed in.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// Somebody with an account here.
    Account(&'a Account),
    /// Somebody with a session of another system.
    Foreign {
        /// Whose keys the session is about.
        owner: &'a OwnerId,
        /// Who acts for the owner.
        actor: &'a OwnerId,
        /// An address, for people to see.
        email: Option<&'a str>,
        /// The other system.
        issuer: &'a str,
    },
}

impl Reader<'_> {
    /// Whether the pages of operators are there for the reader.
    pub(crate) const fn is_operator(&self) -> bool {
        matches!(self.who, Who::Account(account) if account.parts().is_operator)
    }

    /// Whose keys the page is about.
    pub(crate) fn owner(&self) -> OwnerId {
        match self.who {
            Who::Account(account) => account.parts().id.owner(),
            Who::Foreign { owner, .. } => owner.clone(),
        }
    }

    /// Who acts for the owner.
    pub(crate) fn actor(&self) -> OwnerId {
        match self.who {
            Who::Account(account) => account.parts().id.owner(),
            Who::Foreign { actor, .. } => actor.clone(),
        }
    }

    /// The reader as people know them.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match self.who {
            Who::Account(account) => account.parts().email.to_string().into(),
            Who::Foreign { email: Some(email), .. } => email.into(),
            Who::Foreign { actor, .. } => actor.as_str().into(),
        }
    }

    /// The first letter of the name, as a sign for it.
    pub(crate) fn initial(&self) -> String {
        self.name().chars().next().into_iter().flat_map(char::to_uppercase).collect()
    }
}
