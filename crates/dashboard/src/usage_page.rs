use std::collections::BTreeMap;

use askama::Template;
use latchkey_domain::{Environment, Timestamp, UsageCounts};

use crate::calls::Days;
use crate::figures::Figures;
use crate::view::Shown;
use crate::{Language, Product, Reader};

/// Account, Usage: the calls with all keys, and the keys by their use.
#[derive(Debug, Template)]
#[template(path = "usage.html")]
pub struct UsagePage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The current time.
    pub now: Timestamp,
    /// The days that have calls, as far back as the page can show them.
    pub calls: &'a BTreeMap<Timestamp, UsageCounts>,
    /// The same as the API answers it.
    pub usage_json: &'a str,
    /// The keys that are used most.
    pub shown: &'a Shown<'a>,
    /// How much these are used.
    pub days: &'a Days,
}
