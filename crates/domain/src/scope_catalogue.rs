use std::sync::{Arc, PoisonError};

use thiserror::Error;

use crate::characters::is_disruptive;
use crate::scopes::covers;
use crate::{Actor, ApiKeyService, Grants, Scope};

/// The scopes that keys may be given here, as an operator wrote them down. An empty catalogue, which is the default,
/// is none: then every scope may be given, and by everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeCatalogue {
    scopes: Vec<CataloguedScope>,
}

/// A scope of a [`ScopeCatalogue`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CataloguedScope {
    /// The text of a [`Scope`].
    pub name: String,
    /// What it lets a key do, for people: 1 to 200 characters.
    pub description: String,
    /// What it is shown with: 1 to 50 characters.
    pub group: Option<String>,
    /// Whether a key has it for which no scopes were given.
    pub is_default: bool,
    /// Whether only those who run the service may give it, and management tokens.
    pub is_restricted: bool,
}

/// Why a list of scopes is no [`ScopeCatalogue`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct CatalogueError {
    /// Which of the scopes is wrong, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub problem: CatalogueProblem,
}

/// What is wrong with a scope of a catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum CatalogueProblem {
    #[error(
        "a name has 1 to 64 characters: segments of a-z, 0-9, \"_\", \".\" and \"-\", joined by \":\""
    )]
    Name,
    #[error("the name is in the catalogue already")]
    Repeated,
    #[error("a description has 1 to 200 characters, on one line")]
    Description,
    #[error("a group has 1 to 50 characters, on one line")]
    Group,
    #[error("a catalogue has at most 500 scopes")]
    TooMany,
    #[error("at most 64 scopes are defaults, which is as many as a key may have")]
    TooManyDefaults,
}

/// Why scopes may not be given to a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScopeRefused {
    /// The catalogue has no such scope, nor one below it.
    #[error("the scope {0} is not in the catalogue")]
    Unknown(String),
    /// Only those who run the service may give it, or a management token, or it covers such a scope.
    #[error("the scope {0} is given by management tokens only")]
    Restricted(String),
    /// Everything, which covers such a scope.
    #[error("all scopes together are given by management tokens only")]
    Everything,
}

impl ScopeCatalogue {
    /// The most scopes.
    pub const MAX: usize = 500;
    const LONGEST_DESCRIPTION: usize = 200;
    const LONGEST_GROUP: usize = 50;

    /// These scopes, in this order.
    pub fn new(scopes: Vec<CataloguedScope>) -> Result<Self, CatalogueError> {
        for (index, scope) in scopes.iter().enumerate() {
            let before = scopes.get(..index).unwrap_or_default();
            scope.check(before).map_err(|problem| CatalogueError { index, problem })?;
        }
        Ok(Self { scopes })
    }

    /// The scopes in their order.
    pub fn scopes(&self) -> &[CataloguedScope] {
        &self.scopes
    }

    /// What a key may do for which `giver` said nothing of scopes.
    fn default_grants(&self, giver: &Actor) -> Grants {
        let may_have =
            |scope: &&CataloguedScope| !scope.is_restricted || giver.manages_for_others();
        let defaults = self.scopes.iter().filter(|scope| scope.is_default).filter(may_have);
        let mut names = defaults.map(|scope| scope.name.as_str()).peekable();
        if names.peek().is_none() && !self.has_restricted() {
            return Grants::UNRESTRICTED;
        }
        Grants::parse(names).expect("a catalogue has no more defaults than a key may have scopes")
    }

    /// Whether `giver` may give `grants` to a key that has `held`, if there is that key yet. What the key
    /// has may stay, also what its giver could not give.
    fn allow(
        &self,
        grants: &Grants,
        held: Option<&Grants>,
        giver: &Actor,
    ) -> Result<(), ScopeRefused> {
        if self.scopes.is_empty() || held == Some(grants) {
            return Ok(());
        }
        let may_give_all = giver.manages_for_others() || !self.has_restricted();
        let Some(list) = grants.list() else {
            return if may_give_all { Ok(()) } else { Err(ScopeRefused::Everything) };
        };
        let is_held = |grant: &str| {
            held.and_then(Grants::list).is_some_and(|mut held| held.any(|it| it == grant))
        };
        for grant in list.filter(|grant| !is_held(grant)) {
            let covered = || self.scopes.iter().filter(|scope| covers(grant, &scope.name));
            if covered().next().is_none() {
                return Err(ScopeRefused::Unknown(grant.to_owned()));
            }
            if !may_give_all && covered().any(|scope| scope.is_restricted) {
                return Err(ScopeRefused::Restricted(grant.to_owned()));
            }
        }
        Ok(())
    }

