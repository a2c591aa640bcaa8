//! The cells that measurements go to: lock-free, and sharded where many threads meet.
//!
//! All shards but the last belong to one thread at a time, which saves it the atomic
//! read-modify-write; the last one is for all other threads.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::labels::Labels;
use crate::model::{SpanId, TraceId};

/// Shards of a series without labels.
pub(crate) const SHARDS: usize = 16;
/// The shard of threads that have none of their own.
const COMMON: usize = SHARDS - 1;

/// A bit for each shard that a living thread owns.
static OWNED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static OWN: Own = const { Own(Cell::new(UNKNOWN)) };
}

/// Number of the calling thread's shard; given back when the thread ends.
struct Own(Cell<usize>);

/// Not asked for yet.
const UNKNOWN: usize = usize::MAX;

impl Own {
    #[inline]
    fn get(&self) -> usize {
        match self.0.get() {
            UNKNOWN => self.claim(),
            known => known,
        }
    }

    #[cold]
    fn claim(&self) -> usize {
        // Acquire: the cells are as the thread before left them.
        let claimed = OWNED.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |owned| {
            let free = owned.trailing_ones() as usize;
            (free < COMMON).then_some(owned | 1 << free)
        });
        let shard = claimed.map_or(COMMON, |owned| owned.trailing_ones() as usize);
        self.0.set(shard);
        shard
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let shard = self.0.get();
        if shard < COMMON {
            OWNED.fetch_and(!(1 << shard), Ordering::Release);
        }
    }
}

/// A measurement that a sampled span stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// What was measured.
    pub value: f64,
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_ns: u64,
}

/// One series of a metric.
pub(crate) struct Series {
    pub(crate) labels: Labels,
    shards: Box<[Shard]>,
    /// One per bucket, the newest.
    exemplars: Mutex<Vec<Option<Exemplar>>>,
    /// The collection that last saw a value reported; see `Registry::observe`.
    pub(crate) reported_in: AtomicU64,
    touched: AtomicBool,
}

/// Padded to a cache line, so that threads do not slow each other down.
#[repr(align(64))]
struct Shard {
    /// Bits of an `f64`: the sum, or the value of a gauge.
    sum: AtomicU64,
    /// Measurements per bucket; empty unless this is a histogram.
    counts: Box<[AtomicU64]>,
}

impl Series {
    /// `buckets` is 0 unless the series is a histogram's.
    pub(crate) fn new(labels: Labels, shards: usize, buckets: usize) -> Self {
        let shard = || Shard {
            sum: AtomicU64::new(0.0_f64.to_bits()),
            counts: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
        };
        Self {
            labels,
            shards: (0..shards).map(|_| shard()).collect(),
            exemplars: Mutex::new(Vec::new()),
            reported_in: AtomicU64::new(0),
            touched: AtomicBool::new(false),
        }
    }

    /// True once anything was measured.
    pub(crate) fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }

    fn touch(&self) {
        // Reads first: a store each time would pass the cache line around.
        if !self.is_touched() {
            self.touched.store(true, Ordering::Relaxed);
        }
    }

    /// Adds to a counter.
    #[inline]
    pub(crate) fn add(&self, value: f64) {
        self.touch();
        let (shard, owned) = self.shard();
        shard.add(value, owned);
    }

    /// Sets a gauge, or the total of a counter that is reported as a whole.
    pub(crate) fn set(&self, value: f64) {
        self.touch();
        if let Some(first) = self.shards.first() {
            first.sum.store(value.to_bits(), Ordering::Relaxed);
        }
    }

    /// Adds to a histogram.
    #[inline]
    pub(crate) fn record(&self, value: f64, bounds: &[f64]) {
        self.touch();
        let (shard, owned) = self.shard();
        if let Some(count) = shard.counts.get(bucket(value, bounds)) {
            if owned {
                count.store(
                    count.load(Ordering::Relaxed).wrapping_add(1),
                    Ordering::Relaxed,
                );
            } else {
                count.fetch_add(1, Ordering::Relaxed);
            }
            shard.add(value, owned);
        }
    }

    /// Counts measurements of a histogram's bucket, whose sum is added apart.
    pub(crate) fn count(&self, value: f64, measurements: u64, bounds: &[f64]) {
        let (shard, _) = self.shard();
        if let Some(count) = shard.counts.get(bucket(value, bounds)) {
            count.fetch_add(measurements, Ordering::Relaxed);
        }
    }

    /// Keeps an exemplar for its bucket; skipped while a collection reads them.
    pub(crate) fn keep(&self, exemplar: Exemplar, bounds: &[f64]) {
        let Ok(mut exemplars) = self.exemplars.try_lock() else {
            return;
        };
        if exemplars.is_empty() {
            exemplars.resize(bounds.len() + 1, None);
        }
        if let Some(place) = exemplars.get_mut(bucket(exemplar.value, bounds)) {
            *place = Some(exemplar);
        }
    }

    /// The exemplars kept, one place per bucket, or none at all.
    pub(crate) fn exemplars(&self) -> Vec<Option<Exemplar>> {
        self.exemplars
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// The sum over all shards.
    pub(crate) fn sum(&self) -> f64 {
        self.shards
            .iter()
            .map(|shard| f64::from_bits(shard.sum.load(Ordering::Relaxed)))
            .sum()
    }

    /// The counts per bucket over all shards.
    pub(crate) fn counts(&self) -> Vec<u64> {
        let buckets = self.shards.first().map_or(0, |shard| shard.counts.len());
        let total = |bucket: usize| {
            self.shards
                .iter()
                .map(|shard| shard.counts[bucket].load(Ordering::Relaxed))
                .sum()
        };
        (0..buckets).map(total).collect()
    }

    /// This thread's shard, and whether no other thread writes to it.
    #[inline]
    fn shard(&self) -> (&Shard, bool) {
        match &*self.shards {
            [only] => (only, false),
            shards => {
                let own = OWN.try_with(Own::get).unwrap_or(COMMON);
                (&shards[own], own < COMMON)
            }
        }
    }
}

impl Shard {
    #[inline]
    fn add(&self, value: f64, owned: bool) {
        let mut bits = self.sum.load(Ordering::Relaxed);
        loop {
            let sum = (f64::from_bits(bits) + value).to_bits();
            if owned {
                return self.sum.store(sum, Ordering::Relaxed);
            }
            let swapped =
                self.sum
                    .compare_exchange_weak(bits, sum, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => return,
                Err(changed) => bits = changed,
            }
        }
    }
}

/// The first bucket whose upper bound is not below the value.
#[inline]
pub(crate) fn bucket(value: f64, bounds: &[f64]) -> usize {
    match bounds {
        // Most operations are quick.
        [first, ..] if value <= *first => 0,
        _ => bounds.partition_point(|&bound| bound < value),
    }
}
