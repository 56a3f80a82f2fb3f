use std::sync::Arc;

use async_trait::async_trait;
use http::header::{HeaderMap, HeaderValue, InvalidHeaderValue};
use latchkey_domain::ports::{Clock, EntropyError, StoreError};
use latchkey_domain::{
    ApiKeyId, Cost, Metadata, RefusalReason, RefusedCall, Secret, UsageWriterId, VerifyError,
};
use latchkey_hasher_hmac::{ConfirmError, HmacHasher, PepperRing, RingError};
use latchkey_store_postgres::{ConnectError, PostgresSettings, PostgresStore, PostgresUrlError};
use latchkey_system::{BootClock, OsEntropy, SystemClock};
use latchkey_verifier::{
    Answering, ChargeError, LimitTexts, Principal as Verified, UsageWriter, Verifier,
    VerifierPorts, other_instances_alive,
};
use thiserror::Error;

use crate::refusal::LIMITS;
use crate::{
    Hops, KeyName, KeyPrefix, NotVerified, OwnerId, Principal, Refusal, Unavailable, Verify,
};

/// Latchkey's Postgres, for verifying in this process: one more instance, which every revoke waits
/// for like any other. Clones are one.
///
/// It answers from the cache while it can show the database that it is alive. Its work in the
/// background ends with the runtime it was opened on.
#[derive(Debug, Clone)]
pub struct Embedded {
    verifier: Arc<Verifier>,
    usage: Arc<UsageWriter>,
}

/// Why a database can't be verified with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// The URL is not one.
    #[error(transparent)]
    Url(#[from] PostgresUrlError),
    /// The authorities to trust can't be read.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The ring of peppers is not one.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The ring is not the one that Latchkey uses there.
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    /// The operating system gave no random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The database can't be used, or has not been migrated by Latchkey.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Embedded {
    /// Opens a database that Latchkey has migrated, by its own settings `DATABASE_URL` and
    /// `LATCHKEY_PEPPERS`. It must be called on a multi-threaded runtime of tokio that lives as long
    /// as the service: a heartbeat that waits for a busy thread costs the lease.
    ///
    /// The role in the URL needs no more than the grants for `latchkey_guard` in Latchkey's
    /// documentation on running it; it sees no accounts, sessions or events.
    pub async fn open(database_url: &str, peppers: &str) -> Result<Self, EmbeddedError> {
        let store = PostgresStore::connect(&PostgresSettings::parse(database_url)?)?;
        let hasher = HmacHasher::new(&PepperRing::parse(peppers)?);
        store.ready_to_verify().await?;
        hasher.confirm(&store, other_instances_alive(&store)).await?;
        let store = Arc::new(store);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let this_process = UsageWriterId::draw(&OsEntropy)?;
        let usage = Arc::new(UsageWriter::new(Arc::<PostgresStore>::clone(&store), this_process));
        let ports = VerifierPorts {
            lookup: Arc::<PostgresStore>::clone(&store),
            feed: Arc::<PostgresStore>::clone(&store),
            shares: store,
            hasher: Arc::new(hasher),
            clock,
            lease_clock: Arc::new(BootClock),
            usage: Arc::clone(&usage),
        };
        let verifier = Arc::new(Verifier::new(ports, Answering::FromCache, None));
        let (keeping, writing) = (Arc::clone(&verifier), Arc::clone(&usage));
        tokio::spawn(async move { keeping.keep().await });
        tokio::spawn(async move { writing.keep_writing().await });
        Ok(Self { verifier, usage })
    }

    /// Writes the last uses that are not yet written, and takes this process off the list of instances;
    /// later verifications ask the database. Call it before the process ends: otherwise the next
    /// revoke waits until the lease of this process ends.
    pub async fn close(&self) {
        self.usage.close().await;
        self.verifier.leave().await;
    }

    fn refused(&self, key: ApiKeyId, reason: RefusalReason) {
        self.verifier.refused(key, reason, RefusedCall::default());
    }
}

#[async_trait]
impl Verify for Embedded {
    async fn verify(
        &self,
        secret: &Secret,
        _hops: &Hops,
        cost: Cost,
    ) -> Result<Principal, NotVerified> {
        match self.verifier.verify_secret(secret).await {
            // Which proxies the hops may be believed from is not known here, and so no address.
            Ok(verified) if !verified.restrictions().networks.contain(None) => {
                self.refused(verified.key(), RefusalReason::Network);
                Err(Refusal::address_not_allowed().into())
            }
            Ok(verified) => {
                let principal = principal(&verified)?;
                match self.verifier.charge(&verified, cost.get()).await {
                    Ok(()) => {}
                    Err(ChargeError::Store(error)) => return Err(Unavailable::new(error).into()),
                    Err(ChargeError::Over(over)) => {
                        self.refused(verified.key(), over.reason());
                        return Err(Refusal::of_budget(over).into());
                    }
                }
                self.verifier.accepted(&verified, cost.get());
                let limits = LimitTexts::of(self.verifier.limits(&verified));
                let headers = limits.map(headers).transpose()?.unwrap_or_default();
                Ok(Principal { headers, ..principal })
            }
            Err(VerifyError::Refused(refused)) => {
                if let Some((key, reason)) = refused.of_key() {
                    self.refused(key, reason);
                }
                Err(Refusal::invalid_key().into())
            }
            Err(VerifyError::Store(error)) => Err(Unavailable::new(error).into()),
        }
    }
}

fn principal(verified: &Verified) -> Result<Principal, Unavailable> {
    Ok(Principal {
        key_id: verified.key(),
        owner_id: OwnerId::parse(verified.owner()).map_err(Unavailable::new)?,
        name: KeyName::restore(verified.name()).map_err(Unavailable::new)?,
        key_prefix: KeyPrefix::parse(verified.prefix()).map_err(Unavailable::new)?,
        environment: verified.environment(),
        expires_at: verified.expires_at(),
        metadata: Metadata::parse(verified.metadata()).map_err(Unavailable::new)?,
        scopes: verified.restrictions().scopes.clone(),
        headers: HeaderMap::new(),
    })
}

fn headers(LimitTexts { policy, state }: LimitTexts) -> Result<HeaderMap, Unavailable> {
    let values = [policy, state].map(HeaderValue::try_from);
    let headers = LIMITS.into_iter().zip(values).map(|(name, value)| Ok((name, value?)));
    headers.collect::<Result<_, _>>().map_err(|error: InvalidHeaderValue| Unavailable::new(error))
}
