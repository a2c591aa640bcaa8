//! Builds that were stopped in the middle, and what goes missing between builds.

use std::fs;
use std::process::{Command, Stdio};

use crate::project::{Project, cache as cache_of_tests};

const MAIN: &str = "mod order;\nfn main() { println!(\"{}\", order::total(3, 4)) }\n";
const ORDER: &str = "pub fn total(price: u32, count: u32) -> u32 { price * count }\n";
const RULES: &str = "[[span]]\nfunction = \"shop::order::total\"\n";

fn shop() -> Project {
    Project::new(
        "shop",
        &[
            ("src/main.rs", MAIN),
            ("src/order.rs", ORDER),
            ("selvedge.toml", RULES),
        ],
    )
}

/// It builds, and the rule is woven in.
#[track_caller]
fn check_builds(project: &Project) {
    let built = project.selvedge("build").ok();
    assert!(
        built.stderr.contains("shop::order::total"),
        "{}",
        built.stderr
    );
    assert_eq!(project.selvedge("run --quiet").ok().stdout, "12\n");
    assert_eq!(project.wrapper_log(), "");
}

#[cfg(unix)]
#[test]
fn a_build_that_is_killed_leaves_nothing_that_stops_the_next_one() {
    use std::os::unix::process::CommandExt as _;
    let project = shop();
    // A build script that never ends is a moment to kill at.
    project.write(
        "build.rs",
        "fn main() { std::fs::write(\"started\", \"\").unwrap(); loop { std::thread::park() } }\n",
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-selvedge"));
    command.args(["selvedge", "build"]).stderr(Stdio::null());
    let mut child = project
        .isolated(&mut command)
        .process_group(0)
        .spawn()
        .unwrap();
    while !project.path("started").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let group = format!("-{}", child.id());
    project
        .run(Command::new("kill").args(["-KILL", "--", &group]))
        .ok();
    child.wait().unwrap();
    project.write("build.rs", "fn main() {}\n");
    check_builds(&project);
}

#[test]
fn a_mirror_that_is_half_written_is_mended() {
    let project = shop();
    project.selvedge("build").ok();
    let mirrors = fs::read_dir(project.path("target/selvedge/.selvedge/mirror")).unwrap();
    for mirror in mirrors.flatten() {
        let source = mirror.path().join("src");
        fs::write(source.join(".selvedge-1-0"), "half").unwrap();
        fs::write(source.join("order.rs"), "pub fn tot").unwrap();
        fs::remove_file(source.join("main.rs")).unwrap();
    }
    for report in fs::read_dir(project.path("target/selvedge/.selvedge/units")).unwrap() {
        for unit in fs::read_dir(report.unwrap().path()).unwrap() {
            fs::write(unit.unwrap().path(), "{\"crate_na").unwrap();
        }
    }
    project.write("src/main.rs", &format!("{MAIN}// edited\n"));
    check_builds(&project);
}

#[test]
fn a_program_that_was_linked_without_an_agent_is_linked_anew_when_there_is_one() {
    let project = shop();
    // The kits are there, as for every other test.
    project.selvedge("build").ok();
    let cache = project.path("cache");
    project
        .run(
            Command::new("cp")
                .arg("-rl")
                .args([&cache_of_tests(), &cache]),
        )
        .ok();
    let kits: Vec<_> = fs::read_dir(&cache)
        .unwrap()
        .map(|kit| kit.unwrap().path())
        .filter(|kit| kit.join("agent-gzip").is_dir())
        .collect();
    let build = || {
        let mut cargo = Command::new("cargo");
        cargo.arg("build").env("SELVEDGE_CACHE", &cache);
        project
            .run(cargo.env("RUSTC_WRAPPER", env!("CARGO_BIN_EXE_cargo-selvedge")))
            .ok()
    };
    let run = || {
        let mut program = Command::new(project.path("target/debug/shop"));
        project.run(program.env("SELVEDGE_EXPORT", "console")).ok()
    };
    for kit in &kits {
        fs::rename(kit.join("agent-gzip"), kit.join("aside")).unwrap();
        fs::write(kit.join("agent-gzip.error"), "error: no room\n").unwrap();
    }
    build();
    assert_eq!(run().stderr, "", "no agent yet");
    assert_eq!(build().compiled(), [""; 0], "nothing has changed");
    for kit in &kits {
        fs::rename(kit.join("aside"), kit.join("agent-gzip")).unwrap();
        fs::remove_file(kit.join("agent-gzip.error")).unwrap();
    }
    assert_eq!(build().compiled(), ["shop"]);
    let ran = run();
    assert!(ran.stderr.contains("\n  total "), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn a_compiler_that_is_killed_fails_the_build_and_the_next_one_is_woven() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = shop();
    let killer = project.path("../killer");
    let script = "#!/bin/sh\ncase \"$*\" in *.selvedge/mirror*) [ -e \"$0.done\" ] || \
        { touch \"$0.done\"; kill -KILL $$; };; esac\nexec \"$@\"\n";
    fs::write(&killer, script).unwrap();
    fs::set_permissions(&killer, fs::Permissions::from_mode(0o755)).unwrap();
    let build = || {
        let mut selvedge = Command::new(env!("CARGO_BIN_EXE_cargo-selvedge"));
        let selvedge = selvedge.args(["selvedge", "build"]);
        project.run(selvedge.env("RUSTC_WRAPPER", &killer))
    };
    let killed = build();
    assert_eq!(killed.code, Some(101), "{killed:?}");
    assert!(killed.stderr.contains("rustc was stopped"), "{killed:?}");
    let built = build().ok();
    assert!(
        built
            .stderr
            .contains("on shop::order::total: shop::order::total"),
        "{}",
        built.stderr
    );
}
