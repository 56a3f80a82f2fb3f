use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use latchkey_domain::Restrictions;

/// Below this many, nothing is looked for that no key has any more.
const FEW: usize = 1_024;

/// One copy of all restrictions that are equal. Few differ: a million keys share them.
#[derive(Debug, Default)]
pub(crate) struct Interned(Mutex<Copies>);

#[derive(Debug, Default)]
struct Copies {
    all: HashSet<Arc<Restrictions>>,
    /// Those that were in use when that was last looked at.
    used: usize,
}

impl Interned {
    /// The copy, or `None` where nothing is restricted.
    pub(crate) fn of(&self, restrictions: &Restrictions) -> Option<Arc<Restrictions>> {
        if *restrictions == Restrictions::NONE {
            return None;
        }
        Some(self.0.lock().unwrap_or_else(PoisonError::into_inner).of(restrictions))
    }
}

impl Copies {
    fn of(&mut self, restrictions: &Restrictions) -> Arc<Restrictions> {
        if let Some(copy) = self.all.get(restrictions) {
            return Arc::clone(copy);
        }
        if self.all.len() >= FEW.max(2 * self.used) {
            self.all.retain(|copy| Arc::strong_count(copy) > 1);
            self.used = self.all.len();
        }
        let copy = Arc::new(restrictions.clone());
        self.all.insert(Arc::clone(&copy));
        copy
    }
}

#[cfg(test)]
mod tests {
    use latchkey_domain::{AllowedNetworks, Grants};

    use super::*;

    fn only(scope: &str) -> Restrictions {
        let scopes = Grants::parse([scope]).expect("a scope");
        Restrictions { scopes, networks: AllowedNetworks::default() }
    }

    #[test]
    fn equal_restrictions_have_one_copy_and_none_have_no_copy() {
        let interned = Interned::default();
        let [one, same, other] = ["a", "a", "b"].map(|it| interned.of(&only(it)).expect("a copy"));
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &other));
        assert_eq!(interned.of(&Restrictions::NONE), None);
    }

    #[test]
    fn what_no_key_has_any_more_is_forgotten() {
        let interned = Interned::default();
        let kept = interned.of(&only("kept")).expect("a copy");
        for number in 0..10 * FEW {
            let _dropped = interned.of(&only(&number.to_string()));
        }
        assert!(interned.0.lock().expect("no panic").all.len() <= FEW);
        assert!(Arc::ptr_eq(&kept, &interned.of(&only("kept")).expect("a copy")));
    }
}
