//! `plan`, `diff`, `explain`, and the help that comes with a rule that finds nothing.

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::project::Project;

const WORKSPACE: &str = "[workspace]\nmembers = [\"depot-stock\", \"web\"]\nresolver = \"3\"\n";
const STOCK: &str = "pub mod orders;\n\
    macro_rules! make { ($name:ident) => { pub fn $name() -> u8 { 1 } } }\n\
    make!(made);\n\
    pub fn real() -> u8 { made() }\n\
    #[test]\nfn it_is_real() { assert_eq!(real(), 1); }\n";
const ORDERS: &str = "pub struct Till;\n\nimpl Till {\n    pub fn charge(&self) -> u8 { 1 }\n}\n";
const MAIN: &str = "fn main() { println!(\"{}\", depot_stock::real()); }\n";

fn shop(rules: &str) -> Project {
    let stock = "[package]\nname = \"depot-stock\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let web = "[package]\nname = \"web\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[features]\nqueue = []\n[dependencies]\ndepot-stock = { path = \"../depot-stock\" }\n";
    Project::new(
        "shop",
        &[
            ("Cargo.toml", WORKSPACE),
            ("depot-stock/Cargo.toml", stock),
            ("depot-stock/src/lib.rs", STOCK),
            ("depot-stock/src/orders.rs", ORDERS),
            ("web/Cargo.toml", web),
            ("web/src/main.rs", MAIN),
            ("web/src/bin/worker.rs", MAIN),
            ("selvedge.toml", rules),
        ],
    )
}

const RULES: &str = "[[span]]\nfunction = \"depot_stock::real\"\n[[span]]\nfunction = \"depot_stock::orders::**\"\nname = \"till\"\n";

#[test]
fn plan_takes_the_selection_that_build_takes() {
    let project = shop(RULES);
    let plan = |arguments: &str| project.selvedge(&format!("plan {arguments}"));
    let all = plan("").ok().stdout;
    assert!(all.contains("web 0.1.0 (worker)"), "{all}");
    let stock = plan("-p depot-stock").ok().stdout;
    assert!(
        stock.contains("depot_stock::real") && !stock.contains("web"),
        "{stock}"
    );
    let worker = plan("--bin worker -F queue --target-dir t --release").ok();
    assert!(
        worker.stdout.contains("depot_stock::real") && !worker.stdout.contains("web 0.1.0\n"),
        "{}",
        worker.stdout
    );
    let member = plan("--manifest-path depot-stock/Cargo.toml").ok().stdout;
    assert_eq!(member, stock);
    for (wrong, said) in [
        ("-p wbe", "there are: depot-stock, web"),
        ("--bin wbe", "there are: web, worker"),
        ("--features nope", "nope"),
    ] {
        let ran = plan(wrong);
        assert_eq!(ran.code, Some(1), "{wrong}");
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn plan_says_that_a_rule_matches_nothing_as_build_does() {
    let project = shop("[[span]]\nfunction = \"depot_stock::rael\"\n");
    let planned = project.selvedge("plan");
    assert_eq!(planned.code, Some(4));
    let help = "did you mean `depot_stock::real`?";
    assert!(planned.stderr.contains(help), "{}", planned.stderr);
    let built = project.selvedge("build");
    assert_eq!(built.code, Some(4));
    assert!(built.stderr.contains(help), "{}", built.stderr);
}

#[test]
fn diff_shows_each_crate_once_after_builds_of_several_kinds() {
    let project = shop(RULES);
    project.selvedge("build").ok();
    project.selvedge("test").ok();
    project.selvedge("build --release").ok();
    let files = |arguments: &str| {
        let shown = project.selvedge(&format!("diff {arguments}")).ok().stdout;
        let names = shown.lines().filter_map(|line| line.strip_prefix("--- "));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        files(""),
        [
            "depot-stock-0.1.0/depot-stock/src/lib.rs",
            "depot-stock-0.1.0/depot-stock/src/orders.rs",
            "web-0.1.0/web/src/main.rs",
            "web-0.1.0/web/src/bin/worker.rs",
        ]
    );
    assert_eq!(
        files("--bin worker --release -p web"),
        ["web-0.1.0/web/src/bin/worker.rs"]
    );
}

#[test]
fn explain_says_where_the_function_is_and_where_the_rule() {
    let project = shop(RULES);
    project.selvedge("build").ok();
    assert_eq!(
        project.selvedge("explain till").ok().stdout,
        "[[span]] \"till\" on depot_stock::orders::**\n  \
           declared at selvedge.toml:3\n  \
           woven into depot_stock::orders::Till::charge at depot-stock/src/orders.rs:4\n"
    );
}

/// A rule for this function finds nothing, and this is what is said.
#[track_caller]
fn check_help(function: &str, expected: &str) {
    let project = shop(&format!("[[span]]\nfunction = \"{function}\"\n"));
    let planned = project.selvedge("plan");
    assert_ne!(planned.code, Some(0));
    // Long lines are broken.
    let words: Vec<&str> = planned.stderr.split_whitespace().collect();
    let said = words.join(" ");
    assert!(said.contains(expected), "{}", planned.stderr);
}

#[test]
fn a_function_that_a_macro_makes_is_said_to_be_out_of_reach() {
    check_help(
        "depot_stock::made",
        "`made` at depot-stock/src/lib.rs:3 is no function that is written out; what a macro makes cannot be matched",
    );
}

#[test]
fn a_function_in_a_file_that_nothing_else_reads_is_suggested() {
    check_help(
        "depot_stock::Till::charge",
        "did you mean `depot_stock::orders::Till::charge`?",
    );
}

#[test]
fn a_function_of_a_dependency_is_said_to_be_out_of_reach() {
    check_help(
        "std::fs::read",
        "rules are for your own functions, integrations for dependencies",
    );
}

#[test]
fn a_packages_name_in_place_of_its_crates_is_mended() {
    check_help("depot-stock::real", "is `_` here: `depot_stock::real`");
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let project = shop(RULES);
    project.selvedge("build").ok();
    for command in ["plan", "diff", "explain depot_stock", "doctor", "build"] {
        let mut selvedge = Command::new(env!("CARGO_BIN_EXE_cargo-selvedge"));
        selvedge.arg("selvedge").args(command.split(' '));
        let ran = project.run_deaf(&mut selvedge);
        assert!(!ran.contains("panicked"), "{command}: {ran}");
    }
}

impl Project {
    /// Runs a command whose standard output nobody reads; gives its standard error.
    fn run_deaf(&self, command: &mut Command) -> String {
        let mut child = command
            .current_dir(self.path(""))
            .env("SELVEDGE_CACHE", crate::project::cache())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        let mut errors = child.stderr.take().unwrap();
        errors.read_to_string(&mut said).unwrap();
        child.wait().unwrap();
        said
    }
}
