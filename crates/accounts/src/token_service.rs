use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latchkey_domain::ports::{Clock, Entropy, EntropyError, PepperRepository, StoreError};
use latchkey_domain::{
    Action, AuditEvent, Caller, IdSequence, KeyedDigest, ManagementTokenText, PepperId, Timestamp,
    TokenId,
};
use thiserror::Error;

use crate::ports::{ManagementTokenHasher, ManagementTokenRepository};
use crate::{ManagementToken, NewManagementToken};

/// Uses of a token that lie closer together are recorded once.
const RECORD_EVERY: Duration = Duration::from_mins(1);
/// Tokens read at a time.
const PAGE: u32 = 500;

/// The use cases of management tokens over their ports.
///
/// Nothing is cached: a token is looked up in the store each time it is presented, so that a revocation
/// holds on every instance as soon as it is answered.
#[derive(Debug)]
pub struct TokenService {
    tokens: Arc<dyn ManagementTokenRepository>,
    hasher: Arc<dyn ManagementTokenHasher>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ids: Arc<IdSequence>,
    /// The latest use of each token that was presented here and had to be recorded.
    uses: Mutex<BTreeMap<TokenId, Use>>,
}

/// The ports that [`TokenService::new`] joins.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named after its port")]
pub struct TokenPorts {
    pub tokens: Arc<dyn ManagementTokenRepository>,
    pub hasher: Arc<dyn ManagementTokenHasher>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub ids: Arc<IdSequence>,
}

/// A token that has just been made. Its text is here and nowhere else.
#[derive(Debug)]
pub struct IssuedToken {
    /// What is stored.
    pub token: ManagementToken,
    /// What its holder presents.
    pub text: ManagementTokenText,
}

/// The tokens that depend on a pepper.
#[derive(Debug, Default)]
pub struct TokensUnderPepper {
    /// Those that work, in the order of their ids.
    pub tokens: Vec<TokenId>,
    /// When one of them was last used, as far as recorded.
    pub last_used_at: Option<Timestamp>,
}

/// What depends on a pepper, and what becomes of that.
#[derive(Debug, Clone, Copy)]
pub struct PepperStanding {
    /// Which one.
    pub pepper: PepperId,
    /// What it does here.
    pub role: PepperRole,
    /// How many unrevoked keys depend on it.
    pub keys: u64,
    /// How many management tokens that work depend on it.
    pub tokens: usize,
    /// When one of those was last used, as far as recorded.
    pub last_used_at: Option<Timestamp>,
}

/// What a pepper does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PepperRole {
    /// New digests are made under it.
    Signs,
    /// Digests under it are checked.
    Verifies,
    /// It is not in the ring: what depends on it is refused.
    Missing,
}

impl fmt::Display for PepperRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Signs => "signs",
            Self::Verifies => "verifies",
            Self::Missing => "missing",
        })
    }
}

/// A use that is to be recorded, or was.
#[derive(Debug, Clone, Copy)]
struct Use {
    at: Timestamp,
    /// What is stored, and what is to be stored in its place.
    renewal: Option<(KeyedDigest, KeyedDigest)>,
    is_written: bool,
}

