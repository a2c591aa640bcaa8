//! The runtime as woven code sees it: hooks in, records out.

use std::collections::HashMap;
use std::fmt::Write;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};

use selvedge_agent::model::{AttributeValue, LogRecord, RecordAttribute, SpanRecord, StatusRecord};
use selvedge_agent::{Baked, Event, Running};
use selvedge_hooks::{
    Attribute, Context, Convention, Kind, Log, Outcome, Parent, Severity, Site, Span, Start, Value,
    carry, instrument, log_identifiers,
};

static BAKED: Baked = Baked {
    service_name: "test",
    service_version: "1.0.0",
    sampling: &[],
    resource: &[],
    panic_aborts: false,
    manifest: "{}",
};

static SERVER: Site = Site::new("hyper", "GET", Kind::Server, Convention::Http);
static CLIENT: Site = Site::new("hyper", "GET", Kind::Client, Convention::Http);
static REQWEST: Site = Site::new("reqwest", "GET", Kind::Client, Convention::Http);
static QUERY: Site = Site::new("sqlx", "SELECT", Kind::Client, Convention::Database);
static WORK: Site = Site::new("rules", "work", Kind::Internal, Convention::None);
static OFF: Site = Site::new("redis", "GET", Kind::Client, Convention::Database);

#[derive(Default)]
struct Seen {
    spans: Vec<SeenSpan>,
    logs: Vec<String>,
    dropped: u64,
}

struct SeenSpan {
    line: String,
    trace_id: [u8; 16],
    id: [u8; 8],
    parent: [u8; 8],
    start: u64,
    end: u64,
    flags: u8,
    trace_state: String,
}

static SEEN: LazyLock<Mutex<Seen>> = LazyLock::new(Mutex::default);
static RUNNING: LazyLock<Running> = LazyLock::new(|| {
    let environment = |name: &str| match name {
        "SELVEDGE_DISABLED_INTEGRATIONS" => Some("redis".to_owned()),
        "OTEL_PROPAGATORS" => Some("tracecontext,baggage,b3".to_owned()),
        "OTEL_SPAN_EVENT_COUNT_LIMIT" => Some("2".to_owned()),
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" => Some("4".to_owned()),
        _ => None,
    };
    selvedge_agent::start_with(&BAKED, &environment, Box::new(|event| see(&event)))
});

fn seen() -> MutexGuard<'static, Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn see(event: &Event<'_>) {
    let mut seen = seen();
    match event {
        Event::Span(span) => seen.spans.push(SeenSpan::new(span)),
        Event::Log(log) => seen.logs.push(log_line(log)),
        Event::Dropped(spans, logs) => seen.dropped += *spans + *logs,
    }
}

impl SeenSpan {
    fn new(span: &SpanRecord<'_>) -> Self {
        let mut line = format!("{} {:?}", span.name, span.site.kind);
        attributes(&mut line, &span.attributes);
        if span.outcome != Outcome::Completed {
            write!(line, " {:?}", span.outcome).expect("a string takes it");
        }
        if let StatusRecord::Error(description) = span.status {
            write!(line, " failed: {} ({description})", span.error_type)
                .expect("a string takes it");
        }
        for event in &span.events {
            write!(line, " [{}", event.name).expect("a string takes it");
            attributes(&mut line, &event.attributes);
            line.push(']');
        }
        if !span.links.is_empty() {
            write!(line, " links={}", span.links.len()).expect("a string takes it");
        }
        if span.parent_is_remote {
            line.push_str(" remote");
        }
        if !span.is_sampled() {
            line.push_str(" unsampled");
        }
        let dropped = (
            span.dropped_attributes,
            span.dropped_events,
            span.dropped_links,
        );
        if dropped != (0, 0, 0) {
            write!(line, " dropped={dropped:?}").expect("a string takes it");
        }
        Self {
            line,
            trace_id: span.trace_id,
            id: span.span_id,
            parent: span.parent_span_id,
            start: span.start_unix_ns,
            end: span.end_unix_ns,
            flags: span.flags,
            trace_state: span.trace_state.to_owned(),
        }
    }
}

