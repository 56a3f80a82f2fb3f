use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Order, control};
use crate::app::{App, StartError, Store};
use crate::cli::{AccountCommand, Command, KeysCommand, PepperCommand};
use crate::http;
use crate::peppers;
use crate::serve;
use crate::settings::{Database, Settings};
use crate::system::OsEntropy;
use latchkey_domain::PepperId;

/// Runs a command; an error is a sentence for the operator.
pub(crate) async fn run(command: Command, settings: Settings) -> Result<(), StartError> {
    match command {
        Command::Serve => serve::serve(settings).await,
        Command::Migrate => Store::open(&settings).await.map(drop),
        Command::Account(command) => give(settings, account_order(command)?).await,
        Command::Keys(KeysCommand::List { owner }) => {
            give(settings, Order::ListKeys { owner }).await
        }
        Command::Keys(KeysCommand::Revoke { id }) => give(settings, Order::RevokeKey { id }).await,
        Command::Pepper(PepperCommand::Status) => give(settings, Order::PepperStatus).await,
        Command::Pepper(PepperCommand::Generate { id }) => generate_pepper(id),
        Command::CheckConfig => say(&settings.to_string()),
        Command::Openapi => say(http::document().trim_end()),
        Command::Healthcheck => healthcheck(settings.local_address()).await,
    }
}

/// Whether a command makes sense without any settings.
pub(crate) fn needs_settings(command: &Command) -> bool {
    !matches!(command, Command::Openapi | Command::Pepper(PepperCommand::Generate { .. }))
}

/// Runs a command that needs no settings.
pub(crate) fn run_bare(command: &Command) -> Result<(), StartError> {
    match command {
        Command::Pepper(PepperCommand::Generate { id }) => generate_pepper(*id),
        _ => say(http::document().trim_end()),
    }
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
    let outcome = order.carry_out(&app).await;
    app.settle().await;
    say(&outcome?)
}

fn account_order(command: AccountCommand) -> io::Result<Order> {
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
