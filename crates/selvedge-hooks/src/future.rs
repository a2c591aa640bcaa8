//! Futures and streams that run in a span or in the context they were made in.
//!
//! Nothing is held across an await: the context is swapped in for each poll and back out after.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};

use crate::rule::Started;
use crate::table::Slot;
pub use crate::table::{Carried, Instrumented, Streamed};
use crate::{Context, Outcome, Span};

/// Runs a future inside a span, which ends when the future completes, is dropped or unwinds, and
/// says which. `observe` sees the output before the span ends.
#[inline]
pub fn instrument<F, O>(span: Span, future: F, observe: O) -> Instrumented<F, O>
where
    F: Future,
    O: FnOnce(&F::Output, &Span),
{
    Instrumented {
        inner: Slot::new(future),
        span,
        observe: Some(observe),
    }
}

/// Binds a future to the current context: it runs in it wherever it is polled.
#[inline]
pub fn carry<F>(future: F) -> Carried<F> {
    Carried {
        inner: Slot::new(future),
        context: Context::current(),
    }
}

/// Binds a future to a context.
#[inline]
pub fn carry_in<F>(context: Context, future: F) -> Carried<F> {
    Carried {
        inner: Slot::new(future),
        context,
    }
}

/// Binds a function to the current context, for `spawn_blocking` and threads.
#[inline]
pub fn carry_call<R>(call: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let context = Context::current();
    move || {
        let _attached = context.attach();
        call()
    }
}

impl<F: Future, O: FnOnce(&F::Output, &Span)> Future for Instrumented<F, O> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let (inner, span, observe) = self.project();
        let unwound = EndOnUnwind(span);
        let poll = unwound.0.scope(|| inner.poll(task));
        core::mem::forget(unwound);
        if let Poll::Ready(output) = &poll {
            if let Some(observe) = observe.take() {
                observe(output, span);
            }
            span.end(Outcome::Completed);
        }
        poll
    }
}

impl<F> Carried<F> {
    /// The future that is carried.
    #[inline]
    pub fn get_ref(&self) -> &F {
        self.inner.get()
    }
}

impl<F: Future> Future for Carried<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let (inner, context) = self.project();
        context.scope(|| inner.poll(task))
    }
}

impl<S, B, O> Streamed<S, B, O> {
    /// A stream in a span that has begun, or that begins when it is first polled. `observe` sees
    /// every item, and `None` at the end, before the span ends; its last parameter is a flag that
    /// it keeps from item to item.
    #[inline]
    pub fn new(inner: S, started: Started<B>, observe: O) -> Self {
        let (begin, span, context) = match started {
            Started::AtFirstPoll(begin) => (Some(begin), Span::none(), Context::none()),
            Started::Already(span, context) => (None, span, context),
        };
        Self {
            inner: Slot::new(inner),
            begin,
            span,
            context,
            observe: Some(observe),
            failed: false,
        }
    }

    /// The stream that is observed.
    #[inline]
    pub fn get_ref(&self) -> &S {
        self.inner.get()
    }

    /// Polls the stream for its next item, in its span until it is exhausted.
    #[inline]
    pub fn poll_next_with<T>(
        self: Pin<&mut Self>,
        poll_next: impl FnOnce(Pin<&mut S>) -> Poll<Option<T>>,
    ) -> Poll<Option<T>>
    where
        B: FnOnce() -> (Span, Context),
        O: FnMut(Option<&T>, &Span, &mut bool),
    {
        let (inner, begin, span, context, observe, failed) = self.project();
        if let Some(begin) = begin.take() {
            (*span, *context) = begin();
        }
        let unwound = EndOnUnwind(span);
        let poll = context.scope_unless_none(|| poll_next(inner));
        core::mem::forget(unwound);
        let Poll::Ready(item) = &poll else {
            return poll;
        };
        if let Some(observe) = observe {
            observe(item.as_ref(), span, failed);
        }
        if item.is_none() {
            span.end(Outcome::Completed);
            // Some streams may be polled again after their end, which is none of the span's.
            *observe = None;
            *context = Context::none();
        }
        poll
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
