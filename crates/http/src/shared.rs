use std::sync::{Arc, Once};

use latchkey_domain::ports::{Entropy, EntropyError};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::counts::Counts;
use super::error::ApiError;
use super::hints::Hints;
use super::outages::Outages;
use super::request_ids::RequestIds;
use super::services::{Host, Services};
use super::settings::HttpSettings;

/// What all requests share.
#[derive(Debug)]
pub struct Http {
    pub(crate) services: Arc<Services>,
    pub(crate) settings: HttpSettings,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) counts: Counts,
    pub(crate) outages: Outages,
    pub(crate) hints: Hints,
    pub(crate) request_ids: RequestIds,
    /// An address that is no trusted proxy sent `X-Forwarded-For`, which is said once.
    pub(crate) stranger_forwarded: Once,
    /// A peer without an address named no client, and its key has networks, which is said once.
    pub(crate) local_unforwarded: Once,
    changes: TaskTracker,
    runtime: Handle,
}

impl Http {
    /// Joins what the routes need. Changes will run on the runtime that this is called on.
    pub fn new(
        services: Arc<Services>,
        settings: HttpSettings,
        host: Arc<dyn Host>,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        Ok(Self {
            services,
            settings,
            host,
            counts: Counts::default(),
            outages: Outages::default(),
            hints: Hints::default(),
            request_ids: RequestIds::new(entropy)?,
            stranger_forwarded: Once::new(),
            local_unforwarded: Once::new(),
            changes: TaskTracker::new(),
            runtime: Handle::current(),
        })
    }

    /// Runs a change in a task of its own and waits for it: the change goes on to its end if the
    /// client goes away, when the framework drops the handler, and a [drain](Self::drain) waits for it.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        change: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.changes.spawn_on(change, &self.runtime).await.map_err(ApiError::internal)
    }

    /// Waits for the changes that run.
    pub async fn drain(&self) {
        self.changes.close();
        self.changes.wait().await;
    }

    /// Says from time to time how many requests failed for the same cause, until it is dropped.
    pub async fn keep_telling(&self) {
        self.outages.keep_telling().await;
    }

    /// Says so for the last time.
    pub fn tell(&self) {
        self.outages.tell();
    }
}
