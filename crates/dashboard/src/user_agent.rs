use crate::Language;
use crate::words::{Segment, segments};

/// As `assets/program.js`: the name of the browser in a `User-Agent`; the text itself if no browser is found.
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
        // Those that the test of `assets/program.js` reads.
        let cases: Vec<(String, String)> =
            serde_json::from_str(include_str!("../tests/programs.json")).expect("a list of pairs");
        for (text, name) in cases {
            assert_eq!(short(Language::English, &text), name);
        }
    }
}
