//! TLS by rustls, with the system's certificates or those that the settings name.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::endpoint::{Endpoint, Url};
use super::transport::Socket;

/// A TLS connection.
pub(crate) type Stream = StreamOwned<ClientConnection, Socket>;

/// Remembers the configuration: reading the system's certificates takes a while.
#[derive(Default)]
pub(crate) struct Connector {
    config: Option<Arc<ClientConfig>>,
}

impl Connector {
    /// Connects; the handshake comes with the first write.
    pub(crate) fn connect(
        &mut self,
        url: &Url,
        endpoint: &Endpoint,
        deadline: Instant,
    ) -> io::Result<Box<Stream>> {
        let config = match &self.config {
            Some(config) => config,
            None => self.config.insert(Arc::new(config(endpoint)?)),
        };
        let name = ServerName::try_from(url.host.clone()).map_err(io::Error::other)?;
        let connection =
            ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(
            connection,
            Socket::connect(url, deadline)?,
        )))
    }
}

fn config(endpoint: &Endpoint) -> io::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots(&endpoint.certificate)?);
    if endpoint.client_certificate.is_empty() {
        return Ok(builder.with_no_client_auth());
    }
    let chain = read_certificates(&endpoint.client_certificate)?;
    let key = PrivateKeyDer::from_pem_file(&endpoint.client_key).map_err(io::Error::other)?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(io::Error::other)
}

fn roots(path: &str) -> io::Result<RootCertStore> {
    let certificates = if path.is_empty() {
        rustls_native_certs::load_native_certs().certs
    } else {
        read_certificates(path)?
    };
    let mut roots = RootCertStore::empty();
    // Systems carry certificates that are of no use here; without any the handshake fails.
    roots.add_parsable_certificates(certificates);
    Ok(roots)
}

fn read_certificates(path: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(io::Error::other)?;
    certificates
        .collect::<Result<_, _>>()
        .map_err(io::Error::other)
}
