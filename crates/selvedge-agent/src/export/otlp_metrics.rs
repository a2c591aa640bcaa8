//! Collected metrics as OTLP, cumulative or delta.

use std::collections::HashMap;

use selvedge_hooks::InstrumentKind;

use super::otlp::{self, RECORDS, SCHEMA, SCHEMA_URL, SCOPES};
use super::protobuf::Writer;
use crate::metrics::{Exemplar, Labels, Metric, Point};
use crate::resource::VERSION;
use crate::settings::Temporality;

const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;

/// What the last push said, to subtract it from the next one. As many entries as there are
/// series.
pub(crate) struct Temporal {
    temporality: Temporality,
    previous: HashMap<(usize, Labels), (f64, Vec<u64>)>,
    previous_unix_ns: u64,
}

/// The times of one push.
struct Period {
    temporality: u64,
    start_unix_ns: u64,
    end_unix_ns: u64,
}

impl Temporal {
    pub(crate) fn new(temporality: Temporality, started_unix_ns: u64) -> Self {
        Self {
            temporality,
            previous: HashMap::new(),
            previous_unix_ns: started_unix_ns,
        }
    }

    /// The request with all metrics, and the number of its data points.
    pub(crate) fn encode(
        &mut self,
        resource: &[u8],
        mut metrics: Vec<Metric>,
        started_unix_ns: u64,
        now_unix_ns: u64,
    ) -> (Vec<u8>, u64) {
        let delta = self.temporality == Temporality::Delta;
        if delta {
            self.subtract(&mut metrics);
            metrics.retain(|metric| !metric.points.is_empty());
        }
        let start = if delta {
            self.previous_unix_ns
        } else {
            started_unix_ns
        };
        self.previous_unix_ns = now_unix_ns;
        let points = metrics
            .iter()
            .map(|metric| metric.points.len() as u64)
            .sum();
        let request = otlp::request(resource, |writer| {
            for scope in metrics.chunk_by(|one, two| one.instrument.scope == two.instrument.scope) {
                writer.message(SCOPES, |writer| {
                    otlp::scope(writer, scope[0].instrument.scope, VERSION);
                    for one in scope {
                        let period = period(delta, one, start, started_unix_ns, now_unix_ns);
                        writer.message(RECORDS, |writer| metric(writer, one, &period));
                    }
                    writer.bytes_field(SCHEMA, SCHEMA_URL.as_bytes());
                });
            }
        });
        (request, points)
    }

    /// Turns totals into what was added since the last push.
    fn subtract(&mut self, metrics: &mut [Metric]) {
        let mut seen = HashMap::new();
        for metric in metrics {
            if !is_delta(metric) {
                continue;
            }
            let instrument = std::ptr::from_ref(metric.instrument).addr();
            metric.points.retain_mut(|point| {
                let key = (instrument, point.labels.clone());
                let total = (point.sum, point.counts.clone());
                let previous = self.previous.get(&key);
                if let Some((sum, counts)) = previous {
                    // A reported total that fell has begun anew.
                    let restarted =
                        metric.instrument.kind == InstrumentKind::Counter && point.sum < *sum;
                    point.sum -= if restarted { 0.0 } else { *sum };
                    for (count, before) in point.counts.iter_mut().zip(counts) {
                        *count = count.saturating_sub(*before);
                    }
                }
                let since = self.previous_unix_ns;
                for exemplar in &mut point.exemplars {
                    exemplar.take_if(|exemplar| exemplar.time_unix_ns < since);
                }
                let changed = previous != Some(&total);
                seen.insert(key, total);
                changed
            });
        }
        self.previous = seen;
    }
}

/// True for what a delta preference applies to; the others stay cumulative (specification,
/// metrics/sdk_exporters/otlp.md).
fn is_delta(metric: &Metric) -> bool {
    matches!(
        metric.instrument.kind,
        InstrumentKind::Counter | InstrumentKind::Histogram
    )
}

fn period(delta: bool, metric: &Metric, since: u64, started: u64, now: u64) -> Period {
    let delta = delta && is_delta(metric);
    Period {
        temporality: if delta { DELTA } else { CUMULATIVE },
        start_unix_ns: if delta { since } else { started },
        end_unix_ns: now,
    }
}

fn metric(writer: &mut Writer, metric: &Metric, period: &Period) {
    let instrument = metric.instrument;
    writer.bytes_field(1, instrument.name.as_bytes());
    writer.bytes_field(2, instrument.description.as_bytes());
    writer.bytes_field(3, instrument.unit.as_bytes());
    let field = match instrument.kind {
        InstrumentKind::Gauge => 5,
        InstrumentKind::Counter | InstrumentKind::UpDownCounter => 7,
        InstrumentKind::Histogram => 9,
    };
    writer.message(field, |writer| {
        for point in &metric.points {
            writer.message(1, |writer| match instrument.kind {
                InstrumentKind::Histogram => histogram(writer, point, metric.bounds, period),
                _ => number(writer, point, instrument.kind, period),
            });
        }
        if instrument.kind != InstrumentKind::Gauge {
            writer.uint(2, period.temporality);
        }
        if instrument.kind == InstrumentKind::Counter {
            writer.uint(3, 1);
        }
    });
}

fn number(writer: &mut Writer, point: &Point, kind: InstrumentKind, period: &Period) {
    if kind != InstrumentKind::Gauge {
        writer.fixed64(2, period.start_unix_ns);
    }
    writer.fixed64(3, period.end_unix_ns);
    writer.double(4, point.sum);
    labels(writer, 7, &point.labels);
}

fn histogram(writer: &mut Writer, point: &Point, bounds: &[f64], period: &Period) {
    writer.fixed64(2, period.start_unix_ns);
    writer.fixed64(3, period.end_unix_ns);
    writer.fixed64(4, point.counts.iter().sum());
    writer.double(5, point.sum);
    writer.packed64(6, point.counts.iter().copied());
    writer.packed64(7, bounds.iter().map(|bound| bound.to_bits()));
    for exemplar in point.exemplars.iter().flatten() {
        writer.message(8, |writer| write_exemplar(writer, exemplar));
    }
    labels(writer, 9, &point.labels);
}

fn write_exemplar(writer: &mut Writer, exemplar: &Exemplar) {
    writer.fixed64(2, exemplar.time_unix_ns);
    writer.double(3, exemplar.value);
    writer.bytes_field(4, &exemplar.span_id);
    writer.bytes_field(5, &exemplar.trace_id);
}

fn labels(writer: &mut Writer, field: u32, labels: &Labels) {
    for (key, value) in labels.iter() {
        otlp::attribute(writer, field, key, value);
    }
}
