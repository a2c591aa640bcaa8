//! `[agent] features = ["tls"]`: exporting to a server that speaks TLS only.
//!
//! The certificates are those of the agent's own tests.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use crate::project::{Project, Ran};

const MAIN: &str = "fn main() { println!(\"{}\", shop::work()); }\n";
const LIBRARY: &str = "pub fn work() -> u8 { 7 }\n";
const RULES: &str = "[[span]]\nfunction = \"shop::work\"\n";
const WAIT_MAX: Duration = Duration::from_secs(10);

fn file(name: &str) -> String {
    let tests = "../selvedge-agent/tests/export/tls";
    format!("{}/{tests}/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A collector that answers every request with 200 and tells the request lines.
fn collector() -> (SocketAddr, Receiver<String>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(file("server.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(file("server.key")).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (requests, received) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = Stream::new(&mut connection, &mut stream);
            let mut head = [0; 4096];
            let read = tls.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]);
            // The answer may come before all of the request is read.
            drop(tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
            if let Some(line) = head.lines().next().filter(|line| !line.is_empty()) {
                drop(requests.send(line.to_owned()));
            }
        }
    });
    (address, received)
}

fn run(project: &Project, address: SocketAddr) -> Ran {
    let endpoint = format!("https://localhost:{}", address.port());
    project
        .run(
            Command::new(project.path("target/selvedge/debug/shop"))
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
                .env("OTEL_EXPORTER_OTLP_CERTIFICATE", file("ca.pem"))
                .env("OTEL_METRICS_EXPORTER", "none")
                .env("OTEL_LOGS_EXPORTER", "none"),
        )
        .ok()
}

#[test]
fn spans_go_to_an_https_endpoint_and_turning_tls_on_rebuilds_programs_only() {
    let project = Project::new(
        "shop",
        &[
            ("src/main.rs", MAIN),
            ("src/lib.rs", LIBRARY),
            ("selvedge.toml", RULES),
        ],
    );
    let (address, received) = collector();
    project.selvedge("build").ok();
    let without = run(&project, address).stderr;
    assert!(
        without.contains("[agent] features = [\"tls\"]"),
        "{without}"
    );
    let library = modified(&project);
    project.write(
        "selvedge.toml",
        &format!("{RULES}[agent]\nfeatures = [\"tls\"]\n"),
    );
    project.selvedge("build").ok();
    assert_eq!(modified(&project), library);
    assert_eq!(run(&project, address).stderr, "");
    let request = received.recv_timeout(WAIT_MAX).unwrap();
    assert_eq!(request, "POST /v1/traces HTTP/1.1");
}

/// When the library was last compiled.
fn modified(project: &Project) -> std::time::SystemTime {
    let library = project.path("target/selvedge/debug/libshop.rlib");
    std::fs::metadata(library).unwrap().modified().unwrap()
}
