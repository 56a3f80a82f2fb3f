use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::Data;
use latchkey_accounts::{Account, AccountId};
use latchkey_dashboard::{
    OperatorAccountsPage, OperatorActivityPage, OperatorKeyPage, OperatorKeysPage,
    OperatorOwnerPage, OperatorSystemPage, OperatorTokensPage, Reader, Sorting, SoughtEvents, Who,
};
use latchkey_domain::uuid::Uuid;
use latchkey_domain::{ApiKeyId, Creator, EventId, KeyCursor, OwnerPattern, TokenId, TrailSearch};
use serde::Deserialize;

use super::Operating;
use super::find::{self, Found, READ, SHOWN};
use super::system::seen;
use crate::Http;
use crate::admin::events::named_action;
use crate::admin::proof::owner_in_path;
use crate::admin::search::{cursor, named_owner, written};
use crate::dashboard::page;
use crate::error::ApiError;
use crate::error_page::language;
use crate::query::query_in;
use crate::usage::last_days;

/// Which keys the first page shows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeysQuery {
    #[serde(default)]
    q: String,
    created_by: Option<String>,
    after: Option<String>,
}

pub(crate) async fn keys(
    req: HttpRequest,
    http: Data<Http>,
    operating: Operating,
) -> Result<HttpResponse, ApiError> {
    let KeysQuery { q, created_by, after } = query_in(&req, WRONG)?;
    let sought = find::without_secrets(&q);
    if sought != q {
        // What was cut stays in no address.
        return Ok(see(&format!("/operator?q={}", encoded(&sought))));
    }
    let created_by = created_by.map(Creator::parse).transpose();
    let created_by =
        created_by.map_err(|_malformed| ApiError::bad_request("createdBy must be a creator"))?;
    let after = after.as_deref().and_then(cursor);
    let (found, next) = if sought.is_empty() {
        listed(&http, created_by.as_ref(), after).await?
    } else {
        (find::find(&http, &sought).await?, None)
    };
    if let (Ok(id), [key]) = (ApiKeyId::parse(&sought), &*found.keys)
        && key.key.parts().id == id
    {
        return Ok(see(&format!("/operator/keys/{id}")));
    }
    let owner = found.owner.as_ref();
    let email = |account: &Option<Account>| account.as_ref().map(|it| it.parts().email.clone());
    let owner = owner.map(|(owner, account)| (owner, email(account)));
    Ok(page(&OperatorKeysPage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&operating, &http),
        now: http.services.clock.now(),
        sought: &sought,
        created_by: created_by.as_ref(),
        owner: owner.as_ref().map(|(owner, email)| (*owner, email.as_ref())),
        keys: &found.keys,
        days: &last_days(&http, &found.keys).await?,
        next: next.as_deref(),
        is_cut: found.is_cut,
    }))
}

/// A page of the keys of all owners, or of those that somebody made, the newest first.
async fn listed(
    http: &Http,
    created_by: Option<&Creator>,
    after: Option<KeyCursor>,
) -> Result<(Found, Option<String>), ApiError> {
    let mut search = find::every_key(http);
    search.created_by = created_by.cloned();
    let mut keys = http.services.register.search(&search, after, READ).await?;
    let there_are_more = keys.len() > SHOWN;
    keys.truncate(SHOWN);
    let last = keys.last().filter(|_| there_are_more);
    let next = last.map(|last| written(KeyCursor::from(&last.key)));
    Ok((Found { keys, ..Found::default() }, next))
}

pub(crate) async fn key(
    req: HttpRequest,
    http: Data<Http>,
    operating: Operating,
) -> Result<HttpResponse, ApiError> {
    let id = ApiKeyId::parse(req.match_info().get("id").unwrap_or_default());
    let id = id.map_err(|_no_id| ApiError::not_found())?;
    let found = http.services.register.key(id).await?.ok_or_else(ApiError::not_found)?;
    let whose = &found.key.parts().owner;
    let successor = match found.key.parts().replaced_by {
        Some(id) => http.services.register.key(id).await?,
        None => None,
    };
    let owner = http.services.api_keys.owner(whose).await?;
    let account = find::account_that_is(&http, whose).await?;
    let mut of_key = TrailSearch::new(vec![OwnerPattern::any()]);
    of_key.key = Some(id);
    let events = http.services.trail.search(&of_key, None, EVENTS).await?;
    Ok(page(&OperatorKeyPage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&operating, &http),
        now: http.services.clock.now(),
        key: &found,
        successor: successor.as_ref(),
        owner: &owner,
        email: account.as_ref().map(|it| &it.parts().email),
        catalogue: &http.services.api_keys.scope_catalogue(),
        events: &events,
    }))
}

