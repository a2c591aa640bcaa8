//! From records to the outside: OTLP over HTTP, `/metrics`, the console.
//!
//! The pipeline belongs to one thread and never waits for the network: it encodes records into
//! batches and leaves full ones to the worker's queue. What does not fit is dropped and counted.

mod console;
pub mod endpoint;
#[cfg(feature = "gzip")]
mod gzip;
mod http;
mod notices;
mod otlp;
mod otlp_metrics;
pub mod prometheus;
mod protobuf;
mod queue;
mod server;
mod signal;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod worker;

use std::fmt::Arguments;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use selvedge_hooks::{Attribute, Instrument};

use self::console::Console;
use self::endpoint::Endpoint;
use self::notices::Notices;
use self::otlp::{Batch, Origin};
use self::otlp_metrics::Temporal;
use self::queue::{Payload, Queue};
use self::server::Server;
use self::signal::Signal;
use self::worker::Worker;
use crate::metrics::{Registry, instruments as own, now_unix_ns, process, red};
use crate::model::{LogRecord, SpanRecord};
use crate::resource::Resource;
use crate::settings::{Batching, Destination, Settings};

/// A batch is closed at this size even if it holds few records: collectors refuse bodies of more
/// than a few MiB.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// The longest [`Pipeline::next_wakeup`] says.
const WAKEUP_MAX: Duration = Duration::from_mins(1);

/// Takes records, sends telemetry.
pub struct Pipeline {
    registry: &'static Registry,
    /// The resource as OTLP.
    resource: Vec<u8>,
    queue: Arc<Queue>,
    queue_bytes: usize,
    notices: Arc<Notices>,
    spans: Lane,
    logs: Lane,
    /// None when metrics are not pushed.
    metrics: Option<Push>,
    console: Option<Console>,
    server: Option<Server>,
}

/// The open batch of a signal.
struct Lane {
    enabled: bool,
    batching: Batching,
    batch: Batch,
    /// When the batch goes out even if it is not full; none while it is empty.
    due: Option<Instant>,
}

struct Push {
    temporal: Temporal,
    interval: Duration,
    due: Instant,
}

impl Pipeline {
    /// Starts the threads that the settings ask for. One that cannot be started is said in the
    /// log and left out.
    pub fn new(settings: &Settings, resource: &Resource, registry: &'static Registry) -> Self {
        registry.observe(process::observe);
        let started_unix_ns = registry.started_unix_ns();
        let queue = Arc::new(Queue::default());
        let endpoints = endpoints(settings);
        let notices = Arc::new(Notices::new(&endpoints));
        let running = asks_for_otlp(settings) && {
            let worker = Worker::new(
                Arc::clone(&queue),
                Arc::clone(&notices),
                endpoints,
                registry,
                settings.retry,
            );
            start_worker(worker)
        };
        let otlp = |destination| running && destination == Destination::Otlp;
        let push = otlp(settings.metrics) && settings.metrics_endpoint.url.is_some();
        Self {
            registry,
            resource: otlp::resource(resource),
            queue,
            queue_bytes: settings.queue_bytes,
            notices,
            spans: Lane::new(
                otlp(settings.traces) && settings.traces_endpoint.url.is_some(),
                settings.span_batching,
            ),
            logs: Lane::new(
                otlp(settings.logs) && settings.logs_endpoint.url.is_some(),
                settings.log_batching,
            ),
            metrics: push.then(|| Push {
                temporal: Temporal::new(settings.temporality, started_unix_ns),
                interval: settings.metric_interval,
                due: Instant::now() + settings.metric_interval,
            }),
            console: (settings.traces == Destination::Console)
                .then(|| Console::new(settings.console_times)),
            server: start_server(settings, registry, resource),
        }
    }

    /// Takes a span that has ended: measured always, exported when sampled.
    pub fn span(&mut self, span: &SpanRecord<'_>) {
        red::measure(self.registry, span);
        if !span.is_sampled() {
            return;
        }
        if let Some(console) = &mut self.console {
            print(&console.span(span, Instant::now()));
        }
        if self.spans.enabled {
            self.spans.batch.span(span);
            self.close_if_full(Signal::Traces);
        }
    }

