//! A scope of routes that asks for a scope of the key.

use serde_json::json;

use crate::suite::latchkey::Latchkey;
use crate::suite::service::Service;

#[test]
fn routes_behind_a_scope_are_reached_by_keys_that_have_it() {
    let latchkey = Latchkey::start();
    let service = Service::start(&latchkey.url());
    let key = |scopes| latchkey.create_key(&json!({ "name": "a", "scopes": scopes })).text;
    let narrow = "/narrow/plain";
    service.with_key(narrow, &key(json!(["docs:write"]))).expect_status(200);
    let refused = service.with_key(narrow, &key(json!(["docs:read"]))).expect_status(403);
    assert_eq!(refused.header("x-api-key-refusal"), Some("scope"));
    service.get(narrow, &[]).expect_status(401);
}
