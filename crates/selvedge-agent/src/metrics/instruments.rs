//! The agent's own instruments and the bucket boundaries of all.
//!
//! Names, units and boundaries are those of the OpenTelemetry semantic conventions unless a
//! comment says otherwise.

use selvedge_hooks::{Instrument, InstrumentKind};

use InstrumentKind::{Counter, Gauge, Histogram, UpDownCounter};

/// Scope of metrics made from spans and of the agent's own.
pub(crate) const SCOPE: &str = "selvedge";

/// HTTP, messaging and RPC calls in seconds.
pub(crate) const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// Database operations in seconds.
pub(crate) const DATABASE_SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// The SDK's default, made for milliseconds.
const DEFAULT: &[f64] = &[
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];
/// Sizes in bytes, 64 B to 64 MiB.
const BYTES: &[f64] = &[
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// The boundaries of an instrument: its own, else by its unit.
pub(crate) fn bounds(instrument: &'static Instrument) -> &'static [f64] {
    if instrument.kind != Histogram {
        return &[];
    }
    // `bucket` relies on the order.
    if !instrument.bounds.is_empty() && instrument.bounds.is_sorted() {
        return instrument.bounds;
    }
    match instrument.unit {
        "s" => SECONDS,
        "" if instrument.name.ends_with("_seconds") => SECONDS,
        "By" => BYTES,
        _ => DEFAULT,
    }
}

const fn instrument(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    kind: InstrumentKind,
) -> Instrument {
    Instrument::new(SCOPE, name, unit, description, kind)
}

const fn duration(name: &'static str, description: &'static str) -> Instrument {
    instrument(name, "s", description, Histogram)
}

macro_rules! instruments {
    ($($name:ident = $value:expr;)*) => {
        $(pub(crate) static $name: Instrument = $value;)*
    };
}

instruments! {
    HTTP_SERVER = duration("http.server.request.duration", "Duration of HTTP server requests.");
    HTTP_CLIENT = duration("http.client.request.duration", "Duration of HTTP client requests.");
    DATABASE = Instrument {
        bounds: DATABASE_SECONDS,
        ..duration("db.client.operation.duration", "Duration of database client operations.")
    };
    RPC_SERVER =
        instrument("rpc.server.duration", "ms", "Duration of inbound RPC.", Histogram);
    RPC_CLIENT =
        instrument("rpc.client.duration", "ms", "Duration of outbound RPC.", Histogram);
    MESSAGING_CLIENT = duration(
        "messaging.client.operation.duration",
        "Duration of messaging operations started by a producer or consumer client.",
    );
    MESSAGING_PROCESS =
        duration("messaging.process.duration", "Duration of processing a message.");
    // Of Selvedge: spans of rules have no convention of their own.
    SPAN = duration("selvedge.span.duration", "Duration of spans that rules make.");
    // The names of go-grpc-prometheus, which alert rules in use everywhere expect.
    GRPC_SERVER_HANDLED = instrument(
        "grpc_server_handled_total",
        "",
        "Total number of RPCs completed on the server, regardless of success or failure.",
        Counter,
    );
    GRPC_SERVER_HANDLING = instrument(
        "grpc_server_handling_seconds",
        "",
        "Response latency of gRPC that had been handled by the server.",
        Histogram,
    );
    GRPC_CLIENT_HANDLED = instrument(
        "grpc_client_handled_total",
        "",
        "Total number of RPCs completed by the client, regardless of success or failure.",
        Counter,
    );
    GRPC_CLIENT_HANDLING = instrument(
        "grpc_client_handling_seconds",
        "",
        "Response latency of the gRPC until it is finished by the application.",
        Histogram,
    );

    SPANS_PROCESSED = instrument(
        "otel.sdk.processor.span.processed",
        "{span}",
        "Spans for which processing has finished; with error.type where they were dropped.",
        Counter,
    );
    LOGS_PROCESSED = instrument(
        "otel.sdk.processor.log.processed",
        "{log_record}",
        "Log records for which processing has finished; with error.type where they were dropped.",
        Counter,
    );
    SPANS_EXPORTED = instrument(
        "otel.sdk.exporter.span.exported",
        "{span}",
        "Spans for which the export has finished; with error.type where it failed.",
        Counter,
    );
    LOGS_EXPORTED = instrument(
        "otel.sdk.exporter.log.exported",
        "{log_record}",
        "Log records for which the export has finished; with error.type where it failed.",
        Counter,
    );
    POINTS_EXPORTED = instrument(
        "otel.sdk.exporter.metric_data_point.exported",
        "{data_point}",
        "Data points for which the export has finished; with error.type where it failed.",
        Counter,
    );
    SPANS_INFLIGHT = instrument(
        "otel.sdk.exporter.span.inflight",
        "{span}",
        "Spans that were passed to the exporter and have not been exported yet.",
        UpDownCounter,
    );
    LOGS_INFLIGHT = instrument(
        "otel.sdk.exporter.log.inflight",
        "{log_record}",
        "Log records that were passed to the exporter and have not been exported yet.",
        UpDownCounter,
    );
    POINTS_INFLIGHT = instrument(
        "otel.sdk.exporter.metric_data_point.inflight",
        "{data_point}",
        "Data points that were passed to the exporter and have not been exported yet.",
        UpDownCounter,
    );
    EXPORT_DURATION =
        duration("otel.sdk.exporter.operation.duration", "Duration of exporting a batch.");
    // Of Selvedge: the conventions measure the queue in records, ours is bounded in bytes.
    QUEUE_BYTES = instrument(
        "selvedge.export.queue.size",
        "By",
        "Bytes that wait to be exported.",
        Gauge,
    );
    REFUSED = instrument(
        "selvedge.metric.refused",
        "{measurement}",
        "Measurements and callbacks that no metric took: too many metrics, measured while measuring, or a value that is no number or goes against a counter.",
        Counter,
    );

    CPU_TIME = instrument("process.cpu.time", "s", "CPU seconds by mode.", Counter);
    MEMORY = instrument("process.memory.usage", "By", "Physical memory in use.", UpDownCounter);
    VIRTUAL_MEMORY =
        instrument("process.memory.virtual", "By", "Committed virtual memory.", UpDownCounter);
    FILE_DESCRIPTORS = instrument(
        "process.open_file_descriptor.count",
        "{file_descriptor}",
        "Number of file descriptors in use by the process.",
        UpDownCounter,
    );
    THREADS =
        instrument("process.thread.count", "{thread}", "Process threads count.", UpDownCounter);
    CONTEXT_SWITCHES = instrument(
        "process.context_switches",
        "{context_switch}",
        "Number of times the process has been context switched.",
        Counter,
    );
    UPTIME = instrument("process.uptime", "s", "The time the process has been running.", Gauge);
}
