//! What is said of endpoints that do not take what they are sent: a line when that begins, and a
//! line about what is left over when the process ends.
//!
//! The default endpoint is nobody's choice. Where nobody listens there, one line says what to do
//! about it, and a program that ends before it comes to that is only spoken to on a terminal: its
//! standard error may be compared with something.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::endpoint::{Endpoint, Url};
use super::notice;
use super::signal::Signal;

/// `error.type` of an endpoint where nobody listens.
pub(crate) const CONNECTION_REFUSED: &str = "connection_refused";

/// Records of a signal that a flush leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unsent {
    pub(crate) records: u64,
    /// Why they were given up; none when time was up.
    pub(crate) error: Option<String>,
}

/// Says what is to be said, and remembers what has been.
pub(crate) struct Notices {
    /// In the order of [`Signal::ALL`].
    places: [Place; Signal::ALL.len()],
    is_terminal: bool,
    hinted: AtomicBool,
}

struct Place {
    authority: String,
    path: String,
    is_default: bool,
}

impl Notices {
    /// `endpoints` in the order of [`Signal::ALL`].
    pub(crate) fn new(endpoints: &[Endpoint; Signal::ALL.len()]) -> Self {
        Self::with_terminal(endpoints, std::io::stderr().is_terminal())
    }

    fn with_terminal(endpoints: &[Endpoint; Signal::ALL.len()], is_terminal: bool) -> Self {
        let place = |endpoint: &Endpoint| {
            let url = endpoint.url.as_ref();
            Place {
                authority: url.map(Url::authority).unwrap_or_default(),
                path: url.map(|url| url.path.clone()).unwrap_or_default(),
                is_default: endpoint.is_default,
            }
        };
        Self {
            places: endpoints.each_ref().map(place),
            is_terminal,
            hinted: AtomicBool::new(false),
        }
    }

    /// The export of a signal begins to fail.
    pub(crate) fn failing(&self, signal: Signal, error: &str, consequence: &str) {
        let place = &self.places[signal as usize];
        let line = if place.is_default && error == CONNECTION_REFUSED {
            self.hint(place)
        } else {
            let Place {
                authority, path, ..
            } = place;
            let name = signal.name();
            Some(format!(
                "failed to export {name} to {authority}{path}: {error}; {consequence}"
            ))
        };
        if let Some(line) = line {
            notice(format_args!("{line}"));
        }
    }

    /// A flush ends after `waited`, and this is left over.
    pub(crate) fn unsent(&self, unsent: &[Unsent; Signal::ALL.len()], waited: Duration) {
        for line in self.unsent_lines(unsent, waited) {
            notice(format_args!("{line}"));
        }
    }

    /// True when the signals go to the same server.
    pub(crate) fn share_server(&self, left: Signal, right: Signal) -> bool {
        self.places[left as usize].authority == self.places[right as usize].authority
    }

    /// One line for each server and error.
    fn unsent_lines(&self, unsent: &[Unsent; Signal::ALL.len()], waited: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        let mut said = [false; Signal::ALL.len()];
        for first in Signal::ALL {
            let error = &unsent[first as usize].error;
            let mut counts = Vec::new();
            for signal in Signal::ALL {
                let left = &unsent[signal as usize];
                let fits = self.share_server(first, signal) && left.error == *error;
                if left.records > 0 && fits && !std::mem::replace(&mut said[signal as usize], true)
                {
                    counts.push(counted(left.records, signal));
                }
            }
            if !counts.is_empty() {
                let place = &self.places[first as usize];
                lines.extend(self.unsent_line(place, error.as_deref(), &counts.join(", "), waited));
            }
        }
        lines
    }

    fn unsent_line(
        &self,
        place: &Place,
        error: Option<&str>,
        counts: &str,
        waited: Duration,
    ) -> Option<String> {
        let authority = &place.authority;
        match error {
            Some(CONNECTION_REFUSED) if place.is_default => {
                self.is_terminal.then(|| self.hint(place)).flatten()
            }
            Some(error) => Some(format!(
                "failed to export to {authority}: {error}; not sent: {counts}"
            )),
            None => Some(format!(
                "gave up waiting for {authority} after {} s; not sent: {counts} \
                 (SELVEDGE_FLUSH_TIMEOUT sets the wait)",
                tenths(waited)
            )),
        }
    }

