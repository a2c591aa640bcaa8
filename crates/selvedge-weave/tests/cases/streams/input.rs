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
    pub fn failing(&self, table: String) -> Pin<Box<dyn Stream<Item = Result<u32, Code>> + Send>> {
        drop(table);
        Box::pin(Iter(self.0.clone().into_iter().map(|row| if row > 3 { Err(Code(row)) } else { Ok(row) })))
    }

    /// Borrows.
    pub fn all<'a>(&'a self) -> impl Stream<Item = &'a u32> + Send + Unpin + 'a { Iter(self.0.iter()) }

    /// Borrows as it likes.
    pub fn taken<'a>(&'a mut self, less: usize) -> Pin<Box<dyn Stream<Item = u32> + Send + 'a>> {
        if less > self.0.len() { return Box::pin(Iter(self.0.drain(..))); }
        Box::pin(Iter(self.0.drain(less..)))
    }
}

/// An alias of the file.
pub fn numbers<'a>(of: &'a [u32]) -> Numbers<'a> { Box::pin(Iter(of.iter().copied())) }

/// An alias of the crate.
pub fn boxed<'a>(of: &'a [u32]) -> self::futures::stream::BoxStream<'a, u32> { Box::pin(Iter(of.iter().copied())) }

/// A stream of streams, by any path.
pub fn nested(of: Vec<u32>) -> impl self::futures::Stream<Item = impl self::futures::stream::Stream<Item = u32>> {
    Iter(of.into_iter().map(|n| Iter(0..n)))
}

/// Generic.
pub fn generic<S, B, O>(of: S, _: B, _: O) -> impl self::futures::Stream<Item = S::Item> where S: self::futures::Stream { of }

/// Writes a carrier.
pub fn sent(headers: HashMap<String, String>) -> impl Stream<Item = (String, String)> {
    Iter(headers.into_iter())
}

/// Reads a carrier.
pub fn received(headers: &HashMap<String, String>, n: u8) -> Pin<Box<dyn Stream<Item = u8>>> {
    let _ = headers;
    Box::pin(Iter(0..n))
}

/// Imported by name.
pub fn imported<'a>(of: &'a [u32]) -> BoxStream<'a, u32> { Box::pin(Iter(of.iter().copied())) }

/// An iterator of streams is none.
pub fn many() -> impl Iterator<Item = Numbers<'static>> { std::iter::empty() }

fn is_send<T: Send>(of: T) -> T { of }

/// Streams can still be sent, and moved.
pub fn sends(rows: &mut Rows) {
    drop(is_send(Pin::new(&mut rows.all())));
    drop(is_send(nested(Vec::new())));
    drop(is_send(rows.taken(1)));
}
