//! HTTP spans by the stable semantic conventions (OpenTelemetry, http/http-spans.md).
//!
//! Queries and headers are never recorded. Nothing here allocates for a span that is not sampled,
//! but the headers that carry its context on.
#![cfg(all(any(feature = "server", feature = "client"), any(feature = "http1", feature = "http2")))]

use http::{HeaderMap, Method, Request, Version};

use ::selvedge_hooks::{Attribute, Convention, Kind, Parent, Site, Span, Start};

/// The methods that the conventions name, thus the only values of `http.request.method`.
const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY"];

const OTHER_METHOD: &str = "_OTHER";

/// A method as the conventions want it, and as the name of a span.
struct MethodName<'a> {
    /// `http.request.method`.
    method: &'a str,
    /// `http.request.method_original`.
    original: Option<&'a str>,
    span: &'a str,
    /// Place in [`METHODS`], just past them for all others.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    place: usize,
}

impl<'a> MethodName<'a> {
    fn new(method: &'a Method) -> Self {
        let name = method.as_str();
        match METHODS.iter().position(|known| *known == name) {
            Some(place) => Self { method: name, original: None, span: name, place },
            None => Self { method: OTHER_METHOD, original: Some(name), span: "HTTP", place: METHODS.len() },
        }
    }
}

/// `network.protocol.version`.
fn version_name(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_09 => Some("0.9"),
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

/// A header's first value, when it is text.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// Host and port of a request, from its target or else its `Host` header.
fn authority<B>(request: &Request<B>) -> (Option<&str>, Option<u16>) {
    if let Some(host) = request.uri().host() {
        return (Some(host), request.uri().port_u16());
    }
    header(request.headers(), "host").map_or((None, None), split_authority)
}

/// Splits `host`, `host:port`, `[v6]` and `[v6]:port`.
fn split_authority(authority: &str) -> (Option<&str>, Option<u16>) {
    let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    let (host, port) = match port_at {
        Some(at) => (&authority[..at], authority[at + 1..].parse().ok()),
        None => (authority, None),
    };
    (if host.is_empty() { None } else { Some(host) }, port)
}

/// `error.type` of a connection's error: one of a few words.
fn error_class(error: &crate::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_parse() {
        "parse"
    } else if error.is_user() {
        "user"
    } else if error.is_canceled() {
        "canceled"
    } else if error.is_closed() {
        "connection_closed"
    } else if error.is_incomplete_message() {
        "incomplete_message"
    } else if error.is_body_write_aborted() {
        "body_write_aborted"
    } else {
        stream_class(error).or_else(|| io_class(error)).unwrap_or("connection")
    }
}

/// The class of the HTTP/2 error that caused an error, if one did.
#[cfg(feature = "http2")]
fn stream_class(error: &crate::Error) -> Option<&'static str> {
    let error = std::error::Error::source(error)?.downcast_ref::<h2::Error>()?;
    if error.is_reset() {
        Some("stream_reset")
    } else if error.is_go_away() {
        Some("go_away")
    } else {
        None
    }
}

#[cfg(not(feature = "http2"))]
fn stream_class(_error: &crate::Error) -> Option<&'static str> {
    None
}

/// The class of the I/O error that caused an error, if one did.
fn io_class(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use std::io::ErrorKind;
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(match error.kind() {
                ErrorKind::ConnectionRefused => "connection_refused",
                ErrorKind::ConnectionReset => "connection_reset",
                ErrorKind::ConnectionAborted => "connection_aborted",
                ErrorKind::BrokenPipe => "broken_pipe",
                ErrorKind::TimedOut => "timeout",
                ErrorKind::UnexpectedEof => "unexpected_eof",
                _ => "io",
            });
        }
        cause = error.source();
    }
    None
}

#[cfg(feature = "server")]
pub(crate) use self::server::ServerSpan;

