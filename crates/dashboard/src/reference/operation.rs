//! One call, as the page shows it.

use serde_json::Value;

use super::document::{self, Document, MediaType, RequestBody, Requirement, SecurityScheme};
use super::example::Example;
use super::schema::{Member, Schemas};

#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) tag: String,
    pub(super) anchor: String,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) title: String,
    pub(super) description: String,
    /// The ways to authenticate, of which one is enough; empty if everybody may call.
    pub(super) opened_by: Vec<String>,
    pub(super) path_parameters: Vec<Member>,
    pub(super) query_parameters: Vec<Member>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    pub(super) curl: Curl,
}

#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) is_required: bool,
    pub(super) least_members: Option<u64>,
    pub(super) is_closed: bool,
    pub(super) members: Vec<Member>,
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: String,
    pub(super) description: String,
    pub(super) is_success: bool,
    /// The type of a JSON body; the media type of any other.
    pub(super) kind: String,
    pub(super) headers: Vec<Member>,
    pub(super) members: Vec<Member>,
    pub(super) example: Option<String>,
}

/// A command that makes the call; the address of the service is left open.
#[derive(Debug, Clone)]
pub(super) struct Curl {
    pub(super) path: String,
    /// One argument on each line.
    pub(super) options: Vec<String>,
}

/// All calls of a document, in its order; those of one path from GET to DELETE.
pub(super) fn all(document: &Document) -> impl Iterator<Item = Operation> {
    document.paths.iter().flat_map(move |(path, item)| {
        let methods = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        methods.into_iter().filter_map(move |(method, operation)| {
            Some(Operation::of(method, path, operation.as_ref()?, document))
        })
    })
}

impl Operation {
    fn of(
        method: &'static str,
        path: &str,
        operation: &document::Operation,
        document: &Document,
    ) -> Self {
        let schemas = &document.components.schemas;
        let parameters = |place: &str| {
            let here = operation.parameters.iter().filter(|it| it.place == place);
            let member = |it: &document::Parameter| Member {
                description: it.description.clone().unwrap_or_default(),
                ..it.schema.member(&it.name, it.required, schemas)
            };
            here.map(member).collect()
        };
        let alternatives = operation.security.as_ref().unwrap_or(&document.security);
        let opened_by: Vec<_> = schemes(alternatives, document).collect();
        Self {
            tag: operation.tags.concat(),
            anchor: operation.id.clone(),
            method,
            path: path.to_owned(),
            title: operation.summary.trim_end_matches('.').to_owned(),
            description: operation.description.clone(),
            opened_by: opened_by.iter().map(|scheme| label(scheme)).collect(),
            path_parameters: parameters("path"),
            query_parameters: parameters("query"),
            body: operation.request_body.as_ref().map(|body| Body::of(body, schemas)),
            answers: answers(operation, schemas),
            curl: Curl::of(path, operation, opened_by.first().copied(), schemas),
        }
    }
}

impl Body {
    fn of(body: &RequestBody, schemas: &Schemas) -> Self {
        let schema = body.content.values().next().map(|it| it.schema.resolved(schemas));
        let schema = schema.unwrap_or_default();
        Self {
            is_required: body.required,
            least_members: schema.min_properties,
            is_closed: schema.additional_properties == Some(false),
            members: schema.members(schemas),
        }
    }
}

impl Curl {
    fn of(
        path: &str,
        operation: &document::Operation,
        opened_by: Option<&SecurityScheme>,
        schemas: &Schemas,
    ) -> Self {
        let mut filled = path.to_owned();
        for parameter in &operation.parameters {
            if let Some(Value::String(example)) = &parameter.example {
                filled = filled.replace(&format!("{{{}}}", parameter.name), example);
            }
        }
        let mut options = Vec::new();
        let body = operation.request_body.as_ref().and_then(|body| body.content.first());
        if let Some((media_type, MediaType { schema })) = body {
            let example = Example::of(schema, schemas).brief().replace('\'', r"'\''");
            options.push(format!("-H \"Content-Type: {media_type}\""));
            options.push(format!("-d '{example}'"));
        }
        options.extend(opened_by.map(|scheme| match scheme {
            SecurityScheme::ApiKey { place, name } if place == "cookie" => {
                format!("--cookie \"{name}=your_session_cookie\"")
            }
            SecurityScheme::ApiKey { name, .. } => format!("-H \"{name}: YOUR_API_KEY_HERE\""),
            SecurityScheme::Http { format, .. } => {
                let what = format.to_uppercase().replace(' ', "_");
                format!("-H \"Authorization: Bearer YOUR_{what}_HERE\"")
            }
        }));
        Self { path: filled, options }
    }
}

fn schemes<'a>(
    alternatives: &'a [Requirement],
    document: &'a Document,
) -> impl Iterator<Item = &'a SecurityScheme> {
    let names = alternatives.iter().flat_map(|it| it.keys());
    names.filter_map(|name| document.components.security_schemes.get(name))
}

fn label(scheme: &SecurityScheme) -> String {
    match scheme {
        SecurityScheme::ApiKey { place, name } if place == "cookie" => {
            format!("the session cookie, `{name}`")
        }
        SecurityScheme::ApiKey { place, name } => format!("the {place} `{name}`"),
        SecurityScheme::Http { format, .. } => {
            format!("the header `Authorization: Bearer` with the {format}")
        }
    }
}

fn answers(operation: &document::Operation, schemas: &Schemas) -> Vec<Answer> {
    let mut answers: Vec<_> = operation.responses.iter().collect();
    answers.sort_by_key(|(status, _)| status.as_str());
    let answer = |(status, answer): (&String, &document::Response)| {
        let content = answer.content.first();
        let headers = answer.headers.iter().map(|(name, header)| Member {
            description: header.description.clone().unwrap_or_default(),
            ..header.schema.member(name, true, schemas)
        });
        let is_json = content.filter(|(media_type, _)| *media_type == "application/json");
        Answer {
            status: status.clone(),
            description: answer.description.clone(),
            is_success: status.starts_with('2'),
            kind: content.map(|it| kind(it, schemas)).unwrap_or_default(),
            headers: headers.collect(),
            members: is_json.map(|(_, it)| it.schema.members(schemas)).unwrap_or_default(),
            example: is_json.map(|(_, it)| Example::of(&it.schema, schemas).pretty()),
        }
    };
    answers.into_iter().map(answer).collect()
}

fn kind((media_type, content): (&String, &MediaType), schemas: &Schemas) -> String {
    if media_type == "application/json" {
        content.schema.resolved(schemas).kind(schemas)
    } else {
        media_type.clone()
    }
}
