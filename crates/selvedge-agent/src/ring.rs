//! Per-thread byte rings from which the drain thread takes records, and their registry.
//!
//! One producer, one consumer, no lock. A record that does not fit is dropped and counted; the
//! producer never waits.
#![expect(
    unsafe_code,
    reason = "producer and consumer share the bytes of a ring"
)]

use std::sync::{Arc, PoisonError};

use crate::tally::{Tallies, Tally};

#[cfg(loom)]
use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};
#[cfg(not(loom))]
use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

/// Bytes before each record that hold its length.
const FRAME: usize = 4;
/// Rings that may exist at a time; the records of further threads are dropped and counted.
const RINGS_MAX: usize = 1024;
/// Empty rings of ended threads kept for the next threads.
const IDLE_RINGS_MAX: usize = 8;

/// A bounded queue of byte records between one producer and one consumer.
pub(crate) struct Ring {
    bytes: Storage,
    /// Where the consumer reads next; grows for ever, taken modulo the capacity.
    head: Padded<AtomicUsize>,
    /// Where the producer writes next.
    tail: Padded<AtomicUsize>,
    dropped_spans: AtomicU64,
    dropped_logs: AtomicU64,
    /// What the producer counts instead of sending it.
    pub(crate) tallies: Tallies,
    /// The producing thread has ended.
    closed: AtomicBool,
}

/// Keeps the cursors on cache lines of their own.
#[repr(align(128))]
struct Padded<T>(T);

/// What a record that did not fit was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// A span.
    Span,
    /// A log record.
    Log,
}

/// What the consumer is handed.
pub(crate) enum Taken<'a> {
    /// A record of a ring.
    Record(&'a [u8]),
    /// Spans that were counted.
    Tally(&'a Tally<'a>),
}

/// What a push came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It is in.
    Kept,
    /// It is in, and with it the ring became half full.
    HalfFull,
    /// It did not fit.
    Dropped,
}

impl Ring {
    /// A ring of at least so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            bytes: Storage::new(bytes.next_power_of_two()),
            head: Padded(AtomicUsize::new(0)),
            tail: Padded(AtomicUsize::new(0)),
            dropped_spans: AtomicU64::new(0),
            dropped_logs: AtomicU64::new(0),
            tallies: Tallies::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Appends one record, made of a header, which is written in place, and further parts.
    ///
    /// # Safety
    /// Only the ring's producer calls this, and not from two threads at a time.
    #[inline]
    pub(crate) unsafe fn push<const N: usize>(
        &self,
        header: impl Fn(&mut [u8; N]),
        parts: &[&[u8]],
        what: Lost,
    ) -> Pushed {
        let length = N + parts.iter().map(|part| part.len()).sum::<usize>();
        let tail = self.tail.0.load(Ordering::Relaxed);
        let used = tail.wrapping_sub(self.head.0.load(Ordering::Acquire));
        let capacity = self.bytes.capacity();
        if length + FRAME > capacity - used {
            self.count_dropped(what);
            return Pushed::Dropped;
        }
        // SAFETY: the bytes from `tail` to `head` plus the capacity are the producer's, and the
        // check above keeps the record within.
        unsafe {
            self.bytes.write(tail, &(length as u32).to_ne_bytes());
            let mut at = tail.wrapping_add(FRAME);
            self.bytes.fill(at, header);
            at = at.wrapping_add(N);
            for part in parts.iter().filter(|part| !part.is_empty()) {
                self.bytes.write(at, part);
                at = at.wrapping_add(part.len());
            }
        }
        self.tail
            .0
            .store(tail.wrapping_add(FRAME + length), Ordering::Release);
        let half = capacity / 2;
        if used < half && used + length + FRAME >= half {
            Pushed::HalfFull
        } else {
            Pushed::Kept
        }
    }

