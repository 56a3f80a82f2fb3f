use std::fmt::Write as _;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use latchkey_accounts::{
    Account, AccountId, AccountParts, Email, ManagementToken, NewManagementToken, OperatorError,
    Password, PepperStanding, RevokeTokenError, TokenLifetime,
};
use latchkey_domain::ports::KeyInUse;
use latchkey_domain::{
    ApiKeyId, Caller, EventId, KeyName, KeyState, MalformedId, OwnerId, OwnerPattern, PepperId,
    Restrictions, Timestamp, TokenId,
};
use latchkey_http::{ExportedEvent, WireTime};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{export, usage};
use crate::app::App;

/// Keys, accounts or events read at a time.
const PAGE: u32 = 500;

/// A command of an operator that needs the database. It travels through the control socket, and so may hold a
/// password; it is never printed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AdminCommand {
    CreateAccount { email: String, password: String },
    DisableAccount { email: String },
    EnableAccount { email: String },
    ListAccounts { after: Option<String> },
    DeleteAccount { email: String },
    ResetPassword { email: String, password: String },
    SetOperator { email: String, is_operator: bool },
    CreateToken { name: String, rights: String, owners: Vec<String>, seconds: u64 },
    ListTokens { after: Option<String> },
    RevokeToken { id: String },
    ListKeys { owner: Option<String>, after: Option<String> },
    ReadUsage { owner: Option<String>, is_csv: bool, after: Option<String> },
    RevokeKey { id: String },
    RevokeKeysUnder { pepper: NonZeroU16 },
    PepperStatus,
    ReadEvents { after: Option<String> },
    BackUp { file: PathBuf },
    ExportAccounts { after: Option<String> },
    ExportKeys { after: Option<String> },
}

/// What an admin command that succeeded answers.
#[derive(Serialize, Deserialize)]
pub(crate) struct Done {
    /// What to print.
    pub(crate) text: String,
    /// The command that prints the rest, if the answer is more than a page.
    pub(crate) next: Option<AdminCommand>,
}

pub(super) type CommandError = Box<dyn std::error::Error + Send + Sync>;
type CommandResult = Result<Done, CommandError>;

impl AdminCommand {
    /// Whether it must not run with peppers that don't fit what is stored. What shows and
    /// revokes the keys of a pepper works without that pepper: it is the way out when it is lost.
    /// The trail tells what was done, whatever became of the peppers, and what is copied is as good
    /// as it was.
    pub(crate) const fn needs_fitting_peppers(&self) -> bool {
        !matches!(
            self,
            Self::PepperStatus
                | Self::RevokeKeysUnder { .. }
                | Self::ListTokens { .. }
                | Self::RevokeToken { .. }
                | Self::ReadEvents { .. }
                | Self::ReadUsage { .. }
                | Self::BackUp { .. }
                | Self::ExportAccounts { .. }
                | Self::ExportKeys { .. }
        )
    }

    /// Runs the command.
    pub(crate) async fn run(self, app: &App) -> CommandResult {
        match self {
            Self::CreateAccount { email, password } => {
                let email = Email::parse(&email)?;
                let password = Password::chosen(Zeroizing::new(password), &email)?;
                let account =
                    app.services.accounts.create(email, password, &Caller::OPERATOR).await?;
                Ok(format!("account {} made for {}", account.parts().id, account.parts().email)
                    .into())
            }
            Self::DisableAccount { email } => {
                let (email, account) = account_at(app, &email).await?;
                app.services
                    .accounts
                    .disable(&account, &Caller::OPERATOR)
                    .await
                    .map_err(refused)?;
                Ok(format!("{email} disabled: its sessions have ended and its keys are revoked")
                    .into())
            }
            Self::EnableAccount { email } => {
                let (email, account) = account_at(app, &email).await?;
                app.services.accounts.enable(&account, &Caller::OPERATOR).await.map_err(refused)?;
                Ok(format!("{email} enabled: it may sign in; keys that were revoked stay revoked")
                    .into())
            }
            Self::ListAccounts { after } => list_accounts(app, after).await,
            Self::DeleteAccount { email } => {
                let (email, account) = account_at(app, &email).await?;
                app.services.accounts.delete(&account, &Caller::OPERATOR).await.map_err(refused)?;
                Ok(format!("{email} deleted, with its keys and what was personal in its events")
                    .into())
            }
            Self::ResetPassword { email, password } => reset_password(app, &email, password).await,
            Self::SetOperator { email, is_operator } => {
                set_operator(app, &email, is_operator).await
            }
            Self::CreateToken { name, rights, owners, seconds } => {
                create_token(app, &name, &rights, owners, seconds).await
            }
            Self::ListTokens { after } => list_tokens(app, after).await,
            Self::RevokeToken { id } => revoke_token(app, &id).await,
            Self::ListKeys { owner, after } => list_keys(app, owner, after).await,
            Self::ReadUsage { owner, is_csv, after } => read_usage(app, owner, is_csv, after).await,
            Self::RevokeKey { id } => revoke_key(app, &id).await,
            Self::RevokeKeysUnder { pepper } => revoke_keys_under(app, pepper).await,
            Self::PepperStatus => pepper_status(app).await,
            Self::ReadEvents { after } => read_events(app, after).await,
            Self::ExportAccounts { after } => export_accounts(app, after).await,
            Self::ExportKeys { after } => export_keys(app, after).await,
            Self::BackUp { file } => {
                app.back_up(&file).await?;
                let file = file.display();
                Ok(format!("{file} is complete; keep it apart from the peppers, which it needs")
                    .into())
            }
        }
    }
}

