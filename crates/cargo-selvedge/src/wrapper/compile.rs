//! Compiling one unit: woven where that works, plain where it does not.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::compiler::{self, Artifacts, Run, forward_all, is_silent};
use super::mirror::Layout;
use super::weaving::{self, Woven};
use super::{
    Unit, become_compiler, blame, dep_info, dependency, late, linking, log, rules, snippet,
};
use crate::exit::Exit;
use crate::report::unit::UnitReport;

/// Compiles a unit and keeps its dep-info and report in step.
pub(crate) fn compile(unit: &Unit<'_>) -> Exit {
    let name = unit.unit.unit();
    let rules = match rules::file(unit) {
        Ok(rules) => rules,
        Err(error) => {
            log::line(&name, &format!("plain: {error:#}"));
            return become_compiler(
                &unit.program,
                &[unit.call.raw.clone(), linking(&unit.kit)].concat(),
            );
        }
    };
    if let Some(message) = rules.invalid {
        eprintln!("error: {message}");
        return Exit::Configuration;
    }
    let compiled = match late::taken(unit) {
        Some(reason) => compile_unwoven(unit, reason, &rules.path),
        None => match weaving::weave(unit, &BTreeSet::new()) {
            Ok(Some(woven)) if woven.is_plain() => compile_found_nothing(unit, &woven, &rules.path),
            Ok(Some(woven)) => compile_woven(unit, woven, &rules.path),
            Ok(None) => compile_plain(unit, &rules.path),
            Err(error) => compile_unwoven(unit, format!("{error:#}"), &rules.path),
        },
    };
    compiled.unwrap_or_else(|error| {
        log::line(&name, &format!("plain after a failure: {error:#}"));
        become_compiler(
            &unit.program,
            &[unit.call.raw.clone(), linking(&unit.kit)].concat(),
        )
    })
}

/// A unit that nothing is woven into; its messages go straight to cargo where they can tell nothing
/// of woven crates.
fn compile_plain(unit: &Unit<'_>, rules: &Path) -> Result<Exit> {
    let arguments = plain_arguments(unit);
    let status = if unit.is_member() {
        let run = compiler::run(&unit.program, &arguments, Artifacts::Forward)?;
        show(unit, &run.messages)?;
        run.status
    } else {
        compiler::command(&unit.program, &arguments).status()?
    };
    if status.success() {
        amend_dep_info(unit, None, rules);
    }
    Ok(Exit::passed(status))
}

/// A unit in which nothing that was looked for was found: a report, and no mirror.
fn compile_found_nothing(unit: &Unit<'_>, woven: &Woven, rules: &Path) -> Result<Exit> {
    let exit = compile_plain(unit, rules)?;
    write_report(unit, &woven.report);
    Ok(exit)
}

/// A unit that cannot be woven, or whose woven sources cannot be written: the report says why.
fn compile_unwoven(unit: &Unit<'_>, reason: String, rules: &Path) -> Result<Exit> {
    log::line(&unit.unit.unit(), &format!("plain: {reason}"));
    let exit = compile_plain(unit, rules)?;
    write_report(unit, &weaving::unwoven(unit, reason));
    Ok(exit)
}

fn compile_woven(unit: &Unit<'_>, woven: Woven, rules: &Path) -> Result<Exit> {
    let run = compiler::run(
        &unit.program,
        &woven_arguments(unit, &woven),
        Artifacts::Forward,
    )?;
    if run.status.success() {
        return finish_woven(unit, &woven, &run, rules);
    }
    if run.was_stopped() {
        return stop(unit, &run);
    }
    if run.is_announced {
        return late::fail(unit, &woven, &run);
    }
    // Until it is clear whose fault it is, cargo must not start on this one's dependents.
    let plain = compiler::run(&unit.program, &plain_arguments(unit), Artifacts::Keep)?;
    if !plain.status.success() {
        show(unit, &plain.messages)?;
        return Ok(Exit::passed(plain.status));
    }
    let blamed = blame::rules_at_fault(&run, &woven, unit);
    if !blamed.is_empty() {
        forward_all(&blamed)?;
        return Ok(Exit::passed(run.status));
    }
    log::line(
        &unit.unit.unit(),
        &format!("does not compile woven:\n{}", blame::rendered(&run)),
    );
    match compile_without_culprits(unit, &woven, &run, rules)? {
        Some(exit) => Ok(exit),
        None => finish_plain(unit, woven, &run, rules),
    }
}

