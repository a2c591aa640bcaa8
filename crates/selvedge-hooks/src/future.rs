//! Futures that run in a span or in the context they were made in.
//!
//! Nothing is held across an await: the context is swapped in for each poll and back out after.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};

use crate::table::Slot;
pub use crate::table::{Carried, Instrumented};
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

/// Ends the span as unwound unless it is forgotten.
struct EndOnUnwind<'a>(&'a Span);

impl Drop for EndOnUnwind<'_> {
    #[cold]
    fn drop(&mut self) {
        self.0.end(Outcome::Unwound);
    }
}
