use askama::Template;

/// Tells a person why there is no page, and what to do.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    status: u16,
    title: &'static str,
    advice: &'static str,
    /// The address and the text of a link.
    way_on: Option<(&'static str, &'static str)>,
    request_id: &'a str,
}

impl<'a> ErrorPage<'a> {
    /// The page for an error of this status, if people can meet one. `request_id` is that of the log line.
    pub const fn of(status: u16, request_id: &'a str) -> Option<Self> {
        let (title, advice, way_on) = match status {
            401 => (
                "You are not signed in",
                "Accounts of this service are kept elsewhere. Sign in where you do for the service that \
                 these keys belong to, then load the page again.",
                None,
            ),
            404 => (
                "Page not found",
                "There is nothing at this address. Check it for typing errors, or start from your keys.",
                Some(("/account/api-keys", "Your API keys")),
            ),
            431 => (
                "Too many cookies",
                "Your browser sends more with each request than this service takes, mostly cookies of \
                 other services on this domain. Clear the cookies of this site, then load the page again.",
                None,
            ),
            500 => (
                "Something went wrong",
                "This is a fault of the service. Try again; if it happens again, tell the operator of \
                 the service the request below.",
                Some(("/account/api-keys", "Your API keys")),
            ),
            503 => (
                "Temporarily unavailable",
                "The service can't answer right now. Your keys and your session are safe. Load the page \
                 again in a moment.",
                None,
            ),
            _ => return None,
        };
        Some(Self { status, title, advice, way_on, request_id })
    }
}
