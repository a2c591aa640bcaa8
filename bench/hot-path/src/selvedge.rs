//! Selvedge, used as woven code uses it.

use std::hint::black_box;

use selvedge_agent::Baked;
use selvedge_hooks::{
    Attribute, Convention, Instrument, InstrumentKind, Kind, Parent, Site, Span, Start,
};

use crate::contender::{Running, Sampling};
use crate::meter::SPANS_PER_TRACE;

static SERVER: Site = Site::new("bench", "GET", Kind::Server, Convention::Http);
static QUERY: Site = Site::new("bench", "SELECT", Kind::Client, Convention::Database);
static COUNTER: Instrument = instrument("transfers", InstrumentKind::Counter);
static HISTOGRAM: Instrument = instrument("transfer_seconds", InstrumentKind::Histogram);

static BAKED: Baked = Baked {
    service_name: "hot-path",
    service_version: "0",
    sampling: &[],
    resource: &[],
    panic_aborts: false,
    manifest: "",
};

const fn instrument(name: &'static str, kind: InstrumentKind) -> Instrument {
    Instrument::new("bench", name, "", "", kind)
}

/// Starts the agent unless nothing is to be started.
fn start(sampling: Sampling) -> Box<dyn FnOnce() -> Option<u64>> {
    if sampling == Sampling::Off {
        return Box::new(|| None);
    }
    let agent = selvedge_agent::start(&BAKED);
    Box::new(move || {
        drop(agent);
        None
    })
}

#[expect(clippy::unnecessary_wraps, reason = "one type for all contenders")]
fn running(sampling: Sampling, operation: impl FnMut() + 'static) -> Result<Running, String> {
    Ok(Running {
        stop: start(sampling),
        operation: Box::new(operation),
    })
}

/// One span without attributes.
pub(crate) fn span(sampling: Sampling) -> Result<Running, String> {
    running(sampling, || drop(black_box(Span::start(&QUERY))))
}

/// A trace of a server span and queries below it.
pub(crate) fn trace(sampling: Sampling) -> Result<Running, String> {
    running(sampling, || {
        let attributes = [
            Attribute::label("http.request.method", black_box("GET")),
            Attribute::label("http.route", black_box("/accounts/{id}")),
            Attribute::label("http.response.status_code", black_box(200)),
        ];
        let start = Start {
            name: None,
            parent: Parent::Root,
            attributes: &attributes,
        };
        let _server = Span::build(&SERVER, &start).enter();
        for _ in 1..SPANS_PER_TRACE {
            let _query = Span::start_with(
                &QUERY,
                &[
                    Attribute::label("db.system.name", black_box("sqlite")),
                    Attribute::label("db.operation.name", black_box("SELECT")),
                    Attribute::new("db.response.returned_rows", black_box(1)),
                ],
            )
            .enter();
        }
    })
}

pub(crate) fn counter(sampling: Sampling) -> Result<Running, String> {
    running(sampling, || COUNTER.measure(black_box(1.0), &[]))
}

pub(crate) fn counter_labelled(sampling: Sampling) -> Result<Running, String> {
    running(sampling, || COUNTER.measure(black_box(1.0), &labels()))
}

pub(crate) fn histogram(sampling: Sampling) -> Result<Running, String> {
    running(sampling, || HISTOGRAM.measure(black_box(0.02), &[]))
}

pub(crate) fn histogram_labelled(sampling: Sampling) -> Result<Running, String> {
    running(sampling, || HISTOGRAM.measure(black_box(0.02), &labels()))
}

fn labels() -> [Attribute<'static>; 2] {
    [
        Attribute::label("currency", black_box("EUR")),
        Attribute::label("channel", black_box("api")),
    ]
}