    /// Counts a record that was lost.
    #[cold]
    pub(crate) fn count_dropped(&self, what: Lost) {
        match what {
            Lost::Span => self.dropped_spans.fetch_add(1, Ordering::Relaxed),
            Lost::Log => self.dropped_logs.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// Passes the oldest record on; false when there is none. One that wraps around is put
    /// together in `record` first.
    ///
    /// # Safety
    /// Only the ring's consumer calls this, and not from two threads at a time.
    pub(crate) unsafe fn pop(&self, record: &mut Vec<u8>, take: &mut dyn FnMut(&[u8])) -> bool {
        let head = self.head.0.load(Ordering::Relaxed);
        if head == self.tail.0.load(Ordering::Acquire) {
            return false;
        }
        let mut frame = [0; FRAME];
        // SAFETY: the bytes from `head` to `tail` are the consumer's: the producer published a
        // whole frame before it moved `tail`, and writes there again only once `head` moved.
        unsafe { self.bytes.read(head, &mut frame) };
        let length = u32::from_ne_bytes(frame) as usize;
        let start = head.wrapping_add(FRAME);
        // SAFETY: as above, until `head` moves.
        if let Some(whole) = unsafe { self.bytes.view(start, length) } {
            take(whole);
        } else {
            record.clear();
            record.resize(length, 0);
            // SAFETY: as above.
            unsafe { self.bytes.read(start, record) };
            take(record);
        }
        self.head
            .0
            .store(head.wrapping_add(FRAME + length), Ordering::Release);
        true
    }

    /// Spans and log records dropped since the last call.
    pub(crate) fn take_dropped(&self) -> (u64, u64) {
        (
            self.dropped_spans.swap(0, Ordering::Relaxed),
            self.dropped_logs.swap(0, Ordering::Relaxed),
        )
    }

    /// Says that the producer is gone.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// True when nothing will come any more. Asked before the last [`Ring::pop`], because a
    /// record may still come between a failed pop and the close.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// The bytes; capacity is a power of two, positions are taken modulo it.
struct Storage {
    cells: Box<[Cell]>,
}

#[cfg(not(loom))]
type Cell = std::cell::UnsafeCell<u8>;
#[cfg(loom)]
type Cell = loom::cell::UnsafeCell<u8>;

// SAFETY: access goes through `write` and `read`, whose callers promise disjoint bytes.
unsafe impl Sync for Storage {}
// SAFETY: plain bytes.
unsafe impl Send for Storage {}

impl Storage {
    fn new(capacity: usize) -> Self {
        #[cfg(not(loom))]
        let cells = {
            // Zeroed pages stay untouched until the ring first grows into them.
            let zeroed = vec![0_u8; capacity].into_boxed_slice();
            // SAFETY: `UnsafeCell<u8>` has the layout of `u8`.
            unsafe { Box::from_raw(Box::into_raw(zeroed) as *mut [Cell]) }
        };
        #[cfg(loom)]
        let cells = (0..capacity).map(|_| Cell::new(0)).collect();
        Self { cells }
    }

    #[inline]
    fn capacity(&self) -> usize {
        self.cells.len()
    }

    /// # Safety
    /// Nobody else touches these bytes meanwhile, and `bytes` is no longer than the capacity.
    #[cfg(not(loom))]
    #[inline]
    unsafe fn write(&self, at: usize, bytes: &[u8]) {
        let start = at & (self.capacity() - 1);
        let base = std::cell::UnsafeCell::raw_get(self.cells.as_ptr());
        let first = bytes.len().min(self.capacity() - start);
        // SAFETY: both stretches lie within the cells; the caller promises exclusive access.
        unsafe {
            if first == bytes.len() {
                // Of a length known when compiled, this is a few moves and no call.
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), base.add(start), bytes.len());
            } else {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), base.add(start), first);
                std::ptr::copy_nonoverlapping(bytes.as_ptr().add(first), base, bytes.len() - first);
            }
        }
    }

    /// Has `N` bytes written, in place unless they wrap around.
    ///
    /// # Safety
    /// As for [`Storage::write`].
    #[inline]
    unsafe fn fill<const N: usize>(&self, at: usize, fill: impl Fn(&mut [u8; N])) {
        #[cfg(not(loom))]
        {
            let start = at & (self.capacity() - 1);
            if start + N <= self.capacity() {
                let base = std::cell::UnsafeCell::raw_get(self.cells.as_ptr());
                // SAFETY: the bytes lie within the cells and are initialised; the caller promises
                // exclusive access.
                fill(unsafe { &mut *base.add(start).cast() });
                return;
            }
        }
        let mut bytes = [0; N];
        fill(&mut bytes);
        // SAFETY: by the caller's promise.
        unsafe { self.write(at, &bytes) };
    }

    /// # Safety
    /// Nobody writes these bytes meanwhile, and `bytes` is no longer than the capacity.
    #[cfg(not(loom))]
    unsafe fn read(&self, at: usize, bytes: &mut [u8]) {
        let start = at & (self.capacity() - 1);
        let base = std::cell::UnsafeCell::raw_get(self.cells.as_ptr());
        let first = bytes.len().min(self.capacity() - start);
        // SAFETY: both stretches lie within the cells; the caller promises that none is written.
        unsafe {
            std::ptr::copy_nonoverlapping(base.add(start), bytes.as_mut_ptr(), first);
            std::ptr::copy_nonoverlapping(base, bytes.as_mut_ptr().add(first), bytes.len() - first);
        }
    }

    /// The bytes in place, unless they wrap around.
    ///
    /// # Safety
    /// Nobody writes these bytes while the result is used.
    #[cfg(not(loom))]
    unsafe fn view(&self, at: usize, length: usize) -> Option<&[u8]> {
        let start = at & (self.capacity() - 1);
        let cells = self.cells.get(start..start + length)?;
        // SAFETY: `UnsafeCell<u8>` has the layout of `u8`; the caller promises that none is
        // written.
        Some(unsafe { std::slice::from_raw_parts(cells.as_ptr().cast(), length) })
    }

    /// Loom follows each byte.
    #[cfg(loom)]
    #[expect(clippy::unused_self, reason = "as without loom")]
    unsafe fn view(&self, _at: usize, _length: usize) -> Option<&[u8]> {
        None
    }

    #[cfg(loom)]
    unsafe fn write(&self, at: usize, bytes: &[u8]) {
        for (offset, byte) in bytes.iter().enumerate() {
            let cell = &self.cells[at.wrapping_add(offset) & (self.capacity() - 1)];
            // SAFETY: as promised by the caller; loom checks it.
            cell.with_mut(|cell| unsafe { *cell = *byte });
        }
    }

    #[cfg(loom)]
    unsafe fn read(&self, at: usize, bytes: &mut [u8]) {
        for (offset, byte) in bytes.iter_mut().enumerate() {
            let cell = &self.cells[at.wrapping_add(offset) & (self.capacity() - 1)];
            // SAFETY: as promised by the caller; loom checks it.
            *byte = cell.with(|cell| unsafe { *cell });
        }
    }
}

