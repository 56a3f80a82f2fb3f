//! Which keys the address of the list asks for, and which of these its page shows. `assets/keys.js` does the same once
//! scripts run, and a browser test holds the two to each other.

use std::collections::HashSet;
use std::sync::LazyLock;

use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{Environment, Timestamp};
use regex_lite::Regex;
use serde_json::json;
use url::form_urlencoded;

use crate::calls::Days;
use crate::key_row::{About, Silence, Status};
use crate::query::{choice, member, name_in};
use crate::sorting::{Sort, Sorting, folded};

const LIST: &str = "/account/api-keys";
const PAGE_SIZE: usize = 25;
/// A search of fewer characters looks for no id: some id holds each of them.
const LEAST_OF_ID: usize = 8;

/// What a reader wants to see of the list of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The text that is sought, without the secret part of keys.
    pub(crate) q: String,
    pub(crate) status: Option<Status>,
    pub(crate) environment: Option<Environment>,
    pub(crate) sorting: Sorting,
    pub(crate) page: usize,
}

pub(crate) const ENVIRONMENTS: [(&str, Environment); 2] =
    [("live", Environment::Live), ("test", Environment::Test)];

impl View {
    /// The view that a query string asks for. What makes no sense in it, counts as left out.
    pub fn of_query(query: &str) -> Self {
        Self {
            q: cut_secrets(&member(query, "q").unwrap_or_default()),
            status: choice(query, "status", &Status::ALL),
            environment: choice(query, "environment", &ENVIRONMENTS),
            sorting: Sorting::of_query(query),
            page: member(query, "page").as_deref().and_then(page_number).unwrap_or(1),
        }
    }

    /// All keys, the most used first.
    pub const fn most_used() -> Self {
        let (status, environment, sorting) = (None, None, Sorting::by(Sort::Calls));
        Self { q: String::new(), status, environment, sorting, page: 1 }
    }

    /// Whether its order takes the calls of all keys.
    pub fn is_by_calls(&self) -> bool {
        self.sorting.is_by_calls()
    }

    /// The address of another page of the same view.
    pub(crate) fn address(&self, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.q.is_empty() {
            query.append_pair("q", &self.q);
        }
        if let Some(status) = self.status {
            query.append_pair("status", name_in(&Status::ALL, status));
        }
        if let Some(environment) = self.environment {
            query.append_pair("environment", name_in(&ENVIRONMENTS, environment));
        }
        self.sorting.add_to(&mut query);
        if page != 1 {
            query.append_pair("page", &page.to_string());
        }
        let query = query.finish();
        if query.is_empty() { LIST.to_owned() } else { format!("{LIST}?{query}") }
    }
}

/// 1 to 9999.
fn page_number(text: &str) -> Option<usize> {
    let is_number = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && !text.starts_with('0') { text.parse().ok() } else { None }
}

/// Cuts each text that looks like a key down to its prefix, so that no key stands in a page.
fn cut_secrets(text: &str) -> String {
    static KEY: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("([a-z][a-z0-9]{0,15}_(?:live|test)_[0-9A-Za-z]{4})[0-9A-Za-z]+")
            .expect("it is well-formed")
    });
    KEY.replace_all(text, "$1").into_owned()
}

/// The keys that a page of the list shows, and what it says about the others.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The rows.
    pub(crate) keys: Vec<&'a KeyInUse>,
    /// Its number, from 1.
    pub(crate) page: usize,
    pub(crate) pages: usize,
    /// How many keys the view has on all pages.
    pub(crate) total: usize,
    /// How many count towards the limit.
    pub(crate) counted: usize,
    /// All keys, as the API orders them.
    all: &'a [KeyInUse],
}

impl<'a> Shown<'a> {
    /// The page of `view` of all `keys`, which are in the order of the API: it breaks ties. `days` are those of all keys
    /// where the view [is by calls](View::is_by_calls).
    pub fn of(keys: &'a [KeyInUse], days: &Days, view: &View, now: Timestamp) -> Self {
        let found = matching(keys, days, view, now);
        let total = found.len();
        let pages = total.div_ceil(PAGE_SIZE).max(1);
        let page = view.page.min(pages);
        let shown = found.into_iter().skip((page - 1) * PAGE_SIZE).take(PAGE_SIZE).collect();
        let counted = keys.iter().filter(|used| used.key.parts().replaced_by.is_none()).count();
        Self { keys: shown, page, pages, total, counted, all: keys }
    }

    /// Whether the owner has no keys.
    pub(crate) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether the script gets all keys with the page. Of more it gets those of the page, and asks for the others.
    const fn is_whole(&self) -> bool {
        self.all.len() <= PAGE_SIZE
    }

