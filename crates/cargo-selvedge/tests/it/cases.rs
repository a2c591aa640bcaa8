//! The integrations' case programs: each prints what its `expected.txt` says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use similar::TextDiff;

use crate::project::run_in;

#[test]
fn every_integration_yields_what_its_case_expects() {
    let integrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integrations");
    let target = build(&integrations);
    let mut cases: Vec<PathBuf> = fs::read_dir(&integrations)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("case"))
        .filter(|case| case.is_dir())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no case in {}", integrations.display());
    let differences: String = cases
        .iter()
        .filter_map(|case| difference(case, &target))
        .collect();
    assert!(differences.is_empty(), "\n{differences}");
}

/// Builds all cases at once, out of their own tree; the output stays for the next run.
fn build(integrations: &Path) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases");
    let log = home.join("log");
    fs::create_dir_all(&home).unwrap();
    drop(fs::remove_file(&log));
    let mut selvedge = Command::new(env!("CARGO_BIN_EXE_cargo-selvedge"));
    selvedge
        .args(["selvedge", "build", "--strict", "--locked", "--workspace"])
        .arg("--target-dir")
        .arg(&home);
    run_in(integrations, &log, &mut selvedge).ok();
    assert_eq!(
        fs::read_to_string(&log).unwrap_or_default(),
        "",
        "a crate fell back to its plain sources"
    );
    home.join("selvedge/debug")
}

/// How what a case prints differs from what it should; none if it does not.
fn difference(case: &Path, target: &Path) -> Option<String> {
    let manifest: toml::Table = fs::read_to_string(case.join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let name = manifest["package"]["name"].as_str().unwrap();
    let mut program = Command::new(target.join(name));
    program
        .env("SELVEDGE_EXPORT", "console")
        .env("SELVEDGE_CONSOLE_TIMES", "off");
    let ran = run_in(case, &target.join("log"), &mut program);
    let actual = with_sorted_traces(&without_ids(&(ran.stdout + &ran.stderr)));
    let path = case.join("expected.txt");
    let expected = with_sorted_traces(&fs::read_to_string(&path).unwrap());
    if ran.code == Some(0) && actual == expected {
        return None;
    }
    let difference = TextDiff::from_lines(&expected, &actual)
        .unified_diff()
        .header(&path.display().to_string(), &format!("what {name} printed"))
        .to_string();
    Some(format!("{name} ended with {:?}\n{difference}\n", ran.code))
}

/// Puts the traces last and in order: which of two that end on two threads at about the same
/// time is printed first is nobody's promise.
fn with_sorted_traces(text: &str) -> String {
    let (mut lines, mut traces) = (String::new(), Vec::<String>::new());
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        inside = line.trim_end() == "trace" || inside && line.starts_with(' ');
        match traces.last_mut() {
            Some(trace) if inside && line.starts_with(' ') => trace.push_str(line),
            _ if inside => traces.push(line.to_owned()),
            _ => lines.push_str(line),
        }
    }
    traces.sort();
    lines + &traces.concat()
}

/// Replaces the ids of traces and spans, which are random, by what they are.
fn without_ids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let is_id = word
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        out.push_str(match word.len() {
            32 if is_id => "<trace id>",
            16 if is_id => "<span id>",
            _ => word,
        });
        rest = after;
    }
    out + rest
}