/// Tries once more without the integrations that the errors point at; none if that fails too or
/// there is nobody to point at.
fn compile_without_culprits(
    unit: &Unit<'_>,
    woven: &Woven,
    failed: &Run,
    rules: &Path,
) -> Result<Option<Exit>> {
    let mut culprits = blame::integrations_at_fault(failed, woven, unit);
    if culprits.is_empty() {
        culprits = woven.integrations();
    }
    if culprits.is_empty() {
        return Ok(None);
    }
    let Some(mut rest) = weaving::weave(unit, &culprits)?.filter(|rest| !rest.is_plain()) else {
        return Ok(None);
    };
    let run = compiler::run(
        &unit.program,
        &woven_arguments(unit, &rest),
        Artifacts::Keep,
    )?;
    if run.was_stopped() {
        return stop(unit, &run).map(Some);
    }
    if !run.status.success() {
        return Ok(None);
    }
    forward_all(&run.artifacts)?;
    rest.skip(culprits, &blame::first_error(failed));
    finish_woven(unit, &rest, &run, rules).map(Some)
}

/// Fails as the compiler did, so that the next build tries again: what a crate is compiled to must
/// not hang on what else the machine was doing.
fn stop(unit: &Unit<'_>, run: &Run) -> Result<Exit> {
    show(unit, &run.messages)?;
    eprintln!(
        "error: rustc was stopped ({}) while it compiled `{}`",
        run.status, unit.unit.name
    );
    Ok(Exit::passed(run.status))
}

fn finish_woven(unit: &Unit<'_>, woven: &Woven, run: &Run, rules: &Path) -> Result<Exit> {
    amend_dep_info(unit, Some(&woven.layout), rules);
    write_report(unit, &woven.report);
    forward_as_if_plain(unit, run)
}

/// Compiles plain once more, because what was tried since has written over its output.
fn finish_plain(unit: &Unit<'_>, mut woven: Woven, failed: &Run, rules: &Path) -> Result<Exit> {
    let status = compiler::command(&unit.program, &plain_arguments(unit)).status()?;
    if status.success() {
        amend_dep_info(unit, None, rules);
        woven.fall_back(&blame::first_error(failed));
        write_report(unit, &woven.report);
    }
    Ok(Exit::passed(status))
}

/// Shows the messages of the plain crate: those of the woven one have other columns, and show
/// text that the user never wrote. A lint that the user denies fails here.
fn forward_as_if_plain(unit: &Unit<'_>, woven: &Run) -> Result<Exit> {
    if !woven.says_something(unit.unit.json) {
        forward_all(&woven.messages)?;
        return Ok(Exit::Success);
    }
    let is_for_cargo = |line: &&Vec<u8>| unit.unit.json && is_silent(line);
    forward_all(woven.messages.iter().filter(is_for_cargo))?;
    let plain = run_apart(unit, "metadata")?;
    show(
        unit,
        plain.messages.iter().filter(|line| !is_for_cargo(line)),
    )?;
    Ok(Exit::passed(plain.status))
}

/// Passes messages on to cargo, with the lines of woven crates that rustc could not show.
pub(super) fn show<'a>(
    unit: &Unit<'_>,
    messages: impl IntoIterator<Item = &'a Vec<u8>>,
) -> Result<()> {
    for message in messages {
        let completed = snippet::complete(message, &unit.session.state);
        forward_all([completed.as_ref().unwrap_or(message)])?;
    }
    Ok(())
}

fn plain_arguments(unit: &Unit<'_>) -> Vec<OsString> {
    [unit.call.arguments.clone(), linking(&unit.kit)].concat()
}

