//! https, against a server with a certificate of our own authority.
//!
//! `tls/` holds that authority's certificate, and a certificate with its key for `localhost`
//! that serves both sides. They are good for nothing else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};

use crate::{INTERNAL, counted, in_seconds, pipeline, span};

fn file(name: &str) -> String {
    format!("{}/tests/export/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A server that wants a certificate of its clients and answers every request with 200.
fn serve() -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("ca.pem")).unwrap())
        .unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_file(file("server.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(file("server.key")).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = Stream::new(&mut connection, &mut stream);
            // One read may give only a part of the request; the answer may come early.
            if tls.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    address
}

/// Records exported, and what failed while a flush lasted.
fn export(certificate: &str) -> f64 {
    let url = format!("https://localhost:{}", serve().port());
    let (mut pipeline, registry) = pipeline(
        &url,
        &[
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", certificate),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &file("server.pem")),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &file("server.key")),
        ],
    );
    pipeline.span(&span(&INTERNAL));
    pipeline.flush(in_seconds(1));
    counted(registry, "otel.sdk.exporter.span.exported", "")
}

#[test]
fn a_server_of_a_trusted_authority_is_spoken_to_with_our_certificate() {
    assert_eq!(export(&file("ca.pem")), 1.0);
}

#[test]
fn a_server_of_an_unknown_authority_gets_nothing() {
    assert_eq!(export(""), 0.0);
}