fn attributes(line: &mut String, attributes: &[RecordAttribute<'_>]) {
    for attribute in attributes {
        let value = match attribute.value {
            AttributeValue::Str(value) => value.to_owned(),
            AttributeValue::Int(value) => value.to_string(),
            AttributeValue::Float(value) => value.to_string(),
            AttributeValue::Bool(value) => value.to_string(),
        };
        write!(line, " {}={value}", attribute.key).expect("a string takes it");
    }
}

fn log_line(log: &LogRecord<'_>) -> String {
    let mut line = format!("{} {}: {}", log.severity, log.target, log.body);
    attributes(&mut line, &log.attributes);
    if log.trace_id != [0; 16] {
        line.push_str(" in trace");
    }
    line
}

/// Runs `call` alone in the process and returns what came of it.
fn observed<R>(call: impl FnOnce() -> R) -> (R, Seen) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    LazyLock::force(&RUNNING).flush();
    std::mem::take(&mut *seen());
    let result = call();
    RUNNING.flush();
    let seen = std::mem::take(&mut *seen());
    (result, seen)
}

/// The spans as indented lines, children in order of their start.
fn tree(mut spans: Vec<SeenSpan>) -> String {
    spans.sort_by_key(|span| span.start);
    let ids: Vec<_> = spans.iter().map(|span| span.id).collect();
    let mut children: HashMap<Option<[u8; 8]>, Vec<&SeenSpan>> = HashMap::new();
    for span in &spans {
        let parent = Some(span.parent).filter(|parent| ids.contains(parent));
        children.entry(parent).or_default().push(span);
    }
    let mut text = String::new();
    grow(&mut text, &children, None, 0);
    text
}

fn grow(
    text: &mut String,
    children: &HashMap<Option<[u8; 8]>, Vec<&SeenSpan>>,
    parent: Option<[u8; 8]>,
    depth: usize,
) {
    for span in children.get(&parent).into_iter().flatten() {
        writeln!(text, "{:indent$}{}", "", span.line, indent = depth * 2)
            .expect("a string takes it");
        grow(text, children, Some(span.id), depth + 1);
    }
}

#[track_caller]
fn check(call: impl FnOnce(), expected: &[&str]) {
    let ((), seen) = observed(call);
    let text = tree(seen.spans);
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "\n{text}");
    assert_eq!(seen.dropped, 0);
}

fn headers<'a>(headers: &'a [(&'a str, &'a str)]) -> impl Fn(&str, &mut dyn FnMut(&str)) + 'a {
    move |name, pass| {
        for (_, value) in headers.iter().filter(|(key, _)| *key == name) {
            pass(value);
        }
    }
}

fn injected(context: &Context) -> HashMap<&'static str, String> {
    let mut headers = HashMap::new();
    context.inject(&mut |name, value| drop(headers.insert(name, value.to_owned())));
    headers
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// Polls a future that is always woken until it is done.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut task = TaskContext::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
    }
}

/// Is pending once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[test]
fn nested_spans_are_a_tree() {
    check(
        || {
            let _server = Span::start(&SERVER).enter();
            {
                let work = Span::start_with(&WORK, &[Attribute::new("n", 1)]).enter();
                work.record(&[Attribute::new("s", "text"), Attribute::new("f", 1.5)]);
                Span::start(&QUERY).record(&[Attribute::new("ok", true)]);
            }
            Span::start(&QUERY).rename("INSERT");
        },
        &[
            "GET Server",
            "  work Internal n=1 s=text f=1.5",
            "    SELECT Client ok=true",
            "  INSERT Client",
        ],
    );
}

#[test]
fn what_the_agent_calls_to_show_a_value_makes_no_spans() {
    struct Shown;
    impl std::fmt::Display for Shown {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let _span = Span::start(&WORK).enter();
            formatter.write_str("shown")
        }
    }
    check(
        || {
            let server = Span::start(&SERVER).enter();
            server.record(&[Attribute::new("value", Value::Display(&Shown))]);
            drop(Span::start(&QUERY));
        },
        &["GET Server value=shown", "  SELECT Client"],
    );
}

#[test]
fn of_one_key_the_last_attribute_counts() {
    check(
        || {
            let span = Span::start_with(&WORK, &[Attribute::new("a", 1), Attribute::new("b", 2)]);
            span.record(&[Attribute::new("a", 3), Attribute::new("none", None::<i64>)]);
            span.record(&[Attribute::new(
                "shown",
                Value::Display(&std::net::Ipv4Addr::LOCALHOST),
            )]);
        },
        &["work Internal b=2 a=3 shown=127.0.0.1"],
    );
}

#[test]
fn what_is_past_a_limit_is_counted() {
    check(
        || {
            let span = Span::start(&WORK);
            for _ in 0..3 {
                span.event("e", &[]);
            }
            for key in ["a", "b", "c", "d", "e", "f"] {
                span.record(&[Attribute::new(key, 1)]);
            }
        },
        &["work Internal a=1 b=1 c=1 d=1 [e] [e] dropped=(2, 1, 0)"],
    );
}