    fn has_restricted(&self) -> bool {
        self.scopes.iter().any(|scope| scope.is_restricted)
    }
}

impl CataloguedScope {
    fn check(&self, before: &[Self]) -> Result<(), CatalogueProblem> {
        let is_line = |text: &str, most: usize| {
            (1..=most).contains(&text.trim().chars().count()) && !text.chars().any(is_disruptive)
        };
        if before.len() == ScopeCatalogue::MAX {
            return Err(CatalogueProblem::TooMany);
        }
        if Scope::parse(&self.name).is_err() {
            return Err(CatalogueProblem::Name);
        }
        if before.iter().any(|scope| scope.name == self.name) {
            return Err(CatalogueProblem::Repeated);
        }
        if self.is_default && before.iter().filter(|scope| scope.is_default).count() == Grants::MAX
        {
            return Err(CatalogueProblem::TooManyDefaults);
        }
        if !is_line(&self.description, ScopeCatalogue::LONGEST_DESCRIPTION) {
            return Err(CatalogueProblem::Description);
        }
        let is_group = |group: &String| is_line(group, ScopeCatalogue::LONGEST_GROUP);
        if self.group.as_ref().is_none_or(is_group) { Ok(()) } else { Err(CatalogueProblem::Group) }
    }
}

impl ApiKeyService {
    /// The scopes that keys may be given.
    pub fn scope_catalogue(&self) -> Arc<ScopeCatalogue> {
        Arc::clone(&self.scope_catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on keys may be given these scopes. What keys have already stays.
    pub fn set_scope_catalogue(&self, catalogue: ScopeCatalogue) {
        let catalogue = Arc::new(catalogue);
        *self.scope_catalogue.write().unwrap_or_else(PoisonError::into_inner) = catalogue;
    }

    /// What a new key may do: what was given, or the catalogue's defaults.
    pub(crate) fn scopes_of_new(
        &self,
        scopes: Option<Grants>,
        giver: &Actor,
    ) -> Result<Grants, ScopeRefused> {
        let catalogue = self.scope_catalogue();
        let Some(grants) = scopes else { return Ok(catalogue.default_grants(giver)) };
        catalogue.allow(&grants, None, giver)?;
        Ok(grants)
    }

    /// Whether a key that has `held` may be given the scopes of a change.
    pub(crate) fn allow_scopes(
        &self,
        scopes: Option<&Grants>,
        held: &Grants,
        giver: &Actor,
    ) -> Result<(), ScopeRefused> {
        scopes.map_or(Ok(()), |grants| self.scope_catalogue().allow(grants, Some(held), giver))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OwnerId;

    fn scope(name: &str) -> CataloguedScope {
        let (name, description) = (name.to_owned(), format!("To {name}"));
        CataloguedScope { name, description, group: None, is_default: false, is_restricted: false }
    }

    fn catalogue(scopes: impl IntoIterator<Item = CataloguedScope>) -> ScopeCatalogue {
        ScopeCatalogue::new(scopes.into_iter().collect()).expect("a catalogue")
    }

    fn grants(list: &[&str]) -> Grants {
        Grants::parse(list.iter().copied()).expect("grants")
    }

    fn owner() -> Actor {
        Actor::Owner(OwnerId::parse("ada").expect("an owner"))
    }

    fn problem(scopes: Vec<CataloguedScope>) -> Option<(usize, CatalogueProblem)> {
        ScopeCatalogue::new(scopes).err().map(|it| (it.index, it.problem))
    }

    #[test]
    fn without_a_catalogue_everything_may_be_given() {
        let none = ScopeCatalogue::default();
        assert_eq!(none.default_grants(&owner()), Grants::UNRESTRICTED);
        for given in [Grants::UNRESTRICTED, grants(&["*", "x:*", "y"]), grants(&[])] {
            assert_eq!(none.allow(&given, None, &owner()), Ok(()));
        }
    }

    #[test]
    fn only_what_covers_something_in_the_catalogue_may_be_given() {
        let catalogue = catalogue(["docs:read", "docs:a:b", "org"].map(scope));
        for good in ["docs:read", "docs:*", "docs:a:*", "*", "org"] {
            assert_eq!(catalogue.allow(&grants(&[good]), None, &owner()), Ok(()), "{good}");
        }
        for bad in ["docs", "docs:write", "org:*", "docs:read:*", "do:*"] {
            let refused = Err(ScopeRefused::Unknown(bad.to_owned()));
            for giver in [owner(), Actor::Operator] {
                assert_eq!(catalogue.allow(&grants(&["org", bad]), None, &giver), refused, "{bad}");
            }
        }
        for all in [Grants::UNRESTRICTED, grants(&[])] {
            assert_eq!(catalogue.allow(&all, None, &owner()), Ok(()));
        }
    }

    #[test]
    fn an_owner_gives_nothing_that_covers_a_restricted_scope() {
        let billing = CataloguedScope { is_restricted: true, ..scope("org:billing") };
        let catalogue = catalogue([scope("org:read"), billing]);
        for refused in ["org:billing", "org:*", "*"] {
            let answer = catalogue.allow(&grants(&["org:read", refused]), None, &owner());
            assert_eq!(answer, Err(ScopeRefused::Restricted(refused.to_owned())));
            assert_eq!(catalogue.allow(&grants(&[refused]), None, &Actor::Operator), Ok(()));
        }
        let all = Grants::UNRESTRICTED;
        assert_eq!(catalogue.allow(&all, None, &owner()), Err(ScopeRefused::Everything));
        assert_eq!(catalogue.allow(&all, None, &Actor::Operator), Ok(()));
    }

    #[test]
    fn what_a_key_has_may_stay() {
        let billing = CataloguedScope { is_restricted: true, ..scope("billing") };
        let catalogue = catalogue([scope("docs"), billing]);
        let held = grants(&["billing", "gone", "docs"]);
        let allow = |list: &[&str]| catalogue.allow(&grants(list), Some(&held), &owner());
        assert_eq!(allow(&["gone", "billing"]), Ok(()));
        assert_eq!(allow(&["gone", "*"]), Err(ScopeRefused::Restricted("*".to_owned())));
        let all = Grants::UNRESTRICTED;
        assert_eq!(catalogue.allow(&all, Some(&all), &owner()), Ok(()));
        assert_eq!(catalogue.allow(&all, Some(&held), &owner()), Err(ScopeRefused::Everything));
    }

    #[test]
    fn a_key_gets_the_defaults_that_its_giver_may_give() {
        let default = |name| CataloguedScope { is_default: true, ..scope(name) };
        let restricted = |scope| CataloguedScope { is_restricted: true, ..scope };
        let of = |scopes: Vec<CataloguedScope>| catalogue(scopes).default_grants(&owner());
        assert_eq!(of(vec![scope("a")]), Grants::UNRESTRICTED);
        assert_eq!(of(vec![default("b"), scope("a"), default("c")]), grants(&["b", "c"]));
        assert_eq!(of(vec![scope("a"), restricted(scope("b"))]), grants(&[]));
        assert_eq!(of(vec![restricted(default("b")), default("a")]), grants(&["a"]));
        let both = catalogue([restricted(default("b")), default("a")]);
        assert_eq!(both.default_grants(&Actor::Operator), grants(&["b", "a"]));
    }

    #[test]
    fn a_catalogue_says_which_of_its_scopes_is_wrong() {
        use CatalogueProblem::*;
        let one = |change: &dyn Fn(&mut CataloguedScope)| {
            let mut second = scope("b");
            change(&mut second);
            problem(vec![scope("a"), second])
        };
        for bad in ["", "A", "docs:*", "*", "a b", &"x".repeat(65)] {
            assert_eq!(one(&|it| bad.clone_into(&mut it.name)), Some((1, Name)), "{bad}");
        }
        assert_eq!(one(&|it| "a".clone_into(&mut it.name)), Some((1, Repeated)));
        for bad in ["", "  ", "two\nlines", &"x".repeat(201)] {
            assert_eq!(one(&|it| bad.clone_into(&mut it.description)), Some((1, Description)));
        }
        for bad in ["", "a\tb", &"x".repeat(51)] {
            assert_eq!(one(&|it| it.group = Some(bad.to_owned())), Some((1, Group)), "{bad}");
        }
        assert_eq!(one(&|_| ()), None);
        let many = |count: usize| (0..count).map(|number| scope(&format!("s{number}"))).collect();
        assert_eq!((problem(many(500)), problem(many(501))), (None, Some((500, TooMany))));
        let default = |number| CataloguedScope { is_default: true, ..scope(&format!("s{number}")) };
        assert_eq!(problem((0..65).map(default).collect()), Some((64, TooManyDefaults)));
    }
}
