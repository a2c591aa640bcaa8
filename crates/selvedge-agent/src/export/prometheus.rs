//! Collected metrics as Prometheus text 0.0.4 or OpenMetrics 1.0.
//!
//! Names follow the OpenTelemetry specification (compatibility/prometheus_and_openmetrics.md):
//! unit and `_total` are appended where they are not part of the name, scopes become labels, the
//! resource becomes `target_info`.

use std::collections::HashSet;
use std::fmt::Write;

use selvedge_hooks::InstrumentKind;

use crate::metrics::{Exemplar, Metric, Point};
use crate::model::AttributeValue;
use crate::resource::{Resource, VERSION};
use crate::sort;

const NS_PER_SECOND: f64 = 1e9;

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for; Prometheus text unless OpenMetrics 1 is wanted no less.
    pub fn negotiate(accept: &str) -> Self {
        let (mut text, mut open) = (0.0, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut weight, mut version) = (1.0, "1.0.0");
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim() {
                    "q" => weight = value.trim().parse().unwrap_or(0.0),
                    "version" => version = value.trim().trim_matches('"'),
                    _ => {}
                }
            }
            match kind.as_str() {
                // 0.0.1 is the draft that became 1.0.0.
                "application/openmetrics-text" if matches!(version, "1.0.0" | "0.0.1") => {
                    open = f64::max(open, weight);
                }
                "text/plain" => text = f64::max(text, weight),
                _ => {}
            }
        }
        if open > 0.0 && open >= text {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// The media type to answer with.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Metrics that are one family to Prometheus.
struct Family<'a> {
    /// The name without `_total`.
    name: String,
    kind: InstrumentKind,
    unit: &'static str,
    metrics: Vec<&'a Metric>,
}

/// What the samples of one series have in common.
struct Place<'a> {
    format: Format,
    name: &'a str,
    labels: &'a str,
}