/// Why a token was not made.
#[derive(Debug, Error)]
pub enum CreateTokenError {
    /// No randomness to make a token from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a token was not revoked.
#[derive(Debug, Error)]
pub enum RevokeTokenError {
    /// There is no such token, or it is revoked.
    #[error("no management token that is not revoked has this id")]
    NotFound,
    /// No randomness to make an id from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a presented text opens nothing.
#[derive(Debug, Error)]
pub enum AuthenticateTokenError {
    /// Malformed, unknown, expired or revoked: which of them is not told.
    #[error("not a management token that works")]
    Invalid,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TokenService {
    /// Joins the ports. Last uses are only noted until [`write_uses`](Self::write_uses) is called, which
    /// the program does from time to time.
    pub fn new(ports: TokenPorts) -> Self {
        let TokenPorts { tokens, hasher, clock, entropy, ids } = ports;
        Self { tokens, hasher, clock, entropy, ids, uses: Mutex::default() }
    }

    /// Makes a token. Its text is in the answer and nowhere else.
    pub async fn create(
        &self,
        new: NewManagementToken,
        caller: &Caller,
    ) -> Result<IssuedToken, CreateTokenError> {
        let NewManagementToken { name, rights, owners, lifetime } = new;
        let now = self.clock.now();
        let text = ManagementTokenText::generate(&*self.entropy)?;
        let id = TokenId::new(self.ids.next(now)?);
        let token = ManagementToken {
            id,
            name,
            rights,
            owners,
            prefix: text.prefix(),
            digest: self.hasher.digest(&text),
            created_at: now,
            expires_at: now.saturating_add(lifetime.get()),
            revoked_at: None,
            last_used_at: None,
        };
        let event = AuditEvent::new(&self.ids, now, None, Action::TokenCreated(id), caller)?;
        self.tokens.insert(&token, &event).await?;
        Ok(IssuedToken { token, text })
    }

    /// The tokens after one that are not revoked, the eldest first, at most `limit`.
    pub async fn list(
        &self,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<ManagementToken>, StoreError> {
        self.tokens.page(after, limit).await
    }

    /// Revokes a token: no instance accepts it once this returns.
    pub async fn revoke(&self, id: TokenId, caller: &Caller) -> Result<(), RevokeTokenError> {
        let now = self.clock.now();
        let event = AuditEvent::new(&self.ids, now, None, Action::TokenRevoked(id), caller)?;
        if self.tokens.revoke(id, now, &event).await? {
            Ok(())
        } else {
            Err(RevokeTokenError::NotFound)
        }
    }

    /// The token whose text was presented, if it works now. A text that is none by its form or its
    /// checksum is refused without asking the store. Its use is noted, and written by
    /// [`write_uses`](Self::write_uses).
    pub async fn authenticate(
        &self,
        presented: &[u8],
    ) -> Result<ManagementToken, AuthenticateTokenError> {
        let text = ManagementTokenText::parse(presented)
            .map_err(|_malformed| AuthenticateTokenError::Invalid)?;
        let candidates = self.hasher.candidates(&text);
        let found = self.tokens.find(&candidates).await?;
        let now = self.clock.now();
        let works = found
            .filter(|token| candidates.contain(&token.digest.digest) && token.works_at(now))
            .ok_or(AuthenticateTokenError::Invalid)?;
        let renewed = candidates.renewal(&works.digest);
        self.note(&works, now, renewed.map(|renewed| (works.digest, renewed)));
        Ok(works)
    }

    /// Notes a use, unless one of the last minute was noted here or is stored.
    fn note(
        &self,
        token: &ManagementToken,
        at: Timestamp,
        renewal: Option<(KeyedDigest, KeyedDigest)>,
    ) {
        let is_due = |last: Timestamp| at.since(last) >= RECORD_EVERY;
        if renewal.is_none() && !token.last_used_at.is_none_or(is_due) {
            return;
        }
        let mut uses = self.uses();
        if uses.get(&token.id).is_none_or(|noted| is_due(noted.at)) {
            uses.insert(token.id, Use { at, renewal, is_written: false });
        }
    }

    /// Writes the uses that were noted, at most one a minute for each token. A token whose digest is of an older
    /// pepper gets the digest of the pepper that signs. Where the store fails, the next call tries again.
    pub async fn write_uses(&self) -> Result<(), StoreError> {
        while let Some((id, Use { at, renewal, .. })) = self.unwritten() {
            self.tokens.touch(id, at).await?;
            if let Some((stored, renewed)) = renewal {
                self.tokens.redigest(id, &stored.digest, &renewed).await?;
            }
            if let Some(noted) = self.uses().get_mut(&id).filter(|noted| noted.at == at) {
                noted.is_written = true;
            }
        }
        Ok(())
    }

    fn unwritten(&self) -> Option<(TokenId, Use)> {
        self.uses().iter().find(|(_, noted)| !noted.is_written).map(|(id, noted)| (*id, *noted))
    }

    /// For each pepper, the tokens that work and are stored under it: without it they would be refused.
    pub async fn peppers_in_use(
        &self,
    ) -> Result<BTreeMap<PepperId, TokensUnderPepper>, StoreError> {
        let (now, mut after) = (self.clock.now(), None);
        let mut peppers: BTreeMap<PepperId, TokensUnderPepper> = BTreeMap::new();
        loop {
            let page = self.tokens.page(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(peppers) };
            after = Some(last.id);
            for token in page.iter().filter(|token| token.works_at(now)) {
                let under = peppers.entry(token.digest.pepper).or_default();
                under.tokens.push(token.id);
                under.last_used_at = under.last_used_at.max(token.last_used_at);
            }
        }
    }

    /// The peppers of the `ring`, the signing one first, and those that are missing in it and needed. It reads all keys.
    pub async fn pepper_status(
        &self,
        peppers: &dyn PepperRepository,
        ring: &[PepperId],
    ) -> Result<Vec<PepperStanding>, StoreError> {
        let usage = peppers.usage().await?;
        let tokens = self.peppers_in_use().await?;
        let in_use = usage.iter().map(|usage| usage.pepper).chain(tokens.keys().copied());
        let missing: BTreeSet<PepperId> = in_use.filter(|it| !ring.contains(it)).collect();
        let all = ring.iter().copied().chain(missing).enumerate();
        Ok(all
            .map(|(position, pepper)| {
                let role = match position {
                    0 => PepperRole::Signs,
                    _ if position < ring.len() => PepperRole::Verifies,
                    _ => PepperRole::Missing,
                };
                let of_keys = usage.iter().find(|usage| usage.pepper == pepper);
                let of_tokens = tokens.get(&pepper);
                let used = of_keys.and_then(|it| it.last_used_at);
                PepperStanding {
                    pepper,
                    role,
                    keys: of_keys.map_or(0, |it| it.keys),
                    tokens: of_tokens.map_or(0, |it| it.tokens.len()),
                    last_used_at: used.max(of_tokens.and_then(|it| it.last_used_at)),
                }
            })
            .collect())
    }

    fn uses(&self) -> MutexGuard<'_, BTreeMap<TokenId, Use>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