    /// What to do when there is no collector; said once.
    fn hint(&self, place: &Place) -> Option<String> {
        let first = !self.hinted.swap(true, Ordering::Relaxed);
        first.then(|| {
            format!(
                "no collector listens on {}, the default, so nothing is exported; \
                 OTEL_EXPORTER_OTLP_ENDPOINT names another, SELVEDGE_EXPORT=console prints traces here",
                place.authority
            )
        })
    }
}

fn counted(records: u64, signal: Signal) -> String {
    let noun = match signal {
        Signal::Traces => "span",
        Signal::Logs => "log record",
        Signal::Metrics => "metric data point",
    };
    let plural = if records == 1 { "" } else { "s" };
    format!("{records} {noun}{plural}")
}

/// Seconds with one decimal, which is left out where it is zero.
fn tenths(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baked::Baked;
    use crate::settings::Settings;

    static BAKED: Baked = Baked {
        service_name: "baked",
        service_version: "",
        sampling: &[],
        resource: &[],
        panic_aborts: false,
        manifest: "",
    };

    fn notices(variables: &[(&str, &str)], is_terminal: bool) -> Notices {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let (settings, _) = Settings::load(&BAKED, &get);
        let endpoints = [
            settings.traces_endpoint,
            settings.logs_endpoint,
            settings.metrics_endpoint,
        ];
        Notices::with_terminal(&endpoints, is_terminal)
    }

    fn unsent(records: u64, error: &str) -> Unsent {
        Unsent {
            records,
            error: (!error.is_empty()).then(|| error.to_owned()),
        }
    }

    #[track_caller]
    fn check(notices: &Notices, unsent: &[Unsent; 3], expected: &[&str]) {
        let waited = Duration::from_millis(4996);
        assert_eq!(notices.unsent_lines(unsent, waited), expected);
    }

    const NAMED: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

    #[test]
    fn nothing_is_said_of_a_flush_that_leaves_nothing() {
        check(
            &notices(&[NAMED], true),
            &[const {
                Unsent {
                    records: 0,
                    error: None,
                }
            }; 3],
            &[],
        );
    }

    #[test]
    fn what_waits_for_one_server_is_one_line() {
        let left = [unsent(12, ""), unsent(1, ""), unsent(0, "")];
        check(
            &notices(&[NAMED], false),
            &left,
            &[
                "gave up waiting for collector:4318 after 5 s; not sent: 12 spans, 1 log record \
               (SELVEDGE_FLUSH_TIMEOUT sets the wait)",
            ],
        );
    }

    #[test]
    fn servers_and_errors_have_their_own_lines() {
        let logs = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:1/x");
        let left = [unsent(2, "503"), unsent(3, "503"), unsent(4, "")];
        check(
            &notices(&[NAMED, logs], false),
            &left,
            &[
                "failed to export to collector:4318: 503; not sent: 2 spans",
                "failed to export to logs:1: 503; not sent: 3 log records",
                "gave up waiting for collector:4318 after 5 s; not sent: 4 metric data points \
                 (SELVEDGE_FLUSH_TIMEOUT sets the wait)",
            ],
        );
    }

    #[test]
    fn an_absent_default_collector_is_a_hint_on_a_terminal_and_nothing_elsewhere() {
        let left = [
            unsent(2, CONNECTION_REFUSED),
            unsent(0, ""),
            unsent(4, CONNECTION_REFUSED),
        ];
        check(&notices(&[], false), &left, &[]);
        let terminal = notices(&[], true);
        let hint = "no collector listens on localhost:4318, the default, so nothing is exported; \
                    OTEL_EXPORTER_OTLP_ENDPOINT names another, SELVEDGE_EXPORT=console prints \
                    traces here";
        check(&terminal, &left, &[hint]);
        check(&terminal, &left, &[]);
    }

    #[test]
    fn an_absent_collector_that_somebody_named_is_said_everywhere() {
        let left = [
            unsent(2, CONNECTION_REFUSED),
            unsent(0, ""),
            unsent(4, CONNECTION_REFUSED),
        ];
        check(
            &notices(
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")],
                false,
            ),
            &left,
            &[
                "failed to export to localhost:4318: connection_refused; not sent: 2 spans, \
               4 metric data points",
            ],
        );
    }
}
