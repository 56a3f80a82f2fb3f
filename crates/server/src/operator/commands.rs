use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use latchkey_accounts::Rights;
use latchkey_domain::PepperId;
use latchkey_hasher_hmac::Pepper;
use latchkey_listener::Address;
use latchkey_system::OsEntropy;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::scan::{self, Scanned};
use super::{AdminCommand, Done, control, moving};
use crate::app::{App, StartError, Store};
use crate::cli::{
    AccountCommand, AuditCommand, Command, KeysCommand, NewToken, PepperCommand, RevokeTarget,
    TokenCommand,
};
use crate::embedded;
use crate::postgres;
use crate::serve;
use crate::settings::{Database, Problems, RawSettings, Settings};
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
        Command::Openapi => say(latchkey_http::document().trim_end())?,
        Command::Pepper(PepperCommand::Generate { id }) => generate_pepper(id)?,
        Command::Scan { paths } => scan(paths)?,
        Command::CheckConfig => {
            let settings = logging(raw)?;
            settings.scope_catalogue()?;
            check(&settings).await?;
        }
        Command::Healthcheck => healthcheck(raw.resolve()?.local_address()).await?,
        Command::Serve => {
            let settings = logging(raw)?;
            let scopes = settings.scope_catalogue()?;
            serve::serve(settings, scopes).await?;
        }
        Command::Migrate => Store::open(&logging(raw)?).await.map(drop)?,
        Command::Account(command) => execute(logging(raw)?, account_command(command)?).await?,
        Command::Token(command) => execute(logging(raw)?, token_command(command)).await?,
        Command::Keys(KeysCommand::List { owner }) => {
            execute(logging(raw)?, AdminCommand::ListKeys { owner, after: None }).await?;
        }
        Command::Usage { owner, csv: is_csv } => {
            execute(logging(raw)?, AdminCommand::ReadUsage { owner, is_csv, after: None }).await?;
        }
        Command::Keys(KeysCommand::Revoke { which }) => {
            execute(logging(raw)?, revoke_command(which)).await?;
        }
        Command::Backup { file } => execute(logging(raw)?, backup_command(&file)?).await?,
        Command::Audit(AuditCommand::Export) => {
            execute(logging(raw)?, AdminCommand::ReadEvents { after: None }).await?;
        }
        Command::Export => {
            execute(logging(raw)?, AdminCommand::ExportAccounts { after: None }).await?;
        }
        Command::Move { to } => say(&moving::run(logging(raw)?, &to).await?)?,
        Command::Pepper(PepperCommand::Status) => {
            execute(logging(raw)?, AdminCommand::PepperStatus).await?;
        }
    }
    Ok(())
}

/// The settings, with the log started as they say.
fn logging(raw: &RawSettings) -> Result<Settings, Failure> {
    let settings = raw.resolve()?;
    telemetry::start(&settings.log).map_err(|error| Failure::Other(error.into()))?;
    Ok(settings)
}

/// Prints the settings, and tries what the server needs.
async fn check(settings: &Settings) -> Result<(), StartError> {
    say(&settings.to_string())?;
    match &settings.database {
        Database::Postgres { url, pooler } => say(&postgres::check(url, *pooler).await?),
        Database::Sqlite(path) => Ok(embedded::check(path, settings).await?),
    }
}

/// Runs a command, and prints the answer, page by page.
async fn execute(settings: Settings, command: AdminCommand) -> Result<(), StartError> {
    let executor = Executor::of(settings).await?;
    let outcome = print_all(&executor, command).await;
    executor.settle().await;
    outcome
}

async fn print_all(executor: &Executor, command: AdminCommand) -> Result<(), StartError> {
    let mut next = Some(command);
    while let Some(command) = next {
        let done = executor.run(command).await?;
        if !done.text.is_empty() {
            // A script must not take what was done for undone.
            let unwritten = |error| format!("done, but the answer was not written: {error}");
            say(&done.text).map_err(unwritten)?;
        }
        next = done.next;
    }
    Ok(())
}

/// Who runs a command: the server where one runs on the embedded database, else this process.
enum Executor {
    Server(PathBuf),
    Here(Box<App>),
}

impl Executor {
    async fn of(settings: Settings) -> Result<Self, StartError> {
        let is_embedded = matches!(settings.database, Database::Sqlite(_));
        if is_embedded && control::is_served(&settings.data_dir).await {
            return Ok(Self::Server(settings.data_dir));
        }
        Ok(Self::Here(Box::new(Box::pin(App::open(settings)).await?)))
    }