#[test]
fn a_failed_span_says_why() {
    check(
        || {
            let span = Span::start(&WORK);
            span.event("retry", &[Attribute::new("attempt", 2)]);
            span.fail("timeout", &format_args!("after {} s", 5));
        },
        &["work Internal error.type=timeout failed: timeout (after 5 s) [retry attempt=2]"],
    );
}

#[test]
fn formatting_code_that_panics_leaves_its_attribute_out() {
    struct Bad;
    impl std::fmt::Display for Bad {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("cannot be shown")
        }
    }
    check(
        || {
            let span = Span::start(&WORK);
            span.record(&[
                Attribute::new("bad", Value::Display(&Bad)),
                Attribute::new("good", 1),
            ]);
        },
        &["work Internal good=1"],
    );
}

#[test]
fn formatting_code_may_use_the_span_it_is_formatted_for() {
    struct Nosy<'a>(&'a Span);
    impl std::fmt::Display for Nosy<'_> {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.record(&[Attribute::new("inner", 1)]);
            formatter.write_str("x")
        }
    }
    check(
        || {
            let span = Span::start(&WORK);
            span.record(&[Attribute::new("outer", Value::Display(&Nosy(&span)))]);
        },
        &["work Internal inner=1 outer=x"],
    );
}

#[test]
fn one_request_through_several_libraries_is_one_client_span() {
    check(
        || {
            let _outer = Span::start(&REQWEST).enter();
            let inner = Span::start(&CLIENT);
            assert!(inner.is_none());
            inner.scope(|| drop(Span::start(&QUERY)));
            let _server = Span::start(&SERVER).enter();
            drop(Span::start(&CLIENT));
        },
        &[
            "GET Client",
            "  SELECT Client",
            "  GET Server",
            "    GET Client",
        ],
    );
}

#[test]
fn a_disabled_integration_starts_no_span() {
    check(
        || {
            let _work = Span::start(&WORK).enter();
            assert!(Span::start(&OFF).is_none());
        },
        &["work Internal"],
    );
}

