use std::collections::BTreeMap;

use askama::Template;
use latchkey_domain::{RefusalReason, Timestamp, UsageCounts, UsageSpan};
use serde_json::{Value, json};

use crate::figures::Figures;
use crate::pages::exact;
use crate::words::DAY;
use crate::{Language, Product};

/// Every part of the pages in every state, for those who change the look. Debug builds alone have the page.
#[derive(Debug, Template)]
#[template(path = "style_guide.html")]
pub struct StyleGuidePage<'a> {
    /// The language of the parts that pages share.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// The current time.
    pub now: Timestamp,
    /// Whether the panel has no keys.
    pub is_empty: bool,
    /// Whether the panel may have no more keys.
    pub is_at_limit: bool,
}

impl StyleGuidePage<'_> {
    /// Calls of 30 days.
    const DAYS: [u64; 30] = [
        0, 0, 3, 4, 9, 0, 0, 5, 8, 12, 11, 14, 2, 1, 13, 15, 14, 17, 16, 4, 3, 18, 21, 19, 24, 22,
        5, 6, 25, 12,
    ];

    /// Calls of some days, some of them refused.
    fn figures(&self) -> Figures {
        let mut calls = BTreeMap::new();
        for (back, accepted, refused) in [(28, 400, 0), (20, 780, 2), (9, 24, 0), (1, 0, 1)] {
            let at = Timestamp::from_unix_millis(self.now.unix_millis() - back * DAY);
            let refused = [(RefusalReason::Rate, refused), (RefusalReason::Network, refused / 2)];
            let refused = refused.into_iter().filter(|(_, calls)| *calls > 0).collect();
            let counts = UsageCounts { accepted, cost: accepted, refused };
            calls.extend(at.map(|at| (UsageSpan::Day.start_of(at), counts)));
        }
        Figures::of(&calls, self.now)
    }

    /// A catalogue with each kind of scope, as the API answers it.
    fn catalogue() -> String {
        let scope = |name: &str, description: &str, group: Option<&str>, more: [bool; 2]| {
            let [default, restricted] = more;
            json!({ "name": name, "description": description, "group": group, "default": default, "restricted": restricted })
        };
        json!([
            scope("docs:read", "Read documents", Some("Documents"), [true, false]),
            scope(
                "docs:write",
                "Create, change and delete documents",
                Some("Documents"),
                [false, false]
            ),
            scope("billing:pay", "Pay invoices", Some("Billing"), [false, true]),
            scope("search", "Search everything that the account can see", None, [false, false]),
        ])
        .to_string()
    }

    /// Keys in every state that the list shows, as the API answers them.
    fn keys(&self) -> String {
        let key = |name: &str, days: [i64; 3], more: Value| {
            let at = |days: i64| {
                let at = Timestamp::from_unix_millis(self.now.unix_millis() + days * DAY);
                at.filter(|_| days != 0).map(exact)
            };
            let [created, used, expires] = days.map(at);
            let mut all = json!({
                "id": format!("019d1fb2-5b00-7c4e-a2d1-{:012x}", name.len()), "name": name, "keyPrefix": "sk_live_mCD5",
                "createdAt": created, "lastUsedAt": used, "environment": "live", "enabled": true, "expiresAt": expires,
                "replacedBy": null, "createdBy": null, "metadata": {}, "scopes": null, "allowedNetworks": null,
                "limits": null, "credits": null, "usage": (0..30).map(|day| day * day % (name.len() + 1)).collect::<Vec<_>>(),
            });
            if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
                all.extend(more);
            }
            all
        };
        let none = || json!({});
        let successor = "019d1fb2-5b00-7c4e-a2d1-000000000001";
        json!([
            key("New", [-1, 0, 0], json!({ "id": successor })),
            key(
                "Used lately",
                [-40, -1, 0],
                json!({ "scopes": ["docs:read", "reports:*"], "allowedNetworks": ["10.0.0.0/8"] })
            ),
            key("Expires soon", [-20, -2, 5], json!({ "scopes": [] })),
            key("Replaced by New", [-60, -1, 2], json!({ "replacedBy": successor })),
            key(
                "Of the test environment",
                [-9, 0, 30],
                json!({ "environment": "test", "keyPrefix": "sk_test_Zx81" })
            ),
            key("Switched off for a while", [-50, -30, 0], json!({ "enabled": false })),
            key("Over since last week already", [-70, -10, -7], none()),
            key("Not used for a hundred days or more", [-200, -120, 0], none()),
            key(&"A name as long as a name may be, ".repeat(3), [-300, -1, 0], none()),
        ])
        .to_string()
    }
}
