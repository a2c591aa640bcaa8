//! What a call of the wrapper costs for a crate that is not woven. The compiler is one that
//! does nothing, so that only the way to it is measured.

use std::process::Command;
use std::time::Instant;

use report::{Samples, cargo_selvedge, run};

use crate::rows::Figure;
use crate::warm_up::WarmUp;

const COMPILER: &str = "/bin/true";

/// Milliseconds of the compiler alone and behind the wrapper, in turn.
pub(crate) fn measure(warm_up: &WarmUp, calls: usize) -> Result<Figure, String> {
    let wrapper = cargo_selvedge()?;
    let (mut plain, mut woven) = (Samples::default(), Samples::default());
    for _ in 0..calls {
        plain.push(milliseconds(compile(Command::new(COMPILER), warm_up))?);
        let mut call = Command::new(&wrapper);
        call.arg(COMPILER);
        woven.push(milliseconds(compile(call, warm_up))?);
    }
    Ok(Figure {
        plain,
        woven: Some(woven),
        by_hand: None,
    })
}

/// The call that cargo makes for a registry crate which no integration names.
fn compile(mut command: Command, warm_up: &WarmUp) -> Command {
    command
        .args([
            "--crate-name",
            "nothing",
            "--edition=2021",
            "src/lib.rs",
            "--crate-type",
            "lib",
        ])
        .args(["--emit=dep-info,metadata,link", "-C", "embed-bitcode=no"])
        .args([
            "-C",
            "metadata=0123456789abcdef",
            "-C",
            "extra-filename=-0123456789abcdef",
        ])
        .arg("--out-dir")
        .arg(&warm_up.out_dir)
        .arg("-L")
        .arg(format!("dependency={}", warm_up.out_dir.display()))
        .args(["--cap-lints", "allow"])
        .env("SELVEDGE_SESSION", &warm_up.session)
        .env("CARGO_PKG_NAME", "nothing")
        .env("CARGO_PKG_VERSION", "1.0.0")
        .env("CARGO_MANIFEST_DIR", &warm_up.out_dir)
        .env("CARGO", "cargo");
    command
}

fn milliseconds(mut command: Command) -> Result<f64, String> {
    let started = Instant::now();
    run(&mut command)?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}
