//! Instruments: what rules and glue measure into.

use core::sync::atomic::AtomicUsize;

use crate::{table, Attribute};

/// What an instrument does with its measurements (OpenTelemetry specification, metrics/api.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum InstrumentKind {
    /// A monotonic sum.
    Counter = 0,
    /// A sum that may fall.
    UpDownCounter = 1,
    /// The last value.
    Gauge = 2,
    /// A distribution.
    Histogram = 3,
}

/// One instrument: made by the compiler as a `static`. Several statics of one name and kind
/// share their series.
pub struct Instrument {
    /// Instrumentation scope.
    pub scope: &'static str,
    /// The name, as OpenTelemetry or (for rules) the user writes it.
    pub name: &'static str,
    /// The unit in UCUM; empty when the name says it (`…_seconds`).
    pub unit: &'static str,
    /// One sentence for whoever reads `/metrics`.
    pub description: &'static str,
    /// The kind.
    pub kind: InstrumentKind,
    /// Bucket boundaries of a histogram; empty for the default of its unit.
    pub bounds: &'static [f64],
    /// The agent's own mark: 0 until the agent first sees this instrument.
    #[doc(hidden)]
    pub state: AtomicUsize,
}

impl Instrument {
    /// An instrument without explicit bounds.
    pub const fn new(
        scope: &'static str,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        kind: InstrumentKind,
    ) -> Self {
        Self {
            scope,
            name,
            unit,
            description,
            kind,
            bounds: &[],
            state: AtomicUsize::new(0),
        }
    }

    /// Adds to a counter, sets a gauge, records into a histogram.
    #[inline]
    pub fn measure(&'static self, value: f64, attributes: &[Attribute<'_>]) {
        if let Some(table) = table::get() {
            (table.measure)(self, value, attributes);
        }
    }
}

/// Receives values at each collection; see [`observe`].
pub struct Observer<'a> {
    /// Where values go.
    #[doc(hidden)]
    pub sink: &'a mut dyn FnMut(&'static Instrument, f64, &[Attribute<'_>]),
}

impl Observer<'_> {
    /// Reports the current value: the total of a counter, the value of a gauge.
    pub fn report(
        &mut self,
        instrument: &'static Instrument,
        value: f64,
        attributes: &[Attribute<'_>],
    ) {
        (self.sink)(instrument, value, attributes);
    }
}

/// Registers a function that reports values at each collection. Registering it again is harmless.
///
/// It may come before the agent, as when an attribute builds the runtime that `main` runs in: the
/// first [`table::OBSERVERS_MAX`] functions are remembered for an agent that starts later.
pub fn observe(callback: fn(&mut Observer<'_>)) {
    table::remember(callback);
    if let Some(table) = table::get() {
        (table.observe)(callback);
    }
}