fn woven_arguments(unit: &Unit<'_>, woven: &Woven) -> Vec<OsString> {
    let mut arguments = unit.call.arguments.clone();
    arguments[unit.unit.root_index] = woven.layout.mirrored_root().into_os_string();
    let concat = |parts: &[&OsStr]| -> OsString { parts.iter().copied().collect() };
    arguments.extend([
        "--remap-path-prefix".into(),
        concat(&[
            woven.layout.mirror.as_os_str(),
            OsStr::new("="),
            &remapped(unit, &woven.layout.shown),
        ]),
        "--extern".into(),
        concat(&[
            OsStr::new("selvedge_hooks="),
            unit.kit.hooks_library().as_os_str(),
        ]),
    ]);
    if unit.is_member() {
        // Lints are for what the user wrote, which a second look at the plain crate judges.
        arguments.push("--cap-lints=warn".into());
    }
    arguments.extend(linking(&unit.kit));
    if let (true, Some(library), Some(agent)) = (
        woven.starts_agent,
        unit.kit.agent_library(),
        &unit.kit.agent,
    ) {
        arguments.extend([
            "--extern".into(),
            concat(&[OsStr::new("selvedge_agent="), library.as_os_str()]),
        ]);
        arguments.extend(["-L".into(), dependency(agent)]);
    }
    arguments
}

/// What the user's own `--remap-path-prefix` makes of a path: rustc applies one of them only, the
/// last that fits, and ours comes last.
pub(crate) fn remapped(unit: &Unit<'_>, shown: &Path) -> OsString {
    let texts: Vec<&str> = unit
        .call
        .arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .collect();
    let mut found = shown.as_os_str().to_owned();
    for (index, text) in texts.iter().enumerate() {
        let pair = text.strip_prefix("--remap-path-prefix=");
        let pair = pair.or_else(|| {
            texts
                .get(index + 1)
                .copied()
                .filter(|_| *text == "--remap-path-prefix")
        });
        let Some((from, to)) = pair.and_then(|pair| pair.rsplit_once('=')) else {
            continue;
        };
        if let Ok(rest) = shown.strip_prefix(from) {
            found = if rest.as_os_str().is_empty() {
                to.into()
            } else {
                Path::new(to).join(rest).into_os_string()
            };
        }
    }
    found
}

/// Compiles the plain crate for its messages, with its output where it is in nobody's way.
pub(super) fn run_apart(unit: &Unit<'_>, emit: &str) -> Result<Run> {
    let scratch = unit.session.state.scratch(&unit.unit.unit());
    fs::create_dir_all(&scratch)?;
    let arguments = arguments_apart(unit, emit, &scratch);
    let run = compiler::run(&unit.program, &arguments, Artifacts::Keep);
    drop(fs::remove_dir_all(&scratch));
    Ok(run?)
}

fn arguments_apart(unit: &Unit<'_>, emit: &str, scratch: &Path) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut rest = plain_arguments(unit).into_iter();
    while let Some(argument) = rest.next() {
        match argument.to_str() {
            Some("--emit" | "--out-dir") => drop(rest.next()),
            Some(text) if text.starts_with("--emit=") || text.starts_with("--out-dir=") => {}
            Some(text) if text.starts_with("incremental=") => arguments.push(own_incremental(unit)),
            Some(text) if text.starts_with("-Cincremental=") => {
                arguments.extend(["-C".into(), own_incremental(unit)]);
            }
            _ => arguments.push(argument),
        }
    }
    arguments.extend([
        format!("--emit={emit}").into(),
        "--out-dir".into(),
        scratch.as_os_str().to_owned(),
    ]);
    arguments
}

/// A directory of its own for incremental data, because a check and a build in one directory
/// would undo each other's.
fn own_incremental(unit: &Unit<'_>) -> OsString {
    let folder: PathBuf = unit.session.state.path().join("incremental");
    [OsStr::new("incremental="), folder.as_os_str()]
        .into_iter()
        .collect()
}

/// A dep-info that cannot be amended costs a rebuild later, which is better than none now.
fn amend_dep_info(unit: &Unit<'_>, layout: Option<&Layout>, rules: &Path) {
    let mut dependencies = vec![rules];
    // A program that was linked without an agent is out of date when there is one: the file that
    // says why there is none is gone then.
    if unit.unit.is_binary() && unit.kit.agent.is_none() {
        dependencies.push(&unit.kit.error);
    }
    if let Err(error) = dep_info::amend_if_asked(&unit.unit, layout, &dependencies) {
        log::line(
            &unit.unit.unit(),
            &format!("dep-info as rustc wrote it: {error}"),
        );
    }
}

fn write_report(unit: &Unit<'_>, report: &UnitReport) {
    if let Err(error) = report.write(&unit.session.state, &unit.unit.unit()) {
        log::line(&unit.unit.unit(), &format!("no report: {error}"));
    }
}
