use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;

fn grants(texts: &[&str]) -> Grants {
    Grants::parse(texts.iter().copied()).expect("grants")
}

fn meets(texts: &[&str], requirement: &str) -> bool {
    grants(texts).meet(&Requirement::parse(requirement).expect("a requirement"))
}

#[test]
fn scopes_have_one_to_64_characters_in_segments() {
    let longest = "a".repeat(64);
    for good in ["docs", "docs:read", "a:b:c", "0", "a-b_c.d:9", "-", longest.as_str()] {
        assert_eq!(Scope::parse(good).map(Scope::as_str), Ok(good));
    }
    let too_long = "a".repeat(65);
    for bad in [
        "",
        ":",
        "a:",
        ":a",
        "a::b",
        "A",
        "a b",
        "é",
        "a*",
        "*",
        "a:*",
        "a|b",
        "a,b",
        too_long.as_str(),
    ] {
        assert_eq!(Scope::parse(bad), Err(MalformedScope), "{bad}");
    }
}

#[test]
fn grants_keep_their_order_and_drop_what_repeats() {
    let kept = grants(&["docs:read", "docs:*", "docs:read", "*", "a"]);
    assert_eq!(kept.joined(), Some("docs:read docs:* * a"));
    assert_eq!(Grants::restore(kept.joined()), Ok(kept));
    assert_eq!(grants(&[]).joined(), Some(""));
    assert_eq!(Grants::restore(Some("")), Ok(grants(&[])));
    assert_eq!(Grants::restore(None), Ok(Grants::default()));
    assert_eq!(grants(&[]).list().map(Iterator::count), Some(0));
    assert!(Grants::default().list().is_none());
}

#[test]
fn a_key_has_at_most_64_grants_that_differ() {
    let texts: Vec<String> = (0..65).map(|number| format!("s:{number}")).collect();
    let of = |count: usize| Grants::parse(texts.iter().take(count).map(String::as_str));
    assert!(of(64).is_ok());
    assert_eq!(of(65), Err(GrantsError::TooMany));
    let repeated = texts.iter().take(64).chain(texts.iter().take(64)).map(String::as_str);
    assert_eq!(Grants::parse(repeated), of(64));
}

#[test]
fn a_text_that_is_no_grant_is_named_by_its_place() {
    let longest = format!("{}:*", "a".repeat(62));
    assert!(Grants::parse([longest.as_str()]).is_ok());
    let too_long = format!("{}:*", "a".repeat(63));
    for bad in ["", " ", "a b", "**", "a*", "a:*:b", "*:a", ":*", "A", "a|b", too_long.as_str()] {
        let read = Grants::parse(["docs:read", bad]);
        assert_eq!(read, Err(GrantsError::Malformed { number: 2 }), "{bad}");
    }
}

#[test]
fn requirements_are_scopes_without_a_star() {
    for good in ["a", "docs:read|docs:write", "a|a"] {
        assert!(Requirement::parse(good).is_ok(), "{good}");
    }
    let many = vec!["a"; 65].join("|");
    for bad in ["", "|", "a|", "|a", "*", "docs:*", "a|*", "a b", "a,b", many.as_str()] {
        assert_eq!(Requirement::parse(bad), Err(MalformedRequirement), "{bad}");
    }
}

#[test]
fn a_star_behind_a_prefix_covers_all_below_the_prefix_and_not_the_prefix() {
    assert!(meets(&["docs:*"], "docs:read"));
    assert!(meets(&["docs:*"], "docs:a:b"));
    assert!(!meets(&["docs:*"], "docs"));
    assert!(!meets(&["docs:*"], "docsx:read"));
    assert!(!meets(&["docs"], "docs:read"));
    assert!(meets(&["*"], "docs") && meets(&["*"], "docs:read"));
}

#[test]
fn one_alternative_is_enough_and_an_empty_list_is_enough_for_nothing() {
    assert!(meets(&["b"], "a|b"));
    assert!(!meets(&["c"], "a|b"));
    assert!(!meets(&[], "a"));
    let any = Requirement::parse("a").expect("a requirement");
    assert!(Grants::default().meet(&any), "a key that is not restricted");
}

/// Few words and segments, so that they meet often.
fn scope() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof!["a", "b", "ab"], 1..4).prop_map(|segments| segments.join(":"))
}

fn grant() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => scope(),
        3 => scope().prop_map(|it| it + ":*"),
        1 => Just("*".to_owned()),
    ]
}

fn requirement() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(scope(), 1..4)
}

/// The same by segments, as the contract words it.
fn reference(granted: Option<&[String]>, alternatives: &[String]) -> bool {
    let Some(granted) = granted else { return true };
    let covers = |grant: &str, scope: &str| {
        let (grant, scope): (Vec<_>, Vec<_>) =
            (grant.split(':').collect(), scope.split(':').collect());
        match grant.split_last() {
            Some((&"*", above)) => scope.len() > above.len() && scope.starts_with(above),
            _ => grant == scope,
        }
    };
    alternatives.iter().any(|scope| granted.iter().any(|grant| covers(grant, scope)))
}

fn of(granted: &[String]) -> Grants {
    Grants::parse(granted.iter().map(String::as_str)).expect("grants")
}

/// Drawn once: each of a thousand lists meets each of a thousand requirements.
#[test]
fn a_million_random_decisions_are_those_of_the_reference() {
    let mut runner = TestRunner::default();
    let lists = prop::option::of(prop::collection::vec(grant(), 0..4));
    let lists: Vec<_> = (0..1_000).map(|_| drawn(&lists, &mut runner)).collect();
    let requirements: Vec<_> = (0..1_000).map(|_| drawn(&requirement(), &mut runner)).collect();
    let mut met = 0;
    for granted in &lists {
        let grants = granted.as_deref().map_or_else(Grants::default, of);
        for alternatives in &requirements {
            let asked = Requirement::parse(alternatives.join("|")).expect("a requirement");
            let decided = grants.meet(&asked);
            met += u32::from(decided);
            let expected = reference(granted.as_deref(), alternatives);
            assert_eq!(decided, expected, "{grants:?} {alternatives:?}");
        }
    }
    assert!((100_000..900_000).contains(&met), "both answers are frequent: {met}");
}

fn drawn<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
    strategy.new_tree(runner).expect("nothing is left out").current()
}

proptest! {
    #[test]
    fn one_more_grant_never_takes_anything_away(
        granted in prop::collection::vec(grant(), 0..5),
        more in grant(),
        alternatives in requirement(),
    ) {
        let text = alternatives.join("|");
        let asked = &Requirement::parse(&text).expect("a requirement");
        if of(&granted).meet(asked) {
            let widened = [granted, vec![more]].concat();
            prop_assert!(of(&widened).meet(asked));
            prop_assert!(Grants::default().meet(asked));
        }
    }

    #[test]
    fn no_text_ends_the_process(text in "[a:*| A]{0,9}") {
        let _scope_or_not = Scope::parse(&text);
        let _requirement_or_not = Requirement::parse(&text);
        let _grants_or_not = Grants::parse([text.as_str()]);
        let _restored_or_not = Grants::restore(Some(&text));
    }
}
