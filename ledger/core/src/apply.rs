//! Requests: decided once, under their keys; and logs replayed.

use crate::decide::decide;
use crate::evolve::InconsistentLog;
use crate::{Command, Event, Frozen, Record, Rejection, Request, State, Timestamp};

/// What a request comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was decided now. The record belongs into the log, whether or not something happened.
    Decided(Record),
    /// It was decided before.
    Replayed(Frozen),
    /// Its key was used for something else.
    KeyReused,
}

/// Decides about a request and makes what happened part of the state.
pub fn apply(state: &mut State, request: &Request, now: Timestamp) -> Outcome {
    let fingerprint = request.command.fingerprint();
    if let Some(frozen) = state.keys.get(&request.key) {
        return if frozen.fingerprint == fingerprint {
            Outcome::Replayed(frozen.clone())
        } else {
            Outcome::KeyReused
        };
    }
    let record = Record {
        key: request.key.clone(),
        fingerprint,
        recorded_at: now,
        result: decide(state, &request.command, now),
    };
    state
        .record(&record)
        .expect("what was decided on a state is about what that state has");
    Outcome::Decided(record)
}

/// Decides about a command and changes nothing.
///
/// # Errors
///
/// Why nothing would happen.
pub fn preview(state: &State, command: &Command, now: Timestamp) -> Result<Vec<Event>, Rejection> {
    decide(state, command, now)
}

/// The state that a log leads to.
///
/// # Errors
///
/// When a record is about something that there is not.
pub fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<State, InconsistentLog> {
    let mut state = State::default();
    for record in records {
        state.record(record)?;
    }
    Ok(state)
}

impl State {
    /// Makes a record part of the state.
    ///
    /// # Errors
    ///
    /// When it is about something that there is not.
    pub fn record(&mut self, record: &Record) -> Result<(), InconsistentLog> {
        let first = self.seq + 1;
        let result = match &record.result {
            Ok(events) => {
                for event in events {
                    self.evolve(event)?;
                }
                Ok(first..self.seq + 1)
            }
            Err(rejection) => Err(rejection.clone()),
        };
        let frozen = Frozen {
            fingerprint: record.fingerprint,
            recorded_at: record.recorded_at,
            result,
        };
        self.keys.insert(record.key.clone(), frozen);
        Ok(())
    }
}
