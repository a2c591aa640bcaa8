//! Requests a second of one service at full load: plain, woven, instrumented by hand.
//!
//! Contenders take turns; each turn is a fresh process under the load of `wrk`, and all but the
//! plain one export to a sink that swallows. Load, service and sink share the machine's cores,
//! so what the sink takes counts against whoever exports.

mod contender;
mod load;
mod service;
mod sink;

use std::process::ExitCode;

use report::{Arguments, Documented, Samples, Table, head, interleave, scratch};

use contender::Contender;
use load::Load;
use sink::Sink;

/// Seconds of load before a measurement.
const WARM_UP_SECONDS: u64 = 1;

fn main() -> ExitCode {
    match Arguments::from_environment().and_then(|arguments| measure(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("throughput: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    print!("{}", head("throughput"));
    let rounds = arguments.rounds(5, 15);
    let load = Load {
        seconds: arguments.seconds.unwrap_or(5),
    };
    println!(
        "load: {}, {rounds} rounds, each after {WARM_UP_SECONDS} s of warm-up\n",
        load.describe()
    );
    let mut sink = Sink::start()?;
    let mut contenders = contender::all(&scratch("services"))?;
    let measured = interleave(&mut contenders, rounds, |contender, round| {
        contender.turn(&load, &mut sink)?;
        eprintln!("round {} of {rounds}: {}", round + 1, contender.last());
        Ok::<(), String>(())
    });
    // What was measured before a failure is shown: it took its time.
    print(&contenders);
    print!("{}", documented(&contenders));
    measured
}

/// The figures of `docs/benchmarks.md`: woven and by hand in each configuration, next to plain.
fn documented(contenders: &[Contender]) -> Documented {
    let mut documented = Documented::default();
    let [plain, rest @ ..] = contenders else {
        return documented;
    };
    let share = |rate: &Samples| 100.0 * rate.paired_ratio(&plain.rate);
    for contender in rest {
        let (figure, goal) = if contender.is_sampled_whole() {
            ("full load, all traces sampled", 97.0)
        } else {
            ("full load, 1 % sampled", 99.0)
        };
        let share = share(&contender.rate);
        let verdict = if contender.is_woven() && share < goal {
            ": **goal missed**"
        } else {
            ""
        };
        let rate = contender.rate.median();
        let title = contender.title.split(',').next().unwrap_or_default();
        documented.add(
            figure,
            format!(
                "{title} {share:.1} % ({rate:.0} of {:.0}){verdict}",
                plain.rate.median()
            ),
        );
    }
    documented
}

fn print(contenders: &[Contender]) {
    let mut table = Table::new(&[
        "service",
        "requests/s",
        "of plain",
        "p50 ms",
        "p99 ms",
        "CPU µs/request",
        "peak RSS MB",
        "spans/request",
        "failed",
    ]);
    let plain = &contenders[0];
    for contender in contenders {
        table.row([
            contender.title.to_owned(),
            format!("{:.0}", contender.rate.median()),
            format!("{:.1} %", 100.0 * contender.rate.paired_ratio(&plain.rate)),
            format!("{:.2}", contender.p50_ms.median()),
            format!("{:.2}", contender.p99_ms.median()),
            format!("{:.1}", contender.cpu_us.median()),
            format!("{:.1}", contender.peak_rss_mb.median()),
            format!("{:.3}", contender.spans.median()),
            contender.failed.to_string(),
        ]);
    }
    println!("{table}");
    println!(
        "requests/s: median; of plain: median of the rounds' ratios; spans/request: as they arrived at the sink."
    );
}
