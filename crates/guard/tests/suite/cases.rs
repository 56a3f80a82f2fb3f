//! The table of all clients, `clients/cases.json`, with the real binary.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::http::{Response, exchange};
use super::imposter::Imposter;
use super::latchkey::Latchkey;
use super::logs;
use super::service::{BRIEF, COSTLY, Service};

const TABLE: &str = include_str!("../../../../clients/cases.json");
/// What is allowed for an answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_service_answers_as_the_table_of_all_clients_says() {
    let table: Value = serde_json::from_str(TABLE).expect("JSON");
    let latchkey = Latchkey::start();
    let keys = keys(&latchkey, &table["keys"]);
    let texts = texts(&latchkey, &keys);
    let services = services(&latchkey, &table["upstreams"], &texts);
    let cases = table["cases"].as_array().expect("a list");
    let keys = &keys;
    let faults: Vec<String> = thread::scope(|scope| {
        let ask = |case: &Value| {
            let upstream = case["upstream"].as_str().unwrap_or("latchkey");
            let service = &services[upstream];
            let expected = expected(&case["expect"], &table["answers"], keys);
            let request = request(case, &texts);
            let name = case["name"].clone();
            let times = case["times"].as_u64().unwrap_or(1);
            let ask = move || (0..times).find_map(|_| fault(service, &request, &expected, keys));
            scope.spawn(move || ask().map(|it| (name, it)))
        };
        let asked: Vec<_> = cases.iter().map(ask).collect();
        let faults = asked.into_iter().filter_map(|it| it.join().expect("it says its fault"));
        faults.map(|(name, fault)| format!("{name}: {fault}")).collect()
    });
    assert!(faults.is_empty(), "of {} cases:\n{}", cases.len(), faults.join("\n"));
    let log = logs::text();
    assert!(log.contains("refused a request with 503"), "no cause of a 503 is in the log");
    assert!(!keys.values().any(|key| log.contains(&key.text)), "the log holds a key");
}

struct Key {
    text: String,
    /// What a verification says about it.
    told: Value,
}

fn keys(latchkey: &Latchkey, wanted: &Value) -> BTreeMap<String, Key> {
    let wanted = wanted.as_object().expect("an object");
    wanted.iter().map(|(name, wanted)| (name.clone(), key(latchkey, wanted))).collect()
}

fn key(latchkey: &Latchkey, wanted: &Value) -> Key {
    let mut body = wanted.clone();
    let then = body.as_object_mut().expect("an object").remove("then");
    let then = then.as_ref().and_then(Value::as_str);
    if then == Some("expire") {
        let now = OffsetDateTime::parse(&latchkey.now(), &Rfc3339).expect("a time");
        let soon = (now + Duration::from_millis(1500)).format(&Rfc3339).expect("a time");
        body["expiresAt"] = json!(soon);
    }
    let key = latchkey.create_key(&body);
    let told = json!({
        "keyId": key.id,
        "ownerId": latchkey.owner(),
        "name": key.body["name"],
        "keyPrefix": key.body["keyPrefix"],
        "environment": key.body["environment"],
    });
    match then {
        Some("disable") => latchkey.disable(&key),
        Some("revoke") => latchkey.revoke(&key),
        Some("use") => drop(latchkey.verify(&key.text).expect_status(200)),
        Some("expire") => thread::sleep(Duration::from_millis(1600)),
        _ => {}
    }
    Key { text: key.text, told }
}

/// What stands for what in the texts of the table.
fn texts(latchkey: &Latchkey, keys: &BTreeMap<String, Key>) -> Vec<(String, String)> {
    let mut texts =
        vec![("{latchkey}".to_owned(), latchkey.url()), ("{long}".to_owned(), "a".repeat(3000))];
    for (name, key) in keys {
        texts.push((format!("{{{name}}}"), key.text.clone()));
        for member in ["keyId", "ownerId", "keyPrefix"] {
            let told = key.told[member].as_str().expect("text").to_owned();
            texts.push((format!("{{{name}.{member}}}"), told));
        }
    }
    texts
}