/// Why a command about an account failed, as a sentence for the operator.
fn refused(error: OperatorError) -> CommandError {
    match error {
        OperatorError::NotFound => "no account has this email address".into(),
        OperatorError::Disabled => {
            "the account is disabled and its password stays as it is; enable it first".into()
        }
        OperatorError::Stale => "the account was changed at the same time; try again".into(),
        failed => failed.into(),
    }
}

async fn account_at(app: &App, email: &str) -> Result<(Email, Account), CommandError> {
    let email = Email::parse(email)?;
    let account = app.services.accounts.by_email(&email).await.map_err(refused)?;
    Ok((email, account))
}

async fn reset_password(app: &App, email: &str, password: String) -> CommandResult {
    let password = Password::chosen(Zeroizing::new(password), &Email::parse(email)?)?;
    let (email, account) = account_at(app, email).await?;
    let accounts = &app.services.accounts;
    let resetting = accounts.reset_password(&account, password, &Caller::OPERATOR);
    resetting.await.map_err(refused)?;
    Ok(format!("password of {email} changed: its sessions have ended").into())
}

async fn set_operator(app: &App, email: &str, is_operator: bool) -> CommandResult {
    let (email, account) = account_at(app, email).await?;
    let accounts = &app.services.accounts;
    let setting = accounts.set_operator(&account, is_operator, &Caller::OPERATOR);
    setting.await.map_err(refused)?;
    let is = if is_operator { "is" } else { "is not" };
    Ok(format!("{email} {is} an operator").into())
}

/// The accounts after one, a row a line.
async fn list_accounts(app: &App, after: Option<String>) -> CommandResult {
    let head = after.is_none().then(|| "ID\tSTATE\tCREATED\tEMAIL\tROLE".to_owned());
    let page = app.services.accounts.page(account_id(after)?, PAGE).await?;
    let rows = page.iter().map(account_row);
    Ok(Done {
        text: head.into_iter().chain(rows).collect::<Vec<_>>().join("\n"),
        next: page
            .last()
            .map(|last| AdminCommand::ListAccounts { after: Some(account_place(last)) }),
    })
}

fn account_row(account: &Account) -> String {
    let state = if account.is_active() { "active" } else { "disabled" };
    let AccountParts { id, email, created_at, is_operator, .. } = account.parts();
    let role = if *is_operator { "operator" } else { "person" };
    format!("{id}\t{state}\t{}\t{email}\t{role}", WireTime(*created_at))
}

/// The token alone, which nothing shows again.
async fn create_token(
    app: &App,
    name: &str,
    rights: &str,
    owners: Vec<String>,
    seconds: u64,
) -> CommandResult {
    let owners = owners.into_iter().map(OwnerPattern::parse).collect::<Result<Vec<_>, _>>()?;
    let lifetime = TokenLifetime::new(Duration::from_secs(seconds))?;
    let new = NewManagementToken::new(KeyName::parse(name)?, rights.parse()?, owners, lifetime)?;
    let issued = app.services.tokens.create(new, &Caller::OPERATOR).await?;
    Ok(issued.text.expose().to_owned().into())
}

