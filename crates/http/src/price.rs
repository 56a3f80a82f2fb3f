//! What a verification costs, and how a full budget is answered.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use latchkey_domain::Cost;
use url::form_urlencoded;

use crate::required::VerifyPath;

const X_LATCHKEY_COST: HeaderName = HeaderName::from_static("x-latchkey-cost");

/// What a call asks for besides what the key must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Price {
    /// Charged to each budget; 0 asks whether there is any room.
    pub(crate) cost: u32,
    /// Whether a full budget is answered by 403 instead of 429.
    pub(crate) forbids: bool,
}

/// The price of a call can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Price {
    /// Reads the query, on the exact path alone, and the header, which can only raise the cost.
    pub(crate) fn of(req: &HttpRequest, path: VerifyPath) -> Result<Self, Unreadable> {
        let mut price = Self { cost: 1, forbids: false };
        let (mut cost, mut refusals) = (None, None);
        for (name, value) in exact_query(req, path) {
            let place = match &*name {
                "cost" => &mut cost,
                "refusals" => &mut refusals,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(Unreadable);
            }
        }
        if let Some(cost) = cost {
            price.cost = read(&cost)?;
        }
        if let Some(refusals) = refusals {
            price.forbids = (refusals == "403").then_some(true).ok_or(Unreadable)?;
        }
        let mut lines = req.headers().get_all(X_LATCHKEY_COST);
        if let Some(line) = lines.next() {
            price.cost = price.cost.max(read(text(line)?)?);
        }
        if lines.next().is_some() { Err(Unreadable) } else { Ok(price) }
    }
}

/// The query of a call to the exact path, decoded.
pub(crate) fn exact_query(
    req: &HttpRequest,
    path: VerifyPath,
) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let query = if path == VerifyPath::Exact { req.query_string() } else { "" };
    let is_encoded = query.bytes().any(|byte| matches!(byte, b'%' | b'+'));
    let (plain, encoded) = if is_encoded { ("", query) } else { (query, "") };
    let plain = plain.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (Cow::Borrowed(name), Cow::Borrowed(value))
    });
    // The same, several times as slowly.
    plain.chain(form_urlencoded::parse(encoded.as_bytes()))
}

fn text(line: &HeaderValue) -> Result<&str, Unreadable> {
    line.to_str().map(str::trim).map_err(|_no_text| Unreadable)
}

/// Digits alone, without a sign.
fn read(text: &str) -> Result<u32, Unreadable> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_number { text.parse().ok() } else { None };
    number.and_then(|cost| Cost::new(cost).ok()).map(Cost::get).ok_or(Unreadable)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn price(uri: &str, header: Option<&str>) -> Result<(u32, bool), Unreadable> {
        let mut req = TestRequest::with_uri(uri);
        if let Some(header) = header {
            req = req.insert_header((X_LATCHKEY_COST, header));
        }
        let path = VerifyPath::of(uri.split('?').next());
        let price = Price::of(&req.to_http_request(), path)?;
        Ok((price.cost, price.forbids))
    }

    #[test]
    fn a_call_costs_one_unless_the_query_or_the_header_says_more() {
        for (query, header, cost) in [
            ("", None, 1),
            ("?cost=0", None, 0),
            ("?cost=5&scope=a", None, 5),
            ("?c%6Fst=1000000", None, 1_000_000),
            ("?cost=5", Some("3"), 5),
            ("?cost=5", Some("7"), 7),
            ("", Some("0"), 1),
            ("?cost=0", Some("0"), 0),
        ] {
            let read = price(&format!("/api/v1/verify{query}"), header);
            assert_eq!(read, Ok((cost, false)), "{query} {header:?}");
        }
        assert_eq!(price("/api/v1/verify?refusals=403", None), Ok((1, true)));
        assert_eq!(price("/api/v1/verify/a?cost=0&refusals=403", Some("2")), Ok((2, false)));
    }

    #[test]
    fn what_nobody_can_read_is_refused() {
        for query in
            ["cost", "cost=", "cost=-1", "cost=+1", "cost=1.0", "cost=1000001", "cost=1&cost=1"]
        {
            let read = price(&format!("/api/v1/verify?{query}"), None);
            assert_eq!(read, Err(Unreadable), "{query}");
        }
        assert_eq!(price("/api/v1/verify?refusals=429", None), Err(Unreadable));
        assert_eq!(price("/api/v1/verify", Some("many")), Err(Unreadable));
        assert_eq!(price("/api/v1/verify", Some("99999999999999999999")), Err(Unreadable));
    }
}
