use askama::Template;
use latchkey_accounts::{Session, SessionId};
use latchkey_domain::{AuditEvent, Environment, Timestamp};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::calls::Days;
use crate::key_row::{About, State, Status};
use crate::sorting::Sort;
use crate::view::{Shown, View};
use crate::words::Segment;
use crate::{Language, Product, Reader, Who, example_call, user_agent};

/// What pages may do: load and call their own origin. Nothing is inline, no other page frames them, and no
/// text becomes markup.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// A page that renders itself.
pub trait Page {
    /// The whole document.
    fn html(&self) -> String;
}

impl<T: Template> Page for T {
    fn html(&self) -> String {
        self.render().expect("templates of this crate call nothing that fails")
    }
}

/// The page to sign in.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whether sign-up is open.
    pub sign_up_open: bool,
    /// The path of the page that follows.
    pub next: &'a str,
}

/// The page to make an account.
#[derive(Debug, Template)]
#[template(path = "sign_up.html")]
pub struct SignUpPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whether sign-up is open; if not, the page says so.
    pub sign_up_open: bool,
    /// The path of the page that follows.
    pub next: &'a str,
}

/// Account, Profile: what a person sees and changes about the account; or whose session of which system it is.
#[derive(Debug, Template)]
#[template(path = "profile.html")]
pub struct ProfilePage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// The sessions of the account, the newest first.
    pub sessions: &'a [Session],
    /// The session that the page is shown in, if it is of an account.
    pub current: Option<SessionId>,
    /// The current time.
    pub now: Timestamp,
}

impl ProfilePage<'_> {
    /// The program that a session began with.
    fn program(&self, session: &Session) -> String {
        match &session.user_agent {
            Some(agent) => user_agent::short(self.language, agent.as_str()),
            None => self.language.say("unknownProgram").to_owned(),
        }
    }

    fn is_current(&self, session: &Session) -> bool {
        self.current == Some(session.id)
    }
}

/// Account, API Keys: the list, and everything that is done with keys.
#[derive(Debug, Template)]
#[template(path = "api_keys.html")]
pub struct ApiKeysPage<'a> {
    /// The language of the page.
    pub language: Language,
    /// What the page says of the product.
    pub product: &'a Product,
    /// Whom the page is for.
    pub reader: Reader<'a>,
    /// What the address asks for.
    pub view: &'a View,
    /// The keys of the page that it asks for.
    pub shown: &'a Shown<'a>,
    /// How much the keys of the page are used.
    pub days: &'a Days,
    /// [`Shown::embedded`], as the API answers keys.
    pub keys_json: &'a str,
    /// The catalogue of scopes, as the API answers it.
    pub catalogue_json: &'a str,
    /// The latest reports of leaked keys, newest first.
    pub leaked: &'a [AuditEvent],
    /// The same as the API answers events.
    pub leaked_json: &'a str,
    /// How many keys the account may hold.
    pub limit: u32,
    /// Whether a key needs no name.
    pub names_optional: bool,
    /// The configured public address of the service, if there is one.
    pub public_url: Option<String>,
    /// The same, or else the address that the page was asked for at.
    pub origin: Option<String>,
    /// The current time.
    pub now: Timestamp,
}

impl ApiKeysPage<'_> {
    /// Whether there is room for no other key.
    fn is_full(&self) -> bool {
        u32::try_from(self.shown.counted).is_ok_and(|counted| counted >= self.limit)
    }

    /// Whether there is room for few more: then the list says how many there are.
    fn is_nearly_full(&self) -> bool {
        let is_near = |counted: u32| u64::from(counted) * 5 >= u64::from(self.limit) * 4;
        !self.is_full() && u32::try_from(self.shown.counted).is_ok_and(is_near)
    }

    fn counted(&self) -> String {
        self.language.fill_all("counted", |name| match name {
            "used" => self.shown.counted.to_string(),
            _ => self.limit.to_string(),
        })
    }

    /// The command that calls the API with a key.
    fn example(&self) -> Option<String> {
        let verify = || Some(format!("GET {}/api/v1/verify", self.origin.as_ref()?));
        let request = self.product.example_request.clone().or_else(verify);
        request.and_then(|request| example_call::curl(&request))
    }

    /// When a key expires, or what is left of one that was replaced.
    fn end(&self, at: Timestamp, about: &About) -> String {
        let left = || self.language.fill("in", &self.language.countdown(at, self.now));
        let away = if about.stops { left() } else { self.language.distance(at, self.now) };
        moment(at, &away)
    }

    fn range(&self) -> String {
        self.language.fill_all("range", |name| match name {
            "from" => self.shown.from().to_string(),
            "to" => self.shown.to().to_string(),
            _ => self.shown.total.to_string(),
        })
    }
}

/// JSON for an attribute in single quotes, which leaves the many double quotes as they are.
pub(crate) fn in_attribute(json: &str) -> String {
    let escaped = json.replace('&', "&#38;").replace('\'', "&#39;");
    escaped.replace('<', "&#60;").replace('>', "&#62;")
}

/// A `time` element for readers without scripts; scripts show the distance from now instead.
pub(crate) fn time(at: Timestamp) -> String {
    element(at, format_description!("[year]-[month]-[day] [hour]:[minute] UTC"))
}

/// The same without the time of day.
pub(crate) fn day(at: Timestamp) -> String {
    element(at, DAY)
}

/// The day in UTC as a text, where no element can stand.
pub(crate) fn date(at: Timestamp) -> String {
    written(at, DAY)
}

/// The distance from now, with the exact time as a title.
pub(crate) fn distance(language: Language, at: Timestamp, now: Timestamp) -> String {
    moment(at, &language.distance(at, now))
}

fn moment(at: Timestamp, away: &str) -> String {
    let exact = exact(at);
    format!("<time class=\"time\" datetime=\"{exact}\" title=\"{exact}\">{away}</time>")
}

fn element(at: Timestamp, short: &[BorrowedFormatItem<'_>]) -> String {
    let exact = exact(at);
    format!("<time datetime=\"{exact}\">{}</time>", written(at, short))
}

fn written(at: Timestamp, short: &[BorrowedFormatItem<'_>]) -> String {
    OffsetDateTime::from(at).format(short).expect("every part of it is there")
}

/// An instant as the API writes it, but without zeros at the end of the fraction.
pub(crate) fn exact(at: Timestamp) -> String {
    let at = OffsetDateTime::from(at);
    at.format(&Rfc3339).expect("a Timestamp is within the years of RFC 3339")
}

#[cfg(test)]
mod tests {
    use super::in_attribute;

    #[test]
    fn json_in_an_attribute_neither_ends_it_nor_becomes_markup() {
        let json = r#"{"name":"</a> 'x' & \"y\" &quot;"}"#;
        let expected = r#"{"name":"&#60;/a&#62; &#39;x&#39; &#38; \"y\" &#38;quot;"}"#;
        assert_eq!(in_attribute(json), expected);
    }
}
