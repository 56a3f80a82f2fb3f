//! What events say about how much may be used.

use latchkey_domain::{Action, AuditEvent, KeyLabel, Limit, Limits, Window};

use super::{Part, Teller, sentence};
use crate::Language;

impl Language {
    /// Limits as a list: 100 a minute, 1000 a day.
    pub(crate) fn limits(self, limits: &Limits) -> String {
        let limit = |(window, limit): (Window, Limit)| {
            self.fill(&format!("limitEvery.{}", window.as_str()), &limit.get().to_string())
        };
        limits.iter().map(limit).collect::<Vec<_>>().join(", ")
    }
}

impl Teller {
    /// What all keys of an owner together may use from now on.
    pub(super) fn limits_of_owner(self, limits: &Limits) -> Vec<Part<'static>> {
        if limits.is_empty() {
            return vec![Part::Words(self.language.say("told.ownersLimitsNone"))];
        }
        sentence(self.language.say("told.ownersLimits"), &[("list", self.limits(limits))])
    }

    /// Limits as a list.
    pub(super) fn limits(self, limits: &Limits) -> Part<'static> {
        Part::Text(self.language.limits(limits))
    }

    /// What an event says of credits, if it does.
    pub(super) fn of_credits(self, event: &AuditEvent) -> Option<Vec<Part<'_>>> {
        let number = |number: &dyn ToString| Part::Text(number.to_string());
        let name = event.label.as_ref().map(|KeyLabel { name, .. }| name.as_str());
        let (words, values) = match &event.action {
            Action::CreditsAdded { credits: Some(both), .. } => match both {
                [None, Some(after)] => ("Begun", vec![("number", number(after))]),
                [Some(before), Some(after)] => {
                    ("Changed", vec![("before", number(before)), ("after", number(after))])
                }
                [_, None] => ("Uncounted", vec![]),
            },
            Action::CreditsStranded { stranded: Some(stranded), .. } => {
                ("Stranded", vec![("number", number(stranded))])
            }
            _ => return None,
        };
        // Those of a key whose name was removed are told by their heading.
        let (whose, name) = match (event.action.key(), name) {
            (Some(_), None) => return None,
            (Some(_), Some(name)) => ("credits", Some(("name", Part::Name(name)))),
            (None, _) => ("ownersCredits", None),
        };
        let values: Vec<_> = values.into_iter().chain(name).collect();
        Some(sentence(self.language.say(&format!("told.{whose}{words}")), &values))
    }
}
