//! What the `OTEL_*` and `SELVEDGE_*` environment and the baked values ask for.
//!
//! Reads nothing by itself: the environment is passed in, the warnings are handed back. A value
//! that makes no sense is warned about and its default is used, as the OpenTelemetry
//! specification says (configuration/sdk-environment-variables.md).

use std::time::Duration;

use crate::baked::{Baked, EnvironmentSampling};
use crate::export::endpoint::{self, Endpoint};

/// Bytes the payload queue may hold, all signals together.
const QUEUE_BYTES_DEFAULT: usize = 8 << 20;
/// The specification sets no limit; a statement or message longer than this would not fit the
/// ring buffers anyway.
const ATTRIBUTE_LENGTH_DEFAULT: u32 = 16 << 10;
/// A batch must fit the payload queue.
const EXPORT_BATCH_SIZE_MAX: usize = 8192;

/// How root traces are sampled (`OTEL_TRACES_SAMPLER`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SamplerChoice {
    /// Every trace.
    AlwaysOn,
    /// No trace.
    AlwaysOff,
    /// This share of all traces, by their ids.
    Ratio(f64),
    /// As the parent says; roots always.
    ParentBasedAlwaysOn,
    /// As the parent says; roots never.
    ParentBasedAlwaysOff,
    /// As the parent says; roots by this ratio.
    ParentBasedRatio(f64),
}

/// A format of propagation headers (`OTEL_PROPAGATORS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagator {
    /// W3C `traceparent` and `tracestate`.
    TraceContext,
    /// W3C `baggage`.
    Baggage,
    /// B3 in one header.
    B3,
    /// B3 in several headers.
    B3Multi,
}

/// Where spans go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere.
    None,
    /// To an OTLP endpoint.
    Otlp,
    /// To standard error, for a first look.
    Console,
}

/// Aggregation temporality that metrics are pushed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// Since the start of the process.
    Cumulative,
    /// Since the last push, up-down counters excepted.
    Delta,
}

/// Batching of spans or log records (`OTEL_BSP_*`, `OTEL_BLRP_*`). There is no queue of single
/// records here that `MAX_QUEUE_SIZE` could bound; see [`Settings::queue_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// The longest a record waits for its batch to fill.
    pub schedule_delay: Duration,
    /// Records in a full batch.
    pub export_batch_size: usize,
}

/// When failed exports are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first pause; each further one is twice as long, with jitter.
    pub initial: Duration,
    /// The longest pause of our own; one that a server asks for may last up to `age_max`.
    pub pause_max: Duration,
    /// A payload this old is given up at its next failure.
    pub age_max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            pause_max: Duration::from_secs(30),
            age_max: Duration::from_mins(5),
        }
    }
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `OTEL_SDK_DISABLED`.
    pub disabled: bool,
    /// `OTEL_SERVICE_NAME`, else `service.name` of the resource attributes, else the baked name.
    pub service_name: String,
    /// `SELVEDGE_ENV`, else `deployment.environment.name`; empty for none.
    pub environment: String,
    /// How root traces are sampled.
    pub sampler: SamplerChoice,
    /// At most so many sampled root traces a second; 0 for no cap.
    pub traces_per_second: u32,
    /// Formats that are read and written, in order.
    pub propagators: Vec<Propagator>,
    /// `SELVEDGE_DISABLED_INTEGRATIONS`.
    pub disabled_integrations: Vec<String>,
    /// Attributes of one span.
    pub attribute_count_limit: u32,
    /// Bytes of one attribute's text.
    pub attribute_length_limit: usize,
    /// Events of one span.
    pub event_count_limit: u32,
    /// Links of one span.
    pub link_count_limit: u32,
    /// The longest a flush at exit takes (`SELVEDGE_FLUSH_TIMEOUT`, milliseconds).
    pub flush_timeout: Duration,
    /// Ring buffer of one thread (`SELVEDGE_BUFFER_BYTES`).
    pub buffer_bytes_per_thread: usize,
    /// Payload queue (`SELVEDGE_QUEUE_BYTES`).
    pub queue_bytes: usize,
    /// `OTEL_RESOURCE_ATTRIBUTES`, decoded.
    pub resource_attributes: Vec<(String, String)>,
    /// `OTEL_TRACES_EXPORTER`.
    pub traces: Destination,
    /// `OTEL_LOGS_EXPORTER`.
    pub logs: Destination,
    /// `OTEL_METRICS_EXPORTER` as far as metrics are pushed.
    pub metrics: Destination,
    /// Address of `/metrics`; none when it is off.
    pub prometheus: Option<(String, u16)>,
    /// OTLP endpoint of spans.
    pub traces_endpoint: Endpoint,
    /// OTLP endpoint of log records.
    pub logs_endpoint: Endpoint,
    /// OTLP endpoint of metrics.
    pub metrics_endpoint: Endpoint,
    /// Batching of spans.
    pub span_batching: Batching,
    /// Batching of log records.
    pub log_batching: Batching,
    /// Time between two pushes of metrics.
    pub metric_interval: Duration,
    /// Temporality of pushed metrics.
    pub temporality: Temporality,
    /// When failed exports are tried again.
    pub retry: Retry,
    /// False when the console leaves durations out (`SELVEDGE_CONSOLE_TIMES=off`).
    pub console_times: bool,
}

