use std::sync::LazyLock;

use super::document::Schema;
use super::example::Example;
use super::introduction::{self, WayIn};
use super::schema::{Member, Schemas};
use super::{Reference, ReferenceAt};
use crate::Product;

static PRODUCT: LazyLock<Product> = LazyLock::new(Product::default);

fn at() -> ReferenceAt<'static> {
    ReferenceAt {
        product: &PRODUCT,
        base_url: "https://keys.example.com",
        session_cookie: "session",
        way_in: WayIn::SignUp,
    }
}

fn published() -> Reference {
    Reference::read(include_str!("../../../../openapi.json")).expect("the document is read")
}

/// The text of a page, without its elements.
fn text_of(page: &str) -> String {
    let pieces = page.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    let text: String = pieces.collect();
    [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")]
        .iter()
        .fold(text, |text, (entity, character)| text.replace(entity, character))
}

fn schemas() -> Schemas {
    serde_json::from_str(r##"{
        "Time": { "type": "string", "format": "date-time", "description": "An instant.", "example": "2026-03-24T15:30:00.000Z" },
        "Colour": { "type": "string", "description": "A colour.", "enum": ["red", "green"] },
        "Key": {
            "type": "object",
            "required": ["id", "endsAt"],
            "properties": {
                "id": { "type": "string", "example": "a" },
                "endsAt": { "oneOf": [{ "$ref": "#/components/schemas/Time", "description": "When it ends." }, { "type": "null" }] },
                "colour": { "$ref": "#/components/schemas/Colour" }
            }
        }
    }"##)
    .expect("schemas")
}

fn schema(json: &str) -> Schema {
    serde_json::from_str(json).expect("a schema")
}

fn member(json: &str) -> Member {
    schema(json).member("it", true, &schemas())
}

#[test]
fn a_type_that_may_be_null_says_so() {
    assert_eq!(member(r#"{ "type": ["string", "null"] }"#).kind, "string or null");
}

#[test]
fn a_reference_or_null_has_the_type_and_the_description_of_this_use() {
    let member = member(
        r##"{ "oneOf": [
        { "$ref": "#/components/schemas/Time", "description": "When it ends." }, { "type": "null" }
    ] }"##,
    );
    assert_eq!((member.kind.as_str(), member.is_time), ("time or null", true));
    assert_eq!(member.description, "When it ends.");
}

#[test]
fn a_time_does_not_repeat_what_all_times_are() {
    assert_eq!(member(r##"{ "$ref": "#/components/schemas/Time" }"##).description, "");
    assert_eq!(member(r##"{ "$ref": "#/components/schemas/Colour" }"##).description, "A colour.");
}

#[test]
fn an_enum_lists_its_values() {
    assert_eq!(member(r##"{ "$ref": "#/components/schemas/Colour" }"##).values, ["red", "green"]);
}

#[test]
fn limits_and_defaults_are_said_in_words() {
    let number = member(r#"{ "type": "integer", "minimum": 0, "maximum": 9, "default": 5 }"#);
    assert_eq!((number.limits, number.default), (vec!["0 to 9".to_owned()], Some("5".to_owned())));
    let text = member(r#"{ "type": "string", "maxLength": 100 }"#);
    assert_eq!(text.limits, ["at most 100 characters"]);
    let pair = member(
        r#"{ "type": "array", "items": { "type": "string" }, "minItems": 2, "maxItems": 2 }"#,
    );
    assert_eq!(pair.limits, ["2 items"]);
}

#[test]
fn an_array_has_the_members_of_its_items() {
    let keys = schema(r##"{ "type": "array", "items": { "$ref": "#/components/schemas/Key" } }"##);
    assert_eq!(keys.kind(&schemas()), "array of objects");
    let members = keys.members(&schemas());
    let names: Vec<_> = members.iter().map(|it| (it.name.as_str(), it.is_required)).collect();
    assert_eq!(names, [("id", true), ("endsAt", true), ("colour", false)]);
}

#[test]
fn members_of_members_have_a_path() {
    let nested = schema(
        r##"{ "type": "object", "properties": {
        "keys": { "type": "array", "items": { "$ref": "#/components/schemas/Key" } },
        "best": { "$ref": "#/components/schemas/Key" }
    } }"##,
    );
    let members = nested.members(&schemas());
    let names: Vec<_> = members.iter().map(|it| it.name.as_str()).collect();
    let expected =
        ["keys", "keys[].id", "keys[].endsAt", "keys[].colour", "best", "best.id", "best.endsAt"];
    assert_eq!(names[..7], expected);
}

#[test]
fn all_of_is_one_object() {
    let both = schema(
        r##"{ "allOf": [
        { "$ref": "#/components/schemas/Key" },
        { "type": "object", "required": ["more"], "properties": { "more": { "type": "boolean" } } }
    ] }"##,
    );
    assert_eq!(both.resolved(&schemas()).kind(&schemas()), "object");
    assert_eq!(Example::of(&both, &schemas()).brief(), EXAMPLE_OF_BOTH);
}

const EXAMPLE_OF_BOTH: &str = r#"{
  "id": "a",
  "endsAt": null,
  "more": true
}"#;

#[test]
fn an_example_where_no_member_must_be_there_has_the_first() {
    let change = schema(
        r##"{ "type": "object", "properties": {
        "colour": { "$ref": "#/components/schemas/Colour" }, "name": { "type": "string" }
    } }"##,
    );
    assert_eq!(Example::of(&change, &schemas()).brief(), r#"{"colour": "red"}"#);
}

#[test]
fn a_keyword_that_the_page_does_not_show_is_an_error() {
    let unknown = serde_json::from_str::<Schema>(r#"{ "type": "string", "contains": {} }"#);
    assert!(unknown.is_err());
}

#[test]
fn the_published_document_is_read_and_shown() {
    let text = text_of(&published().html(at()));
    let command = "curl -X POST \"https://keys.example.com/api/v1/api-keys\" \\\n  \
         -H \"Content-Type: application/json\" \\\n  -d '{\"name\": \"Production\"}' \\\n  \
         --cookie \"session=your_session_cookie\"";
    assert!(text.contains(command), "{text}");
}

#[test]
fn the_page_and_its_markdown_say_the_same() {
    let (page, markdown) = (text_of(&published().html(at())), published().markdown(at()));
    assert!(markdown.starts_with("# Latchkey API reference\n\n> "), "{markdown}");
    for sentence in [
        "curl -X PATCH \"https://keys.example.com/api/v1/api-keys/019d1fb2-5b00-7c4e-a2d1-8f3b6e9a0c17\"",
        "Temporarily unavailable",
        "\\b[a-z][a-z0-9]{0,15}_(live|test)_[0-9A-Za-z]{38}\\b",
        "limit_reached",
    ] {
        assert!(page.contains(sentence) && markdown.contains(sentence), "{sentence}");
    }
    for left in ["{base_url}", "{cookie}", "{way_in", "{credential}", "{version}"] {
        assert!(!page.contains(left) && !markdown.contains(left), "{left}");
    }
    let calls = published().groups.iter().map(|group| group.operations.len()).sum::<usize>();
    assert_eq!(markdown.matches("\n### ").count(), calls);
    let fences = markdown.lines().filter(|line| line.starts_with("```")).count();
    assert_eq!(fences % 2, 0, "{markdown}");
}

#[test]
fn the_quickstart_signs_in_or_takes_a_token_where_nobody_can_sign_up() {
    let first = |way_in| {
        let text = introduction::markdown(&ReferenceAt { way_in, ..at() }, "1");
        let sections = introduction::sections(&text);
        let quickstart = sections.first().expect("a section");
        let codes = quickstart.examples.iter().map(|it| (it.title.to_owned(), it.code.to_owned()));
        (quickstart.anchor.clone(), codes.collect::<Vec<_>>())
    };
    for (way_in, title, credential) in [
        (WayIn::SignUp, "1. Sign up", "-b cookies.txt"),
        (WayIn::SignIn, "1. Sign in", "-b cookies.txt"),
        (WayIn::Token, "1. Take a token", "-H \"Authorization: Bearer $TOKEN\""),
    ] {
        let (anchor, codes) = first(way_in);
        assert_eq!((anchor.as_str(), codes.len()), ("quickstart", 3));
        assert_eq!(codes[0].0, title);
        assert!(codes[1].1.contains(credential), "{codes:?}");
    }
}

#[test]
fn the_introduction_has_paragraphs_steps_tables_and_examples() {
    let text = "## One thing\n\nA.\n\n1. B\n2. C. D\n\n```sh E f\ng\n\nh\n```\n\n## Two\n\n| I | J |\n|---|---|\n| k | l |\n";
    let sections = introduction::sections(text);
    let shown = format!("{sections:?}");
    assert_eq!(
        sections.iter().map(|it| it.anchor.as_str()).collect::<Vec<_>>(),
        ["one-thing", "two"]
    );
    for part in [
        r#"Paragraph("A."), Steps(["B", "C. D"])"#,
        r#"Table([("I", "J"), ("k", "l")])"#,
        r#"title: "E f", code: "g\n\nh""#,
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn everything_in_the_published_document_has_a_type() {
    let reference = published();
    let calls = reference.groups.iter().flat_map(|group| &group.operations);
    let members = calls.flat_map(|call| {
        let answers = call.answers.iter().flat_map(|it| it.members.iter().chain(&it.headers));
        let parameters = call.path_parameters.iter().chain(&call.query_parameters);
        answers.chain(parameters).chain(call.body.iter().flat_map(|body| &body.members))
    });
    let members: Vec<_> = members.collect();
    assert!(members.len() > 50, "{members:?}");
    assert!(members.iter().all(|member| !member.kind.is_empty()), "{members:?}");
}
