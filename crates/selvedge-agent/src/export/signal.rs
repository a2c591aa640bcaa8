//! The three signals and what tells them apart.

use selvedge_hooks::Instrument;

use crate::metrics::instruments as own;

/// A kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Logs,
    Metrics,
}

impl Signal {
    pub(crate) const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// For messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// `otel.component.type` of its exporter.
    pub(crate) fn component(self) -> &'static str {
        match self {
            Self::Traces => "otlp_http_span_exporter",
            Self::Logs => "otlp_http_log_exporter",
            Self::Metrics => "otlp_http_metric_exporter",
        }
    }

    /// Counts records whose export has finished.
    pub(crate) fn exported(self) -> &'static Instrument {
        match self {
            Self::Traces => &own::SPANS_EXPORTED,
            Self::Logs => &own::LOGS_EXPORTED,
            Self::Metrics => &own::POINTS_EXPORTED,
        }
    }

    /// Counts records between queue and answer.
    pub(crate) fn inflight(self) -> &'static Instrument {
        match self {
            Self::Traces => &own::SPANS_INFLIGHT,
            Self::Logs => &own::LOGS_INFLIGHT,
            Self::Metrics => &own::POINTS_INFLIGHT,
        }
    }
}
