//! What glue of HTTP libraries tells the glue of the library below.

/// How often a request was sent before: after redirects, say. Left in the request's extensions,
/// recorded as `http.request.resend_count` by the client that sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend(pub usize);
