//! Start, and every way a process comes to its end: return from `main`, `exit`, panic, signal,
//! fork. Whatever happens, what was recorded is flushed within a time limit, and the process
//! ends as it would have ended without the agent.

use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use selvedge_hooks::{Instrument, InstrumentKind, table};

use crate::baked::Baked;
use crate::drain::{self, Event, Sink};
use crate::export::Pipeline;
use crate::resource::Resource;
use crate::runtime::Wanted;
use crate::settings::{Destination, Settings};
use crate::{clock, node, process, runtime};

static STARTED: AtomicBool = AtomicBool::new(false);
/// Set in a forked child, which has none of the agent's threads.
static FORKED: AtomicBool = AtomicBool::new(false);
static FLUSH_TIMEOUT_MS: AtomicU64 = AtomicU64::new(5000);
/// Keeps what `cargo selvedge inspect` looks for from being thrown away by the linker.
static MANIFEST: OnceLock<&'static str> = OnceLock::new();

static PANICS: Instrument = Instrument::new(
    "selvedge.agent",
    "process.panics",
    "{panic}",
    "Panics of the program's threads.",
    InstrumentKind::Counter,
);

/// Held by `main`; dropping it flushes.
#[must_use = "dropping this flushes, so it belongs at the end of main"]
pub struct Running(());

impl Running {
    /// Waits until all that was recorded so far is exported, or the flush time-out is over.
    pub fn flush(&self) {
        flush();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        flush();
    }
}

/// Starts the agent in this process. Starting it again changes nothing. Never fails: what goes
/// wrong is told on standard error, and the program runs on without telemetry.
pub fn start(baked: &'static Baked) -> Running {
    let environment = |name: &str| std::env::var(name).ok();
    if !STARTED.swap(true, Ordering::AcqRel) {
        start_first(baked, &environment, None);
    }
    Running(())
}

/// Starts the agent with a function in place of the exporters; for tests and benchmarks.
#[doc(hidden)]
pub fn start_with(
    baked: &'static Baked,
    environment: &dyn Fn(&str) -> Option<String>,
    function: Box<dyn FnMut(Event<'_>) + Send>,
) -> Running {
    if !STARTED.swap(true, Ordering::AcqRel) {
        start_first(baked, environment, Some(Sink::Function(function)));
    }
    Running(())
}

fn start_first(
    baked: &'static Baked,
    environment: &dyn Fn(&str) -> Option<String>,
    sink: Option<Sink>,
) {
    MANIFEST.get_or_init(|| std::hint::black_box(baked.manifest));
    let (settings, warnings) = Settings::load(baked, environment);
    for warning in &warnings {
        complain(warning);
    }
    if settings.disabled {
        return;
    }
    clock::start();
    let timeout_ms = u64::try_from(settings.flush_timeout.as_millis()).unwrap_or(u64::MAX);
    FLUSH_TIMEOUT_MS.store(timeout_ms, Ordering::Relaxed);
    let wanted = Wanted {
        logs: sink.is_some() || settings.logs == Destination::Otlp,
        every_span: sink.is_some(),
    };
    runtime::set(&settings, wanted);
    let Some(runtime) = runtime::get() else {
        return;
    };
    // Threads that the exporters start are the agent's own as well.
    let drained = process::without_signals(|| {
        let sink = sink.unwrap_or_else(|| {
            let resource = Resource::detect(baked, &settings, environment);
            Sink::Pipeline(Box::new(Pipeline::new(
                &settings,
                &resource,
                &runtime::METRICS,
            )))
        });
        drain::start(runtime, sink)
    });
    if let Err(error) = drained {
        complain(&format!("off, because its thread does not start: {error}"));
        return;
    }
    if table::install(&node::TABLE) {
        for callback in table::remembered() {
            (node::TABLE.observe)(callback);
        }
        install_panic_hook(baked.panic_aborts);
        if let Err(error) = process::watch() {
            complain(&format!(
                "a signal will end this program without a flush: {error}"
            ));
        }
    } else {
        complain("off, because the hooks in this program are of another version");
    }
}

/// Says something once, on standard error, and does not care whether anybody can hear it.
fn complain(problem: &str) {
    let line = format!("selvedge: {problem}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Flushes within the time limit; at once in a forked child.
pub(crate) fn flush() {
    if !FORKED.load(Ordering::Relaxed) {
        drain::flush(Duration::from_millis(
            FLUSH_TIMEOUT_MS.load(Ordering::Relaxed),
        ));
    }
}

/// Turns the agent off in a forked child. Async-signal-safe.
#[cfg_attr(
    any(miri, not(any(target_os = "linux", target_os = "macos"))),
    expect(dead_code, reason = "nothing tells of a fork there")
)]
pub(crate) fn abandon() {
    FORKED.store(true, Ordering::Relaxed);
    table::uninstall();
}

/// Puts ours before the hook there is; one that the program sets later replaces or wraps both.
fn install_panic_hook(panic_aborts: bool) {
    let former = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !node::thread_is_suppressed() && !FORKED.load(Ordering::Relaxed) {
            PANICS.measure(1.0, &[]);
            node::record_panic(message(panic), panic_aborts);
        }
        former(panic);
        if panic_aborts {
            flush();
        }
    }));
}

fn message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    panic.payload_as_str().unwrap_or("a value that is not text")
}