#[test]
fn a_remote_parent_is_continued() {
    let (sent, seen) = observed(|| {
        let get = headers(&[
            ("traceparent", PARENT),
            ("tracestate", "vendor=1"),
            ("baggage", "user=alice"),
        ]);
        let start = Start {
            parent: Parent::Remote(&get),
            ..Start::default()
        };
        let _server = Span::build(&SERVER, &start).enter();
        Span::start(&WORK).scope(|| injected(&Context::current()))
    });
    assert!(sent["traceparent"].starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert!(sent["traceparent"].ends_with("-01"));
    assert_eq!(
        (sent["tracestate"].as_str(), sent["baggage"].as_str()),
        ("vendor=1", "user=alice")
    );
    assert!(seen.spans.iter().all(|span| span.trace_state == "vendor=1"));
    assert_eq!(tree(seen.spans), "GET Server remote\n  work Internal\n");
}

#[test]
fn an_unsampled_trace_yields_labels_only() {
    check(
        || {
            let get = headers(&[("traceparent", UNSAMPLED)]);
            let start = Start {
                parent: Parent::Remote(&get),
                name: Some("GET /users"),
                attributes: &[
                    Attribute::new("secret", 1),
                    Attribute::label("method", "GET"),
                ],
            };
            let server = Span::build(&SERVER, &start);
            server.record(&[Attribute::new("more", 1), Attribute::label("status", 500)]);
            server.fail("500", &"not formatted");
        },
        &["GET Server method=GET status=500 error.type=500 failed: 500 () remote unsampled"],
    );
}

#[test]
fn a_root_says_that_its_id_is_random() {
    let ((), seen) = observed(|| drop(Span::start(&WORK)));
    assert_eq!(seen.spans[0].flags, 3);
    assert_ne!(seen.spans[0].trace_id, [0; 16]);
}

#[test]
fn times_are_in_order_and_of_today() {
    let before = std::time::SystemTime::now();
    let ((), seen) = observed(|| {
        let _outer = Span::start(&WORK).enter();
        drop(Span::start(&QUERY));
    });
    let now = before
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is past 1970")
        .as_nanos() as u64;
    let [inner, outer] = &seen.spans[..] else {
        panic!("two spans")
    };
    assert!(outer.start <= inner.start && inner.start <= inner.end && inner.end <= outer.end);
    assert!(
        outer.start.abs_diff(now) < 5_000_000_000,
        "{} {now}",
        outer.start
    );
}

#[test]
fn spans_of_async_code_nest_across_awaits_and_threads() {
    check(
        || {
            let server = Span::start(&SERVER);
            let handler = async {
                Yield(false).await;
                let task = carry(async { drop(Span::start(&QUERY)) });
                std::thread::scope(|scope| {
                    scope.spawn(|| block_on(task));
                });
                let work = instrument(Span::start(&WORK), Yield(false), |(), span| {
                    span.record(&[Attribute::new("seen", true)]);
                });
                work.await;
            };
            block_on(instrument(server, handler, |(), _| ()));
            assert!(Context::current().is_none());
        },
        &["GET Server", "  SELECT Client", "  work Internal seen=true"],
    );
}

#[test]
fn a_future_that_is_dropped_ends_its_span_as_cancelled() {
    check(
        || {
            let mut future = Box::pin(instrument(
                Span::start(&WORK),
                std::future::pending::<()>(),
                |(), _| (),
            ));
            let mut task = TaskContext::from_waker(Waker::noop());
            assert!(future.as_mut().poll(&mut task).is_pending());
        },
        &["work Internal Cancelled"],
    );
}

#[test]
fn a_panic_is_an_event_of_its_span_which_ends_unwound() {
    check(
        || {
            let result = std::panic::catch_unwind(|| {
                let _work = Span::start(&WORK).enter();
                panic!("out of {}", "luck");
            });
            assert!(result.is_err());
        },
        &[
            "work Internal error.type=panic Unwound failed: panic (out of luck) \
           [exception exception.type=panic exception.message=out of luck]",
        ],
    );
}

#[test]
fn the_local_root_is_the_span_that_entered_the_process() {
    check(
        || {
            let _server = Span::start(&SERVER).enter();
            let _work = Span::start(&WORK).enter();
            let fields = Context::with_fields(&[Attribute::new("id", 7)]);
            let _attached = fields.attach();
            Context::current().local_root().rename("GET /users/{id}");
            Context::current().record(&[Attribute::new("on", "work")]);
        },
        &["GET /users/{id} Server", "  work Internal on=work"],
    );
}

#[test]
fn a_local_root_that_is_gone_is_none() {
    let ((), _) = observed(|| {
        let server = Span::start(&SERVER);
        let work = server.scope(|| Span::start(&WORK));
        let root = work.context().local_root();
        assert!(root.same_as(&server.context()));
        drop((server, root));
        // Takes the root's place in memory.
        let _other = Span::start(&SERVER);
        assert!(work.context().local_root().is_none());
    });
}

#[test]
fn a_local_root_may_end_while_it_is_asked_for() {
    let ((), _) = observed(|| {
        for _ in 0..2_000 {
            let server = Span::start(&SERVER);
            let work = server.scope(|| Span::start(&WORK));
            let asking = std::thread::spawn(move || {
                for _ in 0..20 {
                    work.context().local_root().rename("asked");
                }
            });
            drop(server);
            drop(Span::start(&SERVER));
            asking.join().expect("no panic");
        }
    });
}

#[test]
fn guards_that_are_dropped_out_of_order_leave_no_ended_context_current() {
    let ((), _) = observed(|| {
        let first = Span::start(&SERVER).detach().attach();
        let second = Span::start(&WORK).detach().attach();
        drop(first);
        drop(second);
        assert!(Context::current().is_none());
        let (outer, inner) = (Span::start(&SERVER).context(), Span::start(&WORK).context());
        let mut escaped = None;
        outer.scope(|| escaped = Some(inner.attach()));
        drop(outer);
        drop(escaped);
        assert!(Context::current().is_none());
    });
}

#[test]
fn contexts_nest_deeper_than_any_array() {
    fn nested(depth: u32) {
        let context = Span::start(&WORK).context();
        let attached = context.clone().attach();
        if depth > 0 {
            nested(depth - 1);
        }
        assert!(Context::current().same_as(&context));
        drop(attached);
    }
    let ((), _) = observed(|| {
        nested(500);
        assert!(Context::current().is_none());
    });
}

#[test]
fn b3_that_denies_leaves_a_trace_unsampled() {
    check(
        || {
            for decision in ["0", "1"] {
                let b3 = [("b3", decision)];
                let get = headers(&b3);
                Context::extract(&get).scope(|| drop(Span::start(&SERVER)));
            }
        },
        &["GET Server unsampled", "GET Server"],
    );
}

#[test]
fn links_name_other_traces() {
    check(
        || {
            let get = headers(&[("traceparent", PARENT)]);
            let span = Span::start(&WORK);
            span.link(&Context::extract(&get));
            span.link(&Context::none());
        },
        &["work Internal links=1"],
    );
}

#[test]
fn pushes_may_be_popped_out_of_order() {
    let ((), seen) = observed(|| {
        let (a, b) = (Span::start(&WORK), Span::start(&WORK));
        let (a, b) = (a.context(), b.context());
        let trace = |context: &Context| injected(context).get("traceparent").cloned();
        a.push();
        b.push();
        a.pop();
        assert_eq!(trace(&Context::current()), trace(&b));
        Context::none().scope(|| {
            b.pop();
            assert!(Context::current().is_none());
        });
        assert!(Context::current().is_none());
    });
    assert_eq!(seen.spans.len(), 2);
}

#[test]
fn a_push_is_undone_by_the_swap_around_it() {
    let ((), seen) = observed(|| {
        let (outer, inner) = (Span::start(&WORK).context(), Span::start(&WORK).context());
        outer.scope(|| inner.push());
        assert!(Context::current().is_none());
        inner.pop();
        inner.push();
        outer.scope(|| {
            inner.push();
            inner.pop();
            inner.pop();
        });
        assert!(Context::current().is_none());
        inner.pop();
    });
    assert_eq!(seen.spans.len(), 2);
}

#[test]
fn logs_carry_ids_and_fields() {
    let ((), seen) = observed(|| {
        let say = |text: &str| {
            let log = Log {
                severity: Severity::Warn,
                target: "app",
                body: format_args!("{text}!"),
                attributes: &[Attribute::new("n", 1)],
                file: "",
                line: 0,
            };
            log.emit();
        };
        say("outside");
        let span = Span::start(&WORK).enter();
        let fields = Context::with_fields(&[Attribute::new("transfer_id", 7)]);
        fields.scope(|| {
            say("inside");
            let mut names = Vec::new();
            log_identifiers(&mut |name, value| names.push((name, value.len())));
            assert_eq!(
                names,
                [("trace_id", 32), ("span_id", 16), ("transfer_id", 1)]
            );
        });
        drop(span);
    });
    assert_eq!(
        seen.logs,
        [
            "13 app: outside! n=1",
            "13 app: inside! transfer_id=7 n=1 in trace"
        ]
    );
}

#[test]
fn a_stored_context_is_there_until_it_is_taken() {
    check(
        || {
            let span = Span::start(&SERVER);
            span.context().store("h2", (1, 2));
            drop(span);
            let loaded = Context::load("h2", (1, 2));
            loaded.scope(|| drop(Span::start(&WORK)));
            assert!(!Context::take("h2", (1, 2)).is_none());
            assert!(Context::load("h2", (1, 2)).is_none());
        },
        &["GET Server", "  work Internal"],
    );
}

#[test]
fn records_of_threads_that_end_are_not_lost() {
    let ((), seen) = observed(|| {
        for _ in 0..50 {
            std::thread::spawn(|| drop(Span::start(&WORK)))
                .join()
                .expect("no panic");
        }
    });
    assert_eq!((seen.spans.len(), seen.dropped), (50, 0));
}

#[test]
fn a_full_ring_drops_and_counts() {
    let text = "x".repeat(8000);
    let (count, seen) = observed(|| {
        for _ in 0..2000 {
            Span::start_with(&WORK, &[Attribute::new("text", text.as_str())])
                .end(Outcome::Completed);
        }
        2000
    });
    assert_eq!(seen.spans.len() as u64 + seen.dropped, count);
}

#[test]
fn cancelled_futures_leave_no_node_behind() {
    let futures = if cfg!(debug_assertions) {
        100_000
    } else {
        10_000_000
    };
    observed(|| {
        let before = selvedge_agent::live_nodes();
        let mut task = TaskContext::from_waker(Waker::noop());
        for _ in 0..futures {
            let inner = async {
                let _fields = Context::current();
                std::future::pending::<()>().await;
            };
            let mut future = pin!(instrument(Span::start(&WORK), inner, |(), _| ()));
            assert!(future.as_mut().poll(&mut task).is_pending());
        }
        assert_eq!(selvedge_agent::live_nodes(), before);
    });
}
