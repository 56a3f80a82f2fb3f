//! In which order lists show keys. `assets/keys.js` sorts alike once scripts run.

use std::cmp::Ordering;

use latchkey_domain::Timestamp;
use latchkey_domain::ports::KeyInUse;
use unicode_normalization::UnicodeNormalization as _;
use url::form_urlencoded;

use crate::calls::{Days, calls};
use crate::query::{choice, name_in};

/// In which order a list shows keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sorting {
    by: Sort,
    order: Order,
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Created,
    Name,
    Used,
    Expires,
    Calls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
}

impl Sort {
    const ALL: [(&str, Self); 5] = [
        ("created", Self::Created),
        ("name", Self::Name),
        ("used", Self::Used),
        ("expires", Self::Expires),
        ("calls", Self::Calls),
    ];

    /// Names from A, ends from the nearest, other times from the newest.
    const fn first_order(self) -> Order {
        match self {
            Self::Name | Self::Expires => Order::Ascending,
            Self::Created | Self::Used | Self::Calls => Order::Descending,
        }
    }
}

impl Order {
    const ALL: [(&str, Self); 2] = [("asc", Self::Ascending), ("desc", Self::Descending)];

    const fn reverse(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

impl Sorting {
    /// The order that a query string asks for; what makes no sense in it, counts as left out.
    pub fn of_query(query: &str) -> Self {
        let first = Self::by(choice(query, "sort", &Sort::ALL).unwrap_or(Sort::Created));
        Self { order: choice(query, "order", &Order::ALL).unwrap_or(first.order), ..first }
    }

    /// The order that readers expect first.
    pub(crate) const fn by(by: Sort) -> Self {
        Self { by, order: by.first_order() }
    }

    /// The query that asks for the order by `column`: the other one where the list is sorted by it already.
    pub(crate) fn toward(self, column: Sort) -> String {
        let mut next = Self::by(column);
        if self == next {
            next.order = self.order.reverse();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        next.add_to(&mut query);
        query.finish()
    }

    /// Whether it takes the calls of all keys.
    pub fn is_by_calls(self) -> bool {
        self.by == Sort::Calls
    }

    /// Adds what differs from the order of the API.
    pub(crate) fn add_to(self, query: &mut form_urlencoded::Serializer<'_, String>) {
        if self.by != Sort::Created {
            query.append_pair("sort", name_in(&Sort::ALL, self.by));
        }
        if self.order != self.by.first_order() {
            query.append_pair("order", name_in(&Order::ALL, self.order));
        }
    }

    /// The name of the text that describes it.
    pub(crate) fn text(self) -> String {
        let (by, order) = (name_in(&Sort::ALL, self.by), name_in(&Order::ALL, self.order));
        format!("sorts.{by} {order}")
    }

    /// How the header of a column says whether the list is sorted by it.
    pub(crate) fn aria_sort(self, column: Sort) -> &'static str {
        match self.order {
            _ if self.by != column => "none",
            Order::Ascending => "ascending",
            Order::Descending => "descending",
        }
    }

    /// Sorts keys that are in the order of the API, which breaks ties. `days` are those of all keys where the order
    /// [is by calls](Self::is_by_calls).
    pub fn sort<'a>(self, mut keys: Vec<&'a KeyInUse>, days: &Days) -> Vec<&'a KeyInUse> {
        let ordered = |ordering: Ordering| match self.order {
            Order::Ascending => ordering,
            Order::Descending => ordering.reverse(),
        };
        match (self.by, self.order) {
            (Sort::Created, Order::Descending) => {}
            (Sort::Created, Order::Ascending) => keys.reverse(),
            (Sort::Name, _) => {
                let named = keys.into_iter().map(|it| (sort_key(it.key.parts().name.as_str()), it));
                let mut named: Vec<_> = named.collect();
                named.sort_by(|(a, _), (b, _)| ordered(a.cmp(b)));
                keys = named.into_iter().map(|(_, it)| it).collect();
            }
            (Sort::Used, _) => keys.sort_by(|a, b| ordered(a.last_used_at.cmp(&b.last_used_at))),
            (Sort::Calls, _) => {
                let of = |it: &KeyInUse| calls(days, it.key.parts().id);
                keys.sort_by(|a, b| ordered(of(a).cmp(&of(b))));
            }
            (Sort::Expires, _) => keys.sort_by(|a, b| ordered(end_of(a).cmp(&end_of(b)))),
        }
        keys
    }
}

/// What has no end comes after all ends.
fn end_of(used: &KeyInUse) -> (bool, Option<Timestamp>) {
    let end = used.key.parts().expires_at;
    (end.is_none(), end)
}

/// A text as it is sought and sorted: without case, accents and forms of the same letter. What accents are is kept to those
/// of Latin, Greek and Cyrillic, since marks of other scripts tell words apart.
pub(crate) fn folded(text: &str) -> String {
    let letters = text.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c));
    letters.flat_map(char::to_uppercase).collect()
}

/// What names are compared by: the folded name, in which each number begins with how long it is, so that 9 comes before
/// 10. As UTF-16, which is how scripts compare texts.
pub(crate) fn sort_key(name: &str) -> Vec<u16> {
    let folded = folded(name);
    let is_digit = |c: char| c.is_ascii_digit();
    let (mut key, mut rest) = (String::new(), folded.as_str());
    while let Some(start) = rest.find(is_digit) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_digit(c)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        let digits = number.trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        key.extend([before, &format!("0{:04}", digits.len()), digits]);
        rest = after;
    }
    (key + rest).encode_utf16().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_sorts_in_its_own_order_first_and_then_in_the_other() {
        let plain = Sorting::of_query("");
        assert_eq!(plain.toward(Sort::Calls), "sort=calls");
        assert_eq!(plain.toward(Sort::Created), "order=asc");
        let by_calls = Sorting::of_query("sort=calls");
        assert_eq!(by_calls.toward(Sort::Calls), "sort=calls&order=asc");
        assert_eq!(by_calls.toward(Sort::Created), "");
        let fewest = Sorting::of_query("sort=calls&order=asc");
        assert_eq!(fewest.toward(Sort::Calls), "sort=calls");
        assert_eq!(fewest.aria_sort(Sort::Calls), "ascending");
        assert_eq!(fewest.aria_sort(Sort::Created), "none");
    }
}
