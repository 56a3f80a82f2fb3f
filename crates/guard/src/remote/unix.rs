use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tower_service::Service;

pub(super) const SCHEME: &str = "unix:";
/// What is asked for by a socket, which has no host of its own.
pub(super) const HOST: &str = "http://localhost";

/// Connects to a Unix socket, whatever it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Connector(Arc<Path>);

impl Connector {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.into())
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = Arc::clone(&self.0);
        Box::pin(async move { UnixStream::connect(&*path).await.map(TokioIo::new) })
    }
}
