#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]
#![allow(bare_trait_objects, clippy::all, clippy::pedantic)]
//! Streams of all sorts.

use std::collections::HashMap;
use std::pin::Pin;
use self::futures::stream::BoxStream;

/// What stands for the crate of that name.
pub mod futures {
    /// Streams.
    pub mod stream {
        use std::pin::Pin;
        use std::task::{Context, Poll};

        /// A stream.
        pub trait Stream {
            /// What it gives.
            type Item;
            /// The next.
            fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>>;
            /// How many.
            fn size_hint(&self) -> (usize, Option<usize>) { (0, None) }
        }

        /// Boxed.
        pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

        impl<S: ?Sized + Stream> Stream for Pin<Box<S>> {
            type Item = S::Item;
            fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> { self.get_mut().as_mut().poll_next(context) }
        }

        /// Of an iterator.
        #[derive(Debug)]
        pub struct Iter<I>(pub I);

        impl<I> Unpin for Iter<I> {}

        impl<I: Iterator> Stream for Iter<I> {
            type Item = I::Item;
            fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> { Poll::Ready(self.get_mut().0.next()) }
        }
    }
    pub use self::stream::Stream;
}

use self::futures::stream::{Iter, Stream};

/// A code.
#[derive(Debug)]
pub struct Code(pub u32);

/// An alias.
pub type Numbers<'a> = Pin<Box<dyn Stream<Item = u32> + Send + 'a>>;

/// Rows.
#[derive(Debug)]
pub struct Rows(Vec<u32>);

