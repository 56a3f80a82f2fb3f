use async_trait::async_trait;
use latchkey_domain::ports::StoreError;

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

    async fn metrics(&self, counts: &Counts) -> String {
        metrics::text(self, counts).await
    }
}
