use async_trait::async_trait;
use latchkey_accounts::PepperStanding;
use latchkey_domain::ports::{InstanceList, StoreError};

use crate::app::App;
use crate::metrics;
use latchkey_http::{Counts, Host};

#[async_trait]
impl Host for App {
    fn is_prepared(&self) -> bool {
        self.is_prepared()
    }

    fn is_draining(&self) -> bool {
        self.is_draining()
    }

    async fn ready(&self) -> Result<bool, StoreError> {
        self.ready().await
    }

    async fn instances(&self) -> Result<Option<InstanceList>, StoreError> {
        self.instances().await.map(Some)
    }

    async fn peppers(&self) -> Result<Vec<PepperStanding>, StoreError> {
        self.pepper_status().await
    }

    async fn metrics(&self, counts: &Counts) -> String {
        metrics::text(self, counts).await
    }
}
