//! Metrics: instruments of rules, glue and the agent itself, and what is read from them.
//!
//! Every metric has at most [`SERIES_MAX`] sets of labels; measurements with further sets go to
//! one overflow series, as the OpenTelemetry specification asks (metrics/sdk.md, "Cardinality
//! limits"). Reading is a copy: exporters never hold a measurement up.

pub(crate) mod instruments;
mod labels;
pub(crate) mod process;
mod recent;
pub(crate) mod red;
mod refusal;
mod series;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use selvedge_hooks::{Attribute, Instrument, InstrumentKind, Observer};

pub use labels::{LabelBuffer, Labels};
use refusal::{FirstRefusal, Refusal};
pub use series::Exemplar;
pub(crate) use series::bucket;
use series::{SHARDS, Series};

use crate::model::AttributeValue;
use crate::sort;

/// Sets of labels of one metric.
pub const SERIES_MAX: usize = 2000;
/// Orders of labels that are looked up without sorting, per metric.
const ORDERS_MAX: usize = 4 * SERIES_MAX;
/// Metrics of one process.
const FAMILIES_MAX: usize = 512;
/// Registered callbacks.
const CALLBACKS_MAX: usize = 256;
/// Low bits of [`Instrument::state`]: the family plus one; the bits above name the registry.
const FAMILY_BITS: u32 = 16;
const FAMILY_MASK: usize = (1 << FAMILY_BITS) - 1;
/// The family of instruments past [`FAMILIES_MAX`].
const NO_FAMILY: usize = FAMILY_MASK;

/// All metrics of the process.
pub struct Registry {
    /// 0 until the first instrument comes; tells instruments of another registry from ours.
    id: AtomicUsize,
    families: [OnceLock<Box<Family>>; FAMILIES_MAX],
    /// How many of them are taken. Also the lock for taking one.
    taken: Mutex<usize>,
    callbacks: Mutex<Vec<fn(&mut Observer<'_>)>>,
    /// Number of the collection; its lock keeps collections apart.
    collection: Mutex<u64>,
    started_unix_ns: OnceLock<u64>,
    /// Measurements of instruments and callbacks past the limits, and values that none takes.
    refused: AtomicU64,
    /// Some family has a refusal that nobody has said yet.
    has_refusal: AtomicBool,
}

/// All series of one metric.
struct Family {
    instrument: &'static Instrument,
    bounds: &'static [f64],
    plain: Series,
    overflow: Series,
    labelled: RwLock<Labelled>,
    /// True when its values are reported at each collection.
    reported: AtomicBool,
    refusal: FirstRefusal,
}

#[derive(Default)]
struct Labelled {
    series: Vec<Arc<Series>>,
    by_bytes: HashMap<Box<[u8]>, Arc<Series>, BuildHasherDefault<LabelHasher>>,
}

/// A metric as it was when it was collected.
pub struct Metric {
    /// The instrument.
    pub instrument: &'static Instrument,
    /// Bucket boundaries of a histogram.
    pub bounds: &'static [f64],
    /// Its series, by labels.
    pub points: Vec<Point>,
}

/// One series as it was when it was collected.
#[derive(Clone, Debug)]
pub struct Point {
    /// The labels.
    pub labels: Labels,
    /// The sum, or the value of a gauge.
    pub sum: f64,
    /// Measurements per bucket; empty unless this is a histogram.
    pub counts: Vec<u64>,
    /// One place per bucket, or empty.
    pub exemplars: Vec<Option<Exemplar>>,
}

impl Registry {
    /// No metrics.
    pub const fn new() -> Self {
        Self {
            id: AtomicUsize::new(0),
            families: [const { OnceLock::new() }; FAMILIES_MAX],
            taken: Mutex::new(0),
            callbacks: Mutex::new(Vec::new()),
            collection: Mutex::new(0),
            started_unix_ns: OnceLock::new(),
            refused: AtomicU64::new(0),
            has_refusal: AtomicBool::new(false),
        }
    }

