//! Whatever cannot be woven is compiled as it is, and the report says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::{Project, Ran, run_in};

const MAIN: &str = "struct Printer;\n\
    impl log::Log for Printer {\n    \
        fn enabled(&self, _: &log::Metadata) -> bool { true }\n    \
        fn log(&self, record: &log::Record) { println!(\"{}\", record.args()); }\n    \
        fn flush(&self) {}\n\
    }\n\
    fn main() {\n    \
        log::set_logger(&Printer).unwrap();\n    \
        log::set_max_level(log::LevelFilter::Info);\n    \
        middle::greet();\n\
    }\n";
const MANIFEST: &str = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
    [dependencies]\nlog = \"0.4\"\nmiddle = { path = \"middle\" }\n\
    [patch.crates-io]\nlog = { path = \"log\" }\n[workspace]\n";
const MIDDLE: &str = "[package]\nname = \"middle\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nlog = \"0.4\"\n";

/// A program that logs by way of a library, and a copy of `log` in which these texts are replaced.
fn app(replacements: &[(&str, &str)]) -> Project {
    let project = Project::new(
        "app",
        &[
            ("Cargo.toml", MANIFEST),
            ("src/main.rs", MAIN),
            ("middle/Cargo.toml", MIDDLE),
            (
                "middle/src/lib.rs",
                "pub fn greet() { log::info!(\"hello\") }\n",
            ),
        ],
    );
    copy(&source_of_log(), &project.path("log"));
    let path = "log/src/lib.rs";
    let mut text = fs::read_to_string(project.path(path)).unwrap();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from} is not in {path}");
        text = text.replace(from, to);
    }
    project.write(path, &text);
    project
}

/// The sources of `log` as the cases' lock file has it.
fn source_of_log() -> PathBuf {
    let integrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integrations");
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--locked", "--format-version", "1"]);
    let ran = run_in(&integrations, Path::new(""), &mut cargo).ok();
    let metadata: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let log = packages.find(|package| package["name"] == "log").unwrap();
    let manifest = Path::new(log["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// It builds, says so, runs, stays as it is, and is an error under `--strict`.
#[track_caller]
fn check_left_out(project: &Project, reason: &str) {
    let built = project.selvedge("build").ok();
    assert_skipped(&built, reason);
    assert_eq!(project.selvedge("run --quiet").ok().stdout, "hello\n");
    let again = project.selvedge("build").ok();
    assert_eq!(again.compiled(), [""; 0]);
    assert_skipped(&again, reason);
    assert_eq!(project.selvedge("build --strict").code, Some(5));
}

#[track_caller]
fn assert_skipped(built: &Ran, reason: &str) {
    let mut skipped = built.stderr.lines().filter(|line| line.contains("Skipped"));
    let is_named = skipped.any(|line| line.contains("log 0.4") && line.contains(reason));
    assert!(is_named, "{}", built.stderr);
}

#[test]
fn a_join_point_that_is_missing_leaves_its_integration_out() {
    let project = app(&[("LOGGER", "HEARER")]);
    check_left_out(&project, "0 of 1 places found");
    assert_eq!(project.wrapper_log(), "");
}

#[test]
fn an_insertion_that_does_not_compile_leaves_its_integration_out() {
    // What is woven in takes the arguments of a record by reference.
    let project = app(&[(
        "pub fn args(&self) -> &fmt::Arguments<'a> {\n        &self.args",
        "pub fn args(&self) -> fmt::Arguments<'a> {\n        self.args",
    )]);
    check_left_out(&project, "does not compile: type `Arguments<'_>` cannot be");
}

#[test]
fn a_crate_that_fails_after_its_dependents_were_started_is_built_anew() {
    // What is woven in asks a record for its file. Nothing but the code generator stumbles there,
    // and without weaving it never sees it.
    let project = app(&[(
        "pub fn file(&self) -> Option<&'a str> {\n",
        "pub fn file(&self) -> Option<&'a str> {\n        unsafe { std::arch::asm!(\"no instruction\") };\n",
    )]);
    let built = project.selvedge("build");
    let message = "`log` cannot be woven";
    assert!(built.stderr.contains(message), "{}", built.stderr);
    check_left_out(&project, "instruction mnemonic");
}

#[test]
fn a_mirror_that_cannot_be_written_leaves_the_crate_plain() {
    let project = app(&[]);
    // As good as a full disk, and works for a superuser too.
    project.write("target/selvedge/.selvedge/mirror", "in the way");
    check_left_out(&project, "failed to write");
}

#[test]
fn a_report_that_cannot_be_written_stops_nothing() {
    let project = app(&[]);
    project.write("target/selvedge/.selvedge/units", "in the way");
    let built = project.selvedge("build").ok();
    assert!(built.stderr.contains("Woven nothing"), "{}", built.stderr);
}