/// All rings of the process.
pub(crate) struct Registry {
    rings: Mutex<Rings>,
    /// Records of threads that got no ring, or whose ring is gone already.
    homeless: Homeless,
    has_consumer: AtomicBool,
}

struct Rings {
    live: Vec<Arc<Ring>>,
    idle: Vec<Arc<Ring>>,
}

struct Homeless {
    spans: AtomicU64,
    logs: AtomicU64,
}

impl Registry {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self {
            rings: Mutex::new(Rings {
                live: Vec::new(),
                idle: Vec::new(),
            }),
            homeless: Homeless {
                spans: AtomicU64::new(0),
                logs: AtomicU64::new(0),
            },
            has_consumer: AtomicBool::new(false),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self {
            rings: Mutex::new(Rings {
                live: Vec::new(),
                idle: Vec::new(),
            }),
            homeless: Homeless {
                spans: AtomicU64::new(0),
                logs: AtomicU64::new(0),
            },
            has_consumer: AtomicBool::new(false),
        }
    }

    /// A ring whose producer the calling thread becomes; none when there are too many.
    pub(crate) fn join(&self, bytes: usize) -> Option<Arc<Ring>> {
        let mut rings = self.lock();
        if rings.live.len() >= RINGS_MAX {
            return None;
        }
        let ring = rings
            .idle
            .pop()
            .unwrap_or_else(|| Arc::new(Ring::new(bytes)));
        rings.live.push(Arc::clone(&ring));
        Some(ring)
    }

