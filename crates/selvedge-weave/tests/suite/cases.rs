//! Data cases: `input.rs` and `selvedge.toml` or `aspects.toml` give `woven.rs`, and that compiles.
//!
//! The first line of the TOML says which editions it compiles in and what it is compiled to:
//! `# editions: 2018 2021`, `# role: binary`. `UPDATE_EXPECT=1` writes `woven.rs`.

use std::fs;
use std::path::Path;

use selvedge_weave::{Edition, Plan, Role, Rules, apply, strip};

use crate::support::{compile, integration, kept, rules, temporary, unit, weave};

#[test]
fn every_case_weaves_to_its_golden_text_and_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut failures = Vec::new();
    let mut directories: Vec<_> = fs::read_dir(root)
        .expect("the cases")
        .map(|entry| entry.expect("a readable directory").path())
        .collect();
    directories.sort();
    for directory in directories {
        if let Err(failure) = check(&directory) {
            failures.push(format!("{}: {failure}", directory.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn check(directory: &Path) -> Result<(), String> {
    let read = |name: &str| fs::read_to_string(directory.join(name)).ok();
    let input = read("input.rs").ok_or("no input.rs")?;
    let aspects = read("aspects.toml");
    let declared = read("selvedge.toml");
    let header = aspects.as_ref().or(declared.as_ref()).ok_or("no TOML")?;
    let role = if header.contains("# role: binary") {
        Role::Binary
    } else {
        Role::Library
    };
    let editions = header
        .lines()
        .find_map(|line| line.strip_prefix("# editions: "))
        .unwrap_or("2021 2024");
    let integrations: Vec<_> = aspects
        .iter()
        .map(|text| integration(text, &read("glue.rs").unwrap_or_default()))
        .collect();
    let rules = declared
        .as_ref()
        .map_or_else(Rules::default, |text| rules(text));
    let mut golden = read("woven.rs");
    for name in editions.split_whitespace() {
        let plan = Plan::new(&integrations, &rules, &unit(edition(name), role));
        let (output, outcome) = weave(&plan, &input);
        let report = format!("{:?}{:?}", outcome.dropped, outcome.problems);
        if report != "[][]" {
            return Err(report);
        }
        let edits = kept(&output, &outcome);
        let woven = apply(&input, &edits);
        if strip(&woven, &edits).as_ref() != Ok(&input) {
            return Err("stripping does not give the input back".to_owned());
        }
        // Old editions need a line more, so only the newest text is kept.
        if name == editions.split_whitespace().next_back().unwrap_or_default() {
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                fs::write(directory.join("woven.rs"), &woven).map_err(|error| error.to_string())?;
                golden = Some(woven.clone());
            }
            if golden.as_ref() != Some(&woven) {
                return Err(format!("woven.rs is not what was woven:\n{woven}"));
            }
        }
        compiles(directory, &woven, name, role)?;
    }
    Ok(())
}

fn compiles(directory: &Path, woven: &str, edition: &str, role: Role) -> Result<(), String> {
    let case = directory.file_name().expect("a name").to_string_lossy();
    let place = temporary(&format!("{case}-{edition}"));
    let source = place.join("lib.rs");
    fs::write(&source, woven).map_err(|error| error.to_string())?;
    let compiler = if has_clippy() {
        "clippy-driver"
    } else {
        "rustc"
    };
    compile(compiler, &source, edition, role)
        .map_err(|messages| format!("edition {edition} does not compile:\n{messages}"))
}

/// Clippy is a component that may be missing.
fn has_clippy() -> bool {
    std::process::Command::new("clippy-driver")
        .arg("-V")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn edition(name: &str) -> Edition {
    match name {
        "2015" => Edition::E2015,
        "2018" => Edition::E2018,
        "2021" => Edition::E2021,
        _ => Edition::E2024,
    }
}