/// Writes everything.
pub fn write(format: Format, resource: &Resource, metrics: &[Metric]) -> String {
    let mut text = String::new();
    target_info(&mut text, format, resource);
    for (exposed, family) in families(format, metrics) {
        header(&mut text, format, &exposed, &family);
        // Labels that differ only in what Prometheus has no letters for are the same to it.
        let mut seen = HashSet::new();
        for metric in &family.metrics {
            for point in &metric.points {
                let labels = labels(metric, point);
                if seen.insert(labels.clone()) {
                    let place = Place {
                        format,
                        name: &family.name,
                        labels: &labels,
                    };
                    samples(&mut text, &place, metric, point);
                }
            }
        }
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

/// By the name that the format gives a family. Of two metrics that fall on one name but not on
/// one type, the first wins: a family has one type.
fn families(format: Format, metrics: &[Metric]) -> Vec<(String, Family<'_>)> {
    let named = metrics.iter().enumerate().map(|(order, metric)| {
        let instrument = metric.instrument;
        let name = family_name(instrument.name, instrument.unit, instrument.kind);
        let exposed = format!("{name}{}", suffix(format, instrument.kind));
        let family = Family {
            name,
            kind: instrument.kind,
            unit: instrument.unit,
            metrics: vec![metric],
        };
        (exposed, order, family)
    });
    let mut named: Vec<_> = named.collect();
    sort::by(&mut named, |left, right| {
        (&left.0, left.1).cmp(&(&right.0, right.1))
    });
    let mut families: Vec<(String, Family<'_>)> = Vec::with_capacity(named.len());
    for (exposed, _, mut new) in named {
        match families.last_mut().filter(|(known, _)| *known == exposed) {
            None => families.push((exposed, new)),
            Some((_, family)) if family_type(family.kind) == family_type(new.kind) => {
                family.metrics.append(&mut new.metrics);
            }
            Some(_) => {}
        }
    }
    families
}

fn family_type(kind: InstrumentKind) -> &'static str {
    match kind {
        InstrumentKind::Counter => "counter",
        InstrumentKind::UpDownCounter | InstrumentKind::Gauge => "gauge",
        InstrumentKind::Histogram => "histogram",
    }
}

fn header(text: &mut String, format: Format, exposed: &str, family: &Family<'_>) {
    let description = family
        .metrics
        .first()
        .map_or("", |metric| metric.instrument.description);
    if !description.is_empty() {
        text.extend(["# HELP ", exposed, " "]);
        escape(text, description, format == Format::OpenMetrics);
        text.push('\n');
    }
    text.extend(["# TYPE ", exposed, " ", family_type(family.kind), "\n"]);
    let unit = prometheus_unit(family.unit);
    let named = exposed
        .strip_suffix(&unit)
        .is_some_and(|rest| rest.ends_with('_'));
    if format == Format::OpenMetrics && !unit.is_empty() && named {
        text.extend(["# UNIT ", exposed, " ", &unit, "\n"]);
    }
}

/// In OpenMetrics a counter's family goes without `_total`, only its samples have it.
fn suffix(format: Format, kind: InstrumentKind) -> &'static str {
    if format == Format::Text && kind == InstrumentKind::Counter {
        "_total"
    } else {
        ""
    }
}

/// The labels of a point and of its scope.
fn labels(metric: &Metric, point: &Point) -> String {
    let histogram = metric.instrument.kind == InstrumentKind::Histogram;
    let own = point.labels.iter().map(|(key, value)| match key {
        // A histogram has an `le` already.
        "le" if histogram => ("exported_le", value),
        key => (key, value),
    });
    let scope = metric.instrument.scope;
    let scope = [("otel_scope_name", scope), ("otel_scope_version", VERSION)];
    let scope = scope.map(|(key, value)| (key, AttributeValue::Str(value)));
    let mut labels = String::new();
    write_labels(&mut labels, own.chain(scope));
    labels
}

fn samples(text: &mut String, place: &Place<'_>, metric: &Metric, point: &Point) {
    let Place { name, labels, .. } = place;
    match metric.instrument.kind {
        InstrumentKind::Histogram => histogram(text, place, metric.bounds, point),
        kind => {
            let total = if kind == InstrumentKind::Counter {
                "_total"
            } else {
                ""
            };
            text.extend([name, total, "{", labels, "} "]);
            number(text, point.sum);
            text.push('\n');
        }
    }
}

fn histogram(text: &mut String, place: &Place<'_>, bounds: &[f64], point: &Point) {
    let Place {
        format,
        name,
        labels,
    } = place;
    let mut count = 0;
    for (index, in_bucket) in point.counts.iter().enumerate() {
        count += in_bucket;
        text.extend([name, "_bucket{", labels, ",le=\""]);
        bound(
            text,
            *format,
            bounds.get(index).copied().unwrap_or(f64::INFINITY),
        );
        // Writing to a `String` does not fail.
        let _ = write!(text, "\"}} {count}");
        if let (Format::OpenMetrics, Some(Some(exemplar))) = (format, point.exemplars.get(index)) {
            write_exemplar(text, exemplar);
        }
        text.push('\n');
    }
    text.extend([name, "_sum{", labels, "} "]);
    number(text, point.sum);
    let _ = writeln!(text, "\n{name}_count{{{labels}}} {count}");
}

fn write_exemplar(text: &mut String, exemplar: &Exemplar) {
    text.push_str(" # {trace_id=\"");
    hex(text, &exemplar.trace_id);
    text.push_str("\",span_id=\"");
    hex(text, &exemplar.span_id);
    text.push_str("\"} ");
    number(text, exemplar.value);
    let _ = write!(text, " {:.3}", exemplar.time_unix_ns as f64 / NS_PER_SECOND);
}

fn target_info(text: &mut String, format: Format, resource: &Resource) {
    let (name, kind) = match format {
        Format::Text => ("target_info", "gauge"),
        Format::OpenMetrics => ("target", "info"),
    };
    text.extend([
        "# HELP ",
        name,
        " Target metadata\n# TYPE ",
        name,
        " ",
        kind,
        "\n",
    ]);
    text.push_str("target_info{");
    write_labels(text, resource.iter());
    text.push_str("} 1\n");
}

/// `a="b",c="d"`. Names that become the same are joined with `;` (specification, "Metric
/// Attributes").
fn write_labels<'a>(
    text: &mut String,
    labels: impl Iterator<Item = (&'a str, AttributeValue<'a>)>,
) {
    let mut by_name: Vec<(String, String)> = Vec::new();
    for (key, value) in labels {
        let name = label_name(key);
        let known = by_name.iter().position(|(known, _)| *known == name);
        let joined = if let Some(known) = known {
            by_name[known].1.push(';');
            &mut by_name[known].1
        } else {
            &mut by_name.push_mut((name, String::new())).1
        };
        match value {
            AttributeValue::Str(value) => escape(joined, value, true),
            AttributeValue::Int(value) => joined.push_str(&value.to_string()),
            AttributeValue::Float(value) => number(joined, value),
            AttributeValue::Bool(value) => joined.push_str(if value { "true" } else { "false" }),
        }
    }
    for (index, (name, value)) in by_name.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        text.extend([comma, name, "=\"", value, "\""]);
    }
}

