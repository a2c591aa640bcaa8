//! `fastrace` with a reporter that counts.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrace::Span;
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::local::LocalSpan;

use crate::contender::{Running, Sampling};
use crate::meter::SPANS_PER_TRACE;

/// Counts spans and drops them.
struct CountingReporter(Arc<AtomicU64>);

impl Reporter for CountingReporter {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        self.0.fetch_add(spans.len() as u64, Ordering::Relaxed);
    }
}

/// One span without attributes, and no reporter.
#[expect(clippy::unnecessary_wraps, reason = "one type for all contenders")]
pub(crate) fn span(_sampling: Sampling) -> Result<Running, String> {
    let operation = || drop(black_box(LocalSpan::enter_with_local_parent("SELECT")));
    Ok(Running {
        operation: Box::new(operation),
        stop: Box::new(|| None),
    })
}

/// A trace of a server span and queries below it. It has no sampler: an unsampled context is
/// what a caller's headers would say.
#[expect(clippy::unnecessary_wraps, reason = "one type for all contenders")]
pub(crate) fn trace(sampling: Sampling) -> Result<Running, String> {
    let count = Arc::new(AtomicU64::new(0));
    fastrace::set_reporter(CountingReporter(Arc::clone(&count)), Config::default());
    let sampled = sampling == Sampling::All;
    let operation = move || {
        let server =
            Span::root("GET", SpanContext::random().sampled(sampled)).with_properties(|| {
                [
                    ("http.request.method", black_box("GET")),
                    ("http.route", black_box("/accounts/{id}")),
                    ("http.response.status_code", black_box("200")),
                ]
            });
        let _server = server.set_local_parent();
        for _ in 1..SPANS_PER_TRACE {
            let _query = LocalSpan::enter_with_local_parent("SELECT").with_properties(|| {
                [
                    ("db.system.name", black_box("sqlite")),
                    ("db.operation.name", black_box("SELECT")),
                    ("db.response.returned_rows", black_box("1")),
                ]
            });
        }
    };
    let stop = move || {
        fastrace::flush();
        Some(count.load(Ordering::Relaxed))
    };
    Ok(Running {
        operation: Box::new(operation),
        stop: Box::new(stop),
    })
}
