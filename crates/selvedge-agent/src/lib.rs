//! Linked into woven programs: sampling, metrics, OTLP export, /metrics, logs.