fn escape(text: &mut String, value: &str, quotes: bool) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            other => text.push(other),
        }
    }
}

fn number(text: &mut String, value: f64) {
    let _ = match value {
        f64::INFINITY => write!(text, "+Inf"),
        f64::NEG_INFINITY => write!(text, "-Inf"),
        value if value.is_nan() => write!(text, "NaN"),
        value if value.fract() == 0.0 && value.abs() < 1e15 => write!(text, "{value}"),
        value => write!(text, "{value:?}"),
    };
}

/// `le="1"` in Prometheus text, as rules in use compare it; `le="1.0"` where OpenMetrics says so.
fn bound(text: &mut String, format: Format, value: f64) {
    number(text, value);
    if format == Format::OpenMetrics && value.fract() == 0.0 && value.abs() < 1e15 {
        text.push_str(".0");
    }
}

pub(super) fn hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
}

/// The name without `_total`, with the unit.
fn family_name(name: &str, unit: &str, kind: InstrumentKind) -> String {
    let mut clean = metric_name(name);
    if kind == InstrumentKind::Counter && clean.ends_with("_total") {
        clean.truncate(clean.len() - "_total".len());
    }
    let unit = match (unit, kind) {
        ("1", InstrumentKind::Gauge) => "ratio".to_owned(),
        (unit, _) => prometheus_unit(unit),
    };
    if !unit.is_empty() && !clean.ends_with(&unit) {
        clean.push('_');
        clean.push_str(&unit);
    }
    clean
}

fn metric_name(name: &str) -> String {
    sanitize(name, ':')
}

fn label_name(name: &str) -> String {
    sanitize(name, '_')
}

/// Replaces what may not be in a name by single underscores.
fn sanitize(name: &str, extra: char) -> String {
    let mut clean = String::with_capacity(name.len() + 1);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        clean.push('_');
    }
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || character == extra || character == '_' {
            clean.push(character);
        } else if !clean.ends_with('_') {
            clean.push('_');
        }
    }
    clean
}

/// UCUM to Prometheus: `By/s` becomes `bytes_per_second`, annotations in braces vanish.
fn prometheus_unit(unit: &str) -> String {
    let mut plain = String::new();
    let mut depth = 0;
    for character in unit.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            other if depth == 0 => plain.push(other),
            _ => {}
        }
    }
    match plain.split_once('/') {
        Some((of, per)) if !per.is_empty() => {
            let of = unit_word(of);
            let joint = if of.is_empty() { "" } else { "_" };
            format!("{of}{joint}per_{}", unit_word(per).trim_end_matches('s'))
        }
        _ => unit_word(plain.trim_end_matches('/')),
    }
}

fn unit_word(unit: &str) -> String {
    let word = match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "%" => "percent",
        "1" => "",
        other => return sanitize(other, '_').trim_matches('_').to_owned(),
    };
    word.to_owned()
}
