//! Another service with API keys of its own, in its own process; `README.md` says how to try it.

use std::error::Error;
use std::future::ready;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::{delete, get};
use axum::{Json, Router};
use clap::Parser;
use latchkey_domain::ports::{
    ApiKeyRepository, KeyLookup, NoBarrier, OwnerRepository, PepperRepository,
};
use latchkey_domain::{
    ApiKeyId, ApiKeyParts, ApiKeyPorts, ApiKeyService, Brand, Caller, Environment, IssueError,
    IssuePolicy, KeyLimits, KeyName, NewKey, OwnerId, RevokeError, Secret, VerifyError, presented,
};
use latchkey_hasher_hmac::{HmacHasher, PepperFile};
use latchkey_store_postgres::{PostgresSettings, PostgresStore};
use latchkey_store_sqlite::SqliteStore;
use latchkey_system::{BootClock, OsEntropy, SystemClock};
use serde_json::{Value, json};

#[derive(Debug, Parser)]
struct Settings {
    /// A Postgres of this service's own; without it, the file `own-service.db` holds the keys.
    #[arg(long, env, hide_env_values = true)]
    database_url: Option<String>,
    #[arg(long, env, default_value = "127.0.0.1:3000")]
    listen: String,
}

/// The secret of the keys' digests: without it every key is lost.
const PEPPERS: &str = "own-service.peppers";
/// Keys that one owner may issue and revoke in a minute.
const CHANGES_PER_MINUTE: u32 = 600;

type Service = State<Arc<ApiKeyService>>;
type Answer = Result<Json<Value>, StatusCode>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let settings = Settings::parse();
    let routes = Router::new()
        .route("/greeting", get(greet))
        .route("/keys", get(list).post(issue))
        .route("/keys/{id}", delete(revoke))
        .with_state(Arc::new(open(&settings).await?));
    Ok(axum::serve(tokio::net::TcpListener::bind(settings.listen).await?, routes).await?)
}

/// The use cases on the database of the settings.
async fn open(settings: &Settings) -> Result<ApiKeyService, Box<dyn Error>> {
    let ports = if let Some(url) = &settings.database_url {
        let store = PostgresStore::connect(&PostgresSettings::parse(url)?)?;
        store.migrate().await?;
        ports(store).await?
    } else {
        let store = SqliteStore::open("own-service.db".as_ref())?;
        store.migrate().await?;
        ports(store).await?
    };
    let (brand, max_keys_per_owner, names_optional) = (Brand::parse("own")?, u32::MAX, false);
    let policy = IssuePolicy { brand, max_keys_per_owner, names_optional };
    let limits = KeyLimits::new(CHANGES_PER_MINUTE, Arc::new(BootClock));
    Ok(ApiKeyService::new(ports, policy, limits))
}

/// The ring is generated at the first start, and has to fit the store at each later one. No barrier: only this
/// process verifies, and it asks the store each time.
async fn ports<S>(store: S) -> Result<ApiKeyPorts, Box<dyn Error>>
where
    S: ApiKeyRepository + OwnerRepository + KeyLookup + PepperRepository + 'static,
{
    let ring = PepperFile::at(PEPPERS).read_or_generate(&store, &OsEntropy).await?;
    let hasher = HmacHasher::new(&ring);
    hasher.confirm(&store, ready(Ok(false))).await?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    Ok(ApiKeyPorts::of(&Arc::new(store), Arc::new(NoBarrier), Arc::new(hasher), clock, entropy))
}

async fn greet(State(service): Service, headers: HeaderMap) -> Answer {
    let all = |name| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let text = presented(all("x-api-key"), all("authorization"));
    let secret = text.and_then(|text| Secret::parse(text).ok()).ok_or(StatusCode::UNAUTHORIZED)?;
    match service.verify(&secret).await {
        Ok(key) => Ok(Json(json!({ "hello": key.parts().owner.as_str() }))),
        Err(VerifyError::Refused(_)) => Err(StatusCode::UNAUTHORIZED),
        Err(error) => Err(unavailable(error)),
    }
}

async fn issue(State(service): Service, headers: HeaderMap, Json(name): Json<String>) -> Answer {
    let owner = user(&headers)?;
    let name = KeyName::parse(name).map_err(|_bad_name| StatusCode::BAD_REQUEST)?;
    let new = NewKey::new(name, Environment::Live);
    // In a task of its own: a client that goes away can't stop a change halfway.
    let task =
        tokio::spawn(async move { service.issue(owner.clone(), new, &Caller::of(&owner)).await });
    let issued = task.await.map_err(unavailable)?.map_err(|error| match error {
        IssueError::NotNow(_) => StatusCode::TOO_MANY_REQUESTS,
        error => unavailable(error),
    })?;
    Ok(Json(json!({ "id": issued.key.parts().id.to_string(), "key": issued.secret.expose() })))
}

async fn list(State(service): Service, headers: HeaderMap) -> Answer {
    let keys = service.list(&user(&headers)?).await.map_err(unavailable)?;
    let keys = keys.iter().map(|found| found.key.parts());
    let row = |key: &ApiKeyParts| {
        json!([key.id.to_string(), key.name.as_str(), key.created_at.rfc3339().as_str()])
    };
    Ok(Json(keys.map(row).collect()))
}

async fn revoke(State(service): Service, headers: HeaderMap, id: Path<String>) -> Answer {
    let owner = user(&headers)?;
    let id = ApiKeyId::parse(&id).map_err(|_malformed| StatusCode::NOT_FOUND)?;
    let task = tokio::spawn(async move { service.revoke(&owner, id, &Caller::of(&owner)).await });
    match task.await.map_err(unavailable)? {
        Ok(()) => Ok(Json(json!({ "success": true }))),
        Err(RevokeError::NotFound) => Err(StatusCode::NOT_FOUND),
        Err(RevokeError::NotNow(_)) => Err(StatusCode::TOO_MANY_REQUESTS),
        Err(error) => Err(unavailable(error)),
    }
}

/// Who is signed in. A real service looks at its session; this one believes a header.
fn user(headers: &HeaderMap) -> Result<OwnerId, StatusCode> {
    let user = headers.get("x-user").and_then(|value| value.to_str().ok());
    OwnerId::parse(user.unwrap_or_default()).map_err(|_nobody| StatusCode::UNAUTHORIZED)
}

fn unavailable(error: impl Error) -> StatusCode {
    tracing::error!(%error);
    StatusCode::SERVICE_UNAVAILABLE
}