    async fn run(&self, command: AdminCommand) -> Result<Done, StartError> {
        match self {
            Self::Server(data_dir) => Ok(control::send(data_dir, &command).await??),
            Self::Here(app) => {
                if command.needs_fitting_peppers() {
                    app.confirm_peppers().await?;
                }
                command.run(app).await
            }
        }
    }

    async fn settle(self) {
        if let Self::Here(app) = self {
            app.settle().await;
        }
    }
}

fn account_command(command: AccountCommand) -> Result<AdminCommand, StartError> {
    Ok(match command {
        AccountCommand::Create { email } => {
            AdminCommand::CreateAccount { email, password: read_secret("New password: ")? }
        }
        AccountCommand::Disable { email } => AdminCommand::DisableAccount { email },
        AccountCommand::Enable { email } => AdminCommand::EnableAccount { email },
        AccountCommand::List => AdminCommand::ListAccounts { after: None },
        AccountCommand::Delete { email } => AdminCommand::DeleteAccount { email },
        AccountCommand::ResetPassword { email } => {
            AdminCommand::ResetPassword { email, password: read_secret("New password: ")? }
        }
        AccountCommand::Operator { email, switch } => {
            AdminCommand::SetOperator { email, is_operator: switch.on }
        }
    })
}

fn token_command(command: TokenCommand) -> AdminCommand {
    match command {
        TokenCommand::Create(NewToken { name, allow, owners, expires }) => {
            AdminCommand::CreateToken {
                name: name.as_str().to_owned(),
                rights: allow.into_iter().collect::<Rights>().to_string(),
                owners: owners.iter().map(|owner| owner.as_str().to_owned()).collect(),
                seconds: expires.get().as_secs(),
            }
        }
        TokenCommand::List => AdminCommand::ListTokens { after: None },
        TokenCommand::Revoke { id } => AdminCommand::RevokeToken { id },
    }
}

fn revoke_command(which: RevokeTarget) -> AdminCommand {
    match which {
        RevokeTarget { pepper: Some(pepper), .. } => AdminCommand::RevokeKeysUnder { pepper },
        RevokeTarget { id, .. } => AdminCommand::RevokeKey { id: id.unwrap_or_default() },
    }
}

/// A running server has a working directory of its own.
fn backup_command(file: &Path) -> Result<AdminCommand, StartError> {
    let named = |error| format!("{}: {error}", file.display());
    Ok(AdminCommand::BackUp { file: std::path::absolute(file).map_err(named)? })
}

/// The first line of standard input, or, at a terminal, what is typed without being shown.
pub(super) fn read_secret(prompt: &str) -> io::Result<String> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt);
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let secret = line.strip_suffix('\n').unwrap_or(&line);
    Ok(secret.strip_suffix('\r').unwrap_or(secret).to_owned())
}

/// Fails where there are any, or may be, as a check in a pipeline should.
fn scan(paths: Vec<PathBuf>) -> Result<(), StartError> {
    let Scanned { found, unread } =
        scan::scan(paths, &mut io::stdout().lock(), &mut io::stderr().lock())?;
    let keys = if found == 1 { "key" } else { "keys" };
    match unread {
        0 if found == 0 => Ok(()),
        0 => Err(format!("{found} {keys} found").into()),
        _ => Err(format!("{found} {keys} found, and {unread} of the places not read").into()),
    }
}

fn generate_pepper(id: u16) -> Result<(), StartError> {
    let id = PepperId::new(id).ok_or("a pepper's number is not zero")?;
    let pepper = Pepper::generate(id, &OsEntropy)?;
    say(&pepper.to_setting())
}

/// Asks the server's `/readyz`, for the healthcheck of a container that has no other client.
async fn healthcheck(address: Option<Address>) -> Result<(), StartError> {
    let asking = async {
        match address {
            Some(Address::Tcp(address)) => {
                is_ready(TcpStream::connect(address).await?, &address.to_string()).await
            }
            Some(Address::Unix(path)) => {
                is_ready(UnixStream::connect(path).await?, "localhost").await
            }
            None => Ok(false),
        }
    };
    let is_ready =
        timeout(Duration::from_secs(5), asking).await.map_err(|_elapsed| "no answer in 5 s")??;
    if is_ready { say("ready") } else { Err("not ready".into()) }
}

async fn is_ready(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> io::Result<bool> {
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4_096).read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
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
