use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use latchkey_accounts::{Account, AccountId, OperatorError};
use latchkey_domain::uuid::Uuid;

use super::{Operating, OperatingAfresh};
use crate::Http;
use crate::accounts::Success;
use crate::error::{ApiError, ErrorCode};

/// Disables an account: its sessions end, and its keys are revoked permanently.
pub(crate) async fn disable(
    req: HttpRequest,
    http: Data<Http>,
    OperatingAfresh(operating): OperatingAfresh,
) -> Result<HttpResponse, ApiError> {
    let account = another_account(&req, &http, &operating).await?;
    let (work, caller) = (Data::clone(&http), operating.caller);
    let disabling = async move { work.services.accounts.disable(&account, &caller).await };
    let _disabled = http.finish(disabling).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}

/// Lets a disabled account sign in again.
pub(crate) async fn enable(
    req: HttpRequest,
    http: Data<Http>,
    operating: Operating,
) -> Result<HttpResponse, ApiError> {
    let account = account_in_path(&req, &http).await?;
    let (work, caller) = (Data::clone(&http), operating.caller);
    let enabling = async move { work.services.accounts.enable(&account, &caller).await };
    let _enabled = http.finish(enabling).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}

/// Removes an account, its keys, and what is personal in its events.
pub(crate) async fn delete(
    req: HttpRequest,
    http: Data<Http>,
    OperatingAfresh(operating): OperatingAfresh,
) -> Result<HttpResponse, ApiError> {
    let account = another_account(&req, &http, &operating).await?;
    let (work, caller) = (Data::clone(&http), operating.caller);
    let deleting = async move { work.services.accounts.delete(&account, &caller).await };
    http.finish(deleting).await??;
    Ok(HttpResponse::Ok().json(Success::DONE))
}

async fn account_in_path(req: &HttpRequest, http: &Http) -> Result<Account, ApiError> {
    let text = req.match_info().get("id").unwrap_or_default();
    let id = Uuid::try_parse(text).map_err(|_no_id| OperatorError::NotFound)?;
    Ok(http.services.accounts.by_id(AccountId::new(id)).await?)
}

/// An operator who disables the own account by mistake could not take that back.
async fn another_account(
    req: &HttpRequest,
    http: &Http,
    operating: &Operating,
) -> Result<Account, ApiError> {
    let account = account_in_path(req, http).await?;
    if account.parts().id == operating.who.account.parts().id {
        let message = "This is your own account; another operator can disable or delete it";
        return Err(ApiError::new(ErrorCode::Conflict, message));
    }
    Ok(account)
}

impl From<OperatorError> for ApiError {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::NotFound => Self::new(ErrorCode::NotFound, "Account not found"),
            OperatorError::Disabled => {
                Self::new(ErrorCode::Conflict, "The account is disabled; enable it first")
            }
            OperatorError::Stale => {
                let message = "The account was changed at the same time; try again";
                Self::new(ErrorCode::Conflict, message)
            }
            OperatorError::Hash(error) => error.into(),
            OperatorError::Entropy(error) => error.into(),
            OperatorError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}