    /// What the script gets with the page: of a short list, all keys in the order of the API; else the rows, and after
    /// them the keys that rows name.
    pub fn embedded(&self) -> Vec<&'a KeyInUse> {
        if self.is_whole() {
            return self.all.iter().collect();
        }
        self.keys.iter().copied().chain(self.related()).collect()
    }

    fn related(&self) -> Vec<&'a KeyInUse> {
        let rows: HashSet<_> = self.keys.iter().map(|used| used.key.parts().id).collect();
        let named: HashSet<_> =
            self.keys.iter().filter_map(|used| used.key.parts().replaced_by).collect();
        let is_related = |used: &&KeyInUse| {
            let key = used.key.parts();
            let is_named =
                named.contains(&key.id) || key.replaced_by.is_some_and(|id| rows.contains(&id));
            is_named && !rows.contains(&key.id)
        };
        self.all.iter().filter(is_related).collect()
    }

    /// What the script learns of the keys that it does not get, as JSON.
    pub(crate) fn rest(&self) -> Option<String> {
        let Self { page, pages, total, counted, .. } = self;
        let (from, to, related) = (self.from(), self.to(), self.related().len());
        let page = json!({ "page": page, "pages": pages, "from": from, "to": to, "total": total });
        let rest = json!({ "page": page, "related": related, "counted": counted });
        if self.is_whole() { None } else { Some(rest.to_string()) }
    }

    /// The rows of the page.
    pub(crate) fn rows(&self, now: Timestamp) -> Vec<Row<'a>> {
        let named: Vec<_> = self.embedded();
        let row = |used: &'a KeyInUse| {
            let key = used.key.parts();
            let find = |is: &dyn Fn(&KeyInUse) -> bool| named.iter().copied().find(|it| is(it));
            Row {
                used,
                about: About::of(used, now),
                replaces: find(&|it| it.key.parts().replaced_by == Some(key.id)),
                replaced_by: find(&|it| Some(it.key.parts().id) == key.replaced_by),
            }
        };
        self.keys.iter().copied().map(row).collect()
    }

    /// The number of the first key of the page.
    pub(crate) const fn from(&self) -> usize {
        (self.page - 1) * PAGE_SIZE + 1
    }

    /// The number of the last.
    pub(crate) const fn to(&self) -> usize {
        self.from() + self.keys.len() - 1
    }
}

/// A key with those that it names.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) used: &'a KeyInUse,
    pub(crate) about: About,
    /// The key that it replaces.
    pub(crate) replaces: Option<&'a KeyInUse>,
    /// The key that replaces it, unless that is gone.
    pub(crate) replaced_by: Option<&'a KeyInUse>,
}

impl Row<'_> {
    pub(crate) fn has_relation(&self, now: Timestamp) -> bool {
        self.replaces.is_some() || self.replaced_by.is_some() || self.silence(now).is_some()
    }

    /// Whether programs still use a key that was replaced.
    pub(crate) fn silence(&self, now: Timestamp) -> Option<Silence> {
        self.about.silence(self.used, self.replaced_by, now)
    }
}

fn matching<'a>(
    keys: &'a [KeyInUse],
    days: &Days,
    view: &View,
    now: Timestamp,
) -> Vec<&'a KeyInUse> {
    let sought = sought(&view.q);
    let found = keys.iter().filter(|used| is_found(used, &sought, view, now));
    view.sorting.sort(found.collect(), days)
}

fn sought(q: &str) -> String {
    folded(q).trim_matches([' ', '\t', '\n', '\r']).to_owned()
}

fn is_found(used: &KeyInUse, sought: &str, view: &View, now: Timestamp) -> bool {
    let key = used.key.parts();
    let is_environment = view.environment.is_none_or(|wanted| wanted == key.environment);
    let is_status = view.status.is_none_or(|wanted| About::of(used, now).has(wanted));
    let has = |text: &str| folded(text).contains(sought);
    let is_sought = sought.is_empty()
        || has(key.name.as_str())
        || has(key.prefix.as_str())
        || sought.len() >= LEAST_OF_ID && has(&key.id.to_string());
    is_environment && is_status && is_sought
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::sorting::sort_key;

    /// What the scripts are held to as well.
    #[derive(Deserialize)]
    struct Names {
        sorted: Vec<String>,
        found: Vec<(String, String, bool)>,
    }

    fn names() -> Names {
        serde_json::from_str(include_str!("../tests/names.json")).expect("the names of the test")
    }

    #[test]
    fn names_are_sorted_without_case_and_accents_and_by_the_value_of_numbers() {
        let Names { sorted, .. } = names();
        let mut again: Vec<_> = sorted.iter().rev().collect();
        again.sort_by_key(|name| sort_key(name));
        assert_eq!(again, sorted.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_search_looks_past_case_accents_and_forms_of_a_letter() {
        for (q, name, is_found) in names().found {
            assert_eq!(folded(&name).contains(&sought(&q)), is_found, "{q} in {name}");
        }
    }

    #[test]
    fn a_view_survives_the_way_to_an_address_and_back() {
        for query in [
            "status=expiring&environment=test&sort=name&order=desc&page=3",
            "q=a+%26%3D%C3%A9&sort=expires&page=2",
        ] {
            let view = View::of_query(query);
            assert_eq!(view.address(view.page), format!("{LIST}?{query}"));
        }
        assert_eq!(View::of_query("page=2").address(1), LIST);
    }

    #[test]
    fn nonsense_in_the_address_is_the_plain_view_and_a_key_in_it_is_cut() {
        let plain = View::of_query("");
        for nonsense in [
            "status=x&environment=&sort=0&order=up",
            "page=-1",
            "page=0",
            "page=01",
            "page=10000",
            "=&&",
        ] {
            assert_eq!(View::of_query(nonsense), plain, "{nonsense}");
        }
        let secret = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7";
        assert_eq!(View::of_query(&format!("q=a%20{secret}")).q, "a sk_live_0123");
        assert_eq!(View::of_query("page=2&page=3").page, 2);
    }
}
