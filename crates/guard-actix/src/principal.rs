use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use latchkey_domain::{ApiKeyId, Environment, KeyName, KeyPrefix, Metadata, OwnerId, Timestamp};

use crate::{Guard, GuardError};

/// Who is calling: the good key that came with a request. As an argument of a handler it lets the
/// handler run for such requests only.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ApiKeyPrincipal {
    /// The key's public handle.
    pub key_id: ApiKeyId,
    /// Whose key it is.
    pub owner_id: OwnerId,
    /// What its owner calls it.
    pub name: KeyName,
    /// The public beginning of its text.
    pub key_prefix: KeyPrefix,
    /// What it is meant for.
    pub environment: Environment,
    /// The first instant at which it no longer works, if any.
    pub expires_at: Option<Timestamp>,
    /// What another system keeps with it: the text of a JSON object, `{}` where there is nothing.
    pub metadata: Metadata,
}

impl ApiKeyPrincipal {
    /// A key that works until it is revoked, for a [`Verify`](crate::Verify) of your own.
    pub fn new(
        key_id: ApiKeyId,
        owner_id: OwnerId,
        name: KeyName,
        key_prefix: KeyPrefix,
        environment: Environment,
    ) -> Self {
        let metadata = Metadata::default();
        Self { key_id, owner_id, name, key_prefix, environment, expires_at: None, metadata }
    }
}

/// Left with a request, so that it is verified once, though middleware and handler both ask. An
/// inner scope may have a guard of its own, which does not take another one's word.
struct Admitted {
    by: Guard,
    principal: ApiKeyPrincipal,
}

impl FromRequest for ApiKeyPrincipal {
    type Error = GuardError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, GuardError>>>>;

    fn from_request(req: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move { admit(&req).await })
    }
}

async fn admit(req: &HttpRequest) -> Result<ApiKeyPrincipal, GuardError> {
    let Some(guard) = req.app_data::<Guard>() else {
        tracing::error!("no Guard in the application's data: call App::app_data(guard)");
        return Err(GuardError::NoGuard);
    };
    if let Some(admitted) = req.extensions().get::<Admitted>()
        && admitted.by.is(guard)
    {
        return Ok(admitted.principal.clone());
    }
    let principal = guard.admit(req.headers()).await?;
    let admitted = Admitted { by: guard.clone(), principal: principal.clone() };
    req.extensions_mut().insert(admitted);
    Ok(principal)
}
