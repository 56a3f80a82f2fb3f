//! The texts that people see, by language. Scripts and templates share them: a catalogue is a JSON object in a module
//! of the scripts, `assets/words-en.js` and its siblings.

use std::collections::HashMap;
use std::sync::LazyLock;

use latchkey_domain::Timestamp;
use serde::Deserialize;

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Language {
    /// The language of readers whose own is not there.
    #[default]
    English,
    /// German.
    German,
}

static ENGLISH: LazyLock<Words> = LazyLock::new(|| {
    Words::read(include_str!("../assets/words-en.js"))
        .with_group("operator", include_str!("../assets/operator-words-en.js"))
});
static GERMAN: LazyLock<Words> = LazyLock::new(|| {
    Words::read(include_str!("../assets/words-de.js"))
        .with_group("operator", include_str!("../assets/operator-words-de.js"))
});

impl Language {
    const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language of this tag (RFC 5646), such as `de-AT`, if the pages speak it.
    pub fn of(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|it| primary.eq_ignore_ascii_case(it.tag()))
    }

    /// The tag of the language.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The script with the texts of the language.
    pub(crate) const fn catalogue(self) -> &'static str {
        match self {
            Self::English => "words-en.js",
            Self::German => "words-de.js",
        }
    }

    /// The text of this name; those of a group are named `group.text`.
    pub(crate) fn say(self, name: &str) -> &'static str {
        self.find(name).expect("a test finds each text that is named")
    }

    /// The same where there may be none.
    pub(crate) fn find(self, name: &str) -> Option<&'static str> {
        self.words().0.get(name).map(String::as_str)
    }

    fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }

    /// The text of this name with `value` in the place of its one placeholder.
    pub(crate) fn fill(self, name: &str, value: &str) -> String {
        let part = |segment| match segment {
            Segment::Words(words) => words,
            Segment::Placeholder(_) => value,
        };
        segments(self.say(name)).map(part).collect()
    }

    /// The text of this name with values in the place of its placeholders.
    pub(crate) fn fill_all(self, name: &str, value: impl Fn(&str) -> String) -> String {
        let part = |segment| match segment {
            Segment::Words(words) => words.to_owned(),
            Segment::Placeholder(name) => value(name),
        };
        segments(self.say(name)).map(part).collect()
    }

    /// The form for this number of the text of this name.
    pub(crate) fn plural(self, name: &str, number: u64) -> String {
        self.fill(&format!("{name}.{}", self.form(number)), &self.number(number))
    }

    /// The plural form (Unicode CLDR) that a whole number takes.
    const fn form(self, number: u64) -> &'static str {
        match self {
            Self::English | Self::German if number == 1 => "one",
            Self::English | Self::German => "other",
        }
    }

    /// "3m ago", "in 7d": the past is rounded down, the future to the nearest, as in `assets/times.js`.
    pub(crate) fn distance(self, at: Timestamp, now: Timestamp) -> String {
        let away = at.unix_millis() - now.unix_millis();
        let (group, is_past) = if away < 0 { ("ago", true) } else { ("away", false) };
        for (unit, size) in UNITS {
            let count = if is_past { -away / size } else { (away + size / 2) / size };
            if count > 0 && (is_past || away >= size - MINUTE) {
                return self.plural(&format!("{group}.{unit}"), count.unsigned_abs());
            }
        }
        self.say(if is_past { "justNow" } else { "inAMoment" }).to_owned()
    }

    /// What is left until `end`, by its two largest units: "23h 59m", as in `assets/times.js`.
    pub(crate) fn countdown(self, end: Timestamp, now: Timestamp) -> String {
        let left = (end.unix_millis() - now.unix_millis()).max(0);
        let parts =
            [("day", left / DAY), ("hour", left / HOUR % 24), ("minute", left / MINUTE % 60)];
        let largest = parts.iter().skip_while(|(_, count)| *count == 0).take(2);
        let shown = largest.filter(|(_, count)| *count > 0);
        let words: Vec<_> = shown
            .map(|(unit, count)| self.plural(&format!("left.{unit}"), count.unsigned_abs()))
            .collect();
        if words.is_empty() { self.say("lessThanAMinute").to_owned() } else { words.join(" ") }
    }
}

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
const UNITS: [(&str, i64); 5] =
    [("year", 365 * DAY), ("month", 30 * DAY), ("day", DAY), ("hour", HOUR), ("minute", MINUTE)];

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segment<'a> {
    Words(&'a str),
    /// The name of what stands here.
    Placeholder(&'a str),
}

/// A text cut at its placeholders, which are names in braces.
pub(crate) fn segments(text: &str) -> impl Iterator<Item = Segment<'_>> {
    let parts = text.split('{').enumerate().flat_map(|(at, part)| match part.split_once('}') {
        Some((name, rest)) if at > 0 => [Segment::Placeholder(name), Segment::Words(rest)],
        _ => [Segment::Words(part), Segment::Words("")],
    });
    parts.filter(|segment| *segment != Segment::Words(""))
}

/// Texts by their names.
#[derive(Debug)]
struct Words(HashMap<String, String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Text(String),
    Group(HashMap<String, Entry>),
}

impl Words {
    /// Reads a catalogue: a JSON object between the first and the last line of a module.
    fn read(module: &str) -> Self {
        Self(HashMap::new()).and(module, "")
    }

