use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use latchkey_guard_tower::{ApiKeyPrincipal, Guard, GuardError, Remote, RequireKey, require_scope};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::Notify;

use crate::suite::service::{self, Started};

/// Serves until it is stopped.
pub(crate) fn run(remote: &Remote, inner: &Remote, started: &Sender<Started>) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let by = |guard| {
            let require_key = RequireKey::by(guard);
            require_key
                .with_peer(|it| it.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(it)| it.ip()))
        };
        let require = |remote| by(Guard::remote(remote));
        let guard = Guard::remote(remote);
        let costly = service::COSTS.into_iter().fold(Router::new(), |costly, cost| {
            let costs = by(guard.at_cost(cost).expect("a cost"));
            costly.route(&format!("{}/{cost}", service::COSTLY), get(brief).route_layer(costs))
        });
        let narrow = get(async || StatusCode::OK).route_layer(require_scope(service::SCOPE));
        let app = Router::new()
            .route(service::BRIEF, get(brief))
            .route(service::WHO, get(who))
            .route(service::SCOPED, get(async || StatusCode::OK))
            .route(service::SCOPED_WHO, get(who))
            .route(service::WRITES, get(writes))
            .route(service::NARROW, narrow.clone())
            .route(service::INNER, get(who).route_layer(require(inner)))
            .route_layer(by(guard))
            .merge(costly)
            .route(service::UNGUARDED, get(who))
            .route(service::UNGUARDED_NARROW, narrow)
            .into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("bound");
        let stopped = Arc::new(Notify::new());
        let stop = Arc::clone(&stopped);
        started.send((address, Box::new(move || stop.notify_one()))).expect("somebody waits");
        tokio::select! {
            served = axum::serve(listener, app) => served.expect("it runs until it is stopped"),
            () = stopped.notified() => {}
        }
    });
}

async fn who(caller: ApiKeyPrincipal) -> Json<Value> {
    Json(service::who(&caller))
}

async fn writes(caller: ApiKeyPrincipal) -> Result<StatusCode, GuardError> {
    caller.require(service::SCOPE)?;
    Ok(StatusCode::OK)
}

async fn brief(caller: ApiKeyPrincipal) -> Json<Value> {
    Json(service::brief(&caller))
}
