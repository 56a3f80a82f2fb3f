//! The routes in another service, below a path of its choice.

#![expect(clippy::clone_on_ref_ptr, reason = "each port is a clone of the one store")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Data};
use actix_web::{App, Error};
use latchkey_accounts::{
    AccountLimits, AccountPorts, AccountService, SessionLifetime, TokenPorts, TokenService,
};
use latchkey_domain::ports::{Clock, Entropy, SteadyClock};
use latchkey_domain::{
    ApiKeyPorts, ApiKeyService, Brand, IdSequence, IssuePolicy, KeyLimits, UsageService,
};
use latchkey_hasher_argon2::Argon2Hasher;
use latchkey_hasher_hmac::{HmacHasher, PepperRing};
use latchkey_http::{Http, HttpSettings, Product, Services, SettingNames, SignUp, configure};
use latchkey_store_sqlite::SqliteStore;
use latchkey_system::{BootClock, SystemClock};
use latchkey_testkit::fakes::CountingEntropy;
use latchkey_testkit::fixtures::a_writer;
use latchkey_verifier::{Answering, UsageWriter, Verifier, VerifierPorts};
use serde_json::{Value, json};

const PEPPERS: &str = "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const HOUR: Duration = Duration::from_hours(1);

/// What the host has joined, on a database in `dir`.
async fn migrated(dir: &Path) -> Arc<SqliteStore> {
    let store = SqliteStore::open(&dir.join("latchkey.db")).expect("a new database");
    store.migrate().await.expect("the schema");
    Arc::new(store)
}

async fn services(dir: &Path, entropy: &Arc<dyn Entropy>) -> Services {
    let store = migrated(dir).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let steady_clock: Arc<dyn SteadyClock> = Arc::new(BootClock);
    let hasher = Arc::new(HmacHasher::new(&PepperRing::parse(PEPPERS).expect("a ring")));
    let ports = VerifierPorts {
        lookup: store.clone(),
        feed: store.clone(),
        shares: store.clone(),
        hasher: hasher.clone(),
        clock: clock.clone(),
        lease_clock: steady_clock.clone(),
        usage: Arc::new(UsageWriter::new(store.clone(), a_writer())),
    };
    let verifier = Verifier::new(ports, Answering::FromStore, None);
    let (barrier, ids) = (Arc::new(verifier.barrier()), Arc::new(IdSequence::new(entropy.clone())));
    let of_keys = ApiKeyPorts {
        keys: store.clone(),
        owners: store.clone(),
        lookup: store.clone(),
        barrier: barrier.clone(),
        hasher: hasher.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        ids: ids.clone(),
    };
    let of_accounts = AccountPorts {
        accounts: store.clone(),
        barrier,
        sessions: store.clone(),
        networks: store.clone(),
        trail: store.clone(),
        passwords: Arc::new(Argon2Hasher::new(entropy.clone())),
        tokens: hasher.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        ids: ids.clone(),
    };
    let of_tokens = TokenPorts {
        tokens: store.clone(),
        hasher,
        clock: clock.clone(),
        entropy: entropy.clone(),
        ids,
    };
    let brand = Brand::parse("sk").expect("a brand");
    let policy = IssuePolicy { brand, max_keys_per_owner: 9, names_optional: false };
    let lifetime = SessionLifetime { idle: HOUR, absolute: HOUR, reauth_after: None };
    Services {
        api_keys: ApiKeyService::new(of_keys, policy, KeyLimits::new(600, steady_clock.clone())),
        accounts: AccountService::new(of_accounts, lifetime, AccountLimits::new(10, &steady_clock)),
        tokens: TokenService::new(of_tokens),
        foreign_sessions: None,
        usage: UsageService::new(store.clone(), store.clone(), clock.clone()),
        verifier,
        register: store.clone(),
        trail: store,
        clock,
    }
}

async fn mounted(dir: &Path) -> Data<Http> {
    let entropy: Arc<dyn Entropy> = Arc::new(CountingEntropy::default());
    let settings = HttpSettings {
        public_url: None,
        trusted_origins: Vec::new(),
        trusted_proxies: Vec::new(),
        sign_up: SignUp::Open,
        accounts: true,
        sign_in_url: None,
        session_cookie: "keys-session".to_owned(),
        metrics: false,
        admin: true,
        pages: false,
        product: Product::default(),
        reference: true,
        limit_headers: true,
        names: SettingNames::default(),
    };
    let services = Arc::new(services(dir, &entropy).await);
    let keeping = Arc::clone(&services);
    actix_web::rt::spawn(async move { keeping.verifier.keep().await });
    Data::new(Http::new(services, settings, Arc::new(()), &*entropy).expect("entropy"))
}

