//! Searches over all owners, beside functions that are as plain as can be.

use std::cmp::Reverse;

use latchkey_domain::ports::{KeyInUse, SelectedKey};
use latchkey_domain::{
    Action, ApiKey, ApiKeyId, ApiKeyParts, AuditEvent, Creator, Environment, KeyCursor, KeyName,
    KeyPrefix, KeySearch, KeyState, KeyStatus, NamePart, OwnerId, OwnerPattern, Selection,
    Timestamp, TrailSearch,
};

use super::Ports;
use super::steps::{AMPLE, added, ids};
use crate::fixtures::{a_batch, a_key, an_event, an_id, moment, owner, scatter};

const KEYS: u64 = 240;
const SEARCHES: u64 = 300;
const EVENTS: u64 = 150;

/// Owners that share beginnings, also by the case of letters and by what other systems take for wildcards.
const OWNERS: [&str; 8] = ["org_1", "org_12", "Org_1", "org%1", "org-1", "org_", "orh", "p\\q\"r"];
const PATTERNS: [&[&str]; 12] = [
    &["*"],
    &["*"],
    &["org_*"],
    &["org_1"],
    &["org_1*", "orh"],
    &["Org*"],
    &["org%*", "org-*"],
    &["o*", "org_1"],
    &["p\\*", "org_12"],
    &["p\\q\"*"],
    &["nobody", "none*"],
    &[],
];
const CREATORS: [&str; 3] = ["ada", "Ada", "token:1"];
const PREFIXES: [&str; 3] = ["sk_live_abc1", "sk_live_ABC1", "sk_test_abc1"];
const NAMES: [&str; 10] =
    ["ci", "CI %", "a_b", "aXb", "100%", "CAFÉ", "café", "ı I İ i", "back\\slash", "\u{17f}S ß"];
const PARTS: [&str; 14] =
    ["c", "CI", "_", "%", "a_b", "A%B", "é", "É", "i", "I", "ı", "\\", "s", "'"];

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 += 1;
        let sides = u64::try_from(sides).expect("a few");
        usize::try_from(scatter(self.0) % sides).expect("a few")
    }

    fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.roll(among.len())].clone()
    }

    /// Something in one case of three.
    fn maybe<T: Clone>(&mut self, among: &[T]) -> Option<T> {
        (self.roll(3) == 0).then(|| self.pick(among))
    }

    fn instant(&mut self) -> Timestamp {
        moment(i64::try_from(self.roll(40)).expect("small"))
    }

    fn patterns(&mut self) -> Vec<OwnerPattern> {
        patterns(self.pick(&PATTERNS))
    }
}

fn patterns(texts: &[&str]) -> Vec<OwnerPattern> {
    texts.iter().map(|text| OwnerPattern::parse(*text).expect("a pattern")).collect()
}

fn creator(text: &str) -> Creator {
    Creator::parse(text).expect("a creator")
}

fn a_random_key(dice: &mut Dice) -> ApiKey {
    let at = dice.instant();
    let mut parts = a_key().build().parts().clone();
    parts.owner = owner(dice.pick(&OWNERS));
    parts.created_by = dice.maybe(&CREATORS).map(creator);
    parts.name = KeyName::parse(dice.pick(&NAMES)).expect("a name");
    parts.prefix = KeyPrefix::parse(dice.pick(&PREFIXES)).expect("a prefix");
    parts.environment = dice.pick(&[Environment::Live, Environment::Test]);
    parts.created_at = dice.instant();
    parts.expires_at = dice.maybe(&[at]);
    parts.replaced_by = dice.maybe(&[an_id()]);
    parts.state = dice.pick(&[
        KeyState::Active,
        KeyState::Active,
        KeyState::Disabled { at },
        KeyState::Revoked { at },
    ]);
    ApiKey::restore(parts)
}

async fn random_keys(ports: &Ports, dice: &mut Dice) -> Vec<KeyInUse> {
    let mut keys = Vec::new();
    for _key in 0..KEYS {
        let key = a_random_key(dice);
        ports.keys.insert(&key, None, AMPLE, &an_event()).await.expect("a new key is added");
        let last_used_at = (dice.roll(2) == 0).then(|| dice.instant());
        if let Some(at) = last_used_at {
            let used = [(key.parts().id, at)];
            ports.usage.record(&a_batch(&used)).await.expect("the store answers");
        }
        keys.push(KeyInUse { key, last_used_at, credits: None });
    }
    keys
}

