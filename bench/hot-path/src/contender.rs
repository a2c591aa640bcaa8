//! What is compared, and the process that runs one of them.

use std::fs;
use std::time::Duration;

use crate::meter::{self, Load, Measured};
use crate::rivals::{fastrace, sdk, tracing};
use crate::selvedge;

/// The sampler that all contenders are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// Nothing is started: no agent, SDK, subscriber or reporter.
    Off,
    /// Started, and no trace is sampled.
    None,
    /// Started, and every trace is sampled.
    All,
}

/// One line of the report: an operation of one library.
pub(crate) struct Contender {
    /// Operations of one group are compared, the first is ours.
    pub(crate) group: &'static str,
    /// The library and how it is used.
    pub(crate) title: &'static str,
    pub(crate) sampling: Sampling,
    pub(crate) load: Load,
    /// Starts the library, and hands back how to use it.
    pub(crate) start: fn(Sampling) -> Result<Running, String>,
}

/// A started library.
pub(crate) struct Running {
    /// The operation; with [`Load::Traces`] a whole trace.
    pub(crate) operation: Box<dyn FnMut()>,
    /// Exports what is left, and says how many spans an exporter in this process has seen; none
    /// where they go to the sink.
    pub(crate) stop: Box<dyn FnOnce() -> Option<u64>>,
}

const NULL: &str = "hook without agent";
const UNSAMPLED: &str = "span, not sampled";
const SAMPLED: &str = "span, sampled, 3 attributes";
const COUNTER: &str = "counter";
const HISTOGRAM: &str = "histogram";

/// All of them; the first of a group is what the others are compared with.
pub(crate) const ALL: &[Contender] = &[
    span(NULL, "selvedge-hooks", Sampling::Off, selvedge::span),
    span(NULL, "tracing, no subscriber", Sampling::Off, tracing::span),
    span(NULL, "opentelemetry, no SDK", Sampling::Off, sdk::span),
    span(NULL, "fastrace, no reporter", Sampling::Off, fastrace::span),
    traces(
        UNSAMPLED,
        "selvedge, RED metrics on",
        Sampling::None,
        selvedge::trace,
    ),
    traces(UNSAMPLED, "opentelemetry_sdk", Sampling::None, sdk::trace),
    traces(
        UNSAMPLED,
        "tracing-opentelemetry",
        Sampling::None,
        tracing::trace,
    ),
    traces(UNSAMPLED, "fastrace", Sampling::None, fastrace::trace),
    traces(
        SAMPLED,
        "selvedge, RED metrics on",
        Sampling::All,
        selvedge::trace,
    ),
    traces(SAMPLED, "opentelemetry_sdk", Sampling::All, sdk::trace),
    traces(
        SAMPLED,
        "tracing-opentelemetry",
        Sampling::All,
        tracing::trace,
    ),
    traces(SAMPLED, "fastrace", Sampling::All, fastrace::trace),
    measurement(COUNTER, "selvedge, no labels", selvedge::counter),
    measurement(COUNTER, "selvedge, 2 labels", selvedge::counter_labelled),
    measurement(COUNTER, "opentelemetry_sdk, bound", sdk::counter_bound),
    measurement(COUNTER, "opentelemetry_sdk, 2 labels", sdk::counter),
    measurement(HISTOGRAM, "selvedge, no labels", selvedge::histogram),
    measurement(
        HISTOGRAM,
        "selvedge, 2 labels",
        selvedge::histogram_labelled,
    ),
    measurement(HISTOGRAM, "opentelemetry_sdk, bound", sdk::histogram_bound),
    measurement(HISTOGRAM, "opentelemetry_sdk, 2 labels", sdk::histogram),
];

type Start = fn(Sampling) -> Result<Running, String>;

const fn span(
    group: &'static str,
    title: &'static str,
    sampling: Sampling,
    start: Start,
) -> Contender {
    Contender {
        group,
        title,
        sampling,
        load: Load::Continuous,
        start,
    }
}

const fn traces(
    group: &'static str,
    title: &'static str,
    sampling: Sampling,
    start: Start,
) -> Contender {
    Contender {
        group,
        title,
        sampling,
        load: Load::Traces,
        start,
    }
}

