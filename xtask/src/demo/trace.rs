//! The trace of one call: waits for it, shows it, checks it.

use std::time::Instant;

use super::server::Server;
use super::{PATIENCE, Result};
use crate::otlp::{Sink, Span};

/// Span kinds of OTLP (`trace/v1/trace.proto`, `Span.SpanKind`).
const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];
const SERVER: u64 = 2;
const CLIENT: u64 = 3;

/// What the trace of a GET by xh must look like.
pub(super) struct Expected {
    server: &'static str,
    port: String,
    path: &'static str,
    url: String,
    route: Option<&'static str>,
}

impl Expected {
    /// `route` is the template by which the server's router knows the path, if it has a router.
    pub(super) fn of(server: &Server, path: &'static str, route: Option<&'static str>) -> Self {
        Self {
            server: server.name,
            port: server.port.to_string(),
            path,
            url: server.url(path),
            route,
        }
    }
}

/// Prints the trace of the call and returns its id; an error where it is not as expected.
pub(super) fn show(sink: &Sink, expected: &Expected) -> Result<String> {
    let trace = wait(sink, expected)?;
    let trace_id = trace[0].trace_id.clone();
    println!("\n== one trace over xh and {}: {trace_id}", expected.server);
    print_tree(&trace, "", 0);
    let problems = problems(&trace, expected);
    if problems.is_empty() {
        Ok(trace_id)
    } else {
        Err(format!("not the trace of this call: {}", problems.join("; ")).into())
    }
}

/// Waits for a trace that has a span of the server for the expected path.
fn wait(sink: &Sink, expected: &Expected) -> Result<Vec<Span>> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let spans = sink.spans();
        let entry = spans
            .iter()
            .find(|span| span.service == expected.server && has(span, "url.path", expected.path));
        if let Some(entry) = entry {
            let is_in_trace = |span: &&Span| span.trace_id == entry.trace_id;
            let trace: Vec<Span> = spans.iter().filter(is_in_trace).cloned().collect();
            // The client's span may arrive later, because it ends later.
            if trace.iter().any(|span| span.parent_span_id.is_empty()) {
                return Ok(trace);
            }
        }
        std::thread::yield_now();
    }
    Err(format!(
        "no trace over xh and {} arrived; {} spans did",
        expected.server,
        sink.spans().len()
    )
    .into())
}

/// All that is wrong with a trace: parentage, kinds, names, attributes.
fn problems(trace: &[Span], expected: &Expected) -> Vec<String> {
    let root = trace.iter().find(|span| span.parent_span_id.is_empty());
    let entry = trace.iter().find(|span| span.service == expected.server);
    let (Some(root), Some(entry)) = (root, entry) else {
        return vec!["one of the two programs has no span".to_owned()];
    };
    let mut problems = Vec::new();
    let mut check = |holds: bool, problem: &str| {
        if !holds {
            problems.push(problem.to_owned());
        }
    };
    check(
        trace.len() == 2,
        "there are more spans than client and server",
    );
    check(root.service == "xh", "the root is not the client's");
    check(
        root.kind == CLIENT,
        "the client's span is not of kind client",
    );
    check(
        entry.kind == SERVER,
        "the server's span is not of kind server",
    );
    check(
        entry.parent_span_id == root.span_id,
        "the server's span is not the child of the client's",
    );
    let name = expected
        .route
        .map_or_else(|| "GET".to_owned(), |route| format!("GET {route}"));
    check(entry.name == name, "the server's span has another name");
    check(
        entry.attributes.get("http.route").map(String::as_str) == expected.route,
        "http.route is not the template of the route",
    );
    let common = [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("server.address", "127.0.0.1"),
        ("server.port", &expected.port),
    ];
    let own = [
        (root, "url.full", expected.url.as_str()),
        (entry, "url.path", expected.path),
    ];
    let wanted = [root, entry]
        .into_iter()
        .flat_map(|span| common.map(|(key, value)| (span, key, value)))
        .chain(own);
    for (span, key, value) in wanted {
        check(
            has(span, key, value),
            &format!("{key} of {} is not {value}", span.service),
        );
    }
    problems
}

fn has(span: &Span, key: &str, value: &str) -> bool {
    span.attributes.get(key).is_some_and(|found| found == value)
}

fn print_tree(spans: &[Span], parent: &str, depth: usize) {
    let mut children: Vec<&Span> = spans
        .iter()
        .filter(|span| span.parent_span_id == parent)
        .collect();
    children.sort_by_key(|span| span.start_unix_ns);
    for span in children {
        let kind = KINDS[span.kind.min(5) as usize];
        let status = if span.status_code == 2 { " ERROR" } else { "" };
        let indentation = "  ".repeat(depth);
        println!(
            "{indentation}[{}] {} ({kind}, {} µs){status}",
            span.service, span.name, span.duration_us
        );
        for (key, value) in &span.attributes {
            println!("{indentation}    {key} = {value}");
        }
        print_tree(spans, &span.span_id, depth + 1);
    }
}
