//! The bytes below HTTP: TCP with a deadline, plain or under TLS.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::endpoint::{Endpoint, Url};

/// Makes connections to one endpoint.
#[derive(Default)]
pub(crate) struct Connector {
    #[cfg(feature = "tls")]
    tls: super::tls::Connector,
}

/// A connection to an endpoint.
pub(crate) enum Transport {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::Stream>),
}

/// A TCP connection whose every read and write ends by the deadline, however slowly the other
/// side drips.
pub(crate) struct Socket {
    stream: TcpStream,
    deadline: Instant,
}

impl Connector {
    /// Connects, and speaks what the URL asks for.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "only TLS has something to remember")
    )]
    pub(crate) fn connect(
        &mut self,
        url: &Url,
        endpoint: &Endpoint,
        deadline: Instant,
    ) -> io::Result<Transport> {
        if !url.tls {
            return Ok(Transport::Plain(Socket::connect(url, deadline)?));
        }
        #[cfg(feature = "tls")]
        let connected = self
            .tls
            .connect(url, endpoint, deadline)
            .map(Transport::Tls);
        #[cfg(not(feature = "tls"))]
        let connected = {
            // The settings have warned and left the endpoint out.
            let _ = endpoint;
            Err(ErrorKind::Unsupported.into())
        };
        connected
    }
}

impl Transport {
    /// Bounds everything from here on.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        match self {
            Self::Plain(socket) => socket.deadline = deadline,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.sock.deadline = deadline,
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Socket {
    /// Tries the host's addresses in turn.
    pub(crate) fn connect(url: &Url, deadline: Instant) -> io::Result<Self> {
        let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
        let addresses = (url.host.as_str(), url.port).to_socket_addrs();
        for address in addresses.map_err(unknown_host)? {
            match TcpStream::connect_timeout(&address, remaining(deadline)?) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, deadline });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream
            .set_read_timeout(Some(remaining(self.deadline)?))?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream
            .set_write_timeout(Some(remaining(self.deadline)?))?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A name that does not resolve. Systems report that with no kind of its own.
#[derive(Debug)]
struct UnknownHost(io::Error);

impl fmt::Display for UnknownHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for UnknownHost {}

fn unknown_host(error: io::Error) -> io::Error {
    io::Error::other(UnknownHost(error))
}

/// True when the host's name did not resolve.
pub(crate) fn is_unknown_host(error: &io::Error) -> bool {
    let cause = error.get_ref();
    cause.is_some_and(<dyn std::error::Error + Send + Sync>::is::<UnknownHost>)
}

fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

/// Systems disagree on what an expired socket time-out is called.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock {
        ErrorKind::TimedOut.into()
    } else {
        error
    }
}
