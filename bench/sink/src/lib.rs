//! An OTLP/HTTP endpoint that swallows and counts.
//!
//! Loopback only and without limits: it decodes no more than is needed to count spans, data
//! points and log records, so that it takes little from the program under test. It does not
//! understand compressed bodies.

mod http;
mod protobuf;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Export requests of all signals.
    pub requests: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Spans.
    pub spans: u64,
    /// Metrics, each of which may have many data points.
    pub metrics: u64,
    /// Log records.
    pub logs: u64,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    bytes: AtomicU64,
    spans: AtomicU64,
    metrics: AtomicU64,
    logs: AtomicU64,
}

/// A running sink; it lives as long as the process.
pub struct Sink {
    address: SocketAddr,
    counters: Arc<Counters>,
}

impl Sink {
    /// Listens on a free loopback port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let counters = Arc::new(Counters::default());
        let shared = Arc::clone(&counters);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counters = Arc::clone(&shared);
                std::thread::spawn(move || {
                    http::serve(stream, |path, body| counters.count(path, body));
                });
            }
        });
        Ok(Self { address, counters })
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived since the last call.
    pub fn take(&self) -> Counts {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Counts {
            requests: take(&self.counters.requests),
            bytes: take(&self.counters.bytes),
            spans: take(&self.counters.spans),
            metrics: take(&self.counters.metrics),
            logs: take(&self.counters.logs),
        }
    }
}

impl Counters {
    fn count(&self, path: &str, body: &[u8]) {
        let counter = match path {
            "/v1/traces" => &self.spans,
            "/v1/metrics" => &self.metrics,
            "/v1/logs" => &self.logs,
            _ => return,
        };
        counter.fetch_add(protobuf::leaves(body), Ordering::Relaxed);
        self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}
