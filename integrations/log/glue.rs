//! Ids on every line, and every record as an OTLP log record. Needs neither `std` nor `alloc`.

// Named this way because `log` was of edition 2015 until 0.4.20, where a path does not find them.
extern crate core;
extern crate selvedge_hooks;

use self::core::fmt::{self, Display, Formatter};

use self::selvedge_hooks::{
    active, log_identifiers, logs_enabled, Context, Log as Export, Severity,
};

/// Stands before the program's logger while there is an agent.
struct Observed;

static OBSERVED: Observed = Observed;

/// What `log::logger()` returns once the program has set its logger.
pub(crate) fn observed(logger: &'static dyn crate::Log) -> &'static dyn crate::Log {
    if active() {
        &OBSERVED
    } else {
        logger
    }
}

/// The program's own logger.
fn real() -> &'static dyn crate::Log {
    // SAFETY: `OBSERVED` is reached only through `observed`, and that is called only after the
    // logger was set, which happens once.
    unsafe { crate::LOGGER }
}

impl crate::Log for Observed {
    fn enabled(&self, metadata: &crate::Metadata<'_>) -> bool {
        real().enabled(metadata)
    }

    fn log(&self, record: &crate::Record<'_>) {
        export(record);
        if Context::current().is_none() {
            real().log(record);
            return;
        }
        // The match keeps the arguments alive for the call.
        match format_args!("{}{}", record.args(), Identifiers) {
            args => real().log(&crate::Record {
                args,
                ..record.clone()
            }),
        }
    }

    fn flush(&self) {
        real().flush();
    }
}

/// Hands a record to the agent, where the program's own logger would take it too.
fn export(record: &crate::Record<'_>) {
    if !logs_enabled() || !real().enabled(record.metadata()) {
        return;
    }
    Export {
        severity: severity(record.level()),
        target: record.target(),
        body: *record.args(),
        attributes: &[],
        file: record.file().unwrap_or_default(),
        line: record.line().unwrap_or_default(),
    }
    .emit();
}

fn severity(level: crate::Level) -> Severity {
    match level {
        crate::Level::Error => Severity::Error,
        crate::Level::Warn => Severity::Warn,
        crate::Level::Info => Severity::Info,
        crate::Level::Debug => Severity::Debug,
        crate::Level::Trace => Severity::Trace,
    }
}

/// Shows the ids and log fields of the current context, each after a space.
///
/// They are looked up when the line is formatted: `tracing-log` formats outside of any context,
/// because the subscriber that it forwards to shows them itself.
struct Identifiers;

impl Display for Identifiers {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        log_identifiers(&mut |key, value| {
            if result.is_ok() {
                result = write_field(formatter, key, value);
            }
        });
        result
    }
}

/// Writes ` key=value`; a value that would not read back as one word is quoted.
fn write_field(formatter: &mut Formatter<'_>, key: &str, value: &str) -> fmt::Result {
    let plain = |byte: u8| byte > b' ' && byte != b'"' && byte != b'=' && byte != 0x7f;
    if !value.is_empty() && value.bytes().all(plain) {
        write!(formatter, " {}={}", key, value)
    } else {
        write!(formatter, " {}={:?}", key, value)
    }
}