impl Settings {
    /// Reads the environment over the baked values. The warnings are sentences for the log.
    pub fn load(
        baked: &Baked,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> (Self, Vec<String>) {
        let mut source = Source {
            environment,
            warnings: Vec::new(),
        };
        let settings = source.settings(baked);
        let mut warnings = source.warnings;
        // A general variable is read once for each signal.
        let mut seen = Vec::new();
        warnings.retain(|warning| {
            let new = !seen.contains(warning);
            seen.push(warning.clone());
            new
        });
        (settings, warnings)
    }
}

/// The environment and what was wrong in it.
pub(crate) struct Source<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
}

impl Source<'_> {
    /// A variable; an empty one counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.environment)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// A variable that must parse; warned about and ignored when it does not.
    pub(crate) fn parse<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.warn(format!("{name}: \"{value}\" is not {expected}; ignored"));
        }
        parsed
    }

    fn number(&mut self, name: &str, default: u32) -> u32 {
        self.parse(name, "a whole number", |text| text.parse().ok())
            .unwrap_or(default)
    }

    fn positive(&mut self, name: &str, default: usize) -> usize {
        self.parse(name, "a positive number", |text| {
            text.parse().ok().filter(|&number| number > 0)
        })
        .unwrap_or(default)
    }

    pub(crate) fn milliseconds(&mut self, name: &str, default: u64) -> Duration {
        self.parse(name, "a number of milliseconds", |text| text.parse().ok())
            .map_or(Duration::from_millis(default), Duration::from_millis)
    }

    /// Only "true" is true; anything but "false" is warned about (specification, "Boolean").
    fn boolean(&mut self, name: &str) -> bool {
        self.parse(name, "true or false", parse_boolean)
            .unwrap_or(false)
    }

    fn list(&self, name: &str) -> Vec<String> {
        let value = self.get(name).unwrap_or_default();
        value
            .split(',')
            .map(|item| item.trim().to_owned())
            .filter(|item| !item.is_empty())
            .collect()
    }

    fn settings(&mut self, baked: &Baked) -> Settings {
        let resource_attributes = self.resource_attributes();
        let resource = |key: &str| {
            resource_attributes
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.clone())
        };
        let service_name = self
            .get("OTEL_SERVICE_NAME")
            .or_else(|| resource("service.name"))
            .unwrap_or_else(|| baked.service_name.to_owned());
        let environment = self
            .get("SELVEDGE_ENV")
            .or_else(|| resource("deployment.environment.name"))
            .or_else(|| resource("deployment.environment"))
            .unwrap_or_default();
        let (sampler, cap) = self.sampling(sampling_table(baked.sampling, &environment));
        let console = self.console();
        let (metrics, prometheus) = self.metrics_destinations(console);
        Settings {
            disabled: self.boolean("OTEL_SDK_DISABLED"),
            service_name,
            environment,
            sampler,
            traces_per_second: self.number("SELVEDGE_TRACES_PER_SECOND", cap),
            propagators: self.propagators(),
            disabled_integrations: self.list("SELVEDGE_DISABLED_INTEGRATIONS"),
            attribute_count_limit: self.span_limit("ATTRIBUTE_COUNT_LIMIT", 128),
            attribute_length_limit: self
                .span_limit("ATTRIBUTE_VALUE_LENGTH_LIMIT", ATTRIBUTE_LENGTH_DEFAULT)
                as usize,
            event_count_limit: self.number("OTEL_SPAN_EVENT_COUNT_LIMIT", 128),
            link_count_limit: self.number("OTEL_SPAN_LINK_COUNT_LIMIT", 128),
            flush_timeout: self.milliseconds("SELVEDGE_FLUSH_TIMEOUT", 5000),
            buffer_bytes_per_thread: self.positive("SELVEDGE_BUFFER_BYTES", 256 << 10),
            queue_bytes: self.positive("SELVEDGE_QUEUE_BYTES", QUEUE_BYTES_DEFAULT),
            resource_attributes,
            traces: self.destination("OTEL_TRACES_EXPORTER", console),
            logs: self.destination("OTEL_LOGS_EXPORTER", console),
            metrics,
            prometheus,
            traces_endpoint: endpoint::load(self, "TRACES", "OTEL_BSP_EXPORT_TIMEOUT"),
            logs_endpoint: endpoint::load(self, "LOGS", "OTEL_BLRP_EXPORT_TIMEOUT"),
            metrics_endpoint: endpoint::load(self, "METRICS", "OTEL_METRIC_EXPORT_TIMEOUT"),
            span_batching: self.batching("OTEL_BSP", 5000),
            log_batching: self.batching("OTEL_BLRP", 1000),
            metric_interval: self.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000),
            temporality: self.temporality(),
            retry: Retry::default(),
            console_times: self.get("SELVEDGE_CONSOLE_TIMES").as_deref() != Some("off"),
        }
    }

    /// `key=value,…` with percent-encoded values. One malformed pair voids the whole variable
    /// (specification, resource/sdk.md).
    fn resource_attributes(&mut self) -> Vec<(String, String)> {
        const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
        self.parse(NAME, "a list of key=value", endpoint::parse_pairs)
            .unwrap_or_default()
    }

    /// The sampler and the cap of sampled traces a second.
    fn sampling(&mut self, table: Option<&EnvironmentSampling>) -> (SamplerChoice, u32) {
        let ratio = self.parse("OTEL_TRACES_SAMPLER_ARG", "a ratio from 0 to 1", |text| {
            text.parse()
                .ok()
                .filter(|ratio| (0.0..=1.0).contains(ratio))
        });
        let ratio = ratio.unwrap_or(1.0);
        let choice = self.parse(
            "OTEL_TRACES_SAMPLER",
            "a known sampler",
            |text| match text {
                "always_on" => Some(SamplerChoice::AlwaysOn),
                "always_off" => Some(SamplerChoice::AlwaysOff),
                "traceidratio" => Some(SamplerChoice::Ratio(ratio)),
                "parentbased_always_on" => Some(SamplerChoice::ParentBasedAlwaysOn),
                "parentbased_always_off" => Some(SamplerChoice::ParentBasedAlwaysOff),
                "parentbased_traceidratio" => Some(SamplerChoice::ParentBasedRatio(ratio)),
                _ => None,
            },
        );
        match (choice, table) {
            (Some(choice), _) => (choice, 0),
            (None, Some(table)) => (
                SamplerChoice::ParentBasedRatio(table.parent_based_ratio),
                table.traces_per_second,
            ),
            (None, None) => (SamplerChoice::ParentBasedAlwaysOn, 0),
        }
    }

    fn propagators(&mut self) -> Vec<Propagator> {
        if self.get("OTEL_PROPAGATORS").is_none() {
            return vec![Propagator::TraceContext, Propagator::Baggage];
        }
        let mut propagators = Vec::new();
        for name in self.list("OTEL_PROPAGATORS") {
            let propagator = match name.as_str() {
                "tracecontext" => Propagator::TraceContext,
                "baggage" => Propagator::Baggage,
                "b3" => Propagator::B3,
                "b3multi" => Propagator::B3Multi,
                "none" => continue,
                other => {
                    self.warn(format!(
                        "OTEL_PROPAGATORS: \"{other}\" is not known; ignored"
                    ));
                    continue;
                }
            };
            if !propagators.contains(&propagator) {
                propagators.push(propagator);
            }
        }
        propagators
    }

    /// A limit for spans, else the general one of the same name.
    fn span_limit(&mut self, name: &str, default: u32) -> u32 {
        let general = self.number(&format!("OTEL_{name}"), default);
        self.number(&format!("OTEL_SPAN_{name}"), general)
    }

    fn batching(&mut self, prefix: &str, delay_ms: u64) -> Batching {
        let size = self.positive(&format!("{prefix}_MAX_EXPORT_BATCH_SIZE"), 512);
        Batching {
            schedule_delay: self.milliseconds(&format!("{prefix}_SCHEDULE_DELAY"), delay_ms),
            export_batch_size: size.min(EXPORT_BATCH_SIZE_MAX),
        }
    }

    /// True for `SELVEDGE_EXPORT=console`.
    fn console(&mut self) -> bool {
        self.parse(
            "SELVEDGE_EXPORT",
            "\"console\" or \"otlp\"",
            |text| match text {
                "console" => Some(true),
                "otlp" => Some(false),
                _ => None,
            },
        )
        .unwrap_or(false)
    }

    /// Where spans or log records go. `SELVEDGE_EXPORT=console` stands over the signal's own
    /// variable; log lines are on the console already.
    fn destination(&mut self, name: &str, console: bool) -> Destination {
        let spans = name == "OTEL_TRACES_EXPORTER";
        if console {
            return if spans {
                Destination::Console
            } else {
                Destination::None
            };
        }
        let chosen = self.parse(name, "one of otlp, console, none", |text| match text {
            "otlp" => Some(Destination::Otlp),
            "console" | "logging" if spans => Some(Destination::Console),
            "console" | "logging" | "none" => Some(Destination::None),
            _ => None,
        });
        chosen.unwrap_or(Destination::Otlp)
    }

    /// Whether metrics are pushed, and where `/metrics` listens. Both unless something is asked
    /// for; on the console neither, so that a first look binds no port.
    fn metrics_destinations(&mut self, console: bool) -> (Destination, Option<(String, u16)>) {
        let mut asked = self.list("OTEL_METRICS_EXPORTER");
        if asked.is_empty() && !console {
            asked = vec!["otlp".to_owned(), "prometheus".to_owned()];
        }
        let (mut push, mut pull) = (Destination::None, None);
        for name in asked {
            match name.as_str() {
                "otlp" if console => {}
                "otlp" => push = Destination::Otlp,
                "prometheus" => pull = Some(self.prometheus_address()),
                "none" | "console" => {}
                other => {
                    self.warn(format!(
                        "OTEL_METRICS_EXPORTER: \"{other}\" is not known; ignored"
                    ));
                }
            }
        }
        (push, pull)
    }

    fn prometheus_address(&mut self) -> (String, u16) {
        const PORT: &str = "OTEL_EXPORTER_PROMETHEUS_PORT";
        let host = self.get("OTEL_EXPORTER_PROMETHEUS_HOST");
        let port = self.parse(PORT, "a port", |text| text.parse().ok());
        (
            host.unwrap_or_else(|| "127.0.0.1".to_owned()),
            port.unwrap_or(9464),
        )
    }

    fn temporality(&mut self) -> Temporality {
        const NAME: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
        self.parse(NAME, "cumulative, delta or lowmemory", |text| {
            match text.to_ascii_lowercase().as_str() {
                "cumulative" => Some(Temporality::Cumulative),
                // For synchronous instruments `lowmemory` is delta as well.
                "delta" | "lowmemory" => Some(Temporality::Delta),
                _ => None,
            }
        })
        .unwrap_or(Temporality::Cumulative)
    }
}

