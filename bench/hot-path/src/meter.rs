//! The two loops that measure: bursts for cost, a steady rate for memory.

use std::time::{Duration, Instant};

use report::Samples;

use crate::allocations;

/// Spans of one trace: a server span and nine below it.
pub(crate) const SPANS_PER_TRACE: u32 = 10;
/// Traces of a burst that are timed; 200 spans fit every contender's queue.
const TRACES_PER_BURST: u32 = 20;
/// Traces before each burst that warm the caches up and are not timed.
const WARM_UP_TRACES: u32 = 2;
/// Between bursts of spans, so that queues are emptied: about 40 000 spans a second.
const PAUSE: Duration = Duration::from_millis(5);
/// Operations of a burst that leaves nothing behind to be exported.
const OPERATIONS_PER_BURST: u32 = 10_000;
/// Spans a second while memory is measured.
pub(crate) const STEADY_SPANS_PER_SECOND: u32 = 50_000;

/// How an operation is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Back to back: nothing queues up.
    Continuous,
    /// A trace of [`SPANS_PER_TRACE`] spans, in bursts that queues can hold.
    Traces,
}

/// What was measured in one process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// Median over the bursts of nanoseconds for one operation or span.
    pub(crate) median_ns: f64,
    /// Least of the bursts.
    pub(crate) min_ns: f64,
    /// Allocations on the calling thread for one operation or span.
    pub(crate) allocations: f64,
    /// Operations or spans, the untimed ones included.
    pub(crate) count: u64,
}

impl Load {
    /// Repeats `operation` for so many bursts.
    pub(crate) fn measure(self, bursts: usize, mut operation: impl FnMut()) -> Measured {
        let (repeats, warm_up, units, pause) = match self {
            Load::Continuous => (OPERATIONS_PER_BURST, OPERATIONS_PER_BURST / 10, 1, None),
            Load::Traces => (
                TRACES_PER_BURST,
                WARM_UP_TRACES,
                SPANS_PER_TRACE,
                Some(PAUSE),
            ),
        };
        let mut samples = Samples::default();
        let mut allocated = 0;
        for _ in 0..bursts {
            (0..warm_up).for_each(|_| operation());
            let before = allocations::count();
            let started = Instant::now();
            (0..repeats).for_each(|_| operation());
            let elapsed = started.elapsed();
            allocated += allocations::count() - before;
            samples.push(elapsed.as_nanos() as f64 / f64::from(repeats * units));
            if let Some(pause) = pause {
                std::thread::sleep(pause);
            }
        }
        let timed = bursts as f64 * f64::from(repeats * units);
        Measured {
            median_ns: samples.median(),
            min_ns: samples.min(),
            allocations: allocated as f64 / timed,
            count: bursts as u64 * u64::from((repeats + warm_up) * units),
        }
    }
}

/// Runs `trace` at [`STEADY_SPANS_PER_SECOND`] and returns the spans begun.
pub(crate) fn steady(duration: Duration, mut trace: impl FnMut()) -> u64 {
    let interval = Duration::from_secs(1) * SPANS_PER_TRACE / STEADY_SPANS_PER_SECOND;
    let started = Instant::now();
    let mut traces = 0_u32;
    while started.elapsed() < duration {
        // What a late wake-up missed is caught up, so that the rate holds.
        while interval * traces <= started.elapsed() {
            trace();
            traces += 1;
        }
        std::thread::sleep(interval);
    }
    u64::from(traces) * u64::from(SPANS_PER_TRACE)
}
