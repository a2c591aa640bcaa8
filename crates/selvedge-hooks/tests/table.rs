//! The safe wrappers over the table, against a table that counts: every reference taken is given
//! back, the context before is always restored. Run under Miri as well.
#![allow(unsafe_code, clippy::incompatible_msrv)]

use std::cell::Cell;
use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll, Waker};

use selvedge_hooks::table::{install, Raw, Table, ABI};
use selvedge_hooks::{
    carry, carry_call, instrument, Context, Convention, Kind, Outcome, Site, Span,
};

static SITE: Site = Site::new("test", "work", Kind::Internal, Convention::None);

/// A counted node: how many references there are, and how it ended.
struct Node {
    references: AtomicUsize,
    ended: AtomicUsize,
}

thread_local! {
    static CURRENT: Cell<Raw> = const { Cell::new(Raw::NONE) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static ENDED: Cell<[usize; 3]> = const { Cell::new([0; 3]) };
}

fn node(raw: Raw) -> &'static Node {
    // SAFETY: the wrappers promise that it is live.
    unsafe { &*((raw.0 & !1) as *const Node) }
}

fn current() -> Raw {
    let raw = CURRENT.get();
    if !raw.is_none() {
        node(raw).references.fetch_add(1, Ordering::Relaxed);
    }
    raw
}

fn start() -> Raw {
    LIVE.set(LIVE.get() + 1);
    let node = Node {
        references: AtomicUsize::new(1),
        ended: AtomicUsize::new(0),
    };
    Raw(Box::into_raw(Box::new(node)) as usize | 1)
}

fn release(raw: Raw) {
    if node(raw).references.fetch_sub(1, Ordering::AcqRel) == 1 {
        LIVE.set(LIVE.get() - 1);
        // SAFETY: that was the last reference.
        drop(unsafe { Box::from_raw((raw.0 & !1) as *mut Node) });
    }
}

fn end(raw: Raw, outcome: Outcome) {
    if node(raw).ended.swap(1, Ordering::Relaxed) == 0 {
        let mut ended = ENDED.get();
        ended[outcome as usize] += 1;
        ENDED.set(ended);
    }
}

static TABLE: Table = Table {
    abi: ABI,
    current,
    swap: |raw| CURRENT.replace(raw),
    retain: |raw| {
        node(raw).references.fetch_add(1, Ordering::Relaxed);
    },
    release,
    start: |_, _| start(),
    with_fields: |_| start(),
    extract: |_| Raw::NONE,
    end,
    finish: |raw| {
        end(raw, Outcome::Completed);
        release(raw);
    },
    record: |_, _| {},
    rename: |_, _| {},
    fail: |_, _, _| {},
    event: |_, _, _| {},
    link: |_, _| {},
    local_root: |_| Raw::NONE,
    inject: |_, _| {},
    store: |_, _, _| {},
    load: |_, _| Raw::NONE,
    take: |_, _| Raw::NONE,
    push: |_| {},
    pop: |_| {},
    measure: |_, _, _| {},
    observe: |_| {},
    now: || 0,
    logs_enabled: || false,
    log: |_| {},
    log_identifiers: |_| {},
};

