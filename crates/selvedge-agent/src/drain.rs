//! The one thread that empties the rings, and how others wake it and wait for it.

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::clock::Calibration;
use crate::export::Pipeline;
use crate::metrics::red;
use crate::model::{LogRecord, SpanRecord};
use crate::node::thread_is_suppressed;
use crate::record::{self, Decoded, Scratch};
use crate::ring::Consumer;
use crate::runtime::{METRICS, REGISTRY, Runtime};
use crate::thread;

/// The longest time between two rounds; half-full rings wake the thread earlier.
const ROUND: Duration = Duration::from_millis(100);
/// Added to a flush's time by whoever waits for it, so that a flush that uses its time up is seen.
const GRACE: Duration = Duration::from_millis(100);

static THREAD: OnceLock<Thread> = OnceLock::new();
static PROGRESS: Mutex<Progress> = Mutex::new(Progress {
    rounds_begun: 0,
    rounds_done: 0,
    rounds_wanted: 0,
    requested: 0,
    done: 0,
    deadline: None,
    is_running: false,
});
static PROGRESSED: Condvar = Condvar::new();

/// Rounds and flushes asked for and done, by number.
struct Progress {
    rounds_begun: u64,
    rounds_done: u64,
    /// The last round that anybody waits for.
    rounds_wanted: u64,
    requested: u64,
    done: u64,
    deadline: Option<Instant>,
    /// False before the thread starts and after it ended: nobody may wait for it then.
    is_running: bool,
}

/// What comes out of the rings.
pub enum Event<'a> {
    /// A span ended.
    Span(&'a SpanRecord<'a>),
    /// A log record.
    Log(&'a LogRecord<'a>),
    /// Spans and log records that were lost on the way here.
    Dropped(u64, u64),
}

/// Where it goes.
pub(crate) enum Sink {
    Pipeline(Box<Pipeline>),
    Function(Box<dyn FnMut(Event<'_>) + Send>),
}

impl Sink {
    fn take(&mut self, event: Event<'_>) {
        match (self, event) {
            (Sink::Function(function), event) => function(event),
            (Sink::Pipeline(pipeline), Event::Span(span)) => pipeline.span(span),
            (Sink::Pipeline(pipeline), Event::Log(log)) => pipeline.log(log),
            (Sink::Pipeline(pipeline), Event::Dropped(spans, logs)) => {
                pipeline.dropped(spans, logs);
            }
        }
    }

    /// Lets timers run, and says when the next is due.
    fn tick(&mut self) -> Duration {
        match self {
            Sink::Pipeline(pipeline) => {
                pipeline.tick(Instant::now());
                pipeline.next_wakeup()
            }
            Sink::Function(_) => ROUND,
        }
    }

    fn flush(&mut self, deadline: Instant) {
        if let Sink::Pipeline(pipeline) = self {
            pipeline.flush(deadline);
        }
    }
}

/// Starts the thread; an error when the system has none to give.
pub(crate) fn start(runtime: &'static Runtime, sink: Sink) -> std::io::Result<()> {
    let consumer = REGISTRY
        .consumer()
        .ok_or_else(|| std::io::Error::other("the rings are drained already"))?;
    let drain = Drain::new(runtime, consumer, sink);
    lock().is_running = true;
    let started = thread::spawn("selvedge-drain", move || run(drain));
    match started {
        Ok(thread) => {
            // Nobody else sets it: the agent starts once.
            let _ = THREAD.set(thread);
            Ok(())
        }
        Err(error) => {
            lock().is_running = false;
            Err(error)
        }
    }
}

/// Has the thread look at the rings now.
#[cold]
pub(crate) fn wake() {
    if let Some(thread) = THREAD.get() {
        thread.unpark();
    }
}

/// Waits until all that was recorded before is exported, or the time is up. False when it was
/// up, or there is nothing to wait for.
pub(crate) fn flush(timeout: Duration) -> bool {
    if thread_is_suppressed() {
        return false;
    }
    let deadline = Instant::now() + timeout;
    let mut progress = lock();
    if !progress.is_running {
        return false;
    }
    progress.requested += 1;
    progress.deadline = progress.deadline.max(Some(deadline));
    let ticket = progress.requested;
    wake();
    while progress.done < ticket && progress.is_running {
        let left = (deadline + GRACE).saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        progress = PROGRESSED
            .wait_timeout(progress, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
    progress.done >= ticket
}

/// Waits until what was recorded before is measured, or the time is up.
pub(crate) fn catch_up(timeout: Duration) {
    let deadline = Instant::now() + timeout;
    let mut progress = lock();
    // The round that runs now may be past some ring already.
    let wanted = progress.rounds_begun + 1;
    progress.rounds_wanted = wanted;
    wake();
    while progress.rounds_done < wanted && progress.is_running {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        progress = PROGRESSED
            .wait_timeout(progress, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

fn lock() -> MutexGuard<'static, Progress> {
    PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(mut drain: Drain) {
    let _ending = Ending;
    loop {
        let requested = {
            let mut progress = lock();
            progress.rounds_begun += 1;
            progress.requested
        };
        drain.round();
        let pause = drain.sink.tick().min(ROUND);
        let (done, deadline) = round_done();
        if done < requested {
            drain.flush(deadline.unwrap_or_else(Instant::now));
            let mut progress = lock();
            progress.done = requested;
            PROGRESSED.notify_all();
        } else {
            std::thread::park_timeout(pause);
        }
    }
}

/// Tells whoever waits for the round; the last flush that was done, and the time limit of others.
fn round_done() -> (u64, Option<Instant>) {
    let mut progress = lock();
    progress.rounds_done = progress.rounds_begun;
    if progress.rounds_wanted >= progress.rounds_done {
        PROGRESSED.notify_all();
    }
    (progress.done, progress.deadline)
}

/// Releases everybody who waits when the thread ends, which only a defect makes it do.
struct Ending;

impl Drop for Ending {
    fn drop(&mut self) {
        lock().is_running = false;
        PROGRESSED.notify_all();
    }
}

struct Drain {
    runtime: &'static Runtime,
    consumer: Consumer<'static>,
    calibration: Calibration,
    sink: Sink,
    scratch: Scratch,
    /// Something came since the last flush.
    is_dirty: bool,
    flushes: u64,
}

impl Drain {
    fn new(runtime: &'static Runtime, consumer: Consumer<'static>, sink: Sink) -> Self {
        Self {
            runtime,
            consumer,
            calibration: Calibration::new(),
            sink,
            scratch: Scratch::default(),
            is_dirty: true,
            flushes: 0,
        }
    }

    /// Empties the rings.
    fn round(&mut self) {
        self.calibration.refresh();
        let Self { sink, is_dirty, .. } = self;
        let limits = &self.runtime.limits;
        let (spans, logs) = record::drain(
            &mut self.consumer,
            &mut self.scratch,
            &self.calibration,
            limits,
            &mut |decoded| {
                *is_dirty = true;
                match decoded {
                    Decoded::Span(span) => sink.take(Event::Span(span)),
                    Decoded::Counted(span, counted) => {
                        red::measure_counted(&METRICS, span, counted);
                    }
                    Decoded::Log(log) => sink.take(Event::Log(log)),
                }
            },
        );
        if spans + logs > 0 {
            sink.take(Event::Dropped(spans, logs));
        }
    }

    /// Sends all that waits. A second flush on the way out has nothing left to say unless
    /// something came since.
    fn flush(&mut self, deadline: Instant) {
        self.flushes += 1;
        if std::mem::take(&mut self.is_dirty) || self.flushes == 1 {
            self.sink.flush(deadline);
        }
    }
}
