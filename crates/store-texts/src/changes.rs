//! What events say was changed, as it is stored: JSON.

use latchkey_domain::{
    Action, AllowedNetworks, Credits, Grants, KeyDifference, KeyName, Limits, MaxKeys, Metadata,
    OwnerDifference, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits_from;

/// What an action changed, as it is stored; `None` where it changed nothing that is kept.
pub fn changes_of(action: &Action) -> Option<String> {
    match action {
        Action::KeyChanged { difference: Some(it), .. } => Some(Changes::written(it)),
        Action::OwnerChanged { difference: Some(it) } => Some(OwnerChanges::written(it)),
        Action::CreditsAdded { credits: Some(it), .. } => Some(credits_written(*it)),
        Action::CreditsStranded { stranded: Some(it), .. } => {
            Some(serde_json::to_string(&Stranded { stranded: *it }).expect("a number is JSON"))
        }
        _ => None,
    }
}

/// The action with what it changed, as [`changes_of`] wrote it.
pub fn with_changes(mut action: Action, json: &str) -> Option<Action> {
    match &mut action {
        Action::KeyChanged { difference, .. } => *difference = Some(Box::new(Changes::read(json)?)),
        Action::OwnerChanged { difference } => *difference = Some(OwnerChanges::read(json)?),
        Action::CreditsAdded { credits, .. } => *credits = Some(credits_read(json)?),
        Action::CreditsStranded { stranded, .. } => {
            *stranded = Some(serde_json::from_str::<Stranded>(json).ok()?.stranded);
        }
        _ => {}
    }
    Some(action)
}

/// What was left of credits before and after; null where they were not counted.
#[derive(Serialize, Deserialize)]
struct Added {
    credits: [Option<u64>; 2],
}

/// How many credits were lost.
#[derive(Serialize, Deserialize)]
struct Stranded {
    stranded: u64,
}

fn credits_written(both: [Option<Credits>; 2]) -> String {
    let credits = both.map(|it| it.map(Credits::get));
    serde_json::to_string(&Added { credits }).expect("numbers are JSON")
}

fn credits_read(json: &str) -> Option<[Option<Credits>; 2]> {
    let Added { credits } = serde_json::from_str(json).ok()?;
    let read = |it: Option<u64>| it.map(Credits::new).transpose().ok();
    let [before, after] = credits.map(read);
    Some([before?, after?])
}

/// Limits before and after, as texts; null where there were none.
type LimitsWritten = [Option<String>; 2];

fn limits_written(both: &[Limits; 2]) -> LimitsWritten {
    both.map(|limits| (!limits.is_empty()).then(|| limits.to_string()))
}

fn limits_read([before, after]: &LimitsWritten) -> Option<[Limits; 2]> {
    Some([limits_from(before.as_deref())?, limits_from(after.as_deref())?])
}

/// An [`OwnerDifference`] as it is stored. What a newer version added is not read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerChanges {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_keys: Option<[Option<u32>; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended: Option<[bool; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsWritten>,
}

impl OwnerChanges {
    fn written(difference: &OwnerDifference) -> String {
        let OwnerDifference { max_keys, suspended, limits } = difference;
        let max_keys = max_keys.map(|both| both.map(|limit| limit.map(MaxKeys::get)));
        let limits = limits.as_ref().map(limits_written);
        let changes = Self { max_keys, suspended: *suspended, limits };
        serde_json::to_string(&changes).expect("booleans, numbers and texts are JSON")
    }

    fn read(json: &str) -> Option<OwnerDifference> {
        let Self { max_keys, suspended, limits } = serde_json::from_str(json).ok()?;
        let limit = |keys: Option<u32>| keys.map(MaxKeys::new).transpose().ok();
        let max_keys = match max_keys {
            Some([before, after]) => Some([limit(before)?, limit(after)?]),
            None => None,
        };
        let limits = match limits {
            Some(both) => Some(limits_read(&both)?),
            None => None,
        };
        Some(OwnerDifference { max_keys, suspended, limits })
    }
}

/// A [`KeyDifference`] as it is stored. What a newer version added is not read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<[String; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled: Option<[bool; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<[Option<i64>; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<[Box<RawValue>; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<[Option<String>; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed_networks: Option<[Option<String>; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsWritten>,
}

impl Changes {
    fn written(difference: &KeyDifference) -> String {
        let KeyDifference { name, enabled, expires_at, metadata, scopes, allowed_networks, limits } =
            difference;
        let raw = |it: &Metadata| {
            RawValue::from_string(it.as_str().to_owned()).expect("metadata is JSON")
        };
        let changes = Self {
            name: name.as_ref().map(|both| both.each_ref().map(|it| it.as_str().to_owned())),
            enabled: *enabled,
            expires_at: expires_at.map(|both| both.map(|at| at.map(Timestamp::unix_millis))),
            metadata: metadata.as_ref().map(|both| both.each_ref().map(raw)),
            scopes: scopes
                .as_ref()
                .map(|both| both.each_ref().map(|it| it.joined().map(str::to_owned))),
            allowed_networks: allowed_networks
                .as_ref()
                .map(|both| both.each_ref().map(AllowedNetworks::joined)),
            limits: limits.as_ref().map(limits_written),
        };
        serde_json::to_string(&changes).expect("texts, booleans, numbers and JSON are JSON")
    }

    fn read(json: &str) -> Option<KeyDifference> {
        let Self { name, enabled, expires_at, metadata, scopes, allowed_networks, limits } =
            serde_json::from_str(json).ok()?;
        let name = name.map(|both| both.map(|name| KeyName::restore(name).ok()));
        let metadata = metadata.map(|both| both.map(|raw| Metadata::parse(raw.get()).ok()));
        let scopes = scopes.map(|both| both.map(|it| Grants::restore(it.as_deref()).ok()));
        let allowed_networks = allowed_networks
            .map(|both| both.map(|it| AllowedNetworks::restore(it.as_deref()).ok()));
        let instant = |millis: Option<i64>| millis.map(Timestamp::from_unix_millis);
        let expires_at = expires_at.map(|both| both.map(instant));
        Some(KeyDifference {
            name: match name {
                Some([before, after]) => Some([before?, after?]),
                None => None,
            },
            enabled,
            expires_at: match expires_at {
                Some([Some(None), _] | [_, Some(None)]) => return None,
                Some(both) => Some(both.map(Option::flatten)),
                None => None,
            },
            metadata: match metadata {
                Some([before, after]) => Some([before?, after?]),
                None => None,
            },
            scopes: match scopes {
                Some([before, after]) => Some([before?, after?]),
                None => None,
            },
            allowed_networks: match allowed_networks {
                Some([before, after]) => Some([before?, after?]),
                None => None,
            },
            limits: match limits {
                Some(both) => Some(limits_read(&both)?),
                None => None,
            },
        })
    }
}
