//! Records in, bytes out: over real sockets, decoded by the types generated from the OTLP
//! definitions.

#![expect(clippy::float_cmp, reason = "sums of small whole numbers are exact")]
#![expect(clippy::unwrap_used, reason = "a failing set-up fails the test")]

mod exposition;
mod failures;
mod logs;
mod metrics;
mod said;
mod scrape;
mod sink;
#[cfg(feature = "tls")]
mod tls;
mod traces;

use std::time::{Duration, Instant};

use selvedge_agent::Baked;
use selvedge_agent::export::Pipeline;
use selvedge_agent::metrics::Registry;
use selvedge_agent::model::{SpanRecord, StatusRecord};
use selvedge_agent::resource::Resource;
use selvedge_agent::settings::{Retry, Settings};
use selvedge_hooks::{Convention, Kind, Outcome, Site};

static INTERNAL: Site = Site::new("test", "work", Kind::Internal, Convention::None);

static BAKED: Baked = Baked {
    service_name: "baked",
    service_version: "1.2.3",
    sampling: &[],
    resource: &[("team", "weavers")],
    panic_aborts: false,
    manifest: "",
};

fn registry() -> &'static Registry {
    Box::leak(Box::new(Registry::new()))
}

/// Settings of these variables, with pauses that suit a test.
fn settings(variables: &[(&str, &str)]) -> Settings {
    let get = |name: &str| {
        let found = variables.iter().rev().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let (mut settings, warnings) = Settings::load(&BAKED, &get);
    assert_eq!(warnings, [] as [&str; 0]);
    settings.retry = Retry {
        initial: Duration::from_millis(1),
        pause_max: Duration::from_millis(20),
        age_max: Duration::from_mins(1),
    };
    settings
}

/// A pipeline to this endpoint that pushes no metrics.
fn pipeline(url: &str, variables: &[(&str, &str)]) -> (Pipeline, &'static Registry) {
    let mut all = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    all.extend(variables);
    start(&settings(&all))
}

fn start(settings: &Settings) -> (Pipeline, &'static Registry) {
    let registry = registry();
    let resource = Resource::detect(&BAKED, settings, &|_| None);
    (Pipeline::new(settings, &resource, registry), registry)
}

/// A sampled root span.
fn span(site: &'static Site) -> SpanRecord<'static> {
    SpanRecord {
        site,
        name: site.name,
        trace_id: [1; 16],
        span_id: [2; 8],
        parent_span_id: [0; 8],
        parent_is_remote: false,
        flags: 1,
        trace_state: "",
        start_unix_ns: 1_000_000_000,
        end_unix_ns: 1_030_000_000,
        status: StatusRecord::Unset,
        error_type: "",
        outcome: Outcome::Completed,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
    }
}

fn in_seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// Value of a counter or gauge by name and the value of its `error.type`; 0 when there is none.
fn counted(registry: &Registry, name: &str, error: &str) -> f64 {
    let metrics = registry.collect();
    let points = metrics
        .iter()
        .filter(|metric| metric.instrument.name == name);
    let points = points.flat_map(|metric| &metric.points);
    let wanted = points.filter(|point| {
        let found = point.labels.iter().find(|(key, _)| *key == "error.type");
        let found = found.map(|(_, value)| value);
        match found {
            Some(selvedge_agent::model::AttributeValue::Str(text)) => text == error,
            _ => error.is_empty(),
        }
    });
    wanted.map(|point| point.sum).sum()
}