const fn measurement(group: &'static str, title: &'static str, start: Start) -> Contender {
    Contender {
        group,
        title,
        sampling: Sampling::All,
        load: Load::Continuous,
        start,
    }
}

impl Contender {
    /// True for those whose memory is measured as well.
    pub(crate) fn exports_spans(&self) -> bool {
        self.load == Load::Traces && self.sampling == Sampling::All
    }

    /// The `OTEL_*` environment of its process.
    pub(crate) fn environment(&self, endpoint: &str) -> [(&'static str, String); 4] {
        let sampler = match self.sampling {
            Sampling::All => "parentbased_always_on",
            Sampling::Off | Sampling::None => "parentbased_always_off",
        };
        [
            ("OTEL_TRACES_SAMPLER", sampler.to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
            ("OTEL_SERVICE_NAME", "hot-path".to_owned()),
        ]
    }
}

/// What a contender's process prints, in one line: the measured cost, or the growth of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) measured: Measured,
    /// Growth of resident memory from before the library's start to its peak.
    pub(crate) growth_mb: f64,
    /// Spans that an exporter in the process has seen; none where they went to the sink.
    pub(crate) exported: Option<u64>,
}

/// Runs `<index> cost <bursts>` or `<index> memory <seconds>` and prints the answer.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let [index, mode, size] = arguments else {
        return Err("a contender needs its index, a mode and a size".to_owned());
    };
    let index: usize = index
        .parse()
        .map_err(|_| format!("{index:?} is not a number"))?;
    let size: u32 = size
        .parse()
        .map_err(|_| format!("{size:?} is not a number"))?;
    let contender = ALL.get(index).ok_or("no such contender")?;
    let answer = if mode == "memory" {
        memory(contender, size)?
    } else {
        cost(contender, size)?
    };
    println!("{}", answer.print());
    Ok(())
}

fn cost(contender: &Contender, bursts: u32) -> Result<Answer, String> {
    let Running { operation, stop } = (contender.start)(contender.sampling)?;
    let measured = contender.load.measure(bursts as usize, operation);
    Ok(Answer {
        measured,
        growth_mb: 0.0,
        exported: stop(),
    })
}

fn memory(contender: &Contender, seconds: u32) -> Result<Answer, String> {
    let before = resident_mb("VmRSS:")?;
    let Running { operation, stop } = (contender.start)(contender.sampling)?;
    let count = meter::steady(Duration::from_secs(seconds.into()), operation);
    let growth_mb = resident_mb("VmHWM:")? - before;
    let measured = Measured {
        count,
        ..Measured::default()
    };
    Ok(Answer {
        measured,
        growth_mb,
        exported: stop(),
    })
}

/// A line of `/proc/self/status`.
fn resident_mb(name: &str) -> Result<f64, String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes
        .map(|kilobytes| kilobytes / 1024.0)
        .ok_or_else(|| format!("no {name}"))
}

impl Answer {
    fn print(&self) -> String {
        let Measured {
            median_ns,
            min_ns,
            allocations,
            count,
        } = self.measured;
        let exported = self.exported.map_or(-1, u64::cast_signed);
        format!(
            "{median_ns} {min_ns} {allocations} {count} {} {exported}",
            self.growth_mb
        )
    }

    /// Reads what [`run`] has printed.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let mut float = || fields.next()?.parse::<f64>().ok();
        let (median_ns, min_ns, allocations) = (float()?, float()?, float()?);
        let count = fields.next()?.parse().ok()?;
        let growth_mb = fields.next()?.parse().ok()?;
        let exported = fields.next()?.parse::<i64>().ok()?;
        Some(Self {
            measured: Measured {
                median_ns,
                min_ns,
                allocations,
                count,
            },
            growth_mb,
            exported: u64::try_from(exported).ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_printed() {
        for exported in [None, Some(7)] {
            let measured = Measured {
                median_ns: 2.5,
                min_ns: 2.0,
                allocations: 0.0,
                count: 10,
            };
            let answer = Answer {
                measured,
                growth_mb: 1.25,
                exported,
            };
            assert_eq!(Answer::parse(&answer.print()), Some(answer));
        }
    }
}
