//! Lets the contenders take turns, each in a process of its own, and prints the tables.

use std::process::Command;

use report::{Arguments, Samples, Table, head, interleave, run as run_command};
use sink::Sink;

use crate::CONTENDER;
use crate::contender::{ALL, Answer, Contender};
use crate::meter::{Load, SPANS_PER_TRACE, STEADY_SPANS_PER_SECOND};

/// One contender with what was measured of it, one sample a round.
struct Entry {
    index: usize,
    contender: &'static Contender,
    median_ns: Samples,
    min_ns: Samples,
    allocations: Samples,
    /// Spans that were exported, of those begun.
    kept: Samples,
    growth_mb: Samples,
}

/// Measures and prints everything.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    print!("{}", head("hot-path"));
    let sink = Sink::start().map_err(|error| format!("failed to start the sink: {error}"))?;
    let mut entries: Vec<Entry> = ALL.iter().enumerate().map(Entry::new).collect();
    let rounds = arguments.rounds(5, 15);
    println!("{rounds} rounds, contenders in turn, each in a process of its own\n");
    interleave(&mut entries, rounds, |entry, _| entry.cost(&sink))?;
    print_costs(&entries);
    let seconds = arguments.seconds.unwrap_or(20);
    let mut exporters: Vec<Entry> = entries
        .into_iter()
        .filter(|entry| entry.contender.exports_spans())
        .collect();
    let rounds = arguments.rounds(1, 3);
    interleave(&mut exporters, rounds, |entry, _| {
        entry.memory(&sink, seconds)
    })?;
    print_memory(&exporters, seconds);
    Ok(())
}

impl Entry {
    fn new((index, contender): (usize, &'static Contender)) -> Self {
        Self {
            index,
            contender,
            median_ns: Samples::default(),
            min_ns: Samples::default(),
            allocations: Samples::default(),
            kept: Samples::default(),
            growth_mb: Samples::default(),
        }
    }

    fn cost(&mut self, sink: &Sink) -> Result<(), String> {
        let bursts = match self.contender.load {
            Load::Continuous => 100,
            Load::Traces => 200,
        };
        let (answer, kept) = self.ask("cost", bursts, sink)?;
        self.median_ns.push(answer.measured.median_ns);
        self.min_ns.push(answer.measured.min_ns);
        self.allocations.push(answer.measured.allocations);
        self.kept.push(kept);
        Ok(())
    }

    fn memory(&mut self, sink: &Sink, seconds: u64) -> Result<(), String> {
        let (answer, kept) = self.ask("memory", seconds, sink)?;
        self.growth_mb.push(answer.growth_mb);
        // Only the steady rate counts here, not the bursts before.
        self.kept = [kept].into_iter().collect();
        Ok(())
    }

    /// Runs the contender's process: its answer, and the share of its spans that were exported.
    fn ask(&self, mode: &str, size: u64, sink: &Sink) -> Result<(Answer, f64), String> {
        sink.take();
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(this);
        command
            .args([CONTENDER, &self.index.to_string(), mode, &size.to_string()])
            .envs(self.contender.environment(&sink.endpoint()));
        let output = run_command(&mut command)?;
        let output = String::from_utf8_lossy(&output.stdout);
        let answer = output.lines().last().and_then(Answer::parse);
        let answer = answer.ok_or_else(|| format!("{command:?} printed {output:?}"))?;
        let exported = answer.exported.unwrap_or_else(|| sink.take().spans);
        Ok((answer, exported as f64 / answer.measured.count as f64))
    }

    fn kept(&self) -> String {
        if self.contender.exports_spans() {
            format!("{:.1} %", 100.0 * self.kept.median())
        } else {
            "–".to_owned()
        }
    }
}

fn print_costs(entries: &[Entry]) {
    let heads = [
        "operation",
        "library",
        "ns median",
        "ns least",
        "× ours",
        "allocations",
        "exported",
    ];
    let mut table = Table::new(&heads);
    for entry in entries {
        let ours = entries
            .iter()
            .find(|other| other.contender.group == entry.contender.group);
        let ours = ours.expect("an entry is of its own group");
        table.row([
            entry.contender.group.to_owned(),
            entry.contender.title.to_owned(),
            format!("{:.1}", entry.median_ns.median()),
            format!("{:.1}", entry.min_ns.min()),
            format!("{:.2}", entry.median_ns.paired_ratio(&ours.median_ns)),
            format!("{:.2}", entry.allocations.median()),
            entry.kept(),
        ]);
    }
    println!("{table}");
    println!(
        "on the calling thread; spans: in traces of {SPANS_PER_TRACE}, each begun, made current \
         and ended; exported: of the spans begun. Selvedge encodes and sends OTLP to a local \
         sink; the rivals' exporters drop what they are given.\n"
    );
}

fn print_memory(entries: &[Entry], seconds: u64) {
    let mut table = Table::new(&["library", "MB grown at most", "exported"]);
    for entry in entries {
        let growth = format!("{:.1}", entry.growth_mb.median());
        table.row([entry.contender.title.to_owned(), growth, entry.kept()]);
    }
    println!("{table}");
    println!(
        "resident memory after {seconds} s at {STEADY_SPANS_PER_SECOND} spans/s, peak less what the process had before."
    );
}