#[cfg(feature = "server")]
mod active {
    //! `http.server.active_requests` (OpenTelemetry, http/http-metrics.md): counted here, reported
    //! when somebody asks.

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Once;

    use ::selvedge_hooks::{Attribute, Instrument, InstrumentKind, Observer};

    use super::{METHODS, OTHER_METHOD};

    static ACTIVE_REQUESTS: Instrument = Instrument::new(
        "hyper",
        "http.server.active_requests",
        "{request}",
        "Number of active HTTP server requests.",
        InstrumentKind::UpDownCounter,
    );
    const SCHEMES: [&str; 2] = ["http", "https"];
    /// By scheme and method.
    static REQUESTS: [[Requests; METHODS.len() + 1]; SCHEMES.len()] =
        [const { [const { Requests::new() }; METHODS.len() + 1] }; SCHEMES.len()];
    static REGISTERED: Once = Once::new();

    struct Requests {
        begun: AtomicUsize,
        ended: AtomicUsize,
    }

    impl Requests {
        const fn new() -> Self {
            Self { begun: AtomicUsize::new(0), ended: AtomicUsize::new(0) }
        }
    }

    /// A request in work, or none.
    pub(super) struct Active(Option<&'static Requests>);

    impl Active {
        pub(super) const fn none() -> Self {
            Self(None)
        }

        /// `method` is a place in [`METHODS`], or just past them.
        pub(super) fn begin(scheme: &str, method: usize) -> Self {
            REGISTERED.call_once(|| ::selvedge_hooks::observe(report));
            let scheme = usize::from(scheme == SCHEMES[1]);
            let requests = &REQUESTS[scheme][method.min(METHODS.len())];
            requests.begun.fetch_add(1, Ordering::Relaxed);
            Self(Some(requests))
        }
    }

    impl Drop for Active {
        #[inline]
        fn drop(&mut self) {
            if let Some(requests) = self.0 {
                requests.ended.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn report(observer: &mut Observer<'_>) {
        for (scheme, requests) in SCHEMES.iter().zip(&REQUESTS) {
            for (place, requests) in requests.iter().enumerate() {
                // In this order: one that begins meanwhile is not seen to end before.
                let ended = requests.ended.load(Ordering::Acquire);
                let begun = requests.begun.load(Ordering::Acquire);
                if begun > 0 {
                    let method = METHODS.get(place).copied().unwrap_or(OTHER_METHOD);
                    let labels = [
                        Attribute::label("http.request.method", method),
                        Attribute::label("url.scheme", *scheme),
                    ];
                    let active = begun.wrapping_sub(ended) as isize;
                    observer.report(&ACTIVE_REQUESTS, active.max(0) as f64, &labels);
                }
            }
        }
    }
}

#[cfg(feature = "server")]
mod server {
    use std::cell::Cell;
    use std::mem;
    use std::task::Poll;

    use http::StatusCode;

    use ::selvedge_hooks::Outcome;

    use super::active::Active;
    use super::*;

    static REQUEST: Site = Site::new("hyper", "HTTP", Kind::Server, Convention::Http);

    thread_local! {
        /// The span of the response that a service has just returned, on its way from the
        /// service's side of an HTTP/1 connection to the side that sends the body.
        static RESPONDING: Cell<ServerSpan> = const { Cell::new(ServerSpan::none()) };
    }

    /// The span of a request from its head to the end of the response. Dropped before that, it
    /// ends as cancelled: the client or the connection is gone.
    pub(crate) struct ServerSpan(Span, Active);

    impl ServerSpan {
        pub(crate) const fn none() -> Self {
            Self(Span::none(), Active::none())
        }

        /// Starts the span of a request.
        pub(crate) fn start<B>(request: &Request<B>) -> Self {
            if !::selvedge_hooks::active() {
                return Self::none();
            }
            let headers = request.headers();
            let method = MethodName::new(request.method());
            let scheme = scheme(request);
            let path = request.uri().path();
            let span = Span::build(
                &REQUEST,
                &Start {
                    name: Some(method.span),
                    parent: Parent::Remote(&|name, found| {
                        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).for_each(found);
                    }),
                    attributes: &[
                        Attribute::label("http.request.method", method.method),
                        Attribute::label("url.scheme", scheme),
                        Attribute::label("network.protocol.version", version_name(request.version())),
                        Attribute::new("url.path", if path.is_empty() { None } else { Some(path) }),
                        Attribute::new("http.request.method_original", method.original),
                    ],
                },
            );
            if span.is_sampled() {
                let (address, port) = authority(request);
                span.record(&[
                    Attribute::new("server.address", address),
                    Attribute::new("server.port", port),
                    Attribute::new("user_agent.original", header(headers, "user-agent")),
                ]);
            }
            let active = if span.is_none() { Active::none() } else { Active::begin(scheme, method.place) };
            Self(span, active)
        }

        /// Runs a part of the request's work.
        #[inline]
        pub(crate) fn scope<R>(&self, call: impl FnOnce() -> R) -> R {
            if self.0.is_none() {
                return call();
            }
            let unwound = EndOnUnwind(&self.0);
            let result = self.0.scope(call);
            mem::forget(unwound);
            result
        }

        /// Polls the service's future.
        #[inline]
        pub(crate) fn poll<T, E>(&mut self, poll: impl FnOnce() -> Poll<Result<T, E>>) -> Poll<Result<T, E>> {
            let polled = self.scope(poll);
            if let Poll::Ready(Err(_)) = &polled {
                self.0.fail("service_error", &"the service returned an error instead of a response");
                self.complete();
            }
            polled
        }

        /// Records the response's status; only 5xx is the server's own failure.
        pub(crate) fn respond(&self, status: StatusCode) {
            if self.0.is_none() {
                return;
            }
            self.0.record(&[Attribute::label("http.response.status_code", status.as_u16())]);
            if status.is_server_error() {
                self.0.fail(status.as_str(), &"");
            }
        }

        /// Ends the span: the response is out.
        pub(crate) fn complete(&mut self) {
            if !self.0.is_none() {
                mem::replace(&mut self.0, Span::none()).end(Outcome::Completed);
                self.1 = Active::none();
            }
        }
    }

    #[cfg(feature = "http1")]
    impl ServerSpan {
        /// Leaves the span for [`ServerSpan::take_over`], which follows on the same thread.
        pub(crate) fn hand_over(&mut self) {
            if !self.0.is_none() {
                let span = mem::replace(self, Self::none());
                // A thread that is going away drops the span here, which ends it.
                let _ = RESPONDING.try_with(|responding| responding.set(span));
            }
        }

        /// The span that was left by [`ServerSpan::hand_over`].
        pub(crate) fn take_over() -> Self {
            RESPONDING.try_with(|responding| responding.replace(Self::none())).unwrap_or(Self::none())
        }

        /// Ends the span when everything was written: the body is done and the buffer flushed.
        pub(crate) fn flushed<E>(&mut self, body_done: bool, flush: Poll<Result<(), E>>) -> Poll<Result<(), E>> {
            if body_done && matches!(flush, Poll::Ready(Ok(()))) {
                self.complete();
            }
            flush
        }
    }

    impl ServerSpan {
        /// Ends the span: the response broke off.
        pub(crate) fn fail(&mut self, error: &crate::Error) {
            if !self.0.is_none() {
                self.0.fail(error_class(error), error);
                self.complete();
            }
        }

        /// Polls the future that sends the body, which is done when the stream is.
        #[cfg(feature = "http2")]
        pub(crate) fn poll_body(
            &mut self,
            poll: impl FnOnce() -> Poll<crate::Result<()>>,
        ) -> Poll<crate::Result<()>> {
            let polled = self.scope(poll);
            match &polled {
                Poll::Ready(Ok(())) => self.complete(),
                Poll::Ready(Err(error)) => self.fail(error),
                Poll::Pending => {}
            }
            polled
        }
    }

    impl Drop for ServerSpan {
        #[inline]
        fn drop(&mut self) {
            if !self.0.is_none() {
                self.0.end(if std::thread::panicking() { Outcome::Unwound } else { Outcome::Cancelled });
            }
        }
    }

    /// Ends the span as unwound unless it is forgotten.
    struct EndOnUnwind<'a>(&'a Span);

    impl Drop for EndOnUnwind<'_> {
        #[cold]
        fn drop(&mut self) {
            self.0.end(Outcome::Unwound);
        }
    }

    /// `url.scheme`. An HTTP/1 request does not say it; a proxy in front that ends TLS does, and
    /// the first of several proxies is the one that the client talked to.
    fn scheme<B>(request: &Request<B>) -> &'static str {
        let scheme = request.uri().scheme_str().or_else(|| {
            let forwarded = header(request.headers(), "x-forwarded-proto")?;
            forwarded.split(',').next().map(str::trim)
        });
        match scheme {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            _ => "http",
        }
    }
}

