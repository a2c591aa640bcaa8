//! The thread that posts payloads: one for all signals.
//!
//! What it does with an answer is the OTLP specification's (protocol/otlp.md, "OTLP/HTTP
//! Response"): 429, 502, 503, 504 and lost connections are tried again with growing, jittered
//! pauses; everything else that is not a success is dropped and counted.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use selvedge_hooks::Attribute;

use super::endpoint::Endpoint;
use super::http::{Client, Response};
use super::notices::{CONNECTION_REFUSED, Notices};
use super::protobuf;
use super::queue::{Payload, Queue, Work};
use super::signal::Signal;
use super::transport::is_unknown_host;
use crate::metrics::{Registry, instruments as own};
use crate::settings::Retry;
use crate::thread;

/// `error.type` of a host that has no address.
const UNKNOWN_HOST: &str = "unknown_host";
/// `error.type` of a server that took too long.
const TIMEOUT: &str = "timeout";

/// Everything the thread needs; its queue is shared with the pipeline.
pub(crate) struct Worker {
    queue: Arc<Queue>,
    notices: Arc<Notices>,
    lanes: [Lane; Signal::ALL.len()],
    registry: &'static Registry,
    retry: Retry,
}

struct Lane {
    endpoint: Endpoint,
    client: Client,
    /// True after a failure has been said, until a success.
    failing: bool,
}

/// What an attempt came to.
enum Verdict {
    Sent {
        rejected: u64,
    },
    Again {
        error: Cow<'static, str>,
        pause: Option<Duration>,
    },
    Lost {
        error: Cow<'static, str>,
    },
}

impl Verdict {
    /// True when there was no server at all.
    fn is_absent(&self) -> bool {
        matches!(self, Self::Again { error, .. } if [CONNECTION_REFUSED, UNKNOWN_HOST].contains(&&**error))
    }
}

impl Worker {
    /// `endpoints` in the order of [`Signal::ALL`].
    pub(crate) fn new(
        queue: Arc<Queue>,
        notices: Arc<Notices>,
        endpoints: [Endpoint; Signal::ALL.len()],
        registry: &'static Registry,
        retry: Retry,
    ) -> Self {
        let lanes = endpoints.map(|endpoint| Lane {
            endpoint,
            client: Client::default(),
            failing: false,
        });
        Self {
            queue,
            notices,
            lanes,
            registry,
            retry,
        }
    }

    /// Starts the thread; a system out of threads leaves the exporters off.
    pub(crate) fn spawn(mut self) -> io::Result<()> {
        thread::spawn("selvedge-export", move || while self.step() {}).map(drop)
    }

    /// Handles one payload; false when the queue is closed.
    fn step(&mut self) -> bool {
        let Some(work) = self.queue.next() else {
            return false;
        };
        let Work {
            mut payload,
            flush_deadline,
        } = work;
        let began = Instant::now();
        let verdict = self.attempt(&payload, flush_deadline);
        let too_old = began.duration_since(payload.queued_at) >= self.retry.age_max;
        let pause = match &verdict {
            Verdict::Again { pause, .. } => self.pause(payload.failures + 1, *pause),
            Verdict::Sent { .. } | Verdict::Lost { .. } => Duration::ZERO,
        };
        // A program that ends does not wait for somebody to begin to listen, nor for a pause
        // that is longer than it has.
        let hopeless = flush_deadline
            .or_else(|| self.queue.flush_deadline())
            .is_some_and(|deadline| verdict.is_absent() || Instant::now() + pause >= deadline);
        match verdict {
            Verdict::Again { error, .. } if !too_old && !hopeless => {
                payload.failures += 1;
                self.say(payload.signal, &error, "trying again");
                self.queue.retry(payload, pause);
            }
            Verdict::Sent { rejected } => {
                self.lanes[payload.signal as usize].failing = false;
                self.count(&payload, rejected, "rejected", began);
                self.queue.settle(&payload);
            }
            Verdict::Again { error, .. } if hopeless => {
                self.count(&payload, payload.records, &error, began);
                self.lanes[payload.signal as usize].failing = true;
                let error = Some(&*error).filter(|error| *error != TIMEOUT);
                self.queue.give_up(&payload, error);
            }
            Verdict::Again { error, .. } | Verdict::Lost { error } => {
                self.say(payload.signal, &error, "dropped");
                self.count(&payload, payload.records, &error, began);
                self.queue.settle(&payload);
            }
        }
        true
    }

