//! The keys that an issuer of JWTs publishes at an address, asked by HTTPS.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use latchkey_domain::error_chain;
use latchkey_jwt::{FetchError, PublishedKeys};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use url::Url;

use crate::app::StartError;

/// Of a whole fetch, connecting included.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Of an answer.
const MAX_BYTES: usize = 1024 * 1024;

/// A JWKS at an address. No redirect is followed and no proxy setting is read.
#[derive(Debug)]
pub(crate) struct IssuerKeys {
    address: Uri,
    http: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl IssuerKeys {
    /// The JWKS at an address that the settings have checked. Its certificate must be valid by the
    /// operating system's authorities.
    pub(crate) fn at(address: &Url) -> Result<Self, StartError> {
        let mut roots = RootCertStore::empty();
        if address.scheme() == "https" {
            // A few that can't be read don't matter: what they would vouch for is refused.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err("LATCHKEY_JWT_KEYS: the system has no certificate authorities".into());
            }
        }
        // Named, not the process-wide one: a library that installs another one must not change this.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        // Minutes lie between two fetches: a connection that was kept would be closed by then.
        let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { address: address.as_str().parse()?, http })
    }

    async fn ask(&self) -> Result<Vec<u8>, FetchError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.address.clone();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.http.request(request).await?;
        let status = answer.status();
        if status != StatusCode::OK {
            return Err(format!("the address answered {status}").into());
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await?;
        Ok(body.to_bytes().to_vec())
    }
}

#[async_trait]
impl PublishedKeys for IssuerKeys {
    async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        let answered =
            timeout(TIME_LIMIT, self.ask()).await.unwrap_or_else(|late| Err(late.into()));
        answered.map_err(|error| format!("LATCHKEY_JWT_KEYS: {}", error_chain(&*error)).into())
    }
}
