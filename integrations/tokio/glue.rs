//! Observes the runtimes of this program. The handles are weak: a runtime is reported until it
//! is gone, and nothing here keeps it alive.
#![cfg(feature = "rt")]

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ::selvedge_hooks::{Attribute, Instrument, InstrumentKind, Observer};

use crate::runtime::{scheduler, Handle, RuntimeMetrics};

/// Runtimes observed at a time; a program that builds more goes unobserved for the rest.
const RUNTIMES_MAX: usize = 64;

const fn instrument(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    kind: InstrumentKind,
) -> Instrument {
    Instrument::new("tokio", name, unit, description, kind)
}

static WORKERS: Instrument = instrument(
    "tokio.runtime.workers",
    "{thread}",
    "Worker threads of the runtime.",
    InstrumentKind::UpDownCounter,
);
static ALIVE_TASKS: Instrument = instrument(
    "tokio.runtime.alive_tasks",
    "{task}",
    "Tasks that were spawned and have not ended.",
    InstrumentKind::UpDownCounter,
);
static GLOBAL_QUEUE_DEPTH: Instrument = instrument(
    "tokio.runtime.global_queue.depth",
    "{task}",
    "Tasks that wait in the runtime's global queue.",
    InstrumentKind::UpDownCounter,
);
#[cfg(target_has_atomic = "64")]
static BUSY_DURATION: Instrument = instrument(
    "tokio.runtime.worker.busy_duration",
    "s",
    "Time that the runtime's workers spent running, added up over the workers.",
    InstrumentKind::Counter,
);
#[cfg(target_has_atomic = "64")]
static PARK_COUNT: Instrument = instrument(
    "tokio.runtime.worker.parks",
    "{park}",
    "Times that a worker of the runtime went to sleep, added up over the workers.",
    InstrumentKind::Counter,
);

/// A runtime without the reference that would keep it.
enum WeakRuntime {
    CurrentThread(Weak<scheduler::current_thread::Handle>),
    #[cfg(feature = "rt-multi-thread")]
    MultiThread(Weak<scheduler::multi_thread::Handle>),
}

impl WeakRuntime {
    fn new(handle: &Handle) -> Self {
        match &handle.inner {
            scheduler::Handle::CurrentThread(handle) => Self::CurrentThread(Arc::downgrade(handle)),
            #[cfg(feature = "rt-multi-thread")]
            scheduler::Handle::MultiThread(handle) => Self::MultiThread(Arc::downgrade(handle)),
        }
    }

    fn metrics(&self) -> Option<RuntimeMetrics> {
        let inner = match self {
            Self::CurrentThread(handle) => scheduler::Handle::CurrentThread(handle.upgrade()?),
            #[cfg(feature = "rt-multi-thread")]
            Self::MultiThread(handle) => scheduler::Handle::MultiThread(handle.upgrade()?),
        };
        Some(RuntimeMetrics::new(Handle { inner }))
    }

    fn is_gone(&self) -> bool {
        match self {
            Self::CurrentThread(handle) => handle.strong_count() == 0,
            #[cfg(feature = "rt-multi-thread")]
            Self::MultiThread(handle) => handle.strong_count() == 0,
        }
    }
}

/// The runtimes in sight, each with its place in the order of building.
struct Runtimes {
    built: u32,
    alive: Vec<(u32, WeakRuntime)>,
}

static RUNTIMES: Mutex<Runtimes> = Mutex::new(Runtimes { built: 0, alive: Vec::new() });

/// Takes a new runtime into the list that is reported at each collection.
pub(crate) fn observe_runtime(handle: &Handle) {
    // Also before the agent has started: an attribute on `main` builds the runtime first.
    let mut runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
    runtimes.built = runtimes.built.wrapping_add(1);
    runtimes.alive.retain(|(_, runtime)| !runtime.is_gone());
    if runtimes.alive.len() < RUNTIMES_MAX {
        let number = runtimes.built;
        runtimes.alive.push((number, WeakRuntime::new(handle)));
    }
    drop(runtimes);
    ::selvedge_hooks::observe(report);
}

fn report(observer: &mut Observer<'_>) {
    // Upgraded handles are dropped after the lock: dropping the last one runs tokio's own code.
    let alive: Vec<_> = {
        let runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.alive.iter().filter_map(|(number, runtime)| Some((*number, runtime.metrics()?))).collect()
    };
    for (number, metrics) in &alive {
        let runtime = [Attribute::label("tokio.runtime.id", *number)];
        observer.report(&WORKERS, metrics.num_workers() as f64, &runtime);
        observer.report(&ALIVE_TASKS, metrics.num_alive_tasks() as f64, &runtime);
        observer.report(&GLOBAL_QUEUE_DEPTH, metrics.global_queue_depth() as f64, &runtime);
        #[cfg(target_has_atomic = "64")]
        report_workers(metrics, &runtime, observer);
    }
}

#[cfg(target_has_atomic = "64")]
fn report_workers(metrics: &RuntimeMetrics, runtime: &[Attribute<'_>], observer: &mut Observer<'_>) {
    let mut busy_seconds = 0.0;
    let mut parks = 0_u64;
    for worker in 0..metrics.num_workers() {
        busy_seconds += metrics.worker_total_busy_duration(worker).as_secs_f64();
        parks = parks.saturating_add(metrics.worker_park_count(worker));
    }
    observer.report(&BUSY_DURATION, busy_seconds, runtime);
    observer.report(&PARK_COUNT, parks as f64, runtime);
}