    /// Takes a measurement.
    #[inline]
    pub fn measure(&self, instrument: &'static Instrument, value: f64, labels: &[Attribute<'_>]) {
        let Some(family) = self.family(instrument) else {
            return;
        };
        if labels.is_empty() {
            return self.record(family, &family.plain, value);
        }
        // The state names the registry and the family.
        let mut key = recent::Key::EMPTY;
        let state = instrument.state.load(Ordering::Relaxed);
        let has_key = key.fill(state, labels).is_some();
        if has_key && recent::with(&key, |series| self.record(family, series, value)) {
            return;
        }
        let measured = LabelBuffer::with(|buffer| {
            for label in labels {
                buffer.push_attribute(label);
            }
            family.labelled(buffer, |series| self.record(family, series, value));
            if let (true, Some(series)) = (has_key, family.known(buffer)) {
                recent::remember(key, series);
            }
        });
        if measured.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes a measurement with labels that are built already, and what it is an example of.
    pub fn measure_with(
        &self,
        instrument: &'static Instrument,
        value: f64,
        labels: &LabelBuffer,
        exemplar: Option<Exemplar>,
    ) {
        let Some(family) = self.family(instrument) else {
            return;
        };
        family.labelled(labels, |series| {
            self.record(family, series, value);
            if let Some(exemplar) = exemplar {
                series.keep(exemplar, family.bounds);
            }
        });
    }

    /// Adds what was counted elsewhere to a histogram: some value of a bucket with the number of
    /// measurements in it, for each, and the sum of all.
    pub(crate) fn add_counted(
        &self,
        instrument: &'static Instrument,
        labels: &LabelBuffer,
        counted: impl Iterator<Item = (f64, u64)>,
        sum: f64,
    ) {
        let Some(family) = self.family(instrument) else {
            return;
        };
        family.labelled(labels, |series| {
            for (value, count) in counted {
                series.count(value, count, family.bounds);
            }
            series.add(sum);
        });
    }

    /// Registers a function that reports values at each collection.
    pub fn observe(&self, callback: fn(&mut Observer<'_>)) {
        let mut callbacks = lock(&self.callbacks);
        if callbacks
            .iter()
            .any(|&known| std::ptr::fn_addr_eq(known, callback))
        {
            return;
        }
        if callbacks.len() == CALLBACKS_MAX {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        callbacks.push(callback);
    }

    /// Start of all cumulative series, in nanoseconds since the Unix epoch.
    pub fn started_unix_ns(&self) -> u64 {
        *self.started_unix_ns.get_or_init(now_unix_ns)
    }

    /// Asks all callbacks and copies all series, metrics by scope and name.
    pub fn collect(&self) -> Vec<Metric> {
        let mut collection = lock(&self.collection);
        *collection += 1;
        self.report(*collection);
        let taken = *lock(&self.taken);
        let families = self.families[..taken].iter().filter_map(OnceLock::get);
        let mut metrics: Vec<Metric> = families.map(|family| family.collect(*collection)).collect();
        metrics.retain(|metric| !metric.points.is_empty());
        sort::by(&mut metrics, |left, right| {
            let name = |metric: &Metric| (metric.instrument.scope, metric.instrument.name);
            name(left).cmp(&name(right))
        });
        metrics
    }

    fn report(&self, collection: u64) {
        // Copied, so that a callback may register another one.
        let callbacks = lock(&self.callbacks).clone();
        let mut sink = |instrument: &'static Instrument, value: f64, labels: &[Attribute<'_>]| {
            let Some(family) = self.family(instrument) else {
                return;
            };
            family.reported.store(true, Ordering::Relaxed);
            let set = |series: &Series| {
                series.reported_in.store(collection, Ordering::Relaxed);
                series.set(value);
            };
            if labels.is_empty() {
                return set(&family.plain);
            }
            LabelBuffer::with(|buffer| {
                for label in labels {
                    buffer.push_attribute(label);
                }
                family.labelled(buffer, set);
            });
        };
        for callback in callbacks {
            let mut observer = Observer { sink: &mut sink };
            // Glue code that panics here would take all telemetry down with it.
            let _ = catch_unwind(AssertUnwindSafe(|| callback(&mut observer)));
        }
        let refused = self.refused.load(Ordering::Relaxed);
        if refused > 0 {
            sink(&instruments::REFUSED, refused as f64, &[]);
        }
    }

    #[inline]
    fn record(&self, family: &Family, series: &Series, value: f64) {
        if !family.measure(series, value) {
            self.refuse(family, value);
        }
    }

    #[cold]
    fn refuse(&self, family: &Family, value: f64) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if family.refusal.remember(Refusal::of(value)) {
            self.has_refusal.store(true, Ordering::Release);
        }
    }

    /// What metrics have refused for the first time since this was last asked: a line for each.
    pub(crate) fn refusals(&self) -> Vec<String> {
        if !self.has_refusal.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        let families = self.families.iter().map_while(OnceLock::get);
        let refusals = families.filter_map(|family| {
            let name = family.instrument.name;
            let refusal = family.refusal.take()?;
            Some(format!(
                "metric {name}: {refusal} was dropped; selvedge.metric.refused counts further ones"
            ))
        });
        refusals.collect()
    }

    #[inline]
    fn family(&self, instrument: &'static Instrument) -> Option<&Family> {
        let state = instrument.state.load(Ordering::Relaxed);
        let known = state & FAMILY_MASK;
        if known == 0 || state >> FAMILY_BITS != self.id.load(Ordering::Relaxed) {
            return self.register(instrument);
        }
        let family = self
            .families
            .get(known - 1)
            .and_then(OnceLock::get)
            .map(|family| &**family);
        if family.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        family
    }

    /// Finds or makes the family of an instrument that this registry has not seen yet.
    #[cold]
    fn register(&self, instrument: &'static Instrument) -> Option<&Family> {
        static NEXT_ID: AtomicUsize = AtomicUsize::new(1);
        let mut taken = lock(&self.taken);
        if self.id.load(Ordering::Relaxed) == 0 {
            self.id
                .store(NEXT_ID.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            self.started_unix_ns();
        }
        let same = |place: &OnceLock<Box<Family>>| {
            place.get().is_some_and(|family| {
                let known = family.instrument;
                (known.scope, known.name, known.kind)
                    == (instrument.scope, instrument.name, instrument.kind)
            })
        };
        let index = self.families[..*taken]
            .iter()
            .position(same)
            .unwrap_or(*taken);
        let family = self.families.get(index).map(|place| {
            *taken = (*taken).max(index + 1);
            &**place.get_or_init(|| Box::new(Family::new(instrument)))
        });
        if family.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let number = if family.is_some() {
            index + 1
        } else {
            NO_FAMILY
        };
        let id = self.id.load(Ordering::Relaxed);
        instrument
            .state
            .store(id << FAMILY_BITS | number, Ordering::Relaxed);
        family
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Family {
    fn new(instrument: &'static Instrument) -> Self {
        let bounds = instruments::bounds(instrument);
        let buckets = if instrument.kind == InstrumentKind::Histogram {
            bounds.len() + 1
        } else {
            0
        };
        let mut overflow = LabelBuffer::new();
        overflow.push("otel.metric.overflow", AttributeValue::Bool(true));
        Self {
            instrument,
            bounds,
            plain: Series::new(Labels::default(), SHARDS, buckets),
            overflow: Series::new(overflow.canonical(), 1, buckets),
            labelled: RwLock::default(),
            reported: AtomicBool::new(false),
            refusal: FirstRefusal::default(),
        }
    }

    /// False when the instrument does not take the value.
    #[inline]
    fn measure(&self, series: &Series, value: f64) -> bool {
        let kind = self.instrument.kind;
        let falls = kind == InstrumentKind::Counter && value < 0.0;
        let poisons = value.is_infinite() && kind != InstrumentKind::Gauge;
        if value.is_nan() || falls || poisons {
            return false;
        }
        match kind {
            InstrumentKind::Counter | InstrumentKind::UpDownCounter => series.add(value),
            InstrumentKind::Histogram => series.record(value, self.bounds),
            InstrumentKind::Gauge => series.set(value),
        }
        true
    }

    /// The series of labels that have been measured before.
    fn known(&self, buffer: &LabelBuffer) -> Option<Arc<Series>> {
        let known = self.labelled.read().unwrap_or_else(PoisonError::into_inner);
        known.by_bytes.get(buffer.bytes()).cloned()
    }

    fn labelled(&self, buffer: &LabelBuffer, call: impl FnOnce(&Series)) {
        if buffer.bytes().is_empty() {
            return call(&self.plain);
        }
        let known = self.labelled.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.by_bytes.get(buffer.bytes()) {
            return call(series);
        }
        drop(known);
        match self.insert(buffer) {
            Some(series) => call(&series),
            None => call(&self.overflow),
        }
    }

    /// The series of labels that come in this order for the first time; none when there are too
    /// many.
    #[cold]
    fn insert(&self, buffer: &LabelBuffer) -> Option<Arc<Series>> {
        let labels = buffer.canonical();
        let mut labelled = self
            .labelled
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let known = labelled.by_bytes.get(labels.bytes()).cloned();
        let series = match known {
            Some(series) => series,
            None if labelled.series.len() >= SERIES_MAX => return None,
            None => {
                let series = Arc::new(Series::new(labels, 1, self.plain.counts().len()));
                labelled.series.push(Arc::clone(&series));
                labelled
                    .by_bytes
                    .insert(series.labels.bytes().into(), Arc::clone(&series));
                series
            }
        };
        if labelled.by_bytes.len() < ORDERS_MAX {
            labelled
                .by_bytes
                .insert(buffer.bytes().into(), Arc::clone(&series));
        }
        Some(series)
    }

    fn collect(&self, collection: u64) -> Metric {
        let reported = self.reported.load(Ordering::Relaxed);
        let current =
            |series: &Series| !reported || series.reported_in.load(Ordering::Relaxed) == collection;
        if reported {
            let mut labelled = self
                .labelled
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            labelled.series.retain(|series| current(series));
            labelled.by_bytes.retain(|_, series| current(series));
        }
        let labelled = self.labelled.read().unwrap_or_else(PoisonError::into_inner);
        let unlabelled = [&self.plain, &self.overflow];
        let series = unlabelled
            .into_iter()
            .chain(labelled.series.iter().map(|series| &**series));
        let mut points: Vec<Point> = series
            .filter(|series| series.is_touched() && current(series))
            .map(|series| Point {
                labels: series.labels.clone(),
                sum: series.sum(),
                counts: series.counts(),
                exemplars: series.exemplars(),
            })
            .collect();
        sort::by(&mut points, |left, right| left.labels.cmp(&right.labels));
        Metric {
            instrument: self.instrument,
            bounds: self.bounds,
            points,
        }
    }
}

/// Multiplies and rotates; labels are short, and a metric has few of them, so that a flood of
/// collisions is bounded as well.
#[derive(Default)]
struct LabelHasher(u64);

impl Hasher for LabelHasher {
    fn write(&mut self, bytes: &[u8]) {
        const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        for &word in words.iter().chain([&last]) {
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
        }
    }

    fn finish(&self) -> u64 {
        // The table takes its buckets from the low bits, where the product is weakest.
        self.0 ^ (self.0 >> 32)
    }
}

pub(crate) fn now_unix_ns() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
