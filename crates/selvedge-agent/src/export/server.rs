//! `/metrics`: a listener on its own thread, a short-lived thread per request.
//!
//! Answers GET and HEAD of one path and closes. Requests are bounded in size, time and number.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::prometheus::{self, Format};
use crate::drain;
use crate::metrics::Registry;
use crate::resource::Resource;
use crate::thread;

const CONNECTIONS_MAX: usize = 8;
const REQUEST_BYTES_MAX: usize = 8 << 10;
/// Reading a request and writing the answer, each.
const EXCHANGE_MAX: Duration = Duration::from_secs(5);
/// A scrape waits so long for spans that have ended to be measured.
const CATCH_UP_MAX: Duration = Duration::from_millis(50);
/// Between two tries to accept while the system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running listener; dropping it stops it.
pub(crate) struct Server {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
}

struct Shared {
    registry: &'static Registry,
    resource: Resource,
    connections: AtomicUsize,
}

impl Server {
    /// Binds and starts listening.
    pub(crate) fn start(
        host: &str,
        port: u16,
        registry: &'static Registry,
        resource: Resource,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((host, port))?;
        let address = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            registry,
            resource,
            connections: AtomicUsize::new(0),
        });
        let stop = Arc::clone(&stopping);
        thread::spawn("selvedge-metrics", move || {
            listen(&listener, &stop, &shared);
        })?;
        Ok(Self { address, stopping })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the accepting thread; where that fails it ends with the next request.
        let _ = TcpStream::connect_timeout(&self.address, ACCEPT_PAUSE);
    }
}

fn listen(listener: &TcpListener, stop: &AtomicBool, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if stop.load(Ordering::Acquire) {
            return;
        }
        match accepted {
            Ok((stream, _)) => spawn(stream, shared),
            Err(_) => std::thread::sleep(ACCEPT_PAUSE),
        }
    }
}

fn spawn(stream: TcpStream, shared: &Arc<Shared>) {
    if shared.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
        shared.connections.fetch_sub(1, Ordering::Relaxed);
        // Closing says enough; a scraper tries again.
        return;
    }
    let own = Arc::clone(shared);
    let spawned = thread::spawn("selvedge-scrape", move || {
        // A scraper that goes away or asks nonsense is none of the program's business.
        let _ = serve(stream, &own);
        own.connections.fetch_sub(1, Ordering::Relaxed);
    });
    if spawned.is_err() {
        shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let head = read_head(&mut stream)?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => {
            let accept = lines.filter_map(|line| line.split_once(':'));
            let accept = accept.filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
            let accept: Vec<&str> = accept.map(|(_, value)| value.trim()).collect();
            let format = Format::negotiate(&accept.join(","));
            drain::catch_up(CATCH_UP_MAX);
            let metrics = shared.registry.collect();
            let body = prometheus::write(format, &shared.resource, &metrics);
            ("200 OK", format.content_type(), body)
        }
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", "see /metrics\n".to_owned()),
        _ => (
            "405 Method Not Allowed",
            "text/plain",
            "GET only\n".to_owned(),
        ),
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if method != "HEAD" {
        answer.push_str(&body);
    }
    write_all(&mut stream, answer.as_bytes())
}

/// Everything up to the empty line.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let deadline = Instant::now() + EXCHANGE_MAX;
    let mut head = Vec::new();
    let mut block = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() > REQUEST_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut block)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => head.extend_from_slice(&block[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn write_all(stream: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let deadline = Instant::now() + EXCHANGE_MAX;
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        let written = stream.write(bytes)?;
        if written == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
    }
    Ok(())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}
