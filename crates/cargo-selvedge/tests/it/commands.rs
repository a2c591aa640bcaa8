//! The less common commands of cargo, and the company that the wrapper keeps.

use std::process::Command;

use crate::project::{Project, run_in};

const RULES: &str = "[[span]]\nfunction = \"app::work\"\n";
const MAIN: &str = "fn main() { println!(\"{}\", work()); }\nfn work() -> u8 { 7 }\n";

#[test]
fn install_puts_a_woven_program_in_its_place() {
    let project = Project::new("app", &[("src/main.rs", MAIN), ("selvedge.toml", RULES)]);
    let installed = project
        .selvedge("install --debug --path . --root installed")
        .ok();
    assert!(
        installed.stderr.contains("app::work"),
        "{}",
        installed.stderr
    );
    let manifest = project.selvedge("inspect installed/bin/app").ok().stdout;
    assert!(manifest.contains("app::work"), "{manifest}");
}

#[test]
fn install_needs_no_project_around_it() {
    let project = Project::new("app", &[("src/main.rs", MAIN)]);
    let folder = project.path("..");
    let mut selvedge = Command::new(env!("CARGO_BIN_EXE_cargo-selvedge"));
    selvedge.args("install --debug --path app --root there --target-dir t".split(' '));
    run_in(&folder, &folder.join("log"), &mut selvedge).ok();
    assert!(folder.join("there/bin/app").is_file());
}

#[test]
fn bench_runs_woven() {
    let bench = "fn main() { println!(\"{}\", work()); }\nfn work() -> u8 { 7 }\n";
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[[bench]]\nname = \"speed\"\nharness = false\n[workspace]\n";
    let files = [
        ("Cargo.toml", manifest),
        ("src/lib.rs", ""),
        ("benches/speed.rs", bench),
        ("selvedge.toml", "[[span]]\nfunction = \"speed::work\"\n"),
    ];
    let ran = Project::new("app", &files).selvedge("bench").ok();
    assert!(ran.stdout.contains("7\n"), "{}", ran.stdout);
    assert!(ran.stderr.contains("speed::work"), "{}", ran.stderr);
}

#[test]
fn clean_removes_what_is_woven_and_leaves_what_is_plain() {
    let project = Project::new("app", &[("src/main.rs", MAIN)]);
    project.cargo("build").ok();
    project.selvedge("build").ok();
    project.selvedge("clean").ok();
    assert!(!project.path("target/selvedge").exists());
    assert!(project.path("target/debug/app").exists());
    project.selvedge("clean").ok();
}

#[test]
fn a_report_tells_of_the_profile_that_was_built_and_of_work_that_was_done() {
    let files = [
        ("src/main.rs", MAIN),
        ("examples/show.rs", MAIN),
        ("selvedge.toml", "[[span]]\nfunction = \"*::work\"\n"),
    ];
    let project = Project::new("app", &files);
    let built = project.selvedge("build --examples --bins").ok().stderr;
    assert!(built.contains("app::work, show::work"), "{built}");
    assert!(built.contains("Woven app 0.1.0 (") && built.contains(" ms of "));
    let again = project.selvedge("build").ok().stderr;
    assert!(again.contains("Woven app 0.1.0 (unchanged)"), "{again}");
    let release = project.selvedge("build --release").ok().stderr;
    assert!(!release.contains("show::work"), "{release}");
}

/// A stand-in for sccache that notes the crates it is called for.
#[cfg(unix)]
fn recorder(project: &Project) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let script = "#!/bin/sh\nprevious=\nfor argument in \"$@\"; do\n  \
        if [ \"$previous\" = --crate-name ]; then echo \"$argument\" >> \"$RECORD\"; fi\n  \
        previous=$argument\ndone\nexec \"$@\"\n";
    project.write("../recorder", script);
    let path = project.path("../recorder");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// How often each of some builds called the compiler for the crate `app`.
#[cfg(unix)]
fn calls(project: &Project, recorder: &str, builds: &[&str]) -> Vec<usize> {
    let record = project.path("../record");
    let count = |main: &&str| {
        project.write("src/main.rs", main);
        drop(std::fs::remove_file(&record));
        let mut selvedge = Command::new(env!("CARGO_BIN_EXE_cargo-selvedge"));
        selvedge
            .args(["selvedge", "build"])
            .env("RUSTC_WRAPPER", recorder)
            .env("RECORD", &record);
        project.run(&mut selvedge).ok();
        let names = std::fs::read_to_string(&record).unwrap_or_default();
        names.lines().filter(|name| *name == "app").count()
    };
    builds.iter().map(count).collect()
}

#[cfg(unix)]
#[test]
fn a_wrapper_that_was_there_before_is_called_and_a_second_time_for_messages_only() {
    let project = Project::new("app", &[("selvedge.toml", RULES)]);
    let recorder = recorder(&project);
    let quiet = MAIN.replace('7', "8");
    let loud = MAIN.replace("fn work() -> u8 {", "fn work() -> u8 { let unused = 1;");
    let calls = calls(&project, &recorder, &[MAIN, &quiet, &loud]);
    assert_eq!(calls, [1, 1, 2]);
}

#[test]
fn the_wrapper_alone_finds_the_rules_though_the_target_directory_is_elsewhere() {
    let project = Project::new("app", &[("src/main.rs", MAIN), ("selvedge.toml", RULES)]);
    let elsewhere = project.path("../elsewhere");
    project
        .cargo_with_wrapper(&format!("build --target-dir {}", elsewhere.display()))
        .ok();
    let binary = elsewhere.join("debug/app");
    let manifest = project
        .selvedge(&format!("inspect {}", binary.display()))
        .ok()
        .stdout;
    assert!(manifest.contains("app::work"), "{manifest}");
}
