use std::fmt::Write as _;
use std::num::NonZeroU16;
use std::path::PathBuf;

use latchkey_accounts::{AccountId, AccountParts, Email, Password};
use latchkey_domain::ports::{KeyInUse, PepperUse};
use latchkey_domain::{ApiKeyId, Caller, EventId, KeyState, OwnerId, PepperId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::export;
use crate::app::App;
use latchkey_http::{ExportedEvent, WireTime};

/// Keys, accounts or events read at a time.
const PAGE: u32 = 500;

/// Something an operator wants done. It travels through the control socket, and so may hold a
/// password; it is never printed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    CreateAccount { email: String, password: String },
    DisableAccount { email: String },
    EnableAccount { email: String },
    ListAccounts,
    DeleteAccount { email: String },
    ResetPassword { email: String, password: String },
    ListKeys { owner: Option<String> },
    RevokeKey { id: String },
    RevokeKeysUnder { pepper: NonZeroU16 },
    PepperStatus,
    ReadEvents { after: Option<String> },
    BackUp { file: PathBuf },
    ExportAccounts { after: Option<String> },
    ExportKeys { after: Option<String> },
}

type Outcome = Result<String, Box<dyn std::error::Error + Send + Sync>>;

impl Order {
    /// Whether it must not be carried out with peppers that don't fit what is stored. What shows and
    /// revokes the keys of a pepper works without that pepper: it is the way out when it is lost.
    /// The trail tells what was done, whatever became of the peppers, and what is copied is as good
    /// as it was.
    pub(crate) const fn needs_fitting_peppers(&self) -> bool {
        !matches!(
            self,
            Self::PepperStatus
                | Self::RevokeKeysUnder { .. }
                | Self::ReadEvents { .. }
                | Self::BackUp { .. }
                | Self::ExportAccounts { .. }
                | Self::ExportKeys { .. }
        )
    }

    /// Does it, and gives what to print.
    pub(crate) async fn carry_out(self, app: &App) -> Outcome {
        match self {
            Self::CreateAccount { email, password } => {
                let email = Email::parse(&email)?;
                let password = Password::chosen(Zeroizing::new(password), &email)?;
                let account =
                    app.services.accounts.create(email, password, &Caller::OPERATOR).await?;
                Ok(format!("account {} made for {}", account.parts().id, account.parts().email))
            }
            Self::DisableAccount { email } => {
                let email = Email::parse(&email)?;
                app.services.accounts.disable(&email).await?;
                Ok(format!("{email} disabled: its sessions have ended and its keys are revoked"))
            }
            Self::EnableAccount { email } => {
                let email = Email::parse(&email)?;
                app.services.accounts.enable(&email).await?;
                Ok(format!("{email} enabled: it may sign in; keys that were revoked stay revoked"))
            }
            Self::ListAccounts => list_accounts(app).await,
            Self::DeleteAccount { email } => {
                let email = Email::parse(&email)?;
                app.services.accounts.delete(&email).await?;
                Ok(format!("{email} deleted, with its keys and what was personal in its events"))
            }
            Self::ResetPassword { email, password } => {
                let email = Email::parse(&email)?;
                let password = Password::chosen(Zeroizing::new(password), &email)?;
                app.services.accounts.reset_password(&email, password).await?;
                Ok(format!("password of {email} changed: its sessions have ended"))
            }
            Self::ListKeys { owner } => list_keys(app, owner).await,
            Self::RevokeKey { id } => revoke_key(app, &id).await,
            Self::RevokeKeysUnder { pepper } => revoke_keys_under(app, pepper).await,
            Self::PepperStatus => pepper_status(app).await,
            Self::ReadEvents { after } => read_events(app, after).await,
            Self::ExportAccounts { after } => export_accounts(app, after).await,
            Self::ExportKeys { after } => export_keys(app, after).await,
            Self::BackUp { file } => {
                app.back_up(&file).await?;
                let file = file.display();
                Ok(format!("{file} is complete; keep it apart from the peppers, which it needs"))
            }
        }
    }
}

async fn list_accounts(app: &App) -> Outcome {
    let mut table = String::from("ID\tSTATE\tCREATED\tEMAIL");
    let mut after = None;
    loop {
        let page = app.services.accounts.page(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(table) };
        after = Some(last.parts().id);
        for account in &page {
            let state = if account.is_active() { "active" } else { "disabled" };
            let AccountParts { id, email, created_at, .. } = account.parts();
            let created = WireTime(*created_at);
            write!(table, "\n{id}\t{state}\t{created}\t{email}").expect("a String takes all text");
        }
    }
}

