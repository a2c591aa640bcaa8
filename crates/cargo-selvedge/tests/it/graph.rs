//! A program's manifest and a build's report are about what they were built from, not about
//! whatever else the target directory holds.

use crate::project::Project;

const RULES: &str = "[[span]]\nfunction = \"one::work\"\n[[span]]\nfunction = \"two::work\"\n\
    [[span]]\nfunction = \"shared::store\"\n[[span]]\nfunction = \"apart::alone\"\n";

/// Programs `one` and `two` depend on `shared` by way of `middle`; `one` also on `apart`.
fn workspace() -> Project {
    let package = |name: &str, dependencies: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[features]\nextra = []\n[dependencies]\n{dependencies}"
        )
    };
    let middle = "middle = { path = \"../middle\" }\n";
    Project::new(
        "work",
        &[
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"*\"]\nexclude = [\"target\", \"src\"]\nresolver = \"3\"\n",
            ),
            (
                "one/Cargo.toml",
                &package(
                    "one",
                    &format!("{middle}apart = {{ path = \"../apart\" }}\n"),
                ),
            ),
            (
                "one/src/main.rs",
                "fn main() { work(); apart::alone() }\nfn work() { middle::through() }\n",
            ),
            ("two/Cargo.toml", &package("two", middle)),
            (
                "two/src/main.rs",
                "fn main() { work() }\nfn work() { middle::through() }\n",
            ),
            (
                "middle/Cargo.toml",
                &package("middle", "shared = { path = \"../shared\" }\n"),
            ),
            (
                "middle/src/lib.rs",
                "pub fn through() { shared::store() }\n",
            ),
            ("shared/Cargo.toml", &package("shared", "")),
            ("shared/src/lib.rs", "pub fn store() {}\n"),
            ("apart/Cargo.toml", &package("apart", "")),
            ("apart/src/lib.rs", "pub fn alone() {}\n"),
            ("selvedge.toml", RULES),
        ],
    )
}

fn manifest(project: &Project, program: &str) -> String {
    let inspect = format!("inspect target/selvedge/debug/{program}");
    project.selvedge(&inspect).ok().stdout
}

/// The functions that the lines of a report name.
fn reported(stderr: &str) -> Vec<&str> {
    let lines = stderr
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Rule "));
    lines.filter_map(|line| line.rsplit(": ").next()).collect()
}

#[test]
fn a_manifest_is_of_the_programs_own_dependencies_whatever_was_built_before() {
    let (together, alone) = (workspace(), workspace());
    together.selvedge("build -p one").ok();
    together.selvedge("build -p two").ok();
    alone.selvedge("build -p two").ok();
    let manifest_of_two = manifest(&together, "two");
    assert!(
        manifest_of_two.contains("shared::store"),
        "{manifest_of_two}"
    );
    for other in ["one", "apart"] {
        assert!(!manifest_of_two.contains(other), "{manifest_of_two}");
    }
    assert_eq!(manifest_of_two, manifest(&alone, "two"));
    assert!(manifest(&together, "one").contains("apart::alone"));
}

#[test]
fn a_report_is_about_the_packages_that_were_asked_for() {
    let project = workspace();
    let everything = ["apart::alone", "one::work", "shared::store", "two::work"];
    assert_eq!(reported(&project.selvedge("build").ok().stderr), everything);
    // Nothing is compiled from here on.
    let two = project.selvedge("build -p two").ok();
    assert_eq!(reported(&two.stderr), ["shared::store", "two::work"]);
    assert_eq!(two.compiled(), [""; 0]);
    let one = project.selvedge("build --bin one").ok();
    assert_eq!(
        reported(&one.stderr),
        ["apart::alone", "one::work", "shared::store"]
    );
    assert_eq!(reported(&project.selvedge("build").ok().stderr), everything);
    let report = project.path("target/selvedge/manifest.json");
    assert!(
        std::fs::read_to_string(report)
            .unwrap()
            .contains("apart::alone")
    );
}

#[test]
fn a_rule_for_a_crate_that_is_not_built_now_is_not_unmatched() {
    let project = workspace();
    project.write(
        "selvedge.toml",
        &format!(
            "{RULES}[[span]]\nfunction = \"apart::typo\"\n[[span]]\nfunction = \"*::alone\"\n"
        ),
    );
    project.selvedge("build -p two").ok();
    let built = project.selvedge("build -p one");
    assert_eq!(built.code, Some(4), "{}", built.stderr);
    assert!(
        !built.stderr.contains("[[span]] \"*::alone\" matches no"),
        "{}",
        built.stderr
    );
    // What was found out then is not held against this.
    project.selvedge("build -p two").ok();
}

#[test]
fn what_other_features_and_earlier_rules_left_behind_is_not_reported() {
    let project = workspace();
    let lib = "pub fn alone() { #[cfg(feature = \"extra\")] deep() }\n#[cfg(feature = \"extra\")]\npub fn deep() {}\n";
    project.write("apart/src/lib.rs", lib);
    project.write("selvedge.toml", "[[span]]\nfunction = \"apart::*\"\n");
    project.selvedge("build -p apart --features extra").ok();
    // Weaving looks at text and so sees `deep` either way; the units are two all the same.
    project.write("selvedge.toml", "[[span]]\nfunction = \"apart::alone\"\n");
    let built = project.selvedge("build -p apart").ok();
    assert_eq!(reported(&built.stderr), ["apart::alone"]);
    let again = project.selvedge("build -p apart").ok();
    assert_eq!(reported(&again.stderr), ["apart::alone"]);
    project.write("selvedge.toml", "");
    let without = project.selvedge("test -p apart").ok();
    assert_eq!(reported(&without.stderr), [""; 0]);
    project.write("selvedge.toml", "[[span]]\nfunction = \"apart::alone\"\n");
    let tested = project.selvedge("test -p apart --lib").ok();
    assert_eq!(reported(&tested.stderr), ["apart::alone"]);
}
