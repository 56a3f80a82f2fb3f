use std::future::pending;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZero;
use std::process;
use std::sync::Arc;
use std::thread::{self, available_parallelism};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web::Data;
use futures_util::future::join_all;
use latchkey_domain::{ScopeCatalogue, error_chain};
use latchkey_http::{
    Http, SignUp, admin_application, application, metrics_application, refuse_unread, spans,
};
use latchkey_listener::{Address, Descriptors, Listener, Refusals, Room, Serving, SocketFile};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::app::{App, NotPrepared, StartError};
use crate::housekeeping;
use crate::operator::control::{self, Control};
use crate::recovery::{keep_recovering, keep_warning};
use crate::settings::{SCOPES_FILE, Settings, read_scopes};
use crate::telemetry;

/// How long requests may still run when the server has stopped listening; with what comes after it,
/// the process ends within 30 seconds from then.
const GRACE: u64 = 20;
const SETTLE: Duration = Duration::from_secs(8);
/// Longer than a gateway keeps idle connections (nginx: 60 s), so that the gateway closes first and
/// no request of its meets a closing connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Of `/metrics` alone. Somebody who asks it keeps one or two open.
const METRICS_CONNECTIONS: usize = 32;
const METRICS_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Of calls with a management token, on a listener of their own: a few backends, each with a pool.
const ADMIN_CONNECTIONS: usize = 64;
/// What the listeners of their own answer.
const METRICS: &str = "/metrics";
const ADMIN: &str = "/api/v1/admin";
const PREPARE_EVERY: Duration = Duration::from_millis(500);
const WRITE_USES_EVERY: Duration = Duration::from_secs(1);