/// The tokens after one that are not revoked, a line each: id, name, rights, owners, when it was made, when it
/// expires, and when it was last used.
async fn list_tokens(app: &App, after: Option<String>) -> CommandResult {
    let after = after.as_deref().map(TokenId::parse).transpose()?;
    let page = app.services.tokens.list(after, PAGE).await?;
    Ok(Done {
        text: page.iter().map(token_row).collect::<Vec<_>>().join("\n"),
        next: page.last().map(|last| AdminCommand::ListTokens { after: Some(last.id.to_string()) }),
    })
}

fn token_row(token: &ManagementToken) -> String {
    let owners = token.owners.iter().map(OwnerPattern::as_str).collect::<Vec<_>>().join(",");
    let (created, expires) = (WireTime(token.created_at), WireTime(token.expires_at));
    let used = used(token.last_used_at);
    let (id, name, rights) = (token.id, &token.name, token.rights);
    format!("{id}\t{name}\t{rights}\t{owners}\t{created}\t{expires}\t{used}")
}

async fn revoke_token(app: &App, id: &str) -> CommandResult {
    let id = TokenId::parse(id).map_err(|_malformed| RevokeTokenError::NotFound)?;
    app.services.tokens.revoke(id, &Caller::OPERATOR).await?;
    Ok(format!("management token {id} revoked").into())
}

/// The keys after one that are not revoked, a row a line; those of one owner are a page.
async fn list_keys(app: &App, owner: Option<String>, after: Option<String>) -> CommandResult {
    let head =
        "ID\tOWNER\tPREFIX\tSTATE\tCREATED\tLAST USED\tNAME\tSCOPES\tNETWORKS\tLIMITS\tCREDITS"
            .to_owned();
    let head = after.is_none().then_some(head);
    let is_whole = owner.is_some();
    let page = match owner {
        Some(owner) => app.services.api_keys.list(&OwnerId::parse(owner)?).await?,
        None => app.register.page(key_id(after)?, PAGE).await?,
    };
    let rows = page.iter().map(key_row);
    let last = page.last().filter(|_| !is_whole);
    Ok(Done {
        text: head.into_iter().chain(rows).collect::<Vec<_>>().join("\n"),
        next: last.map(|last| AdminCommand::ListKeys { owner: None, after: Some(key_place(last)) }),
    })
}

fn key_row(found: &KeyInUse) -> String {
    let key = found.key.parts();
    let state = named(key.state);
    let created = WireTime(key.created_at);
    let used = used(found.last_used_at);
    let (id, owner, prefix, name) = (key.id, &key.owner, &key.prefix, &key.name);
    let Restrictions { scopes, networks } = &key.restrictions;
    let scopes = listed(scopes.joined());
    let networks = listed(networks.joined().as_deref());
    let limits = Some(key.limits.to_string()).filter(|limits| !limits.is_empty());
    let limits = limits.map_or("(none)".to_owned(), |limits| limits.replace(' ', ","));
    let credits = found.credits.map_or("(not counted)".to_owned(), |left| left.get().to_string());
    format!(
        "{id}\t{owner}\t{prefix}\t{state}\t{created}\t{used}\t{name}\t{scopes}\t{networks}\t{limits}\t{credits}"
    )
}

pub(super) const fn named(state: KeyState) -> &'static str {
    match state {
        KeyState::Active => "active",
        KeyState::Disabled { .. } => "disabled",
        KeyState::Revoked { .. } => "revoked",
    }
}

/// What a key is restricted to, with commas between. Neither a scope nor a network has a parenthesis.
fn listed(joined: Option<&str>) -> String {
    match joined {
        None => "(all)".to_owned(),
        Some("") => "(none)".to_owned(),
        Some(joined) => joined.replace(' ', ","),
    }
}

/// How much the keys after one were used, revoked or not; those of one owner are a page.
async fn read_usage(
    app: &App,
    owner: Option<String>,
    is_csv: bool,
    after: Option<String>,
) -> CommandResult {
    let is_beginning = after.is_none();
    let is_whole = owner.is_some();
    let page = match owner {
        Some(owner) => usage::keys_of(app, owner).await?,
        None => app.register.page_of_all(key_id(after)?, PAGE).await?,
    };
    let next = page.last().filter(|_| !is_whole).map(key_place);
    let next =
        next.map(|place| AdminCommand::ReadUsage { owner: None, is_csv, after: Some(place) });
    Ok(Done { text: usage::lines(app, &page, is_csv, is_beginning).await?, next })
}

