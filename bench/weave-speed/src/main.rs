//! Megabytes of source text a second that the weaver goes through, on one core: every published
//! source in cargo's registry with a rule for every function, and the libraries that the
//! integrations know, with the integrations.
//!
//! Reading the files is not timed. Modules are guessed from paths: which file belongs to which
//! is the command's to find out, not the weaver's.

mod integrations;
mod sources;
mod work;

use std::process::ExitCode;

use report::{Arguments, Samples, Table, head};

use sources::Package;
use work::{Tally, Work};

/// Bytes of source that a short run takes, so that it ends within seconds.
const SHORT_BYTES: usize = 40 << 20;

fn main() -> ExitCode {
    match Arguments::from_environment().and_then(|arguments| measure(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weave-speed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    print!("{}", head("weave-speed"));
    let bytes_max = if arguments.full {
        usize::MAX
    } else {
        SHORT_BYTES
    };
    let packages = sources::registry(bytes_max)?;
    let integrations = integrations::all()?;
    let known: Vec<&Package> = packages
        .iter()
        .filter(|package| integrations.know(&package.name))
        .collect();
    let every_function = Work::every_function(&packages)?;
    let with_integrations = Work::integrations(&known, &integrations);
    let rounds = arguments.rounds(3, 7);
    println!(
        "{rounds} rounds, one thread, {} packages in the registry\n",
        packages.len()
    );
    print(
        &[
            ("a rule for every function", every_function),
            ("the integrations", with_integrations),
        ],
        rounds,
    );
    Ok(())
}

fn print(works: &[(&str, Work<'_>)], rounds: usize) {
    let heads = [
        "woven with",
        "MB/s median",
        "MB/s least",
        "MB",
        "files",
        "unparsed",
        "insertions",
    ];
    let mut table = Table::new(&heads);
    let mut rates = vec![Samples::default(); works.len()];
    let mut tallies = vec![Tally::default(); works.len()];
    for _ in 0..rounds {
        for (index, (_, work)) in works.iter().enumerate() {
            let (seconds, tally) = work.timed();
            rates[index].push(tally.bytes as f64 / 1e6 / seconds);
            tallies[index] = tally;
        }
    }
    for (index, (title, _)) in works.iter().enumerate() {
        let tally = &tallies[index];
        table.row([
            (*title).to_owned(),
            format!("{:.1}", rates[index].median()),
            format!("{:.1}", rates[index].min()),
            format!("{:.1}", tally.bytes as f64 / 1e6),
            tally.files.to_string(),
            tally.unparsed.to_string(),
            tally.insertions.to_string(),
        ]);
    }
    println!("{table}");
}