    fn attempt(&mut self, payload: &Payload, flush_deadline: Option<Instant>) -> Verdict {
        let lane = &mut self.lanes[payload.signal as usize];
        let mut deadline = Instant::now() + lane.endpoint.timeout;
        if let Some(flush) = flush_deadline {
            deadline = deadline.min(flush);
        }
        let (body, encoding) = encode(&lane.endpoint, &payload.body);
        match lane.client.post(&lane.endpoint, &body, encoding, deadline) {
            Ok(response) => judge(&response),
            Err(error) => Verdict::Again {
                error: error_type(&error).into(),
                pause: None,
            },
        }
    }

    /// Counts a payload that leaves the queue, `lost` of its records without success.
    fn count(&self, payload: &Payload, lost: u64, error: &str, began: Instant) {
        let signal = payload.signal;
        let lost = lost.min(payload.records);
        let component = Attribute::new("otel.component.type", signal.component());
        let error_type = Attribute::new("error.type", error);
        let failed = [component, error_type];
        let count = |records: u64, labels: &[Attribute<'_>]| {
            if records > 0 {
                self.registry
                    .measure(signal.exported(), records as f64, labels);
            }
        };
        count(payload.records - lost, &failed[..1]);
        count(lost, &failed);
        self.registry
            .measure(signal.inflight(), -(payload.records as f64), &failed[..1]);
        let labels = if lost > 0 { &failed[..] } else { &failed[..1] };
        let seconds = began.elapsed().as_secs_f64();
        self.registry
            .measure(&own::EXPORT_DURATION, seconds, labels);
    }

    /// Says once that a signal's export fails, not for every attempt, and once for all signals
    /// when their server is gone.
    fn say(&mut self, signal: Signal, error: &str, consequence: &str) {
        if std::mem::replace(&mut self.lanes[signal as usize].failing, true) {
            return;
        }
        self.notices.failing(signal, error, consequence);
        if !error.starts_with(|first: char| first.is_ascii_digit()) {
            for other in Signal::ALL {
                self.lanes[other as usize].failing |= self.notices.share_server(signal, other);
            }
        }
    }

    /// The server's pause, as long as it makes sense to wait for it; else a jittered half to
    /// whole of the doubled initial one.
    fn pause(&self, failures: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.retry.age_max);
        }
        let doubled = self
            .retry
            .initial
            .saturating_mul(1 << failures.saturating_sub(1).min(16));
        let half = doubled.min(self.retry.pause_max) / 2;
        let jitter = RandomState::new().hash_one(failures) as u16;
        half + half * u32::from(jitter) / u32::from(u16::MAX)
    }
}

fn judge(response: &Response) -> Verdict {
    match response.status {
        200..=299 => Verdict::Sent {
            rejected: rejected(&response.body),
        },
        status @ (429 | 502 | 503 | 504) => Verdict::Again {
            error: status.to_string().into(),
            pause: response.retry_after,
        },
        status => Verdict::Lost {
            error: status.to_string().into(),
        },
    }
}

/// The records a partial success speaks of. The field numbers are the same in all signals.
fn rejected(body: &[u8]) -> u64 {
    let partial = protobuf::find_message(body, 1);
    let rejected = partial
        .and_then(|partial| protobuf::find_uint(partial, 1))
        .unwrap_or(0);
    // A negative number is nonsense.
    if i64::try_from(rejected).is_ok() {
        rejected
    } else {
        0
    }
}

/// A class of error with few values.
fn error_type(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_unknown_host(error) => UNKNOWN_HOST,
        ErrorKind::TimedOut => TIMEOUT,
        ErrorKind::ConnectionRefused => CONNECTION_REFUSED,
        ErrorKind::InvalidData => "invalid_response",
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => "connection_closed",
        _ => "connection_failed",
    }
}

/// The body as it is sent, and its encoding.
fn encode<'a>(endpoint: &Endpoint, body: &'a [u8]) -> (Cow<'a, [u8]>, Option<&'static str>) {
    #[cfg(feature = "gzip")]
    if endpoint.gzip {
        return (super::gzip::compress(body).into(), Some("gzip"));
    }
    debug_assert!(!endpoint.gzip, "the settings ask only for what is built in");
    (body.into(), None)
}