fn a_random_search(dice: &mut Dice) -> KeySearch {
    let mut search = KeySearch::new(dice.patterns(), dice.instant());
    search.owner = dice.maybe(&OWNERS).map(owner);
    search.created_by = dice.maybe(&CREATORS).map(creator);
    search.environment = dice.maybe(&[Environment::Live, Environment::Test]);
    search.status = dice.maybe(&KeyStatus::ALL);
    let prefix = |text| KeyPrefix::parse(text).expect("a prefix");
    search.prefix = dice.maybe(&PREFIXES).map(prefix);
    search.name_part = dice.maybe(&PARTS).map(|text| NamePart::parse(text).expect("a part"));
    search.unused_since = dice.maybe(&[()]).map(|()| dice.instant());
    search
}

/// What the ports promise of a search, told once more and in another way.
fn finds(search: &KeySearch, KeyInUse { key, last_used_at, .. }: &KeyInUse) -> bool {
    let ApiKeyParts { owner, name, created_by, created_at, state, expires_at, replaced_by, .. } =
        key.parts();
    let lower = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c })
            .collect()
    };
    let status = if matches!(state, KeyState::Revoked { .. }) {
        KeyStatus::Revoked
    } else if matches!(state, KeyState::Disabled { .. }) {
        KeyStatus::Disabled
    } else if expires_at.is_some_and(|end| end <= search.now) {
        KeyStatus::Expired
    } else if replaced_by.is_some() {
        KeyStatus::Replaced
    } else {
        KeyStatus::Active
    };
    assert_eq!(KeyStatus::of(key, search.now), status);
    search.within.iter().any(|pattern| pattern.covers(owner))
        && search.owner.as_ref().is_none_or(|it| it == owner)
        && search.created_by.as_ref().is_none_or(|it| Some(it) == created_by.as_ref())
        && search.environment.is_none_or(|it| it == key.parts().environment)
        && search.prefix.as_ref().is_none_or(|it| *it == key.parts().prefix)
        && search.name_part.as_ref().is_none_or(|it| lower(name.as_str()).contains(it.as_lower()))
        && match search.status {
            Some(asked) => asked == status,
            None => status != KeyStatus::Revoked,
        }
        && search.unused_since.is_none_or(|since| {
            *created_at < since && last_used_at.is_none_or(|used| used <= since)
        })
}

/// All pages of a search, each of `limit` keys.
async fn pages(ports: &Ports, search: &KeySearch, limit: u32) -> Vec<KeyInUse> {
    let mut found: Vec<KeyInUse> = Vec::new();
    loop {
        let after = found.last().map(|last| KeyCursor::from(&last.key));
        let page = ports.register.search(search, after, limit).await.expect("the store answers");
        let is_last = page.len() < usize::try_from(limit).expect("small");
        found.extend(page);
        if is_last {
            return found;
        }
    }
}

pub async fn random_searches_find_what_a_plain_function_finds(ports: &Ports) {
    let dice = &mut Dice(0);
    let mut keys = random_keys(ports, dice).await;
    keys.sort_by_key(|it| Reverse((it.key.parts().created_at, it.key.parts().id)));
    let mut hits = 0;
    for number in 0..SEARCHES {
        let search = a_random_search(dice);
        let limit = dice.pick(&[1, 2, 7, 50, 200]);
        let want: Vec<_> = keys.iter().filter(|it| finds(&search, it)).cloned().collect();
        let got = pages(ports, &search, limit).await;
        assert_eq!(ids(&got), ids(&want), "{number}: {search:?}");
        let used =
            |keys: &[KeyInUse]| -> Vec<_> { keys.iter().map(|it| it.last_used_at).collect() };
        assert_eq!(used(&got), used(&want), "{number}: {search:?}");
        hits += want.len();
    }
    assert!(hits > 1_000, "only {hits} were found: these searches say little");
}

pub async fn a_part_of_a_name_has_no_wildcards_and_only_ascii_letters_have_another_case(
    ports: &Ports,
) {
    for name in NAMES {
        added(ports, a_key().named(name)).await;
    }
    for (part, want) in [
        ("_", vec!["a_b"]),
        ("%", vec!["100%", "CI %"]),
        ("A_B", vec!["a_b"]),
        ("É", vec!["CAFÉ"]),
        ("é", vec!["café"]),
        ("CAF", vec!["café", "CAFÉ"]),
        ("\\", vec!["back\\slash"]),
        ("ß", vec!["\u{17f}S ß"]),
        ("", NAMES.into_iter().rev().collect()),
        ("'", vec![]),
    ] {
        let mut search = KeySearch::new(patterns(&["*"]), moment(0));
        search.name_part = Some(NamePart::parse(part).expect("a part"));
        let got = pages(ports, &search, 100).await;
        let got: Vec<_> = got.iter().map(|it| it.key.parts().name.as_str()).collect();
        assert_eq!(got, want, "{part}");
    }
}

