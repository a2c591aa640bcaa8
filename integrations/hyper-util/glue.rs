//! Client spans by the stable semantic conventions (OpenTelemetry, http/http-spans.md).
//!
//! Queries, credentials and headers are never recorded. Nothing here allocates for a span that is
//! not sampled, but the headers that carry its context on.
#![cfg(all(feature = "client-legacy", any(feature = "http1", feature = "http2")))]

use std::error::Error as StdError;
use std::fmt;

use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, Response, Uri, Version};

use ::selvedge_hooks::{Attribute, Convention, Kind, Parent, Resend, Site, Span, Start, Value};

use crate::client::legacy::Error;

static REQUEST: Site = Site::new("hyper-util", "HTTP", Kind::Client, Convention::Http);

/// The methods that the conventions name, thus the only values of `http.request.method`.
const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY"];

/// More headers than any request has; far below where a header map refuses to grow.
const HEADERS_MAX: usize = 16_384;

/// Starts the span of a request and puts its context into the request's headers.
pub(crate) fn start_request<B>(request: &mut Request<B>) -> Span {
    if !::selvedge_hooks::active() {
        return Span::none();
    }
    let resend = request.extensions_mut().remove::<Resend>();
    let span = start_span(request.method(), request.uri(), resend);
    let headers = request.headers_mut();
    span.inject(&mut |name, value| {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value), true) = (name, HeaderValue::from_str(value), headers.len() < HEADERS_MAX) {
            headers.insert(name, value);
        }
    });
    span
}

fn start_span(method: &Method, uri: &Uri, resend: Option<Resend>) -> Span {
    let original = method.as_str();
    let known = METHODS.contains(&original);
    let port = uri.port_u16().or(match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    });
    Span::build(
        &REQUEST,
        &Start {
            name: Some(if known { original } else { "HTTP" }),
            parent: Parent::Current,
            attributes: &[
                Attribute::label("http.request.method", if known { original } else { "_OTHER" }),
                Attribute::label("server.address", uri.host()),
                Attribute::label("server.port", port),
                Attribute::new("url.full", Value::Display(&FullUrl(uri))),
                Attribute::new("http.request.method_original", if known { None } else { Some(original) }),
                Attribute::new("http.request.resend_count", resend.map(|resend| resend.0)),
            ],
        },
    )
}

/// Records the response head, or why there is none; the span then ends.
pub(crate) fn end_request<B>(result: Result<&Response<B>, &Error>, span: &Span) {
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
        Err(error) => span.fail(error_class(error), &Causes(error)),
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

/// `error.type`: one of a few words, by the innermost cause that has one.
fn error_class(error: &Error) -> &'static str {
    let mut class = if error.is_connect() { "connect" } else { "_OTHER" };
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            class = connection_class(error);
        } else if let Some(error) = error.downcast_ref::<std::io::Error>() {
            class = io_class(error.kind()).unwrap_or(class);
        }
        cause = error.source();
    }
    class
}

fn connection_class(error: &hyper::Error) -> &'static str {
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
    } else {
        "connection"
    }
}

fn io_class(kind: std::io::ErrorKind) -> Option<&'static str> {
    use std::io::ErrorKind;
    match kind {
        ErrorKind::ConnectionRefused => Some("connection_refused"),
        ErrorKind::ConnectionReset => Some("connection_reset"),
        ErrorKind::ConnectionAborted => Some("connection_aborted"),
        ErrorKind::BrokenPipe => Some("broken_pipe"),
        ErrorKind::TimedOut => Some("timeout"),
        ErrorKind::UnexpectedEof => Some("unexpected_eof"),
        _ => None,
    }
}

/// An error with what caused it: the outermost one only says that the client failed.
struct Causes<'a>(&'a Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, formatter)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
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