async fn revoke_key(app: &App, id: &str) -> CommandResult {
    let not_found = "no key that is not revoked has this id";
    let id = ApiKeyId::parse(id).map_err(|_malformed| not_found)?;
    let owner = app.register.owner_of(id).await?.ok_or(not_found)?;
    app.services.api_keys.revoke(&owner, id, &Caller::OPERATOR).await?;
    Ok(format!("key {id} of {owner} revoked").into())
}

async fn revoke_keys_under(app: &App, pepper: NonZeroU16) -> CommandResult {
    let pepper = PepperId::new(pepper.get()).ok_or("a pepper's number is not zero")?;
    if app.ring().next() == Some(pepper) {
        let why = "is the signing pepper, and new keys would depend on it; put another one first in LATCHKEY_PEPPERS";
        return Err(format!("pepper {pepper} {why}").into());
    }
    let revoked =
        app.services.api_keys.revoke_under(&*app.register, pepper, &Caller::OPERATOR).await?;
    let mut text = match revoked {
        0 => format!("no key that is not revoked depends on pepper {pepper}"),
        1 => format!("1 key revoked that depended on pepper {pepper}"),
        keys => format!("{keys} keys revoked that depended on pepper {pepper}"),
    };
    let under = app.services.tokens.peppers_in_use().await?.remove(&pepper).unwrap_or_default();
    for id in under.tokens {
        write!(
            text,
            "\nmanagement token {id} depends on it too; to revoke it: latchkey token revoke {id}"
        )
        .expect("a String takes all text");
    }
    Ok(text.into())
}

/// The events after one, a JSON object a line.
async fn read_events(app: &App, after: Option<String>) -> CommandResult {
    let after = after.as_deref().map(EventId::parse).transpose()?;
    let page = app.services.trail.all_events(after, PAGE).await?;
    let lines = page.iter().map(|event| serde_json::to_string(&ExportedEvent::from(event)));
    Ok(Done {
        text: lines.collect::<Result<Vec<_>, _>>()?.join("\n"),
        next: page.last().map(|last| AdminCommand::ReadEvents { after: Some(last.id.to_string()) }),
    })
}

/// The accounts after one, a JSON object a line, and then the keys.
async fn export_accounts(app: &App, after: Option<String>) -> CommandResult {
    let page = app.services.accounts.page(account_id(after)?, PAGE).await?;
    Ok(Done {
        text: page.iter().map(export::account).collect::<Result<Vec<_>, _>>()?.join("\n"),
        next: Some(match page.last() {
            Some(last) => AdminCommand::ExportAccounts { after: Some(account_place(last)) },
            None => AdminCommand::ExportKeys { after: None },
        }),
    })
}

/// The keys after one, revoked ones too, a JSON object a line.
async fn export_keys(app: &App, after: Option<String>) -> CommandResult {
    let page = app.register.page_of_all(key_id(after)?, PAGE).await?;
    Ok(Done {
        text: page.iter().map(export::key).collect::<Result<Vec<_>, _>>()?.join("\n"),
        next: page.last().map(|last| AdminCommand::ExportKeys { after: Some(key_place(last)) }),
    })
}

fn account_place(account: &Account) -> String {
    account.parts().id.to_string()
}

fn key_place(found: &KeyInUse) -> String {
    found.key.parts().id.to_string()
}

fn account_id(text: Option<String>) -> Result<Option<AccountId>, uuid::Error> {
    text.map(|text| Uuid::parse_str(&text).map(AccountId::new)).transpose()
}

fn key_id(text: Option<String>) -> Result<Option<ApiKeyId>, MalformedId> {
    text.map(|text| ApiKeyId::parse(&text)).transpose()
}

async fn pepper_status(app: &App) -> CommandResult {
    let mut table = String::from("PEPPER\tROLE\tKEYS\tTOKENS\tLAST USED");
    for PepperStanding { pepper, role, keys, tokens, last_used_at } in app.pepper_status().await? {
        let used = used(last_used_at);
        write!(table, "\n{pepper}\t{role}\t{keys}\t{tokens}\t{used}")
            .expect("a String takes all text");
    }
    Ok(table.into())
}

impl From<String> for Done {
    fn from(text: String) -> Self {
        Self { text, next: None }
    }
}

pub(super) fn used(at: Option<Timestamp>) -> String {
    at.map_or("never".to_owned(), |at| WireTime(at).to_string())
}