impl Rows {
    /// Fails.
    pub fn failing(&self, table: String) -> Pin<Box<dyn Stream<Item = Result<u32, Code>> + Send>> { let __sv_first_0 = ::selvedge_hooks::rule_hold!(table); let __sv_first_1 = ::selvedge_hooks::rule_hold!(table); let __sv_held_0 = ::selvedge_hooks::rule_hold!(table); let __sv_held_1 = ::selvedge_hooks::rule_hold!(table); let __sv_began = ::selvedge_hooks::rule_clock!(); let __sv_given = ::selvedge_hooks::rule::call(|| -> Pin<Box<dyn Stream<Item = Result<u32, Code>> + Send>> {
        drop(table);
        Box::pin(Iter(self.0.clone().into_iter().map(|row| if row > 3 { Err(Code(row)) } else { Ok(row) })))
    }); if ::selvedge_hooks::active() { ::std::boxed::Box::pin(::selvedge_hooks::rule_stream!(Stream, __sv_given, ::selvedge_hooks::rule::Started::AtFirstPoll(move || { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "rows", "case::Rows::failing"); ::selvedge_hooks::rule_record!(__sv_span, "table" => __sv_first_0); let __sv_context = __sv_span.scope(|| ::selvedge_hooks::rule_fields!("table" => __sv_first_1)); (__sv_span, __sv_context) }), |__sv_out, __sv_span, __sv_failed| { ::selvedge_hooks::rule_error!(error, __sv_out, { ::selvedge_hooks::rule_record!(__sv_span, "code" => error.0, "table.name" => __sv_held_1); }); ::selvedge_hooks::rule_error!(error, __sv_out, { ::selvedge_hooks::rule_measure!(Counter, "row_errors_total", 1_u64, "code" => error.0, "table" => __sv_held_0); }); } else { if !*__sv_failed { ::selvedge_hooks::rule_measure!(Counter, "streams_total", 1_u64); } ::selvedge_hooks::rule_measure!(Histogram, "stream_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); })) } else { __sv_given } }

    /// Borrows.
    pub fn all<'a>(&'a self) -> impl Stream<Item = &'a u32> + Send + Unpin + 'a { let __sv_began = ::selvedge_hooks::rule_clock!(); let __sv_given = ::selvedge_hooks::rule::call(|| { Iter(self.0.iter()) }); ::selvedge_hooks::rule_stream!(Stream, __sv_given, ::selvedge_hooks::rule::Started::AtFirstPoll(move || { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Rows::all", "case::Rows::all"); let __sv_context = __sv_span.context(); (__sv_span, __sv_context) }), |__sv_out, __sv_span, __sv_failed| { } else { ::selvedge_hooks::rule_measure!(Histogram, "stream_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); }) }

    /// Borrows as it likes.
    pub fn taken<'a>(&'a mut self, less: usize) -> Pin<Box<dyn Stream<Item = u32> + Send + 'a>> { let __sv_first_0 = ::selvedge_hooks::rule_hold!(less); let __sv_first_1 = ::selvedge_hooks::rule_hold!(self.0.len()); let __sv_began = ::selvedge_hooks::rule_clock!(); let __sv_given = ::selvedge_hooks::rule::call(|| -> Pin<Box<dyn Stream<Item = u32> + Send + 'a>> { ::selvedge_hooks::rule_own!(self);
        if less > self.0.len() { return Box::pin(Iter(self.0.drain(..))); }
        Box::pin(Iter(self.0.drain(less..)))
    }); if ::selvedge_hooks::active() { ::std::boxed::Box::pin(::selvedge_hooks::rule_stream!(Stream, __sv_given, ::selvedge_hooks::rule::Started::AtFirstPoll(move || { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Rows::taken", "case::Rows::taken"); ::selvedge_hooks::rule_record!(__sv_span, "less" => __sv_first_0, "left" => __sv_first_1); let __sv_context = __sv_span.context(); (__sv_span, __sv_context) }), |__sv_out, __sv_span, __sv_failed| { } else { ::selvedge_hooks::rule_measure!(Histogram, "stream_seconds", ::selvedge_hooks::rule_elapsed!(__sv_began)); })) } else { __sv_given } }
}

/// An alias of the file.
pub fn numbers<'a>(of: &'a [u32]) -> Numbers<'a> { let __sv_first_0 = ::selvedge_hooks::rule_hold!(1); let __sv_given = ::selvedge_hooks::rule::call(|| -> Numbers<'a> { Box::pin(Iter(of.iter().copied())) }); if ::selvedge_hooks::active() { ::std::boxed::Box::pin(::selvedge_hooks::rule_stream!(Stream, __sv_given, ::selvedge_hooks::rule::Started::AtFirstPoll(move || { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "numbers", "case::numbers"); ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_first_0); let __sv_context = __sv_span.context(); (__sv_span, __sv_context) }), |__sv_out, __sv_span, __sv_failed| { } else { })) } else { __sv_given } }

/// An alias of the crate.
pub fn boxed<'a>(of: &'a [u32]) -> self::futures::stream::BoxStream<'a, u32> { let __sv_first_0 = ::selvedge_hooks::rule_hold!(1); let __sv_given = ::selvedge_hooks::rule::call(|| -> self::futures::stream::BoxStream<'a, u32> { Box::pin(Iter(of.iter().copied())) }); if ::selvedge_hooks::active() { ::std::boxed::Box::pin(::selvedge_hooks::rule_stream!(self::futures::stream::Stream, __sv_given, ::selvedge_hooks::rule::Started::AtFirstPoll(move || { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "boxed", "case::boxed"); ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_first_0); let __sv_context = __sv_span.context(); (__sv_span, __sv_context) }), |__sv_out, __sv_span, __sv_failed| { } else { })) } else { __sv_given } }

/// A stream of streams, by any path.
pub fn nested(of: Vec<u32>) -> impl self::futures::Stream<Item = impl self::futures::stream::Stream<Item = u32>> { let __sv_first_0 = ::selvedge_hooks::rule_hold!(1); let __sv_given = ::selvedge_hooks::rule::call(|| {
    Iter(of.into_iter().map(|n| Iter(0..n)))
}); ::selvedge_hooks::rule_stream!(self::futures::Stream, __sv_given, ::selvedge_hooks::rule::Started::AtFirstPoll(move || { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "nested", "case::nested"); ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_first_0); let __sv_context = __sv_span.context(); (__sv_span, __sv_context) }), |__sv_out, __sv_span, __sv_failed| { } else { }) }