fn parse_boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// The table of this environment, else the one named `default`.
fn sampling_table<'a>(
    tables: &'a [EnvironmentSampling],
    environment: &str,
) -> Option<&'a EnvironmentSampling> {
    let named = |name: &str| tables.iter().find(|table| table.environment == name);
    named(environment).or_else(|| named("default"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::endpoint::Url;

    static BAKED: Baked = Baked {
        service_name: "baked",
        service_version: "1",
        sampling: &[
            EnvironmentSampling {
                environment: "production",
                parent_based_ratio: 0.15,
                traces_per_second: 9,
            },
            EnvironmentSampling {
                environment: "default",
                parent_based_ratio: 0.5,
                traces_per_second: 0,
            },
        ],
        resource: &[],
        panic_aborts: false,
        manifest: "",
    };

    fn load(variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
        Settings::load(&BAKED, &|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[track_caller]
    fn check_warning(name: &str, value: &str) -> Settings {
        let (settings, warnings) = load(&[(name, value)]);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(name), "{warnings:?}");
        settings
    }

    #[test]
    fn nothing_set_gives_the_specified_defaults() {
        let (settings, warnings) = load(&[]);
        assert_eq!(warnings, [] as [&str; 0]);
        assert!(!settings.disabled);
        assert_eq!(settings.service_name, "baked");
        assert_eq!(
            settings.propagators,
            [Propagator::TraceContext, Propagator::Baggage]
        );
        assert_eq!(settings.attribute_count_limit, 128);
        assert_eq!(
            (settings.event_count_limit, settings.link_count_limit),
            (128, 128)
        );
        assert_eq!(
            settings.span_batching.schedule_delay,
            Duration::from_secs(5)
        );
        assert_eq!(settings.log_batching.schedule_delay, Duration::from_secs(1));
        assert_eq!(settings.metric_interval, Duration::from_mins(1));
        assert_eq!(settings.prometheus, Some(("127.0.0.1".to_owned(), 9464)));
        assert_eq!(
            (settings.traces, settings.metrics),
            (Destination::Otlp, Destination::Otlp)
        );
        let url = Url::parse("http://localhost:4318/v1/traces");
        assert_eq!(settings.traces_endpoint.url, url);
        assert_eq!(settings.traces_endpoint.timeout, Duration::from_secs(10));
    }

    #[test]
    fn the_environment_picks_the_sampling_table_and_a_sampler_stands_over_it() {
        let (settings, _) = load(&[]);
        assert_eq!(settings.sampler, SamplerChoice::ParentBasedRatio(0.5));
        let production = (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment=production",
        );
        let (settings, _) = load(&[production]);
        assert_eq!(settings.sampler, SamplerChoice::ParentBasedRatio(0.15));
        assert_eq!(settings.traces_per_second, 9);
        let (settings, _) = load(&[production, ("SELVEDGE_ENV", "staging")]);
        assert_eq!(settings.environment, "staging");
        assert_eq!(settings.sampler, SamplerChoice::ParentBasedRatio(0.5));
        let sampler = [
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ];
        let (settings, _) = load(&[production, sampler[0], sampler[1]]);
        assert_eq!(settings.sampler, SamplerChoice::Ratio(0.25));
        assert_eq!(settings.traces_per_second, 0);
    }

    #[test]
    fn the_services_name_comes_from_the_most_specific_place() {
        let resource = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=resource,a=b");
        assert_eq!(load(&[resource]).0.service_name, "resource");
        let name = ("OTEL_SERVICE_NAME", "name");
        assert_eq!(load(&[resource, name]).0.service_name, "name");
        assert_eq!(load(&[("OTEL_SERVICE_NAME", " ")]).0.service_name, "baked");
    }

    #[test]
    fn senseless_values_are_warned_about_and_left_at_their_defaults() {
        assert!(!check_warning("OTEL_SDK_DISABLED", "1").disabled);
        check_warning("OTEL_TRACES_SAMPLER", "often");
        check_warning("OTEL_TRACES_SAMPLER_ARG", "1.5");
        check_warning("OTEL_PROPAGATORS", "tracecontext,xray");
        check_warning("OTEL_SPAN_EVENT_COUNT_LIMIT", "-1");
        check_warning("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0");
        check_warning("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317");
        check_warning("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "a");
        check_warning("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        check_warning("OTEL_EXPORTER_OTLP_ENDPOINT", "collector");
        check_warning("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd");
        check_warning("OTEL_TRACES_EXPORTER", "zipkin");
        check_warning("OTEL_EXPORTER_PROMETHEUS_PORT", "99999");
        let settings = check_warning("OTEL_RESOURCE_ATTRIBUTES", "a=b,c");
        assert!(settings.resource_attributes.is_empty());
    }

    #[test]
    fn a_signals_own_endpoint_is_taken_as_it_is() {
        let (settings, _) = load(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/otlp"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:1"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "20000"),
            ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "100"),
        ]);
        assert_eq!(settings.traces_endpoint.url, Url::parse("http://traces:1/"));
        let logs = Url::parse("http://collector:4318/otlp/v1/logs");
        assert_eq!(settings.logs_endpoint.url, logs);
        assert_eq!(settings.logs_endpoint.timeout, Duration::from_millis(100));
        assert_eq!(settings.metrics_endpoint.timeout, Duration::from_secs(20));
    }

    #[test]
    #[cfg(not(feature = "tls"))]
    fn https_needs_a_feature_and_says_so() {
        let name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        let (settings, warnings) = load(&[(name, "https://collector")]);
        assert!(warnings[0].contains("\"tls\""), "{warnings:?}");
        assert_eq!(settings.traces_endpoint.url, None);
    }

    #[test]
    fn the_console_takes_the_place_of_everything_else() {
        let (settings, _) = load(&[("SELVEDGE_EXPORT", "console")]);
        assert_eq!(settings.traces, Destination::Console);
        assert_eq!(
            (settings.logs, settings.metrics),
            (Destination::None, Destination::None)
        );
        assert_eq!(settings.prometheus, None);
        assert!(settings.console_times);
    }
}
