//! Forms of functions and files: woven with everything, they compile without a warning.

use std::fs;

use selvedge_weave::{Edition, Plan, Role, apply, strip};

use crate::support::{compile, kept, rules, temporary, unit, weave};

const EVERYWHERE: &str = r#"
[[span]]
function = "case::**"
attributes = { one = "1" }
error_attributes = { two = "2" }
[[counter]]
function = "case::**"
name = "errors_total"
when = "err"
[[log]]
function = "case::**"
fields = { three = "3" }
"#;

/// Weaves and compiles a text; gives the functions that were woven.
fn woven(name: &str, edition: &str, text: &str) -> Vec<String> {
    let parsed = match edition {
        "2018" => Edition::E2018,
        "2021" => Edition::E2021,
        _ => Edition::E2024,
    };
    let plan = Plan::new(&[], &rules(EVERYWHERE), &unit(parsed, Role::Library));
    let (output, outcome) = weave(&plan, text);
    let edits = kept(&output, &outcome);
    let changed = apply(text, &edits);
    assert_eq!(strip(&changed, &edits).as_deref(), Ok(text));
    let source = temporary(&format!("form-{name}-{edition}")).join("lib.rs");
    fs::write(&source, &changed).expect("a file to compile");
    if let Err(messages) = compile("rustc", &source, edition, Role::Library) {
        panic!("{name}, edition {edition}:\n{messages}");
    }
    outcome.rules[0].functions.clone()
}

const FUNCTIONS: &str = include_str!("../forms/functions.rs");
const NEWEST: &str = include_str!("../forms/newest.rs");

#[test]
fn functions_of_all_sorts() {
    for edition in ["2018", "2021", "2024"] {
        let functions = woven("functions", edition, FUNCTIONS);
        for path in [
            "platform",
            "exported_form",
            "match",
            "größe",
            "outer::Local::method",
            "Shape::twice",
        ] {
            let path = format!("case::{path}");
            assert!(functions.contains(&path), "{path} of {functions:?}");
        }
    }
    woven("newest", "2024", NEWEST);
}

#[test]
fn files_of_all_sorts() {
    let text = "//! A file.\n/// One.\npub fn one() -> Result<u8, u8> {\n    Ok(1)\n}\n";
    let marked = format!("\u{feff}{text}");
    let shebang = format!("#!/usr/bin/env rust-script\n{text}");
    let returns = text.replace('\n', "\r\n");
    let open = text.trim_end();
    for (name, text) in [
        ("mark", marked.as_str()),
        ("shebang", &shebang),
        ("returns", &returns),
        ("open", open),
    ] {
        assert_eq!(woven(name, "2021", text), ["case::one"], "{name}");
    }
}
