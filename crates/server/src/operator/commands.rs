use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use latchkey_domain::PepperId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Order, control};
use crate::app::{App, StartError, Store};
use crate::cli::{AccountCommand, Command, KeysCommand, PepperCommand, Revoked};
use crate::http;
use crate::peppers;
use crate::serve;
use crate::settings::{Database, Problems, RawSettings, Settings};
use crate::system::OsEntropy;
use crate::telemetry;

/// Why a command failed.
pub(crate) enum Failure {
    /// The settings are wrong.
    Settings(Problems),
    /// Anything else: a sentence for the operator.
    Other(StartError),
}

/// Runs a command. Those that need no settings ask for none.
pub(crate) async fn run(command: Command, raw: &RawSettings) -> Result<(), Failure> {
    match command {
        Command::Openapi => say(http::document().trim_end())?,
        Command::Pepper(PepperCommand::Generate { id }) => generate_pepper(id)?,
        Command::CheckConfig => say(&raw.resolve()?.to_string())?,
        Command::Healthcheck => healthcheck(raw.resolve()?.local_address()).await?,
        Command::Serve => serve::serve(logging(raw)?).await?,
        Command::Migrate => Store::open(&logging(raw)?).await.map(drop)?,
        Command::Account(command) => give(logging(raw)?, account_order(command)?).await?,
        Command::Keys(KeysCommand::List { owner }) => {
            give(logging(raw)?, Order::ListKeys { owner }).await?;
        }
        Command::Keys(KeysCommand::Revoke { which }) => {
            give(logging(raw)?, revoke_order(which)).await?;
        }
        Command::Pepper(PepperCommand::Status) => give(logging(raw)?, Order::PepperStatus).await?,
    }
    Ok(())
}

/// The settings, with the log started as they say.
fn logging(raw: &RawSettings) -> Result<Settings, Problems> {
    let settings = raw.resolve()?;
    telemetry::start(&settings.log);
    Ok(settings)
}

/// Has an order carried out: by the running server where that owns the database, else here.
async fn give(settings: Settings, order: Order) -> Result<(), StartError> {
    if matches!(settings.database, Database::Sqlite(_)) {
        match control::send(&settings.data_dir, &order).await? {
            Some(Ok(text)) => return say(&text),
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
    }
    let app = App::open(settings).await?;
    if order.needs_fitting_peppers() {
        app.confirm_peppers().await?;
    }
    let outcome = order.carry_out(&app).await;
    app.settle().await;
    say(&outcome?)
}

fn account_order(command: AccountCommand) -> Result<Order, StartError> {
    Ok(match command {
        AccountCommand::Create { email } => {
            Order::CreateAccount { email, password: read_password()? }
        }
        AccountCommand::Disable { email } => Order::DisableAccount { email },
        AccountCommand::ResetPassword { email } => {
            Order::ResetPassword { email, password: read_password()? }
        }
    })
}

fn revoke_order(which: Revoked) -> Order {
    match which {
        Revoked { pepper: Some(pepper), .. } => Order::RevokeKeysUnder { pepper },
        Revoked { id, .. } => Order::RevokeKey { id: id.unwrap_or_default() },
    }
}

/// The first line of standard input, or, at a terminal, what is typed without being shown.
fn read_password() -> io::Result<String> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("New password: ");
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    Ok(password.strip_suffix('\r').unwrap_or(password).to_owned())
}

fn generate_pepper(id: u16) -> Result<(), StartError> {
    let id = PepperId::new(id).ok_or("a pepper's number is not zero")?;
    let pepper = peppers::generate(id, &OsEntropy)?;
    say(&pepper.to_setting())
}

/// Asks the server's `/readyz`, for the healthcheck of a container that has no other client.
async fn healthcheck(address: SocketAddr) -> Result<(), StartError> {
    let asking = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(4_096).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    let answer =
        timeout(Duration::from_secs(5), asking).await.map_err(|_elapsed| "no answer in 5 s")??;
    if answer.starts_with(b"HTTP/1.1 200 ") { say("ready") } else { Err("not ready".into()) }
}

fn say(text: &str) -> Result<(), StartError> {
    let mut out = io::stdout().lock();
    let text = Zeroizing::new(format!("{text}\n"));
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader such as `head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Settings(problems)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Other(error)
    }
}
