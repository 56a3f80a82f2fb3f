//! One call, as the page shows it.

use serde_json::{Value, json};

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
    pub(super) request: Request,
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
    /// The codes of the error, for programs.
    pub(super) codes: Vec<String>,
    /// The type of a JSON body; the media type of any other.
    pub(super) kind: String,
    pub(super) headers: Vec<Member>,
    pub(super) members: Vec<Member>,
    pub(super) example: Option<String>,
}

/// What the example of a call sends.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// With examples in the place of the parameters.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) needs_session: bool,
    pub(super) body: Option<String>,
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
            answers: answers(path, operation, schemas),
            request: Request::of(method, path, operation, document),
        }
    }
}

impl Operation {
    pub(super) fn has_errors(&self) -> bool {
        self.answers.iter().any(|it| !it.is_success)
    }

    /// What scripts need to write the call in another language, and to make it where it only reads.
    pub(super) fn for_scripts(&self) -> String {
        let Request { method, path, headers, needs_session, body } = &self.request;
        let parameters = self.path_parameters.iter().chain(&self.query_parameters);
        let parameter = |it: &Member| json!({ "name": it.name, "values": it.values });
        let runs = self.request.is_harmless().then(|| {
            json!({ "path": self.path, "parameters": parameters.map(parameter).collect::<Vec<_>>() })
        });
        let call = json!({
            "method": method, "path": path, "headers": headers, "needsSession": needs_session,
            "body": body, "runs": runs,
        });
        call.to_string()
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

impl Request {
    fn of(
        method: &'static str,
        path: &str,
        operation: &document::Operation,
        document: &Document,
    ) -> Self {
        let schemas = &document.components.schemas;
        let mut filled = path.to_owned();
        for parameter in &operation.parameters {
            if let Some(Value::String(example)) = &parameter.example {
                filled = filled.replace(&format!("{{{}}}", parameter.name), example);
            }
        }
        let mut headers = Vec::new();
        let body = operation.request_body.as_ref().and_then(|body| body.content.first());
        let body = body.map(|(media_type, MediaType { schema })| {
            headers.push(("Content-Type".to_owned(), media_type.clone()));
            Example::of(schema, schemas).brief()
        });
        let alternatives = operation.security.as_ref().unwrap_or(&document.security);
        let mut needs_session = false;
        match schemes(alternatives, document).next() {
            None => {}
            Some(SecurityScheme::ApiKey { place, .. }) if place == "cookie" => needs_session = true,
            Some(SecurityScheme::ApiKey { name, .. }) => {
                headers.push((name.clone(), "YOUR_API_KEY_HERE".to_owned()));
            }
            Some(SecurityScheme::Http { format, .. }) => {
                let what = format.to_uppercase().replace(' ', "_");
                headers.push(("Authorization".to_owned(), format!("Bearer YOUR_{what}_HERE")));
            }
        }
        Self { method, path: filled, headers, needs_session, body }
    }

    /// The command that sends it to `base_url`, with a session in the cookie of that name.
    pub(super) fn curl(&self, base_url: &str, session_cookie: &str) -> String {
        let method = if self.method == "GET" { "" } else { self.method };
        let method = if method.is_empty() { String::new() } else { format!(" -X {method}") };
        let mut command = format!("curl{method} \"{base_url}{}\"", self.path);
        let mut add = |option: String| {
            command.push_str(" \\\n  ");
            command.push_str(&option);
        };
        for (name, value) in &self.headers {
            add(format!("-H \"{name}: {value}\""));
        }
        if let Some(body) = &self.body {
            add(format!("-d '{}'", body.replace('\'', r"'\''")));
        }
        if self.needs_session {
            add(format!("--cookie \"{session_cookie}=your_session_cookie\""));
        }
        command
    }

    /// Whether it only reads, and needs nothing but the session that a browser has.
    pub(super) fn is_harmless(&self) -> bool {
        self.method == "GET" && self.headers.is_empty()
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

/// Whether every call may answer so: the introduction says that once.
fn is_of_every_call(path: &str, status: &str) -> bool {
    matches!(status, "408" | "413" | "415") || (status == "503" && path.starts_with("/api/"))
}

fn answers(path: &str, operation: &document::Operation, schemas: &Schemas) -> Vec<Answer> {
    let own = operation.responses.iter().filter(|(status, _)| !is_of_every_call(path, status));
    let mut answers: Vec<_> = own.collect();
    answers.sort_by_key(|(status, _)| status.as_str());
    let answer = |(status, answer): (&String, &document::Response)| {
        let content = answer.content.first();
        let headers = answer.headers.iter().map(|(name, header)| Member {
            description: header.description.clone().unwrap_or_default(),
            ..header.schema.member(name, true, schemas)
        });
        let (codes, headers): (Vec<_>, Vec<_>) = headers.partition(|it| it.name == "X-Error-Code");
        let is_json = content.filter(|(media_type, _)| *media_type == "application/json");
        Answer {
            status: status.clone(),
            description: answer.description.clone(),
            is_success: status.starts_with('2'),
            kind: content.map(|it| kind(it, schemas)).unwrap_or_default(),
            codes: codes.into_iter().flat_map(|it| it.values).collect(),
            headers,
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
