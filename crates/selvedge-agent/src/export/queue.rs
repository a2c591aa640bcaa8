//! Payloads that wait for the worker: bounded in bytes, a lane per signal, so that one that backs
//! off does not hold the others up.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::notices::Unsent;
use super::signal::Signal;

/// A request body on its way.
pub(crate) struct Payload {
    pub(crate) signal: Signal,
    pub(crate) body: Vec<u8>,
    /// Spans, log records or data points in it.
    pub(crate) records: u64,
    pub(crate) queued_at: Instant,
    pub(crate) failures: u32,
}

/// What the worker does next.
pub(crate) struct Work {
    pub(crate) payload: Payload,
    /// While someone waits for a flush, when that ends.
    pub(crate) flush_deadline: Option<Instant>,
}

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Something came in, or is due earlier than before.
    changed: Condvar,
    /// A payload left for good.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    lanes: [Lane; Signal::ALL.len()],
    /// Bytes of all payloads, the one being sent included.
    bytes: usize,
    /// Payloads, the one being sent included.
    payloads: usize,
    flush_deadline: Option<Instant>,
    closed: bool,
}

#[derive(Default)]
struct Lane {
    payloads: VecDeque<Payload>,
    /// Records of all payloads, the one being sent included.
    records: u64,
    /// What the flush that runs has given up.
    given_up: Unsent,
    /// Set while the lane backs off.
    not_before: Option<Instant>,
}

impl Queue {
    /// Takes a payload in; gives it back when the queue is full or closed.
    pub(crate) fn push(&self, payload: Payload, bytes_max: usize) -> Result<(), Payload> {
        let mut state = self.lock();
        if state.closed || state.bytes.saturating_add(payload.body.len()) > bytes_max {
            return Err(payload);
        }
        state.bytes += payload.body.len();
        state.payloads += 1;
        let lane = &mut state.lanes[payload.signal as usize];
        lane.records += payload.records;
        lane.payloads.push_back(payload);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the oldest payload that is due; none when the queue is closed.
    pub(crate) fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let now = Instant::now();
            if let Some(payload) = state.take_due(now) {
                return Some(Work {
                    payload,
                    flush_deadline: state.flush_deadline,
                });
            }
            state = match state.due_in(now) {
                Some(pause) => {
                    let waited = self.changed.wait_timeout(state, pause);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// The payload is done with, sent or dropped.
    pub(crate) fn settle(&self, payload: &Payload) {
        self.lock().settle(payload);
        self.settled.notify_all();
    }

    /// The payload is dropped because the process ends; the flush says so. `error` as in
    /// [`Unsent`].
    pub(crate) fn give_up(&self, payload: &Payload, error: Option<&str>) {
        let mut state = self.lock();
        let given_up = &mut state.lanes[payload.signal as usize].given_up;
        given_up.records += payload.records;
        given_up.error = error.map(str::to_owned);
        state.settle(payload);
        self.settled.notify_all();
    }

    /// Puts a payload back to the front of its lane, to be tried again after a pause.
    pub(crate) fn retry(&self, payload: Payload, pause: Duration) {
        let mut state = self.lock();
        let lane = &mut state.lanes[payload.signal as usize];
        lane.not_before = Some(Instant::now() + pause);
        lane.payloads.push_front(payload);
    }

    /// From now on somebody waits. What backs off is tried at once.
    pub(crate) fn begin_flush(&self, deadline: Instant) {
        let mut state = self.lock();
        state.flush_deadline = Some(deadline);
        for lane in &mut state.lanes {
            lane.not_before = None;
            lane.given_up = Unsent::default();
        }
        self.changed.notify_one();
    }

    /// When the flush that has begun meanwhile ends.
    pub(crate) fn flush_deadline(&self) -> Option<Instant> {
        self.lock().flush_deadline
    }

    /// Waits until everything is settled or the deadline has come, and returns what could not be
    /// sent, in the order of [`Signal::ALL`].
    pub(crate) fn end_flush(&self, deadline: Instant) -> [Unsent; Signal::ALL.len()] {
        let mut state = self.lock();
        while state.payloads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.settled.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.flush_deadline = None;
        state.lanes.each_mut().map(Lane::unsent)
    }

    /// Ends the worker; what still waits is dropped.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Bytes that wait or are being sent.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn unsent(&mut self) -> Unsent {
        let mut unsent = std::mem::take(&mut self.given_up);
        if self.records > 0 {
            unsent.records += self.records;
            unsent.error = None;
        }
        unsent
    }
}

impl State {
    fn settle(&mut self, payload: &Payload) {
        self.bytes -= payload.body.len();
        self.payloads -= 1;
        self.lanes[payload.signal as usize].records -= payload.records;
    }

    fn take_due(&mut self, now: Instant) -> Option<Payload> {
        let due = |lane: &&mut Lane| {
            !lane.payloads.is_empty() && lane.not_before.is_none_or(|time| time <= now)
        };
        let lanes = self.lanes.iter_mut().filter(due);
        let lane = lanes.min_by_key(|lane| lane.payloads.front().map(|first| first.queued_at))?;
        lane.not_before = None;
        lane.payloads.pop_front()
    }

    /// Time until the first lane that backs off is due; none when nothing waits.
    fn due_in(&self, now: Instant) -> Option<Duration> {
        let waiting = self.lanes.iter().filter(|lane| !lane.payloads.is_empty());
        let due = waiting.filter_map(|lane| lane.not_before).min()?;
        Some(due.saturating_duration_since(now))
    }
}
