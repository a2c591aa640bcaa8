//! The wrapper: called by cargo in place of rustc, once for each crate.
//!
//! It never fails a build by itself: whatever goes wrong here, the crate is compiled as it is.
//! It never writes to standard error of its own accord either, because cargo keeps a compiler's
//! messages and shows them again, even in builds without Selvedge.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::embedded;
use crate::exit::Exit;
use crate::kit::{self, Kit};
use crate::report::graph;
use crate::session::{CHAINED_WRAPPER, Session};

mod blame;
mod compile;
mod compiler;
mod dep_info;
mod invocation;
pub(crate) mod late;
mod log;
mod mirror;
mod rules;
mod snippet;
mod weaving;

use invocation::{Crate, Invocation};
pub(crate) use weaving::describe_outcome;

/// Name of the link by which this program stands in for rustdoc.
pub(crate) const RUSTDOC: &str = "selvedge-rustdoc";
/// Names the rustdoc that was set before Selvedge.
pub(crate) const CHAINED_RUSTDOC: &str = "SELVEDGE_CHAINED_RUSTDOC";

/// One unit being compiled, with all that was found out about it.
struct Unit<'a> {
    call: &'a Invocation,
    program: Vec<OsString>,
    unit: Crate,
    package: Package,
    session: Session,
    kit: Kit,
}

/// The package that a unit belongs to.
struct Package {
    name: String,
    version: String,
    manifest_dir: PathBuf,
}

/// Stands in for rustc.
pub(crate) fn run(arguments: Vec<OsString>) -> Exit {
    let call = Invocation::parse(arguments);
    let program = chain(&call);
    if call.asks_version() {
        return print_version(&program, &call.raw).unwrap_or(Exit::Failure);
    }
    let Some(unit) = call.cargo_crate() else {
        return become_compiler(&program, &call.raw);
    };
    let rustc = call.program.last().cloned().unwrap_or_default();
    let prepared = prepare(&rustc, &call, &unit);
    let (session, kit) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            log::line(&unit.unit(), &format!("plain: {error:#}"));
            return become_compiler(&program, &call.raw);
        }
    };
    if unit.is_build_script() || unit.is_proc_macro() || call.has_workspace_wrapper() {
        return pass_through(&program, &call, &kit);
    }
    if let Err(error) = graph::record(&session.state.graph(), &unit.stem(), &call.externs()) {
        log::line(&unit.unit(), &format!("not in the graph: {error}"));
    }
    let package = Package::of_environment();
    if can_take_nothing(&call, &unit, &package) {
        return pass_through(&program, &call, &kit);
    }
    compile::compile(&Unit {
        call: &call,
        program,
        unit,
        package,
        session,
        kit,
    })
}

/// True for a unit that nothing in `selvedge.toml` can concern: rules are for what the user wrote,
/// and no integration knows the package. An integration added to Selvedge is another Selvedge, for
/// which cargo compiles everything anew, so there is nothing to be added to its dep-info.
fn can_take_nothing(call: &Invocation, unit: &Crate, package: &Package) -> bool {
    let is_known = embedded::integrations_of(&package.name).next().is_some();
    !is_known && !unit.is_binary() && !call.is_of_member()
}

/// Compiles a unit as it is.
fn pass_through(program: &[OsString], call: &Invocation, kit: &Kit) -> Exit {
    become_compiler(program, &[call.raw.clone(), linking(kit)].concat())
}

/// Stands in for rustdoc, which cargo does not wrap: doctests link to woven crates.
pub(crate) fn run_rustdoc(mut arguments: Vec<OsString>) -> Exit {
    let rustdoc = env::var_os(CHAINED_RUSTDOC).unwrap_or_else(|| "rustdoc".into());
    let session = Session::of_wrapper(&rustdoc, Path::new(""));
    let target = arguments.iter().position(|argument| argument == "--target");
    let target = target.and_then(|index| arguments.get(index + 1)?.to_str().map(str::to_owned));
    let kit = session.and_then(|session| {
        session.kit(&session.rustc, target.as_deref(), shared_flags(&arguments))
    });
    if let Ok(kit) = kit {
        arguments.extend(linking(&kit));
    }
    become_compiler(&[rustdoc], &arguments)
}

fn prepare(rustc: &OsString, call: &Invocation, unit: &Crate) -> Result<(Session, Kit)> {
    let session = Session::of_wrapper(rustc, &unit.out_dir)?;
    let kit = session.kit(rustc, unit.target.as_deref(), shared_flags(&call.arguments))?;
    Ok((session, kit))
}

fn shared_flags(arguments: &[OsString]) -> Vec<String> {
    kit::shared_flags(arguments.iter().filter_map(|argument| argument.to_str()))
}

/// The compiler behind the wrapper that was there before, if there was one.
fn chain(call: &Invocation) -> Vec<OsString> {
    let chained = env::var_os(CHAINED_WRAPPER).filter(|chained| !chained.is_empty());
    chained
        .into_iter()
        .chain(call.program.iter().cloned())
        .collect()
}

/// What every rustc needs to link woven crates.
fn linking(kit: &Kit) -> Vec<OsString> {
    vec!["-L".into(), dependency(&kit.hooks)]
}

fn dependency(folder: &Path) -> OsString {
    [OsStr::new("dependency="), folder.as_os_str()]
        .into_iter()
        .collect()
}

/// Tells cargo a version of its own, so that woven and plain artifacts live side by side.
fn print_version(program: &[OsString], arguments: &[OsString]) -> Result<Exit> {
    let output = compiler::command(program, arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .context("failed to run rustc")?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&output.stdout)?;
    if output.status.success() {
        writeln!(stdout, "selvedge: {}", embedded::tool_hash())?;
    }
    std::io::stderr().write_all(&output.stderr)?;
    Ok(Exit::passed(output.status))
}

/// Replaces this process by the compiler.
fn become_compiler(program: &[OsString], arguments: &[OsString]) -> Exit {
    let command = compiler::command(program, arguments);
    match replace(command) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: failed to run {}: {error}", program[0].display());
            Exit::Failure
        }
    }
}

#[cfg(unix)]
fn replace(mut command: Command) -> std::io::Result<Exit> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> std::io::Result<Exit> {
    command.status().map(Exit::passed)
}

impl Unit<'_> {
    /// True for what the user wrote: cargo silences the lints of everything else.
    fn is_member(&self) -> bool {
        self.call.is_of_member()
    }
}

impl Package {
    /// From the variables that cargo sets for rustc.
    fn of_environment() -> Self {
        Self {
            name: env::var("CARGO_PKG_NAME").unwrap_or_default(),
            version: env::var("CARGO_PKG_VERSION").unwrap_or_default(),
            manifest_dir: env::var_os("CARGO_MANIFEST_DIR")
                .map(PathBuf::from)
                .unwrap_or_default(),
        }
    }
}