/// The text as bytes, of which each is one character.
fn filled(text: &Value, texts: &[(String, String)]) -> Vec<u8> {
    let text = text.as_str().expect("text").to_owned();
    let text = texts.iter().fold(text, |text, (name, told)| text.replace(name, told));
    text.chars().map(|character| u8::try_from(character).expect("Latin-1")).collect()
}

/// One for each upstream.
fn services(
    latchkey: &Latchkey,
    upstreams: &Value,
    texts: &[(String, String)],
) -> BTreeMap<String, Service> {
    let of = |(name, script): (&String, &Value)| {
        let url = match script.as_array() {
            Some(script) => imposter(script, texts).url(),
            None if name == "latchkey" => latchkey.url(),
            None => Imposter::away(),
        };
        (name.clone(), Service::start_as_it_is(&url))
    };
    upstreams.as_object().expect("an object").iter().map(of).collect()
}

enum Step {
    Write(Vec<u8>),
    Pause(Duration),
}

fn imposter(script: &[Value], texts: &[(String, String)]) -> Imposter {
    let step = |step: &Value| match step.as_u64() {
        Some(millis) => Step::Pause(Duration::from_millis(millis)),
        None => Step::Write(filled(step, texts)),
    };
    let steps: Vec<Step> = script.iter().map(step).collect();
    Imposter::start(move |stream: &mut TcpStream| {
        for step in &steps {
            match step {
                Step::Write(bytes) => drop(stream.write_all(bytes)),
                Step::Pause(pause) => thread::sleep(*pause),
            }
        }
        drop(stream.shutdown(Shutdown::Both));
    })
}

/// Status, headers and body.
fn expected(expect: &Value, answers: &Value, keys: &BTreeMap<String, Key>) -> Value {
    if let Some(name) = expect.as_str() {
        return answers[name].clone();
    }
    let told = &keys[expect["key"].as_str().expect("a key's name")].told;
    let body = json!({
        "keyId": told["keyId"],
        "owner": told["ownerId"],
        "name": told["name"],
        "environment": told["environment"],
    });
    json!({ "status": 200, "headers": expect["headers"], "body": body })
}

fn request(case: &Value, texts: &[(String, String)]) -> Vec<u8> {
    let path = case["cost"].as_u64().map(|cost| format!("{COSTLY}/{cost}"));
    let path = path.unwrap_or_else(|| BRIEF.to_owned());
    let head = format!("GET {path} HTTP/1.1\r\nHost: service\r\nConnection: close\r\n");
    let mut lines = head.into_bytes();
    for header in case["headers"].as_array().expect("a list") {
        lines.extend(filled(&header[0], texts));
        lines.extend(b": ");
        lines.extend(filled(&header[1], texts));
        lines.extend(b"\r\n");
    }
    lines.extend(b"\r\n");
    lines
}

/// What is wrong with the service's answer, if anything.
fn fault(
    service: &Service,
    request: &[u8],
    expected: &Value,
    keys: &BTreeMap<String, Key>,
) -> Option<String> {
    let began = Instant::now();
    let answer = exchange(service.address, request);
    let took = began.elapsed();
    let printed = format!("{answer:?}");
    let is_json =
        answer.header("content-type").is_some_and(|it| it.starts_with("application/json"));
    let wrong = if took > PATIENCE {
        format!("{took:?}")
    } else if keys.values().any(|key| printed.contains(&key.text)) {
        "it holds a key".to_owned()
    } else if expected["status"] != answer.status {
        format!("not {}", expected["status"])
    } else if !is_json
        || serde_json::from_str(&answer.body).ok().as_ref() != Some(&expected["body"])
    {
        format!("not {}", expected["body"])
    } else {
        wrong_header(&answer, &expected["headers"])?
    };
    Some(format!("{wrong}: {printed}"))
}

fn wrong_header(answer: &Response, expected: &Value) -> Option<String> {
    let mut headers = expected.as_object()?.iter();
    headers.find_map(|(name, value)| {
        let lines = answer.lines(name);
        let found = if lines.is_empty() { Value::Null } else { json!(lines.join(", ")) };
        let is_so = if *value == true { found.is_string() } else { found == *value };
        (!is_so).then(|| format!("{name} is not {value}"))
    })
}
