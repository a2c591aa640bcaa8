//! What weaving adds to builds and binaries: the service plain, woven, and instrumented by hand.
//!
//! Every build is cargo's own, of a project outside of this checkout; contenders take turns.

mod builds;
mod pass_through;
mod rows;
mod sizes;
mod warm_up;

use std::process::ExitCode;

use report::{Arguments, Profile, cargo_selvedge, head, scratch};

use builds::Builds;

fn main() -> ExitCode {
    match Arguments::from_environment().and_then(|arguments| measure(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("build-cost: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a row as soon as it is measured: a later failure takes none away.
fn measure(arguments: &Arguments) -> Result<(), String> {
    print!("{}", head("build-cost"));
    let scratch = scratch("build-cost");
    let woven = cargo_selvedge().and_then(|_| warm_up::build(&scratch));
    let warm_up = match woven {
        Ok(warm_up) => Some(warm_up),
        Err(error) => {
            eprintln!("build-cost: nothing woven is measured: {error}");
            None
        }
    };
    rows::begin();
    if let Some(warm_up) = &warm_up {
        let calls = if arguments.full { 1_000 } else { 200 };
        let figure = pass_through::measure(warm_up, calls)?;
        rows::milliseconds("wrapper's pass-through, a call", &figure);
    }
    let mut builds = Builds::new(&scratch, warm_up.is_some())?;
    for profile in [Profile::Dev, Profile::Release] {
        measure_profile(&mut builds, profile, arguments)?;
    }
    let sizes = sizes::stripped(&builds, Profile::Release)?;
    rows::bytes("stripped binary, Release", &sizes);
    Ok(())
}

fn measure_profile(
    builds: &mut Builds,
    profile: Profile,
    arguments: &Arguments,
) -> Result<(), String> {
    let figure = builds.clean(profile, arguments.rounds(1, 5))?;
    rows::seconds(&format!("clean build, {profile:?}"), &figure);
    let rounds = arguments.rounds(5, 15);
    let figure = builds.unchanged(profile, rounds)?;
    rows::seconds(&format!("no-op rebuild, {profile:?}"), &figure);
    let figure = builds.edited(profile, rounds)?;
    rows::seconds(&format!("one file edited, {profile:?}"), &figure);
    let figure = builds.toggled(profile)?;
    rows::counts(&format!("crates rebuilt on toggling, {profile:?}"), &figure);
    Ok(())
}