/// Runs a test body with the table, then checks that nothing is live and nothing current.
fn balanced(body: impl FnOnce()) -> [usize; 3] {
    install(&TABLE);
    ENDED.set([0; 3]);
    body();
    assert_eq!(LIVE.get(), 0, "every reference is given back");
    assert!(CURRENT.get().is_none(), "the context before is restored");
    ENDED.get()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// Ready at the second poll.
async fn twice() -> bool {
    let mut polled = false;
    std::future::poll_fn(move |_| {
        if std::mem::replace(&mut polled, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    !Context::current().is_none()
}

#[test]
fn an_entered_span_is_current_until_dropped_and_ends_completed() {
    let ended = balanced(|| {
        let entered = Span::start(&SITE).enter();
        assert!(!Context::current().is_none());
        drop(entered);
        assert!(Context::current().is_none());
    });
    assert_eq!(ended, [1, 0, 0]);
}

#[test]
fn a_future_is_in_its_span_at_every_poll_and_never_between() {
    let ended = balanced(|| {
        let mut seen = None;
        let mut future = Box::pin(instrument(Span::start(&SITE), twice(), |output, _| {
            seen = Some(*output);
        }));
        assert!(poll_once(future.as_mut()).is_pending());
        assert!(Context::current().is_none());
        assert_eq!(poll_once(future.as_mut()), Poll::Ready(true));
        drop(future);
        assert_eq!(seen, Some(true));
    });
    assert_eq!(ended, [1, 0, 0]);
}

#[test]
fn a_panic_in_a_poll_ends_the_span_as_unwound_and_restores_the_context() {
    let ended = balanced(|| {
        let future = instrument(
            Span::start(&SITE),
            async { panic!("on purpose") },
            |(): &(), _| {},
        );
        let mut future = Box::pin(future);
        let caught = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
        assert!(caught.is_err());
        assert!(Context::current().is_none());
    });
    assert_eq!(ended, [0, 0, 1]);
}

#[test]
fn a_carried_future_and_call_see_the_context_they_were_made_in() {
    balanced(|| {
        let span = Span::start(&SITE);
        let (future, call) =
            span.scope(|| (carry(twice()), carry_call(|| !Context::current().is_none())));
        assert!(Context::current().is_none());
        let mut future = pin!(future);
        assert!(poll_once(future.as_mut()).is_pending());
        assert_eq!(poll_once(future.as_mut()), Poll::Ready(true));
        assert!(call());
    });
}

#[test]
fn a_cloned_context_outlives_its_span() {
    let ended = balanced(|| {
        let context = Span::start(&SITE).context();
        let again = context.clone();
        drop(context);
        let attached = again.attach();
        assert!(!Context::current().is_none());
        drop(attached);
    });
    assert_eq!(ended, [1, 0, 0]);
}

/// Notes whether a context is current while it drops.
struct Observer<'a>(&'a Cell<bool>);

impl Drop for Observer<'_> {
    fn drop(&mut self) {
        self.0.set(!Context::current().is_none());
    }
}

#[test]
fn what_a_cancelled_future_drops_is_dropped_inside_its_span() {
    let inside = Cell::new(false);
    let ended = balanced(|| {
        let observer = Observer(&inside);
        let future = async {
            twice().await;
            drop(observer);
        };
        let mut future = Box::pin(instrument(Span::start(&SITE), future, |(), _| {}));
        assert!(poll_once(future.as_mut()).is_pending());
        drop(future);
    });
    assert!(inside.get());
    assert_eq!(ended, [0, 1, 0], "cancelled");
}

/// What stands for the trait of `futures`.
trait Stream {
    type Item;
    fn poll_next(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<Self::Item>>;
    fn size_hint(&self) -> (usize, Option<usize>);
}

/// Counts down, and is pending before each number; panics below zero. It says whether it was
/// polled inside of a context.
struct Countdown(i8, bool);

impl Stream for Countdown {
    type Item = Result<bool, i8>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.1 = !self.1;
        if self.1 {
            return Poll::Pending;
        }
        let n = self.0;
        assert!(n >= 0, "on purpose");
        self.0 -= 1;
        let inside = !Context::current().is_none();
        Poll::Ready(match n {
            0 => None,
            13 => Some(Err(n)),
            _ => Some(Ok(inside)),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (1, None)
    }
}

fn woven(from: i8) -> Pin<Box<dyn Stream<Item = Result<bool, i8>>>> {
    let begin = || {
        let span = Span::start(&SITE);
        let context = span.context();
        (span, context)
    };
    let started = selvedge_hooks::rule::Started::AtFirstPoll(begin);
    let stream = selvedge_hooks::rule_stream!(
        Stream,
        Countdown(from, false),
        started,
        |_item, _span, _failed| {} else {}
    );
    Box::pin(stream)
}

fn next<S: Stream + ?Sized>(stream: &mut Pin<Box<S>>) -> Option<S::Item> {
    let mut task = TaskContext::from_waker(Waker::noop());
    loop {
        assert!(Context::current().is_none());
        if let Poll::Ready(item) = stream.as_mut().poll_next(&mut task) {
            return item;
        }
    }
}

#[test]
fn a_stream_is_in_its_span_at_every_poll_until_it_is_exhausted() {
    let ended = balanced(|| {
        let mut stream = woven(2);
        assert_eq!(stream.size_hint(), (1, None));
        assert_eq!(next(&mut stream), Some(Ok(true)));
        assert_eq!(next(&mut stream), Some(Ok(true)));
        assert_eq!(ENDED.get(), [0, 0, 0]);
        assert_eq!(next(&mut stream), None);
        assert_eq!(ENDED.get(), [1, 0, 0]);
    });
    assert_eq!(ended, [1, 0, 0]);
}

#[test]
fn a_stream_that_is_dropped_halfway_is_cancelled_and_one_never_polled_is_nothing() {
    let ended = balanced(|| {
        drop(woven(2));
        let mut stream = woven(2);
        next(&mut stream);
    });
    assert_eq!(ended, [0, 1, 0]);
}

#[test]
fn a_stream_that_is_dropped_after_an_error_has_completed() {
    let ended = balanced(|| assert_eq!(next(&mut woven(13)), Some(Err(13))));
    assert_eq!(ended, [1, 0, 0]);
}

#[test]
fn a_panic_in_a_stream_ends_its_span_as_unwound() {
    let ended = balanced(|| {
        let mut stream = woven(-1);
        let caught = catch_unwind(AssertUnwindSafe(|| next(&mut stream)));
        assert!(caught.is_err());
    });
    assert_eq!(ended, [0, 0, 1]);
}
