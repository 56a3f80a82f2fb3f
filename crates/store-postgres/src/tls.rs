//! TLS to the database, by rustls: a server must prove its name, always.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::url::Roots;

/// Why no connection can be made, whatever the database does: there is nobody to trust.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The file can't be read, or isn't PEM.
    #[error("sslrootcert: can't read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: pem::Error,
    },
    /// The file has no usable certificate.
    #[error("sslrootcert: {} holds no certificate of an authority", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The operating system has no authorities.
    #[error("the system has no certificate authorities; name a file with sslrootcert")]
    NoSystemRoots,
}

pub(crate) fn connector(roots: &Roots) -> Result<MakeRustlsConnect, ConnectError> {
    let roots = match roots {
        Roots::System => system_roots()?,
        Roots::File(path) => roots_of(path)?,
    };
    // Named, not the process-wide one: a library that installs another one must not change this.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn system_roots() -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    // A few that can't be read don't matter: what they would vouch for is refused.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(ConnectError::NoSystemRoots) } else { Ok(roots) }
}

fn roots_of(path: &Path) -> Result<RootCertStore, ConnectError> {
    let unreadable = |source| ConnectError::Unreadable { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let (_usable, _unusable) =
            roots.add_parsable_certificates([certificate.map_err(unreadable)?]);
    }
    if roots.is_empty() { Err(ConnectError::Empty { path: path.to_owned() }) } else { Ok(roots) }
}
