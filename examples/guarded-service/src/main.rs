//! A small service with two routes that need an API key; `README.md` says how to try it.

mod rendering;

use std::error::Error;
use std::net::SocketAddr;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use clap::Parser;
use latchkey_guard_actix::{Guard, Remote, require_key};

/// Makes pretend screenshots for callers with an API key.
#[derive(Debug, Parser)]
struct Settings {
    /// Where Latchkey is.
    #[arg(long, env, value_parser = Remote::new, default_value = "http://127.0.0.1:8080")]
    latchkey_url: Remote,
    /// Where to listen.
    #[arg(long, env, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let Settings { latchkey_url, listen } = Settings::parse();
    let server = HttpServer::new(move || {
        let api = web::scope("/api/v1").wrap(from_fn(require_key)).configure(rendering::routes);
        App::new().app_data(Guard::remote(&latchkey_url)).service(api)
    });
    Ok(server.bind(listen)?.run().await?)
}