async fn list_keys(app: &App, owner: Option<String>) -> Outcome {
    let mut table = String::from("ID\tOWNER\tPREFIX\tSTATE\tCREATED\tLAST USED\tNAME");
    if let Some(owner) = owner {
        for key in app.services.api_keys.list(&OwnerId::parse(owner)?).await? {
            add_row(&mut table, &key);
        }
        return Ok(table);
    }
    let mut after = None;
    loop {
        let page = app.keys.page(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(table) };
        after = Some(last.key.parts().id);
        for key in &page {
            add_row(&mut table, key);
        }
    }
}

fn add_row(table: &mut String, found: &KeyInUse) {
    let key = found.key.parts();
    let state = match key.state {
        KeyState::Active => "active",
        KeyState::Disabled { .. } => "disabled",
        KeyState::Revoked { .. } => "revoked",
    };
    let created = WireTime(key.created_at);
    let used = used(found.last_used_at);
    let (id, owner, prefix, name) = (key.id, &key.owner, &key.prefix, &key.name);
    write!(table, "\n{id}\t{owner}\t{prefix}\t{state}\t{created}\t{used}\t{name}")
        .expect("a String takes all text");
}

async fn revoke_key(app: &App, id: &str) -> Outcome {
    let not_found = "no key that is not revoked has this id";
    let id = ApiKeyId::parse(id).map_err(|_malformed| not_found)?;
    let owner = app.keys.owner_of(id).await?.ok_or(not_found)?;
    app.services.api_keys.revoke(&owner, id, &Caller::OPERATOR).await?;
    Ok(format!("key {id} of {owner} revoked"))
}

async fn revoke_keys_under(app: &App, pepper: NonZeroU16) -> Outcome {
    let pepper = PepperId::new(pepper.get()).ok_or("a pepper's number is not zero")?;
    if app.ring().next() == Some(pepper) {
        let why = "is the signing pepper, and new keys would depend on it; put another one first in LATCHKEY_PEPPERS";
        return Err(format!("pepper {pepper} {why}").into());
    }
    let revoked = app.services.api_keys.revoke_under(pepper, &Caller::OPERATOR).await?;
    Ok(match revoked {
        0 => format!("no key that is not revoked depends on pepper {pepper}"),
        1 => format!("1 key revoked that depended on pepper {pepper}"),
        keys => format!("{keys} keys revoked that depended on pepper {pepper}"),
    })
}

/// The next events after one, a JSON object a line.
async fn read_events(app: &App, after: Option<String>) -> Outcome {
    let after = after.as_deref().map(EventId::parse).transpose()?;
    let page = app.services.trail.all_events(after, PAGE).await?;
    let lines = page.iter().map(|event| serde_json::to_string(&ExportedEvent::from(event)));
    Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// The next accounts after one, a JSON object a line.
async fn export_accounts(app: &App, after: Option<String>) -> Outcome {
    let after = after.as_deref().map(Uuid::parse_str).transpose()?.map(AccountId::new);
    let page = app.services.accounts.page(after, PAGE).await?;
    Ok(page.iter().map(export::account).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// The next keys after one, revoked ones too, a JSON object a line.
async fn export_keys(app: &App, after: Option<String>) -> Outcome {
    let after = after.as_deref().map(ApiKeyId::parse).transpose()?;
    let page = app.keys.page_of_all(after, PAGE).await?;
    Ok(page.iter().map(export::key).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

async fn pepper_status(app: &App) -> Outcome {
    let usage = app.peppers.usage().await?;
    let in_ring: Vec<PepperId> = app.ring().collect();
    let missing = usage.iter().map(|usage| usage.pepper).filter(|it| !in_ring.contains(it));
    let mut table = String::from("PEPPER\tROLE\tKEYS\tLAST USED");
    for (position, pepper) in in_ring.iter().copied().chain(missing).enumerate() {
        let role = match position {
            0 => "signs",
            _ if position < in_ring.len() => "verifies",
            _ => "missing",
        };
        let unused = PepperUse { pepper, keys: 0, last_used_at: None };
        let usage = usage.iter().find(|usage| usage.pepper == pepper).unwrap_or(&unused);
        let used = used(usage.last_used_at);
        write!(table, "\n{pepper}\t{role}\t{}\t{used}", usage.keys)
            .expect("a String takes all text");
    }
    Ok(table)
}

fn used(at: Option<Timestamp>) -> String {
    at.map_or("never".to_owned(), |at| WireTime(at).to_string())
}
