use crate::{ApiKeyParts, Creator, OwnerId, OwnerPattern};

/// Which keys are meant: those of one owner, those that somebody made, or those of which both are true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    owner: Option<OwnerId>,
    created_by: Option<Creator>,
    within: Vec<OwnerPattern>,
}

impl Selection {
    /// The keys of `owner`, where one is given, that `created_by` made, where somebody is given. `None` if
    /// neither is: that would be every key there is.
    pub fn new(owner: Option<OwnerId>, created_by: Option<Creator>) -> Option<Self> {
        let is_narrow = owner.is_some() || created_by.is_some();
        is_narrow.then(|| Self { owner, created_by, within: vec![OwnerPattern::any()] })
    }

    /// The same, of these owners alone.
    #[must_use]
    pub fn within(self, within: Vec<OwnerPattern>) -> Self {
        Self { within, ..self }
    }

    /// The one owner whose keys are meant.
    pub const fn owner(&self) -> Option<&OwnerId> {
        self.owner.as_ref()
    }

    /// The one who made the keys that are meant.
    pub const fn created_by(&self) -> Option<&Creator> {
        self.created_by.as_ref()
    }

    /// Keys of owners outside these are not meant.
    pub fn patterns(&self) -> &[OwnerPattern] {
        &self.within
    }

    /// Whether this key is meant.
    pub fn means(&self, key: &ApiKeyParts) -> bool {
        self.owner.as_ref().is_none_or(|owner| *owner == key.owner)
            && self.created_by.as_ref().is_none_or(|it| key.created_by.as_ref() == Some(it))
            && self.within.iter().any(|pattern| pattern.covers(&key.owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_names_an_owner_or_a_creator() {
        let owner = OwnerId::parse("org_1").ok();
        let creator = Creator::parse("ada").ok();
        assert_eq!(Selection::new(None, None), None);
        for (owner, creator) in [(owner.clone(), None), (None, creator.clone()), (owner, creator)] {
            let selection = Selection::new(owner.clone(), creator.clone()).expect("it is narrow");
            assert_eq!(
                (selection.owner(), selection.created_by()),
                (owner.as_ref(), creator.as_ref())
            );
        }
    }
}
