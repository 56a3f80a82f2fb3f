use std::borrow::Cow;

use uuid::Uuid;

use crate::id::parse_canonical;
use crate::{OwnerError, OwnerId, TokenId};

const OWNER: &str = "owner:";
const TOKEN: &str = "token:";
const OPERATOR_ACCOUNT: &str = "operator:";
const OPERATOR: &str = "operator";
const LEAK_REPORT: &str = "leak-report";
const RECOVERY: &str = "recovery";
const ANONYMOUS: &str = "anonymous";

/// In whose name something was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// An owner.
    Owner(OwnerId),
    /// A backend, by its management token.
    Token(TokenId),
    /// An operator, by a command.
    Operator,
    /// An operator with an account, which this names, on the pages of operators.
    OperatorAccount(Uuid),
    /// Somebody who held a key and reported it as leaked.
    LeakReport,
    /// An instance that makes up for changes that the store has lost.
    Recovery,
    /// Somebody who has not proved who they are.
    Anonymous,
}

impl Actor {
    /// Whether it manages the keys of others: somebody who runs the service, or a backend.
    pub(crate) const fn manages_for_others(&self) -> bool {
        match self {
            Self::Operator | Self::OperatorAccount(_) | Self::Recovery | Self::Token(_) => true,
            Self::Owner(_) | Self::LeakReport | Self::Anonymous => false,
        }
    }

    /// The actor as one text, for a store to keep and a reader to see: an owner's id, or the name of
    /// another actor. Where an id is such a name or has a colon, `owner:` stands before it, so that no
    /// owner looks like another actor.
    pub fn text(&self) -> Cow<'_, str> {
        let name = match self {
            Self::Owner(owner) => {
                let id = owner.as_str();
                let is_plain = named(id).is_none() && !id.contains(':');
                return if is_plain { id.into() } else { format!("{OWNER}{id}").into() };
            }
            Self::Token(id) => return format!("{TOKEN}{id}").into(),
            Self::OperatorAccount(id) => return format!("{OPERATOR_ACCOUNT}{id}").into(),
            Self::Operator => OPERATOR,
            Self::LeakReport => LEAK_REPORT,
            Self::Recovery => RECOVERY,
            Self::Anonymous => ANONYMOUS,
        };
        name.into()
    }

    /// The actor with this [text](Self::text). Before owners were told apart from other actors, an id
    /// was written as it is; one that has a colon is read all the same.
    pub fn restore(text: &str) -> Result<Self, OwnerError> {
        named(text).map_or_else(
            || OwnerId::parse(text.strip_prefix(OWNER).unwrap_or(text)).map(Self::Owner),
            Ok,
        )
    }
}

/// The actor that a name stands for, if it is none of an owner.
fn named(text: &str) -> Option<Actor> {
    Some(match text {
        OPERATOR => Actor::Operator,
        LEAK_REPORT => Actor::LeakReport,
        RECOVERY => Actor::Recovery,
        ANONYMOUS => Actor::Anonymous,
        other => match other.strip_prefix(OPERATOR_ACCOUNT) {
            Some(id) => Actor::OperatorAccount(parse_canonical(id).ok()?),
            None => Actor::Token(TokenId::parse(other.strip_prefix(TOKEN)?).ok()?),
        },
    })
}

impl From<&OwnerId> for Actor {
    fn from(owner: &OwnerId) -> Self {
        Self::Owner(owner.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(id: &str) -> Actor {
        Actor::Owner(OwnerId::parse(id).expect("an owner"))
    }

    fn a_token() -> Actor {
        let id = TokenId::parse("019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13");
        Actor::Token(id.expect("an id"))
    }

    fn an_operator() -> Actor {
        Actor::OperatorAccount(Uuid::from_u128(42))
    }

    #[test]
    fn no_owner_looks_like_another_actor() {
        for name in [OPERATOR, LEAK_REPORT, RECOVERY, ANONYMOUS] {
            assert_ne!(owner(name).text(), name);
        }
        assert_eq!(owner("operator").text(), "owner:operator");
        assert_eq!(owner("owner:operator").text(), "owner:owner:operator");
        assert_eq!(Actor::Operator.text(), "operator");
        let token = a_token();
        assert_eq!(token.text(), "token:019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13");
        assert_eq!(owner(&token.text()).text(), format!("owner:{}", token.text()));
        let operator = an_operator();
        assert_eq!(operator.text(), "operator:00000000-0000-0000-0000-00000000002a");
        assert_eq!(owner(&operator.text()).text(), format!("owner:{}", operator.text()));
    }

    #[test]
    fn an_actor_is_restored_from_its_text() {
        let others = [
            a_token(),
            an_operator(),
            Actor::Operator,
            Actor::LeakReport,
            Actor::Recovery,
            Actor::Anonymous,
        ];
        let ids = [
            "token:019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13",
            "token:1",
            "operator:1",
            "operator:019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13",
            "019d1fb2-1c00-7f3a-8b5e-2d4c6a8e0f13",
            "operator",
            "owner:a",
            "auth0:1",
            ":",
        ];
        for actor in others.into_iter().chain(ids.map(owner)) {
            assert_eq!(Actor::restore(&actor.text()), Ok(actor));
        }
        assert_eq!(Actor::restore("auth0:1"), Ok(owner("auth0:1")), "as it was once written");
        assert!(Actor::restore("no owner").is_err());
    }
}
