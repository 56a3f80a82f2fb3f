use std::sync::mpsc::Sender;

use actix_web::middleware::from_fn;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpResponse, HttpServer, rt, web};
use latchkey_guard_actix::{
    ApiKeyPrincipal, Guard, GuardError, Remote, require_key, require_key_at_cost, require_scope,
};

use crate::suite::service::{self, Started};

/// Serves until it is stopped.
pub(crate) fn run(remote: &Remote, inner: &Remote, started: &Sender<Started>) {
    let (remote, inner) = (remote.clone(), inner.clone());
    let server = HttpServer::new(move || {
        let scoped = web::scope("/scoped")
            .wrap(from_fn(require_key))
            .route("/plain", web::get().to(HttpResponse::Ok))
            .route("/who", web::get().to(who));
        let inner = web::scope("/inner")
            .app_data(Guard::remote(&inner))
            .wrap(from_fn(require_key))
            .route("/who", web::get().to(who));
        let briefly = web::resource(service::BRIEF).wrap(from_fn(require_key));
        let guarded = web::scope("")
            .app_data(Guard::remote(&remote))
            .service(briefly.route(web::get().to(brief)))
            .configure(costly)
            .route(service::WHO, web::get().to(who))
            .service(scoped)
            .route(service::WRITES, web::get().to(writes))
            .service(
                web::resource(service::NARROW)
                    .wrap(from_fn(require_scope(service::SCOPE)))
                    .route(web::get().to(HttpResponse::Ok)),
            )
            .service(web::scope("/outer").wrap(from_fn(require_key)).service(inner));
        let unguarded = web::resource(service::UNGUARDED_NARROW)
            .wrap(from_fn(require_scope(service::SCOPE)))
            .route(web::get().to(HttpResponse::Ok));
        App::new().route(service::UNGUARDED, web::get().to(who)).service(unguarded).service(guarded)
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0");
    let server = server.expect("a port is free");
    let address = server.addrs()[0];
    rt::System::new().block_on(async move {
        let server = server.run();
        let handle = server.handle();
        let stop = Box::new(move || drop(handle.stop(false)));
        started.send((address, stop)).expect("somebody waits");
        server.await.expect("it runs until it is stopped");
    });
}

fn costly(config: &mut ServiceConfig) {
    for cost in service::COSTS {
        let resource = web::resource(format!("{}/{cost}", service::COSTLY));
        let resource = resource.wrap(from_fn(require_key_at_cost(cost)));
        config.service(resource.route(web::get().to(brief)));
    }
}

async fn who(caller: ApiKeyPrincipal) -> HttpResponse {
    HttpResponse::Ok().json(service::who(&caller))
}

async fn writes(caller: ApiKeyPrincipal) -> Result<HttpResponse, GuardError> {
    caller.require(service::SCOPE)?;
    Ok(HttpResponse::Ok().finish())
}

async fn brief(caller: ApiKeyPrincipal) -> HttpResponse {
    HttpResponse::Ok().json(service::brief(&caller))
}
