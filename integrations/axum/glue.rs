//! The route that matched, told to the span by which the request entered the process.

use std::sync::Arc;

use ::http::{header::CONTENT_TYPE, Extensions, HeaderMap, Method};
use ::selvedge_hooks::{active, Attribute, Context};

/// The template of the route that matched, with those of the routers around this one before it:
/// what `MatchedPath` says.
#[cfg(feature = "matched-path")]
pub(crate) fn template(path: Option<&Arc<str>>, extensions: &mut Extensions) -> Option<Arc<str>> {
    if !active() {
        return None;
    }
    path.and(extensions.get::<crate::extract::MatchedPath>())
        .map(|matched| matched.0.clone())
}

/// The template that a router around this one has matched so far, kept with the request.
#[cfg(not(feature = "matched-path"))]
#[derive(Clone)]
struct Template(Arc<str>);

/// The template of the route that matched, with those of the routers around this one before it,
/// by the rules of `MatchedPath`, which this build of axum has not.
#[cfg(not(feature = "matched-path"))]
pub(crate) fn template(path: Option<&Arc<str>>, extensions: &mut Extensions) -> Option<Arc<str>> {
    if !active() {
        return None;
    }
    let path = path?;
    let template = match extensions.get::<Template>() {
        Some(outer) => Arc::from(format!("{}{}", without_tail(&outer.0), path)),
        None => path.clone(),
    };
    extensions.insert(Template(template.clone()));
    (without_tail(&template).len() == template.len()).then_some(template)
}

/// The template without the wildcard by which a nested service gets the rest of the path.
#[cfg(not(feature = "matched-path"))]
fn without_tail(template: &str) -> &str {
    match template.find(crate::routing::NEST_TAIL_PARAM) {
        Some(tail) => template[..tail]
            .trim_end_matches(['{', '*'])
            .trim_end_matches('/'),
        None => template,
    }
}

/// Puts the route on the span by which the request entered the process.
pub(crate) fn matched(template: Option<Arc<str>>, method: &Method, headers: &HeaderMap) {
    // tonic serves gRPC through axum's router; such a call is named after its RPC method.
    let Some(template) = template.filter(|_| !is_grpc(headers)) else {
        return;
    };
    let span = Context::current().local_root();
    if span.is_none() {
        return;
    }
    span.record(&[Attribute::label("http.route", &*template)]);
    if span.is_sampled() {
        span.rename(&format!("{} {}", name_of(method), template));
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The method as span names may contain it: the client can send anything, so an unknown one is
/// `HTTP` (semantic conventions, http/http-spans.md, "Name").
fn name_of(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE"
        | "PATCH" | "QUERY") => known,
        _ => "HTTP",
    }
}