async fn call(
    host: &impl Service<actix_http::Request, Response = ServiceResponse, Error = Error>,
    request: TestRequest,
) -> (StatusCode, Option<String>, Value) {
    let response = host.call(request.to_request()).await.expect("an answer");
    let status = response.status();
    let cookie = response.headers().get(SET_COOKIE);
    let cookie = cookie.map(|line| line.to_str().expect("ASCII").to_owned());
    let body = to_bytes(response.into_body()).await.expect("a body");
    (status, cookie, serde_json::from_slice(&body).unwrap_or_default())
}

#[actix_web::test]
async fn the_routes_work_below_the_path_that_the_host_chose() {
    let dir = tempfile::tempdir().expect("a folder");
    let http = mounted(dir.path()).await;
    let routes = web::scope("/keys").configure(configure(http));
    let host = App::new().service(routes).route("/", web::get().to(async || "the host"));
    let host = init_service(host).await;
    let get = |path: &str| TestRequest::get().uri(path);
    let post = |path: &str| TestRequest::post().uri(path);

    let ada = json!({ "email": "ada@example.com", "password": "correct horse battery staple" });
    let (status, cookie, _) = call(&host, post("/keys/api/v1/auth/sign-up").set_json(ada)).await;
    assert_eq!(status, StatusCode::CREATED);
    let cookie = cookie.expect("a session");
    let session = cookie.split(';').next().expect("a pair").to_owned();

    let create = post("/keys/api/v1/api-keys").set_json(json!({ "name": "Production" }));
    let (status, _, key) = call(&host, create.insert_header((COOKIE, session.clone()))).await;
    assert_eq!(status, StatusCode::CREATED, "{key}");
    let secret = key["key"].as_str().expect("the key").to_owned();

    let verify = || get("/keys/api/v1/verify").insert_header(("x-api-key", secret.clone()));
    let (status, _, verified) = call(&host, verify()).await;
    assert_eq!((status, &verified["keyId"]), (StatusCode::OK, &key["id"]));

    let path = format!("/keys/api/v1/api-keys/{}", key["id"].as_str().expect("an id"));
    let revoke = TestRequest::default().method(Method::DELETE).uri(&path);
    let (status, ..) = call(&host, revoke.insert_header((COOKIE, session))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(call(&host, verify()).await.0, StatusCode::UNAUTHORIZED);

    let (_, _, document) = call(&host, get("/keys/openapi.json")).await;
    assert_eq!(document["servers"][0]["url"], "/keys");
}

#[actix_web::test]
async fn what_is_not_below_the_path_is_the_hosts() {
    let dir = tempfile::tempdir().expect("a folder");
    let http = mounted(dir.path()).await;
    let routes = web::scope("/keys").configure(configure(http));
    let host = App::new().service(routes).route("/", web::get().to(async || "the host"));
    let host = init_service(host).await;
    let seen = async |path| {
        let response = host.call(TestRequest::get().uri(path).to_request()).await;
        let response = response.expect("an answer");
        (response.status(), response.headers().contains_key("x-request-id"))
    };
    assert_eq!(seen("/").await, (StatusCode::OK, false));
    assert_eq!(seen("/api/v1/verify").await, (StatusCode::NOT_FOUND, false));
    assert_eq!(seen("/keysapi/v1/verify").await, (StatusCode::NOT_FOUND, false));
    assert_eq!(seen("/keys/api/v1/verify").await, (StatusCode::UNAUTHORIZED, true));
    assert_eq!(seen("/keys/api/v1/api-keys").await, (StatusCode::UNAUTHORIZED, true));
    assert_eq!(seen("/keys/%61pi/v1/api-keys").await, (StatusCode::NOT_FOUND, true));
    assert_eq!(seen("/k%65ys/api/v1/api-keys").await, (StatusCode::NOT_FOUND, true));
    assert_eq!(seen("/keys/sign-in").await, (StatusCode::NOT_FOUND, true));
    assert_eq!(seen("/keys").await, (StatusCode::NOT_FOUND, true));
}