pub(crate) async fn owner(
    req: HttpRequest,
    http: Data<Http>,
    operating: Operating,
) -> Result<HttpResponse, ApiError> {
    let owner = owner_in_path(&req).map_err(|_malformed| ApiError::not_found())?;
    let services = &http.services;
    let found = services.api_keys.owner(&owner).await?;
    let account = find::account_that_is(&http, &owner).await?;
    let keys = services.api_keys.list(&owner).await?;
    let revoked = services.api_keys.revoked_lately(&owner).await?;
    let days = last_days(&http, keys.iter().chain(&revoked)).await?;
    let sorting = Sorting::of_query(req.query_string());
    let mut of_owner = TrailSearch::new(vec![OwnerPattern::any()]);
    of_owner.owner = Some(owner.clone());
    let events = services.trail.search(&of_owner, None, EVENTS_OF_OWNER).await?;
    Ok(page(&OperatorOwnerPage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&operating, &http),
        now: services.clock.now(),
        owner: &owner,
        account: account.as_ref(),
        found: &found,
        limit: services.api_keys.policy().max_keys_per_owner,
        keys: &sorting.sort(keys.iter().collect(), &days),
        sorting,
        revoked: &revoked,
        days: &days,
        events: &events,
    }))
}

/// Which accounts are shown.
#[derive(Debug, Deserialize)]
struct AccountsQuery {
    #[serde(default)]
    email: String,
    after: Option<String>,
}

pub(crate) async fn accounts(
    req: HttpRequest,
    http: Data<Http>,
    operating: Operating,
) -> Result<HttpResponse, ApiError> {
    let AccountsQuery { email, after } = query_in(&req, WRONG)?;
    let after = after.as_deref().map(Uuid::try_parse).transpose();
    let after = after.map_err(|_no_id| ApiError::bad_request("after must be an account's id"))?;
    let mut accounts = if email.is_empty() {
        http.services.accounts.page(after.map(AccountId::new), READ).await?
    } else {
        find::account_of(&http, email.trim()).await?.into_iter().collect()
    };
    let there_are_more = accounts.len() > SHOWN;
    accounts.truncate(SHOWN);
    Ok(page(&OperatorAccountsPage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&operating, &http),
        now: http.services.clock.now(),
        sought: &email,
        accounts: &accounts,
        is_first: after.is_none(),
        next: accounts.last().filter(|_| there_are_more).map(|last| last.parts().id),
    }))
}

/// Which management tokens are shown.
#[derive(Debug, Deserialize)]
struct TokensQuery {
    after: Option<String>,
}

pub(crate) async fn tokens(
    req: HttpRequest,
    http: Data<Http>,
    operating: Operating,
) -> Result<HttpResponse, ApiError> {
    let TokensQuery { after } = query_in(&req, WRONG)?;
    let after = after.as_deref().map(TokenId::parse).transpose();
    let after = after.map_err(|_no_id| ApiError::bad_request("after must be a token's id"))?;
    let mut tokens = http.services.tokens.list(after, READ).await?;
    let there_are_more = tokens.len() > SHOWN;
    tokens.truncate(SHOWN);
    Ok(page(&OperatorTokensPage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&operating, &http),
        now: http.services.clock.now(),
        tokens: &tokens,
        is_first: after.is_none(),
        next: tokens.last().filter(|_| there_are_more).map(|last| last.id),
    }))
}

/// Which events are shown.
#[derive(Debug, Deserialize)]
struct EventsQuery {
    owner: Option<String>,
    key: Option<String>,
    action: Option<String>,
    before: Option<String>,
}

pub(crate) async fn activity(
    req: HttpRequest,
    http: Data<Http>,
    operating: Operating,
) -> Result<HttpResponse, ApiError> {
    let EventsQuery { owner, key, action, before } = query_in(&req, WRONG)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let key = given(key).map(|text| ApiKeyId::parse(&text)).transpose();
    let before = given(before).map(|text| EventId::parse(&text)).transpose();
    let before = before.map_err(|_no_id| ApiError::bad_request("before must be an event's id"))?;
    let sought = SoughtEvents {
        owner: given(owner).map(named_owner).transpose()?,
        key: key.map_err(|_no_id| ApiError::bad_request("key must be a key's id"))?,
        action: given(action).as_deref().map(named_action).transpose()?,
    };
    let mut search = TrailSearch::new(vec![OwnerPattern::any()]);
    (search.owner, search.key, search.action) = (sought.owner.clone(), sought.key, sought.action);
    let mut events = http.services.trail.search(&search, before, READ).await?;
    let there_are_more = events.len() > SHOWN;
    events.truncate(SHOWN);
    Ok(page(&OperatorActivityPage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&operating, &http),
        now: http.services.clock.now(),
        sought: &sought,
        events: &events,
        is_newest: before.is_none(),
        older: events.last().filter(|_| there_are_more).map(|last| last.id),
    }))
}

pub(crate) async fn system(
    req: HttpRequest,
    http: Data<Http>,
    operating: Operating,
) -> Result<HttpResponse, ApiError> {
    Ok(page(&OperatorSystemPage {
        language: language(&req),
        product: &http.settings.product,
        reader: reader(&operating, &http),
        now: http.services.clock.now(),
        instances: &seen(&http).await?,
        peppers: &http.host.peppers().await?,
    }))
}

/// The most events that the page of a key shows.
const EVENTS: u32 = 200;
/// The most events that the page of an owner shows.
const EVENTS_OF_OWNER: u32 = 20;
const WRONG: &str = "A parameter has a wrong value";

fn reader<'a>(operating: &'a Operating, http: &Http) -> Reader<'a> {
    let who = Who::Account(&operating.who.account);
    Reader { who, sign_in_url: None, has_reference: http.settings.reference }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn see(other: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, other))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}
