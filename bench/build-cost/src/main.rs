//! What weaving adds to builds and binaries: the service plain, woven, and instrumented by hand.
//!
//! Every build is cargo's own, of a project outside of this checkout; contenders take turns.

mod builds;
mod pass_through;
mod rows;
mod sizes;
mod warm_up;

use std::process::ExitCode;
use std::time::Instant;

use report::{Arguments, Documented, Profile, cargo_selvedge, head, scratch};

use builds::Builds;
use rows::{Figure, Goal, Measure, Unit};

const CLEAN: Measure = Measure {
    unit: Unit::Seconds,
    goal: Goal::Ratio(1.05),
};
/// The goal is nothing at all, which on a machine that does other things is a few milliseconds.
const UNCHANGED: Measure = Measure {
    unit: Unit::Milliseconds,
    goal: Goal::Excess(5.0),
};
const EDITED: Measure = CLEAN;
const TOGGLED: Measure = Measure {
    unit: Unit::Crates,
    goal: Goal::Excess(0.0),
};
const STRIPPED: Measure = Measure {
    unit: Unit::Kilobytes,
    goal: Goal::Excess(400e3),
};
const PASS_THROUGH: Measure = Measure {
    unit: Unit::Milliseconds,
    goal: Goal::Excess(1.0),
};

fn main() -> ExitCode {
    let started = Instant::now();
    let mut documented = Documented::default();
    let measured =
        Arguments::from_environment().and_then(|arguments| measure(&arguments, &mut documented));
    print!("{documented}");
    eprintln!(
        "build-cost: {:.0} s in all",
        started.elapsed().as_secs_f64()
    );
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("build-cost: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a row as soon as it is measured: a later failure takes none away.
fn measure(arguments: &Arguments, documented: &mut Documented) -> Result<(), String> {
    print!("{}", head("build-cost"));
    let scratch = scratch("services");
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
        rows::row(
            "wrapper's pass-through, a call",
            &figure,
            Unit::Milliseconds,
        );
        documented.add("wrapper's pass-through", figure.compared(PASS_THROUGH));
    }
    let mut builds = Builds::new(&scratch, warm_up.is_some())?;
    for profile in [Profile::Dev, Profile::Release] {
        measure_profile(&mut builds, profile, arguments, documented)?;
    }
    let sizes = sizes::stripped(&builds, Profile::Release)?;
    rows::row("stripped binary, Release", &sizes, Unit::Kilobytes);
    documented.add("stripped binary", sizes.compared(STRIPPED));
    Ok(())
}

fn measure_profile(
    builds: &mut Builds,
    profile: Profile,
    arguments: &Arguments,
    documented: &mut Documented,
) -> Result<(), String> {
    let mut add = |name: &'static str, figure: &Figure, measure: Measure| {
        rows::row(&format!("{name}, {profile:?}"), figure, measure.unit);
        documented.add(name, format!("{profile:?}: {}", figure.compared(measure)));
    };
    let figure = builds.clean(profile, arguments.rounds(1, 5))?;
    add("clean build, agent cached", &figure, CLEAN);
    let rounds = arguments.rounds(5, 15);
    let figure = builds.unchanged(profile, rounds)?.scaled(1e3);
    add("no-op rebuild", &figure, UNCHANGED);
    let figure = builds.edited(profile, rounds)?;
    add("one user file edited", &figure, EDITED);
    let figure = builds.toggled(profile)?;
    add("toggling woven and plain", &figure, TOGGLED);
    Ok(())
}
