//! All that is kept about an account, for the person whose account it is.
//!
//! There may be 10,000 keys and any number of events: they are read and sent by pages.

use std::io;

use actix_web::HttpResponse;
use actix_web::http::header::{self, ContentType};
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use latchkey_accounts::SignedIn;
use latchkey_domain::{KeyCursor, KeySearch, KeyStatus, OwnerPattern};
use serde::Serialize;
use tokio::sync::mpsc::{self, Sender};
use utoipa::ToSchema;

use super::Http;
use super::accounts::AccountBody;
use super::api_keys::ItemBody;
use super::audit::EventBody;
use super::care::{OwnSessionBody, account_of};
use super::error::{ApiError, ErrorBody};
use super::session::Session;
use super::wire_time::WireTime;

/// Keys or events that are read and sent at a time.
const PAGE: u32 = 500;
const ATTACHMENT: &str = r#"attachment; filename="latchkey-account.json""#;

/// All that is kept about an account, without anything secret. It is written in parts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportBody<'a> {
    account: ExportedAccount,
    /// Those that are not revoked, the newest first; then those that are revoked and still kept.
    keys: Vec<ItemBody<'a>>,
    /// The newest first.
    audit_events: Vec<EventBody<'a>>,
}

/// The account, its sessions, and from where it signed in lately.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportedAccount {
    #[serde(flatten)]
    account: AccountBody,
    sessions: Vec<OwnSessionBody>,
    /// The networks that are known to the account, the last one first.
    known_networks: Vec<NetworkBody>,
}

/// A network that an account signed in from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkBody {
    /// An IPv4 address, or the first address of an IPv6 network of 64 bits.
    #[schema(example = "192.0.2.7")]
    network: String,
    signed_in_at: WireTime,
}

/// Export the account.
///
/// Returns everything that is kept about the account: its sessions and known networks, its keys and its
/// audit events, without secrets. The response is streamed. If the database fails meanwhile, the response
/// breaks off.
#[utoipa::path(
    get, path = "/api/v1/auth/export", operation_id = "exportAccount", tag = "Accounts",
    responses(
        (status = 200, description = "Everything", body = ExportBody<'_>),
        (status = 401, description = "Missing or invalid session", body = ErrorBody),
        (status = 409, description = "The session is of another system", body = ErrorBody),
    ),
)]
pub(crate) async fn export(http: Data<Http>, session: Session) -> Result<HttpResponse, ApiError> {
    let who = account_of(session)?;
    // Where not even this can be read, there is a status to say so.
    let begin = beginning(&http, &who).await?;
    let (pages, mut sent) = mpsc::channel(1);
    actix_web::rt::spawn(async move {
        let mut answer = Answer { pages, is_first: true };
        if let Err(error) = write(&http, &who, begin, &mut answer).await {
            answer.break_off(&error).await;
        }
    });
    let body = stream::poll_fn(move |context| sent.poll_recv(context));
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .insert_header((header::CONTENT_DISPOSITION, ATTACHMENT))
        .streaming(body))
}

/// The answer up to its first key.
async fn beginning(http: &Http, who: &SignedIn) -> Result<String, ApiError> {
    let accounts = &http.services.accounts;
    let sessions = accounts.sessions(who).await?;
    let networks = accounts.networks(who).await?;
    let account = ExportedAccount {
        account: AccountBody::from(&who.account),
        sessions: sessions.iter().map(|session| OwnSessionBody::of(session, who)).collect(),
        known_networks: networks
            .into_iter()
            .map(|(network, at)| NetworkBody {
                network: network.to_string(),
                signed_in_at: WireTime(at),
            })
            .collect(),
    };
    let account = serde_json::to_string(&account).map_err(ApiError::internal)?;
    Ok(format!(r#"{{"account":{account},"keys":["#))
}

async fn write(
    http: &Http,
    who: &SignedIn,
    begin: String,
    answer: &mut Answer,
) -> Result<(), ApiError> {
    let owner = who.account.parts().id.owner();
    answer.text(begin).await;
    for status in [None, Some(KeyStatus::Revoked)] {
        let mut search = KeySearch::new(vec![OwnerPattern::any()], http.services.clock.now());
        (search.owner, search.status) = (Some(owner.clone()), status);
        let mut after = None;
        while answer.is_wanted() {
            let keys = http.services.register.search(&search, after, PAGE).await?;
            let Some(last) = keys.last() else { break };
            after = Some(KeyCursor::from(&last.key));
            answer.items(keys.iter().map(ItemBody::that_may_be_revoked)).await?;
        }
    }
    answer.text(r#"],"auditEvents":["#.to_owned()).await;
    answer.is_first = true;
    let mut before = None;
    while answer.is_wanted() {
        let events = http.services.trail.events_of(&owner, None, before, PAGE).await?;
        let Some(last) = events.last() else { break };
        before = Some(last.id);
        answer.items(events.iter().map(EventBody::from)).await?;
    }
    answer.text("]}".to_owned()).await;
    Ok(())
}

/// The body of the answer, as far as it is sent.
struct Answer {
    pages: Sender<io::Result<Bytes>>,
    /// Whether the next item is the first one of its list.
    is_first: bool,
}

impl Answer {
    /// Whether the client still reads.
    fn is_wanted(&self) -> bool {
        !self.pages.is_closed()
    }

    async fn text(&self, text: String) {
        // A client that has gone away needs no more.
        drop(self.pages.send(Ok(text.into())).await);
    }

    async fn items(&mut self, items: impl Iterator<Item = impl Serialize>) -> Result<(), ApiError> {
        let mut page = String::new();
        for item in items {
            if !std::mem::take(&mut self.is_first) {
                page.push(',');
            }
            page.push_str(&serde_json::to_string(&item).map_err(ApiError::internal)?);
        }
        self.text(page).await;
        Ok(())
    }

    async fn break_off(&self, error: &ApiError) {
        let cause = error.cause_chain();
        tracing::error!(cause, "an export of an account broke off");
        drop(self.pages.send(Err(io::Error::other("the export broke off"))).await);
    }
}