#[cfg(feature = "client")]
pub(crate) use self::client::{end_request, start_request};

#[cfg(feature = "client")]
mod client {
    use std::fmt;

    use http::header::{HeaderName, HeaderValue};
    use http::{Response, Uri};

    use super::*;

    static REQUEST: Site = Site::new("hyper", "HTTP", Kind::Client, Convention::Http);

    /// More headers than any request has; far below where a header map refuses to grow.
    const HEADERS_MAX: usize = 16_384;

    /// Starts the span of a request and puts its context into the request's headers.
    pub(crate) fn start_request<B>(mut request: Request<B>) -> (Span, Request<B>) {
        if !::selvedge_hooks::active() {
            return (Span::none(), request);
        }
        let span = start_span(&request);
        let headers = request.headers_mut();
        span.inject(&mut |name, value| {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value), true) = (name, HeaderValue::from_str(value), headers.len() < HEADERS_MAX) {
                headers.insert(name, value);
            }
        });
        (span, request)
    }

    fn start_span<B>(request: &Request<B>) -> Span {
        let method = MethodName::new(request.method());
        let (address, port) = authority(request);
        let port = port.or(match request.uri().scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        });
        let full = FullUrl(request.uri());
        let url = request.uri().scheme().map(|_| ::selvedge_hooks::Value::Display(&full));
        let path = if url.is_some() { None } else { Some(request.uri().path()) };
        Span::build(
            &REQUEST,
            &Start {
                name: Some(method.span),
                parent: Parent::Current,
                attributes: &[
                    Attribute::label("http.request.method", method.method),
                    Attribute::label("server.address", address),
                    Attribute::label("server.port", port),
                    Attribute::new("url.full", url),
                    Attribute::new("url.path", path),
                    Attribute::new("http.request.method_original", method.original),
                ],
            },
        )
    }

    /// Records the response head, or why there is none; the span then ends.
    pub(crate) fn end_request<B>(result: Result<&Response<B>, &crate::Error>, span: &Span) {
        match result {
            Ok(response) => {
                let status = response.status();
                span.record(&[
                    Attribute::label("http.response.status_code", status.as_u16()),
                    Attribute::label("network.protocol.version", version_name(response.version())),
                ]);
                if status.is_client_error() || status.is_server_error() {
                    span.fail(status.as_str(), &"");
                }
            }
            Err(error) => span.fail(error_class(error), error),
        }
    }

    /// `url.full` without credentials and query.
    struct FullUrl<'a>(&'a Uri);

    impl fmt::Display for FullUrl<'_> {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            let scheme = self.0.scheme_str().unwrap_or_default();
            write!(formatter, "{scheme}://{}", self.0.host().unwrap_or_default())?;
            if let Some(port) = self.0.port_u16() {
                write!(formatter, ":{port}")?;
            }
            formatter.write_str(self.0.path())
        }
    }
}
