//! One event in each of the formats, in a span and outside of one.

use tracing::subscriber::with_default;
use tracing::{info, info_span};
use tracing_subscriber::fmt::format::{Compact, Format, Full};

fn main() {
    let format: Format<Full, ()> = tracing_subscriber::fmt::format()
        .without_time()
        .with_ansi(false);
    let compact: Format<Compact, ()> = format.clone().compact();
    let base = || tracing_subscriber::fmt().with_ansi(false);
    with_default(base().event_format(format.clone()).finish(), events);
    with_default(base().event_format(compact).finish(), events);
    with_default(
        base()
            .event_format(format.pretty().with_source_location(false))
            .finish(),
        events,
    );
    let json = || base().without_time().json();
    with_default(json().finish(), events);
    with_default(json().flatten_event(true).finish(), events);
}

fn events() {
    info!("outside");
    let _entered = info_span!("order", id = 7).entered();
    info!(total = 12.5, trace_id = "the event's own", "inside");
}
