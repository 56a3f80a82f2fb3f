use crate::Language;
use crate::words::{Segment, segments};

/// The name of the browser in a `User-Agent`; the text itself if no browser is found.
///
/// Browsers name other browsers for the sake of old sites. One that names fewer comes later in the list.
pub(crate) fn short(language: Language, user_agent: &str) -> String {
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("CrOS", "ChromeOS"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    match (first(&BROWSERS), first(&SYSTEMS)) {
        (Some(browser), Some(system)) if user_agent.starts_with("Mozilla/") => {
            sentence(language, browser, system)
        }
        _ => user_agent.to_owned(),
    }
}

fn sentence(language: Language, browser: &str, system: &str) -> String {
    let part = |segment| match segment {
        Segment::Placeholder("browser") => browser,
        Segment::Placeholder(_) => system,
        Segment::Words(words) => words,
    };
    segments(language.say("browserOn")).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_called_by_their_names_and_programs_as_they_say() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (text, name) in [
            (
                format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/150.0 Safari/537.36"),
                "Chrome on Linux",
            ),
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0) {webkit} Chrome/150.0 Safari/537.36 Edg/150.0"
                ),
                "Edge on Windows",
            ),
            (
                format!(
                    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} Version/19 Safari/605"
                ),
                "Safari on macOS",
            ),
            (
                format!("Mozilla/5.0 (iPhone; CPU iPhone OS 19 like Mac OS X) {webkit} Safari/604"),
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0".to_owned(),
                "Firefox on Android",
            ),
            ("Mozilla/5.0 (compatible; a bot)".to_owned(), "Mozilla/5.0 (compatible; a bot)"),
            ("curl/8.5.0 Linux Chrome/1".to_owned(), "curl/8.5.0 Linux Chrome/1"),
        ] {
            assert_eq!(short(Language::English, &text), name);
        }
    }
}