    /// The same with those of another catalogue as a group. It is apart, so that only the pages that show its texts load it.
    fn with_group(self, name: &str, module: &str) -> Self {
        self.and(module, &format!("{name}."))
    }

    fn and(mut self, module: &str, prefix: &str) -> Self {
        let object = module.split_once('\n').and_then(|(_, rest)| rest.rsplit_once(')'));
        let entries = object.and_then(|(json, _)| serde_json::from_str(json).ok());
        gather(entries.expect("a test reads each catalogue"), prefix, &mut self.0);
        self
    }
}

fn gather(entries: HashMap<String, Entry>, prefix: &str, into: &mut HashMap<String, String>) {
    for (name, entry) in entries {
        match entry {
            Entry::Text(text) => drop(into.insert(format!("{prefix}{name}"), text)),
            Entry::Group(group) => gather(group, &format!("{prefix}{name}."), into),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        let name = |segment| match segment {
            Segment::Placeholder(name) => Some(name),
            Segment::Words(_) => None,
        };
        segments(text).filter_map(name).collect()
    }

    #[test]
    fn every_language_has_every_text_with_the_same_placeholders() {
        let names = |words: &Words| words.0.keys().cloned().collect::<BTreeSet<_>>();
        for language in Language::ALL {
            assert_eq!(names(language.words()), names(&ENGLISH), "{language:?}");
            for (name, english) in &ENGLISH.0 {
                let text = language.say(name);
                let [wanted, there] = [placeholders(english), placeholders(text)];
                // An error may say by itself what the server says in English.
                let mut extra = wanted.symmetric_difference(&there);
                assert!(extra.all(|name| *name == "message"), "{name}: {english} / {text}");
                assert!(!text.trim().is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn every_text_that_a_template_or_a_page_names_is_there() {
        let mut named = 0;
        for folder in ["templates", "src"] {
            for file in
                fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("a folder")
            {
                let path = file.expect("a file").path();
                if !path.is_file() || path.ends_with("words.rs") {
                    continue;
                }
                let source = fs::read_to_string(&path).expect("a text");
                for (call, suffix) in [
                    ("say(\"", ""),
                    ("tell(\"", ""),
                    (".fill(\"", ""),
                    (".fill_all(\"", ""),
                    (".plural(\"", ".other"),
                ] {
                    for rest in source.split(call).skip(1) {
                        let (name, _) = rest.split_once('"').expect("a string ends");
                        let name = format!("{name}{suffix}");
                        assert!(
                            Language::English.find(&name).is_some(),
                            "{}: {name}",
                            path.display()
                        );
                        named += 1;
                    }
                }
            }
        }
        assert!(
            named > 50,
            "only {named} texts were found: this test looks for another form of call"
        );
    }

    #[test]
    fn a_text_is_cut_at_its_placeholders() {
        use Segment::{Placeholder, Words};
        let cut = |text| segments(text).collect::<Vec<_>>();
        assert_eq!(
            cut("Renamed {a} to {b}"),
            [Words("Renamed "), Placeholder("a"), Words(" to "), Placeholder("b")]
        );
        assert_eq!(cut("{a}{b}."), [Placeholder("a"), Placeholder("b"), Words(".")]);
        assert_eq!(cut("nothing"), [Words("nothing")]);
    }

    #[test]
    fn a_language_is_known_by_its_tag_and_that_of_a_region() {
        assert_eq!(Language::of("de"), Some(Language::German));
        assert_eq!(Language::of("DE-at"), Some(Language::German));
        assert_eq!(Language::of("en-GB"), Some(Language::English));
        for other in ["", "fr", "den", "*"] {
            assert_eq!(Language::of(other), None, "{other}");
        }
    }

    #[test]
    fn distances_read_like_those_of_the_scripts() {
        let now = Timestamp::from_unix_millis(1_774_000_000_000).expect("in range");
        for (away, english, german) in [
            (-59_999, "just now", "gerade eben"),
            (-MINUTE, "1m ago", "vor 1 Min."),
            (-2 * DAY + 1, "1d ago", "vor 1 Tag"),
            (-800 * DAY, "2y ago", "vor 2 J."),
            (20 * HOUR, "in 20h", "in 20 Std."),
            (7 * DAY - 400, "in 7d", "in 7 Tagen"),
            (30 * DAY - 400, "in 1mo", "in 1 Mon."),
            (10_000, "in a moment", "gleich"),
        ] {
            let at = Timestamp::from_unix_millis(now.unix_millis() + away).expect("in range");
            assert_eq!(Language::English.distance(at, now), english, "{away}");
            assert_eq!(Language::German.distance(at, now), german, "{away}");
        }
    }
    #[test]
    fn a_countdown_reads_like_that_of_the_scripts() {
        let now = Timestamp::from_unix_millis(1_774_000_000_000).expect("in range");
        for (left, english, german) in [
            (DAY - 1, "23h 59m", "23 h 59 min"),
            (7 * DAY - 1, "6d 23h", "6 T. 23 h"),
            (DAY + 5 * MINUTE, "1d", "1 T."),
            (HOUR, "1h", "1 h"),
            (MINUTE - 1, "< 1m", "< 1 min"),
            (-DAY, "< 1m", "< 1 min"),
        ] {
            let end = Timestamp::from_unix_millis(now.unix_millis() + left).expect("in range");
            assert_eq!(Language::English.countdown(end, now), english, "{left}");
            assert_eq!(Language::German.countdown(end, now), german, "{left}");
        }
    }
}