pub async fn random_selections_mean_what_a_plain_function_says(ports: &Ports) {
    let dice = &mut Dice(1 << 32);
    let keys = random_keys(ports, dice).await;
    for _selection in 0..100 {
        let (of, by) = (dice.maybe(&OWNERS).map(owner), dice.maybe(&CREATORS).map(creator));
        let Some(selection) = Selection::new(of, by) else { continue };
        let selection = selection.within(dice.patterns());
        let mut got = ports.keys.selected(&selection, AMPLE).await.expect("the store answers");
        got.sort_by_key(|it| it.id);
        let all = keys.iter().map(|it| it.key.parts());
        let meant = all.filter(|it| {
            !matches!(it.state, KeyState::Revoked { .. })
                && selection.owner().is_none_or(|owner| it.owner == *owner)
                && selection.created_by().is_none_or(|by| it.created_by.as_ref() == Some(by))
                && selection.patterns().iter().any(|pattern| pattern.covers(&it.owner))
        });
        let mut want: Vec<_> = meant
            .inspect(|it| assert!(selection.means(it)))
            .map(|ApiKeyParts { id, owner, replaced_by, .. }| SelectedKey {
                id: *id,
                owner: owner.clone(),
                replaced_by: *replaced_by,
            })
            .collect();
        want.sort_by_key(|it| it.id);
        assert_eq!(got, want, "{selection:?}");
        let few = ports.keys.selected(&selection, 2).await.expect("the store answers");
        assert_eq!(few.len(), want.len().min(2));
    }
}

fn a_random_event(dice: &mut Dice, keys: &[ApiKeyId]) -> AuditEvent {
    let action = match dice.roll(5) {
        0 => Action::KeyCreated(dice.pick(keys)),
        1 => Action::KeyRotated { key: dice.pick(keys), successor: an_id() },
        2 => Action::KeyRotated { key: an_id(), successor: dice.pick(keys) },
        3 => Action::KeysRevoked(keys.iter().copied().filter(|_| dice.roll(2) == 0).collect()),
        _ => Action::SessionStarted,
    };
    let whose: Option<OwnerId> = (dice.roll(6) > 0).then(|| owner(dice.pick(&OWNERS)));
    AuditEvent { owner: whose, action, ..an_event() }
}

fn is_about(event: &AuditEvent, key: ApiKeyId) -> bool {
    match &event.action {
        Action::KeyCreated(it) => *it == key,
        Action::KeyRotated { key: it, successor } => *it == key || *successor == key,
        Action::KeysRevoked(keys) => keys.contains(&key),
        _ => false,
    }
}

pub async fn random_searches_of_the_trail_find_what_a_plain_function_finds(ports: &Ports) {
    let dice = &mut Dice(2 << 32);
    let keys: Vec<_> = (0..8).map(|_| an_id()).collect();
    let mut events = Vec::new();
    for _event in 0..EVENTS {
        let event = a_random_event(dice, &keys);
        ports.trail.record(&event).await.expect("a new event is added");
        events.push(event);
    }
    events.sort_by_key(|event| Reverse(event.id));
    for number in 0..SEARCHES {
        let mut search = TrailSearch::new(dice.patterns());
        search.owner = dice.maybe(&OWNERS).map(owner);
        search.key = dice.maybe(&keys);
        search.action = dice.maybe(&["key.created", "key.rotated", "keys.revoked", "key.leaked"]);
        let before = dice.maybe(&events).map(|event| event.id);
        let limit = dice.pick(&[1, 5, 50, 200]);
        let is_found = |event: &&AuditEvent| {
            let is_within = match &event.owner {
                Some(owner) => search.within.iter().any(|pattern| pattern.covers(owner)),
                None => search.within.iter().any(|pattern| pattern.as_str() == "*"),
            };
            is_within
                && search.owner.as_ref().is_none_or(|it| event.owner.as_ref() == Some(it))
                && search.key.is_none_or(|key| is_about(event, key))
                && search.action.is_none_or(|action| event.action.name() == action)
                && before.is_none_or(|before| event.id < before)
        };
        let limited = usize::try_from(limit).expect("small");
        let want: Vec<_> = events.iter().filter(is_found).take(limited).cloned().collect();
        let got = ports.trail.search(&search, before, limit).await.expect("the store answers");
        assert_eq!(got, want, "{number}: {search:?}");
        if let (Some(owner), Some(key)) = (&search.owner, search.key) {
            let own = ports.trail.events_of(owner, Some(key), before, limit).await;
            let is_own = |event: &&AuditEvent| {
                event.owner.as_ref() == Some(owner)
                    && is_about(event, key)
                    && before.is_none_or(|before| event.id < before)
            };
            let want: Vec<_> = events.iter().filter(is_own).take(limited).cloned().collect();
            assert_eq!(own.expect("the store answers"), want, "{number}: {search:?}");
        }
    }
}
