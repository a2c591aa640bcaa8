//! Chores of this repository: `cargo xtask tidy`, `cargo xtask demo`.

mod demo;
mod otlp;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <task>

  tidy       check the invariants of ARCHITECTURE.md and the style of the sources
  demo       weave three published programs, let one call the others, show the traces
";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask stands in the workspace");
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(root),
        Some("demo") => match demo::run(root) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("demo: {error}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
