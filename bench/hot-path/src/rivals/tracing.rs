//! `tracing` with `tracing-opentelemetry` on `opentelemetry_sdk`.

use std::hint::black_box;

use opentelemetry::trace::TracerProvider as _;
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::contender::{Running, Sampling};
use crate::meter::SPANS_PER_TRACE;
use crate::rivals::sdk;

/// One span without attributes, and no subscriber.
#[expect(clippy::unnecessary_wraps, reason = "one type for all contenders")]
pub(crate) fn span(_sampling: Sampling) -> Result<Running, String> {
    let operation = || drop(black_box(info_span!("SELECT")));
    Ok(Running {
        operation: Box::new(operation),
        stop: Box::new(|| None),
    })
}

/// A trace of a server span and queries below it.
pub(crate) fn trace(_sampling: Sampling) -> Result<Running, String> {
    let (provider, stop) = sdk::start();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).map_err(|error| error.to_string())?;
    let operation = || {
        let _server = info_span!(
            "GET",
            otel.kind = "server",
            http.request.method = black_box("GET"),
            http.route = black_box("/accounts/{id}"),
            http.response.status_code = black_box(200),
        )
        .entered();
        for _ in 1..SPANS_PER_TRACE {
            let _query = info_span!(
                "SELECT",
                otel.kind = "client",
                db.system.name = black_box("sqlite"),
                db.operation.name = black_box("SELECT"),
                db.response.returned_rows = black_box(1),
            )
            .entered();
        }
    };
    Ok(Running {
        operation: Box::new(operation),
        stop,
    })
}
