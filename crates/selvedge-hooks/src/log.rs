//! Log records and the ids that the program's own log lines carry.

use core::fmt::Arguments;

use crate::{table, Attribute};

/// Severity (OpenTelemetry specification, logs/data-model.md, "SeverityNumber").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// TRACE.
    Trace = 1,
    /// DEBUG.
    Debug = 5,
    /// INFO.
    Info = 9,
    /// WARN.
    Warn = 13,
    /// ERROR.
    Error = 17,
}

/// One log record of the program, on its way to OTLP.
pub struct Log<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// The logger's target, mostly a module path; exported as the instrumentation scope.
    pub target: &'a str,
    /// The message.
    pub body: Arguments<'a>,
    /// Structured fields.
    pub attributes: &'a [Attribute<'a>],
    /// Source file; empty when unknown.
    pub file: &'a str,
    /// Source line; 0 when unknown.
    pub line: u32,
}

impl Log<'_> {
    /// Hands the record to the agent.
    pub fn emit(&self) {
        if let Some(table) = table::get() {
            (table.log)(self);
        }
    }
}

/// True when the agent exports log records; worth asking before a record's parts are formatted.
#[inline]
pub fn logs_enabled() -> bool {
    table::get().is_some_and(|table| (table.logs_enabled)())
}

/// Calls `field` with `trace_id`, `span_id` (lower-case hex) and the log fields of the current
/// context, in this order; not at all outside of a trace.
#[inline]
pub fn log_identifiers(field: &mut dyn FnMut(&'static str, &str)) {
    if let Some(table) = table::get() {
        (table.log_identifiers)(field);
    }
}