/// Generic.
pub fn generic<S, B, O>(of: S, _: B, _: O) -> impl self::futures::Stream<Item = S::Item> where S: self::futures::Stream { let __sv_first_0 = ::selvedge_hooks::rule_hold!(1); let __sv_given = ::selvedge_hooks::rule::call(|| { ::selvedge_hooks::rule_own!(of); of }); ::selvedge_hooks::rule_stream!(self::futures::Stream, __sv_given, ::selvedge_hooks::rule::Started::AtFirstPoll(move || { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "generic", "case::generic"); ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_first_0); let __sv_context = __sv_span.context(); (__sv_span, __sv_context) }), |__sv_out, __sv_span, __sv_failed| { } else { }) }

/// Writes a carrier.
pub fn sent(headers: HashMap<String, String>) -> impl Stream<Item = (String, String)> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "sent", "case::sent"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_context = __sv_span.context(); let __sv_given = ::selvedge_hooks::rule::call_in(&__sv_context, || { let mut headers = headers; ::selvedge_hooks::rule_inject!(headers);
    Iter(headers.into_iter())
}); ::selvedge_hooks::rule_stream!(Stream, __sv_given, ::selvedge_hooks::rule::Started::already(__sv_span, __sv_context), |__sv_out, __sv_span, __sv_failed| { } else { }) }

/// Reads a carrier.
pub fn received(headers: &HashMap<String, String>, n: u8) -> Pin<Box<dyn Stream<Item = u8>>> { let __sv_span = ::selvedge_hooks::rule_span!(Consumer, "received", "case::received", headers); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_context = __sv_span.scope(|| ::selvedge_hooks::rule_fields!("n" => n)); let __sv_given = ::selvedge_hooks::rule::call_in(&__sv_context, || -> Pin<Box<dyn Stream<Item = u8>>> {
    let _ = headers;
    Box::pin(Iter(0..n))
}); if ::selvedge_hooks::active() { ::std::boxed::Box::pin(::selvedge_hooks::rule_stream!(Stream, __sv_given, ::selvedge_hooks::rule::Started::already(__sv_span, __sv_context), |__sv_out, __sv_span, __sv_failed| { } else { })) } else { __sv_given } }

/// Imported by name.
pub fn imported<'a>(of: &'a [u32]) -> BoxStream<'a, u32> { let __sv_first_0 = ::selvedge_hooks::rule_hold!(1); let __sv_given = ::selvedge_hooks::rule::call(|| -> BoxStream<'a, u32> { Box::pin(Iter(of.iter().copied())) }); if ::selvedge_hooks::active() { ::std::boxed::Box::pin(::selvedge_hooks::rule_stream!(Stream, __sv_given, ::selvedge_hooks::rule::Started::AtFirstPoll(move || { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "imported", "case::imported"); ::selvedge_hooks::rule_record!(__sv_span, "one" => __sv_first_0); let __sv_context = __sv_span.context(); (__sv_span, __sv_context) }), |__sv_out, __sv_span, __sv_failed| { } else { })) } else { __sv_given } }

/// An iterator of streams is none.
pub fn many() -> impl Iterator<Item = Numbers<'static>> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "many", "case::many"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_span = __sv_span.enter(); std::iter::empty() }

fn is_send<T: Send>(of: T) -> T { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "is_send", "case::is_send"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_ret = __sv_span.scope(|| -> T { ::selvedge_hooks::rule_own!(of); of }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); __sv_ret }

/// Streams can still be sent, and moved.
pub fn sends(rows: &mut Rows) { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "sends", "case::sends"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_span = __sv_span.enter();
    drop(is_send(Pin::new(&mut rows.all())));
    drop(is_send(nested(Vec::new())));
    drop(is_send(rows.taken(1)));
}
