use super::document::Schema;
use super::example::Example;
use super::schema::{Member, Schemas};
use super::{Reference, ReferencePage};
use crate::{Language, Page as _, Product};

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
    let reference = Reference::read(include_str!("../../../../openapi.json")).expect("read");
    let base_url = "https://keys.example.com";
    let page = ReferencePage {
        language: Language::English,
        product: &Product::default(),
        reference: &reference,
        base_url,
    }
    .html();
    let command = "curl -X POST \"https://keys.example.com/api/v1/api-keys\" \\\n  \
         -H \"Content-Type: application/json\" \\\n  -d '{\"name\": \"Production\"}' \\\n  \
         --cookie \"session=your_session_cookie\"";
    let text = page.replace("&#34;", "\"").replace("&#39;", "'");
    assert!(text.contains(command), "{text}");
}

#[test]
fn everything_in_the_published_document_has_a_type() {
    let reference = Reference::read(include_str!("../../../../openapi.json")).expect("read");
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