    /// Counts a record of a thread without a ring.
    #[cold]
    pub(crate) fn count_dropped(&self, what: Lost) {
        match what {
            Lost::Span => self.homeless.spans.fetch_add(1, Ordering::Relaxed),
            Lost::Log => self.homeless.logs.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// The right to drain, once.
    pub(crate) fn consumer(&self) -> Option<Consumer<'_>> {
        (!self.has_consumer.swap(true, Ordering::AcqRel)).then_some(Consumer { registry: self })
    }

    /// Takes a drained ring of an ended thread out of service.
    fn retire(&self, ring: &Arc<Ring>) {
        let mut rings = self.lock();
        rings.live.retain(|live| !Arc::ptr_eq(live, ring));
        if rings.idle.len() < IDLE_RINGS_MAX {
            ring.closed.store(false, Ordering::Relaxed);
            rings.idle.push(Arc::clone(ring));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one consumer of all rings of a registry.
pub(crate) struct Consumer<'a> {
    registry: &'a Registry,
}

impl Consumer<'_> {
    /// Passes everything on, and returns how many spans and logs were dropped meanwhile.
    pub(crate) fn drain(
        &mut self,
        record: &mut Vec<u8>,
        take: &mut dyn FnMut(Taken<'_>),
    ) -> (u64, u64) {
        let live = self.registry.lock().live.clone();
        let homeless = &self.registry.homeless;
        let mut dropped = (
            homeless.spans.swap(0, Ordering::Relaxed),
            homeless.logs.swap(0, Ordering::Relaxed),
        );
        for ring in live {
            let closed = ring.is_closed();
            // One round takes what is there now, so that a busy thread does not starve others.
            let end = ring.tail.0.load(Ordering::Acquire);
            loop {
                let is_there = ring.head.0.load(Ordering::Relaxed) != end;
                let mut take = |bytes: &[u8]| take(Taken::Record(bytes));
                // SAFETY: there is one consumer, and it is borrowed exclusively.
                if !is_there || !unsafe { ring.pop(record, &mut take) } {
                    break;
                }
            }
            ring.tallies
                .take(record, &mut |tally| take(Taken::Tally(tally)));
            let (spans, logs) = ring.take_dropped();
            dropped = (dropped.0 + spans, dropped.1 + logs);
            if closed {
                self.registry.retire(&ring);
            }
        }
        dropped
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn pop(ring: &Ring) -> Option<Vec<u8>> {
        let mut record = Vec::new();
        let mut popped = None;
        // SAFETY: the tests below pop from one thread.
        unsafe { ring.pop(&mut record, &mut |bytes| popped = Some(bytes.to_vec())) };
        popped
    }

    #[test]
    fn a_record_that_does_not_fit_is_dropped_and_counted() {
        let ring = Ring::new(32);
        // SAFETY: one thread.
        let pushed = [20, 20, 4].map(|length| unsafe {
            ring.push(|_: &mut [u8; 0]| (), &[&vec![7; length]], Lost::Log)
        });
        assert_eq!(pushed, [Pushed::HalfFull, Pushed::Dropped, Pushed::Kept]);
        assert_eq!(ring.take_dropped(), (0, 1));
        assert_eq!(pop(&ring), Some(vec![7; 20]));
    }

    #[test]
    fn rings_of_ended_threads_are_drained_and_used_again() {
        let registry = Registry::new();
        let mut consumer = registry.consumer().expect("the first one");
        for round in 0..100_u8 {
            let ring = registry.join(64).expect("there is room");
            // SAFETY: one thread is the producer.
            unsafe { ring.push(|header| *header = [round], &[], Lost::Span) };
            ring.close();
            let mut seen = Vec::new();
            consumer.drain(&mut Vec::new(), &mut |taken| {
                if let Taken::Record(record) = taken {
                    seen.push(record.to_vec());
                }
            });
            assert_eq!(seen, [[round]]);
        }
        let rings = registry.lock();
        assert_eq!((rings.live.len(), rings.idle.len()), (0, 1));
    }

    #[test]
    fn threads_past_the_limit_get_no_ring_and_their_records_are_counted() {
        let registry = Registry::new();
        let rings: Vec<_> = (0..RINGS_MAX).map(|_| registry.join(16)).collect();
        assert!(rings.iter().all(Option::is_some) && registry.join(16).is_none());
        registry.count_dropped(Lost::Span);
        let mut consumer = registry.consumer().expect("the first one");
        assert!(registry.consumer().is_none());
        assert_eq!(consumer.drain(&mut Vec::new(), &mut |_| ()), (1, 0));
    }

    proptest! {
        #[test]
        fn records_come_out_as_they_went_in(
            steps in prop::collection::vec((any::<bool>(), 0_usize..40), 0..200),
        ) {
            let ring = Ring::new(64);
            let mut expected = VecDeque::new();
            for (index, (push, length)) in steps.into_iter().enumerate() {
                if push {
                    let record = vec![index as u8; length];
                    let (left, right) = record.split_at(length / 3);
                    // SAFETY: one thread.
                    if unsafe { ring.push(|_: &mut [u8; 0]| (), &[left, right], Lost::Span) } != Pushed::Dropped {
                        expected.push_back(record);
                    }
                } else {
                    prop_assert_eq!(pop(&ring), expected.pop_front());
                }
            }
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;

    #[test]
    fn loom_no_record_is_torn_lost_or_out_of_order() {
        loom::model(|| {
            let ring = Arc::new(Ring::new(16));
            let producer = Arc::clone(&ring);
            let thread = loom::thread::spawn(move || {
                let mut kept = Vec::new();
                for item in 1..=3_u8 {
                    // SAFETY: this thread is the producer.
                    if unsafe { producer.push(|header| *header = [item], &[&[item]], Lost::Span) }
                        != Pushed::Dropped
                    {
                        kept.push(vec![item, item]);
                    }
                }
                producer.close();
                kept
            });
            let mut seen = Vec::new();
            let mut record = Vec::new();
            for _ in 0..2 {
                // SAFETY: this thread is the consumer.
                unsafe { ring.pop(&mut record, &mut |bytes| seen.push(bytes.to_vec())) };
            }
            let kept = thread.join().expect("no panic");
            assert!(ring.is_closed());
            // SAFETY: as above.
            while unsafe { ring.pop(&mut record, &mut |bytes| seen.push(bytes.to_vec())) } {}
            assert_eq!(seen, kept);
            assert_eq!(ring.take_dropped().0, 3 - seen.len() as u64);
        });
    }

    #[test]
    fn loom_a_closed_ring_is_retired_only_when_drained() {
        loom::model(|| {
            let registry = Arc::new(Registry::new());
            let ring = registry.join(16).expect("there is room");
            let thread = loom::thread::spawn(move || {
                // SAFETY: this thread is the producer.
                unsafe { ring.push(|header| *header = [9], &[], Lost::Span) };
                ring.close();
            });
            let mut seen = 0;
            let mut record = Vec::new();
            let mut consumer = registry.consumer().expect("the first one");
            consumer.drain(&mut record, &mut |_| seen += 1);
            thread.join().expect("no panic");
            consumer.drain(&mut record, &mut |_| seen += 1);
            assert_eq!(seen, 1);
        });
    }
}