/// Runs the server until it is asked to stop. Keys may be given the scopes of a catalogue, until its file is read again.
pub(crate) async fn serve(settings: Settings, scopes: ScopeCatalogue) -> Result<(), StartError> {
    let listen = settings.listen.clone();
    // Before all else: by default a signal kills the process, and the first process of a container
    // doesn't even notice.
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let hang_ups =
        settings.scopes_file.is_some().then(|| signal(SignalKind::hangup())).transpose()?;
    spans::start()?;
    let workers = available_parallelism().map_or(2, NonZero::get);
    let connections = Descriptors::raise().for_connections(workers);
    let app = tokio::select! {
        started = start(settings) => Arc::new(started?),
        () = next(&mut signals) => exit("stopped while starting", 0),
    };
    app.services.api_keys.set_scope_catalogue(scopes);
    let control = control(&app).await?;

    let http = http_of(&app)?;
    let mut listener =
        Listener::bind(listen).map_err(|error| format!("LATCHKEY_LISTEN: {error}"))?;
    let files = listener.take_files();
    let metrics = metrics_server(&app, &http)?;
    let admin = admin_server(&app, &http)?;
    announce(listener.addresses(), &app)?;

    let serving = serving(&app, &http, workers, connections, KEEP_ALIVE);
    let routes = Data::clone(&http);
    let server = listener.serve(serving, move || application(Data::clone(&routes)))?;
    let metrics = metrics.map(|it| tokio::spawn(until_it_ends(it, METRICS)));
    let handles = [Some(server.handle()), admin.as_ref().map(Server::handle)];
    let admin = admin.map(|it| tokio::spawn(until_it_ends(it, ADMIN)));
    let stopping = stop(handles.into_iter().flatten().collect(), files, app.settings.drain_delay);
    tokio::spawn(stop_on_signal(signals, stopping, Arc::clone(&app)));
    let background = [
        tokio::spawn(serve_commands(control, Arc::clone(&app))),
        tokio::spawn(keep_watching(Arc::clone(&app))),
        tokio::spawn(keep_telling(Data::clone(&http))),
        tokio::spawn(keep_recovering(Arc::clone(&app))),
        tokio::spawn(keep_warning(Arc::clone(&app))),
        tokio::spawn(keep_foreign_keys(Arc::clone(&app))),
        tokio::spawn(keep_reading_scopes(hang_ups, Arc::clone(&app))),
    ];
    tokio::select! {
        ended = server => ended?,
        refused = work(Arc::clone(&app)) => return Err(refused),
    }
    if let Some(admin) = admin {
        admin.await?;
    }
    for task in background.into_iter().chain(metrics) {
        task.abort();
    }
    http.tell();
    let settling = async {
        http.drain().await;
        app.settle().await;
    };
    if tokio::time::timeout(SETTLE, settling).await.is_err() {
        tracing::warn!("stopped before all last uses were written");
    }
    tokio::task::spawn_blocking(spans::close).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Joins everything and prepares the database, if that is there.
async fn start(settings: Settings) -> Result<App, StartError> {
    let app = App::join(settings).await?;
    match app.prepare().await {
        Err(NotPrepared::Refused(error)) => return Err(error),
        Err(NotPrepared::Away(error)) => {
            tracing::warn!(error = %error, "the database is away: every request is refused until it answers");
        }
        Ok(()) => {}
    }
    Ok(app)
}

/// Waits until the database is there, and does what needs it. Answers why it can't be used, if so.
async fn work(app: Arc<App>) -> StartError {
    while !app.is_prepared() {
        sleep(PREPARE_EVERY).await;
        match app.prepare().await {
            Ok(()) => tracing::info!("the database is there"),
            Err(NotPrepared::Away(error)) => tracing::debug!(%error, "the database is still away"),
            Err(NotPrepared::Refused(error)) => return error,
        }
    }
    // Changes that are under way wait for this instance too, so that it goes on to the very end.
    // Last uses are written until then too.
    tokio::spawn(keep_verifying(Arc::clone(&app)));
    tokio::spawn(keep_writing(Arc::clone(&app)));
    tokio::spawn(keep_writing_uses_of_tokens(Arc::clone(&app)));
    keep_house(app).await;
    pending().await
}

/// The routes, over what `app` has joined.
fn http_of(app: &Arc<App>) -> Result<Data<Http>, StartError> {
    let (services, settings) = (Arc::clone(&app.services), app.settings.http.clone());
    let host = Arc::<App>::clone(app);
    Ok(Data::new(Http::new(services, settings, host, &*app.entropy)?))
}

/// The listener for `/metrics` alone, if there is to be one.
fn metrics_server(app: &Arc<App>, http: &Data<Http>) -> Result<Option<Server>, StartError> {
    let Some(listen) = app.settings.metrics_listen else { return Ok(None) };
    let listener = own_listener("LATCHKEY_METRICS_LISTEN", listen, METRICS)?;
    let serving = serving(app, http, 1, METRICS_CONNECTIONS, METRICS_KEEP_ALIVE);
    let http = Data::clone(http);
    let server = listener.serve(serving, move || metrics_application(Data::clone(&http)))?;
    Ok(Some(server))
}

/// The listener for calls with a management token alone, if there is to be one.
fn admin_server(app: &Arc<App>, http: &Data<Http>) -> Result<Option<Server>, StartError> {
    let Some(listen) = app.settings.admin_listen else { return Ok(None) };
    let listener = own_listener("LATCHKEY_ADMIN_LISTEN", listen, ADMIN)?;
    let serving = serving(app, http, 1, ADMIN_CONNECTIONS, KEEP_ALIVE);
    let http = Data::clone(http);
    let server = listener.serve(serving, move || admin_application(Data::clone(&http)))?;
    Ok(Some(server))
}

fn own_listener(
    setting: &str,
    listen: SocketAddr,
    answers: &'static str,
) -> Result<Listener, StartError> {
    let listener =
        Listener::bind([listen.into()]).map_err(|error| format!("{setting}: {error}"))?;
    let address = joined(listener.addresses(), ", ");
    tracing::info!(address, "listening for {answers} alone");
    Ok(listener)
}

async fn until_it_ends(server: Server, answers: &'static str) {
    if let Err(error) = server.await {
        tracing::error!(%error, "the listener for {answers} failed");
    }
}

fn serving(
    app: &App,
    http: &Data<Http>,
    workers: usize,
    most: usize,
    keep_alive: Duration,
) -> Serving {
    let room = Room {
        most,
        per_address: app.settings.connections_per_address,
        trusted_proxies: app.settings.http.trusted_proxies.clone(),
    };
    let tally = Arc::clone(&app.connections);
    let http = Data::clone(http);
    let refusals = Refusals::new(move |status| refuse_unread(status, &http));
    Serving { workers, keep_alive, grace: GRACE, room, tally, refusals }
}

async fn keep_verifying(app: Arc<App>) {
    app.services.verifier.keep().await;
}

async fn keep_writing(app: Arc<App>) {
    app.usage.keep_writing().await;
}

/// While that fails, it is said once.
async fn keep_writing_uses_of_tokens(app: Arc<App>) {
    let mut is_failing = false;
    loop {
        sleep(WRITE_USES_EVERY).await;
        let written = app.services.tokens.write_uses().await;
        if let Err(error) = &written
            && !is_failing
        {
            let error = error_chain(error);
            tracing::warn!(error, "could not write last uses of management tokens; trying again");
        }
        is_failing = written.is_err();
    }
}

async fn keep_house(app: Arc<App>) {
    let Settings { keep_revoked, keep_audit, .. } = app.settings;
    // One connection is enough for what is removed; calls have the others.
    let turns = Mutex::default();
    let remove_events = async {
        if let Some(keep) = keep_audit {
            housekeeping::keep_removing_events(&app, &turns, keep).await;
        }
    };
    tokio::join!(
        housekeeping::compare_clocks(&app.clocks),
        housekeeping::keep_purging(&app, &turns),
        housekeeping::keep_removing_usage(&app, &turns),
        housekeeping::keep_removing_keys(&app, &turns, keep_revoked),
        remove_events,
    );
}

async fn keep_foreign_keys(app: Arc<App>) {
    if let Some(sessions) = &app.services.foreign_sessions {
        sessions.keep().await;
    }
}

/// Reads the catalogue of scopes again at each hang-up. One that is wrong changes nothing.
async fn keep_reading_scopes(hang_ups: Option<Signal>, app: Arc<App>) {
    let (Some(mut hang_ups), Some(file)) = (hang_ups, &app.settings.scopes_file) else { return };
    while hang_ups.recv().await.is_some() {
        let path = file.clone();
        match tokio::task::spawn_blocking(move || read_scopes(&path)).await {
            Ok(Ok(catalogue)) => {
                let scopes = catalogue.scopes().len();
                app.services.api_keys.set_scope_catalogue(catalogue);
                tracing::info!(scopes, "read {SCOPES_FILE} again");
            }
            Ok(Err(error)) => {
                tracing::error!(
                    error,
                    "did not read {SCOPES_FILE} again: the scopes stay as they were"
                );
            }
            Err(error) => tracing::error!(%error, "did not read {SCOPES_FILE} again"),
        }
    }
}

async fn serve_commands(control: Option<Control>, app: Arc<App>) {
    if let Some(control) = control {
        control.serve(app).await;
    }
}

async fn keep_telling(http: Data<Http>) {
    http.keep_telling().await;
}

async fn keep_watching(app: Arc<App>) {
    app.watch_database().await;
}

/// The control socket, where there is to be one. The server does its work without it too.
async fn control(app: &App) -> Result<Option<Control>, StartError> {
    let Some(data_dir) = app.control_dir() else { return Ok(None) };
    if control::is_served(data_dir).await {
        let why = "a server on another database uses this directory; give each server its own";
        return Err(format!("LATCHKEY_DATA_DIR: {}: {why}", data_dir.display()).into());
    }
    match Control::bind(data_dir) {
        Ok(control) => Ok(Some(control)),
        Err(error) => {
            let why = "no control socket: while this server runs, no command reaches it";
            tracing::warn!(%error, data_dir = %data_dir.display(), "{why}");
            Ok(None)
        }
    }
}

/// Stops the servers at the first signal, and ends the process at the second.
async fn stop_on_signal(
    mut signals: [Signal; 2],
    stopping: impl Future<Output = ()> + Send + 'static,
    app: Arc<App>,
) {
    next(&mut signals).await;
    app.start_draining();
    let stopping = async {
        stopping.await;
        pending::<()>().await;
    };
    tokio::select! {
        () = stopping => {}
        () = next(&mut signals) => {}
    }
    exit("stopped by a second signal: requests in progress were cut off", 1);
}

/// Ends the process now, whatever still runs in it.
fn exit(why: &str, code: i32) -> ! {
    tracing::warn!("{why}");
    telemetry::flush();
    process::exit(code)
}

async fn next([terminate, interrupt]: &mut [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Goes on answering for `delay`, so that balancers see that the server is not ready any more, and
/// then removes the sockets' files and stops the servers.
async fn stop(servers: Vec<ServerHandle>, files: Vec<SocketFile>, delay: Duration) {
    if !delay.is_zero() {
        let seconds = delay.as_secs();
        tracing::info!(
            seconds,
            "stopping: not ready any more, answering until balancers have noticed"
        );
        sleep(delay).await;
    }
    tracing::info!("stopping: finishing requests in progress");
    drop(files);
    join_all(servers.iter().map(|server| server.stop(true))).await;
}

/// Says where the server listens, and what to try. A thread of its own writes the greeting, so that
/// the server starts whether or not anybody can read it.
fn announce(addresses: &[Address], app: &App) -> io::Result<()> {
    let address = joined(addresses, ", ");
    tracing::info!(address, database = ?app.settings.database, "listening");
    let greeting = greeting(addresses, app);
    thread::Builder::new().name("greeting".to_owned()).spawn(move || {
        if let Err(error) = io::stdout().write_all(greeting.as_bytes()) {
            tracing::debug!(%error, "could not write the greeting");
        }
    })?;
    Ok(())
}

fn joined(all: &[Address], between: &str) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

fn greeting(addresses: &[Address], app: &App) -> String {
    let shown = addresses.iter().map(|address| match address {
        Address::Tcp(address) => format!("http://{address}"),
        unix @ Address::Unix(_) => unix.to_string(),
    });
    let shown: Vec<_> = shown.collect();
    let public = app.settings.http.public_url.as_ref().map(ToString::to_string);
    let url = public.or_else(|| shown.iter().find(|it| it.starts_with("http")).cloned());
    // A browser opens no socket, and curl asks for a host there too.
    let (url, by) = match (url, addresses) {
        (Some(url), _) => (url, String::new()),
        (None, [Address::Unix(path), ..]) => {
            ("http://localhost".to_owned(), format!(" --unix-socket {}", path.display()))
        }
        (None, _) => return String::new(),
    };
    let described = match (app.settings.http.reference, by.is_empty()) {
        (_, false) => "LATCHKEY_PUBLIC_URL says where people make API keys".to_owned(),
        (true, true) => {
            format!("Open {url}/ to make API keys; {url}/docs describes every call")
        }
        (false, true) => format!("Open {url}/ to make API keys"),
    };
    let shown = shown.join(" and ");
    let greeting = format!("Latchkey is listening on {shown}\n\n{described}.\n\n");
    if app.settings.http.sign_up == SignUp::Closed || !app.settings.http.accounts {
        return greeting;
    }
    let json = "-H 'Content-Type: application/json'";
    format!(
        "{greeting}Or, without a browser:\n  \
         curl{by} -c cookies.txt {url}/api/v1/auth/sign-up {json} \
         -d '{{\"email\": \"ada@example.com\", \"password\": \"correct horse battery\"}}'\n  \
         curl{by} -b cookies.txt {url}/api/v1/api-keys {json} -d '{{\"name\": \"Production\"}}'\n  \
         curl{by} {url}/api/v1/verify -H 'x-api-key: <the key from the answer>'\n\n"
    )
}