    /// Takes a log record.
    pub fn log(&mut self, log: &LogRecord<'_>) {
        if self.logs.enabled {
            self.logs.batch.log(log);
            self.close_if_full(Signal::Logs);
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Instant) {
        self.registry
            .measure(&own::QUEUE_BYTES, self.queue.bytes() as f64, &[]);
        self.say_refusals();
        for signal in [Signal::Traces, Signal::Logs] {
            if self.lane(signal).due.is_some_and(|due| due <= now) {
                self.close(signal);
            }
        }
        if self.metrics.as_ref().is_some_and(|push| push.due <= now) {
            self.push_metrics(now);
        }
        if let Some(console) = &mut self.console {
            print(&console.take_due(now));
        }
    }

    /// Sends everything there is, and waits for it until the deadline. Says what could not be
    /// sent.
    pub fn flush(&mut self, deadline: Instant) {
        let began = Instant::now();
        // First, so that the worker knows it with every payload.
        self.queue.begin_flush(deadline);
        self.close(Signal::Traces);
        self.close(Signal::Logs);
        self.push_metrics(Instant::now());
        if let Some(console) = &mut self.console {
            print(&console.take_all());
        }
        self.say_refusals();
        let unsent = self.queue.end_flush(deadline);
        self.notices.unsent(&unsent, began.elapsed());
    }

    /// How long [`Pipeline::tick`] has nothing to do.
    pub fn next_wakeup(&self) -> Duration {
        let now = Instant::now();
        let batches = [
            self.spans.due,
            self.logs.due,
            self.metrics.as_ref().map(|push| push.due),
        ];
        let batches = batches
            .into_iter()
            .flatten()
            .map(|due| due.saturating_duration_since(now));
        let console = self
            .console
            .as_ref()
            .and_then(|console| console.next_due(now));
        batches
            .chain(console)
            .min()
            .unwrap_or(WAKEUP_MAX)
            .min(WAKEUP_MAX)
    }

    /// Counts records that were lost before they came here.
    pub fn dropped(&mut self, spans: u64, logs: u64) {
        for (signal, records) in [(Signal::Traces, spans), (Signal::Logs, logs)] {
            self.count_processed(signal, records, Some("queue_full"));
        }
    }

    /// Where `/metrics` listens.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Bytes that wait to be exported.
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    fn say_refusals(&self) {
        for refusal in self.registry.refusals() {
            notice(format_args!("{refusal}"));
        }
    }

    fn lane(&mut self, signal: Signal) -> &mut Lane {
        if signal == Signal::Traces {
            &mut self.spans
        } else {
            &mut self.logs
        }
    }

    fn close_if_full(&mut self, signal: Signal) {
        let lane = self.lane(signal);
        let size = lane.batching.export_batch_size as u64;
        if lane.batch.records >= size || lane.batch.bytes >= BATCH_BYTES_MAX {
            self.close(signal);
        } else if lane.due.is_none() {
            lane.due = Some(Instant::now() + lane.batching.schedule_delay);
        }
    }

    /// Hands the open batch over, if there is anything in it.
    fn close(&mut self, signal: Signal) {
        let mut batch = Batch::default();
        let lane = self.lane(signal);
        lane.due = None;
        std::mem::swap(&mut batch, &mut lane.batch);
        let records = batch.records;
        if records > 0 {
            let origin = if signal == Signal::Traces {
                Origin::Woven
            } else {
                Origin::Program
            };
            let body = batch.encode(&self.resource, origin);
            let refused = self.enqueue(signal, body, records);
            self.count_processed(signal, records, refused.then_some("queue_full"));
        }
    }

    fn push_metrics(&mut self, now: Instant) {
        let Some(push) = &mut self.metrics else {
            return;
        };
        push.due = now + push.interval;
        let metrics = self.registry.collect();
        let started = self.registry.started_unix_ns();
        let (body, points) = push
            .temporal
            .encode(&self.resource, metrics, started, now_unix_ns());
        if points > 0 && self.enqueue(Signal::Metrics, body, points) {
            let lost = [
                Attribute::new("otel.component.type", Signal::Metrics.component()),
                Attribute::new("error.type", "queue_full"),
            ];
            self.registry
                .measure(&own::POINTS_EXPORTED, points as f64, &lost);
        }
    }

    /// True when the queue had no room.
    fn enqueue(&self, signal: Signal, body: Vec<u8>, records: u64) -> bool {
        let component = [Attribute::new("otel.component.type", signal.component())];
        self.registry
            .measure(signal.inflight(), records as f64, &component);
        let payload = Payload {
            signal,
            body,
            records,
            queued_at: Instant::now(),
            failures: 0,
        };
        let refused = self.queue.push(payload, self.queue_bytes).is_err();
        if refused {
            self.registry
                .measure(signal.inflight(), -(records as f64), &component);
        }
        refused
    }

    fn count_processed(&self, signal: Signal, records: u64, error: Option<&str>) {
        if records == 0 {
            return;
        }
        let (instrument, component): (&'static Instrument, _) = match signal {
            Signal::Traces => (&own::SPANS_PROCESSED, "batching_span_processor"),
            _ => (&own::LOGS_PROCESSED, "batching_log_processor"),
        };
        let labels = [
            Attribute::new("otel.component.type", component),
            Attribute::new("error.type", error),
        ];
        self.registry.measure(instrument, records as f64, &labels);
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Lane {
    fn new(enabled: bool, batching: Batching) -> Self {
        Self {
            enabled,
            batching,
            batch: Batch::default(),
            due: None,
        }
    }
}

fn asks_for_otlp(settings: &Settings) -> bool {
    [settings.traces, settings.logs, settings.metrics].contains(&Destination::Otlp)
}

/// In the order of [`Signal::ALL`].
fn endpoints(settings: &Settings) -> [Endpoint; Signal::ALL.len()] {
    Signal::ALL.map(|signal| match signal {
        Signal::Traces => settings.traces_endpoint.clone(),
        Signal::Logs => settings.logs_endpoint.clone(),
        Signal::Metrics => settings.metrics_endpoint.clone(),
    })
}

/// True when payloads will be sent.
fn start_worker(worker: Worker) -> bool {
    match worker.spawn() {
        Ok(()) => true,
        Err(error) => {
            notice(format_args!(
                "failed to start the export thread: {error}; OTLP is off"
            ));
            false
        }
    }
}

fn start_server(
    settings: &Settings,
    registry: &'static Registry,
    resource: &Resource,
) -> Option<Server> {
    let (host, port) = settings.prometheus.as_ref()?;
    match Server::start(host, *port, registry, resource.clone()) {
        Ok(server) => Some(server),
        Err(error) => {
            notice(format_args!(
                "failed to listen on {host}:{port}: {error}; /metrics is off"
            ));
            None
        }
    }
}

/// One line of the agent's own log. A closed standard error is no reason to panic, as the
/// standard macro would.
pub(crate) fn notice(message: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "selvedge: {message}");
}

fn print(text: &str) {
    if !text.is_empty() {
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}
