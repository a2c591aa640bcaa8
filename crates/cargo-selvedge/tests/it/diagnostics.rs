//! What users see when something is wrong.

use crate::project::Project;

/// A rule that reaches into every function, so that all of them are woven.
const EVERYTHING: &str = "[[span]]\nfunction = \"app::**\"\n";

/// The same messages woven and plain, and the same outcome.
#[track_caller]
fn check_same(files: &[(&str, &str)]) -> String {
    let project = Project::new("app", files);
    project.write("selvedge.toml", EVERYTHING);
    let plain = project.cargo("build");
    let woven = project.selvedge("build --no-report");
    assert_eq!(woven.diagnostics(), plain.diagnostics());
    assert_eq!(woven.code, plain.code);
    let again = project.selvedge("build --no-report");
    assert_eq!(
        again.diagnostics(),
        plain.diagnostics(),
        "cargo keeps messages and shows them again"
    );
    plain.diagnostics()
}

#[test]
fn an_error_looks_as_it_does_without_weaving() {
    let shown = check_same(&[(
        "src/main.rs",
        "fn main() { helper(1); }\nfn helper(x: u32) -> u32 { let y: &str = x; x }\n",
    )]);
    assert!(shown.contains("mismatched types"), "{shown}");
}

#[test]
fn a_file_that_does_not_parse_looks_as_it_does_without_weaving() {
    let shown = check_same(&[
        ("src/main.rs", "mod m;\nfn main() { m::f() }\n"),
        ("src/m.rs", "pub fn f( {\n"),
    ]);
    assert!(shown.contains("error"), "{shown}");
}

#[test]
fn warnings_look_as_they_do_without_weaving() {
    let shown = check_same(&[(
        "src/main.rs",
        "fn main() { let unused = 1; work(); }\nfn work() { let also = 2; }\n",
    )]);
    assert!(shown.contains("unused variable: `also`"), "{shown}");
}

#[test]
fn denied_warnings_stay_quiet_about_what_is_inserted() {
    let main = "#![deny(warnings, missing_docs, unused_qualifications, unreachable_pub, clippy::all)]\n#![forbid(unsafe_code)]\n//! Documented.\nfn main() { work(1); }\nfn work(_x: u32) {}\n";
    let project = Project::new(
        "app",
        &[("src/main.rs", main), ("selvedge.toml", EVERYTHING)],
    );
    let built = project.selvedge("build").ok();
    assert_eq!(project.wrapper_log(), "");
    assert!(built.stderr.contains("app::work"), "{}", built.stderr);
}

#[test]
fn a_wrong_expression_in_a_rule_is_an_error_that_names_the_rule() {
    let rules = "# one\n[[span]]\nfunction = \"app::work\"\nname = \"working\"\nattributes = { n = \"no_such_argument\" }\n";
    let project = Project::new(
        "app",
        &[
            (
                "src/main.rs",
                "fn main() { work(1); }\nfn work(_x: u32) {}\n",
            ),
            ("selvedge.toml", rules),
        ],
    );
    let built = project.selvedge("build");
    assert_eq!(built.code, Some(101), "{}", built.stderr);
    assert!(
        built
            .stderr
            .contains("cannot find value `no_such_argument`"),
        "{}",
        built.stderr
    );
    assert!(
        built
            .stderr
            .contains("= note: from [[span]] \"working\" at selvedge.toml:2"),
        "{}",
        built.stderr
    );
    let original = "2 | fn work(_x: u32) {}\n  | ^^^^^^^^^^^^^^^^ `no_such_argument`: not found";
    assert!(built.stderr.contains(original), "{}", built.stderr);
    assert!(!built.stderr.contains("__sv"), "{}", built.stderr);
}

#[test]
fn a_rule_that_matches_nothing_is_an_error_with_the_nearest_name() {
    let rules = "[[span]]\nfunction = \"app::wrok\"\n";
    let project = Project::new(
        "app",
        &[
            (
                "src/main.rs",
                "fn main() { work(1); }\nfn work(_x: u32) {}\n",
            ),
            ("selvedge.toml", rules),
        ],
    );
    let built = project.selvedge("build");
    assert_eq!(built.code, Some(4), "{}", built.stderr);
    assert!(built.stderr.contains("app::work"), "{}", built.stderr);
    let ran = project.selvedge("run");
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let said = "the program was built but not started";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_rule_for_a_crate_there_is_not_is_an_error() {
    let project = Project::new(
        "app",
        &[
            ("src/main.rs", "fn main() {}\n"),
            ("selvedge.toml", "[[span]]\nfunction = \"ap::main\"\n"),
        ],
    );
    let built = project.selvedge("build");
    assert_eq!(built.code, Some(4), "{}", built.stderr);
    assert!(
        built
            .stderr
            .contains("no crate of this workspace is named `ap`"),
        "{}",
        built.stderr
    );
}

#[test]
fn a_wrong_configuration_stops_before_cargo_starts_and_shows_the_place() {
    let project = Project::new(
        "app",
        &[
            ("src/main.rs", "fn main() {}\n"),
            ("selvedge.toml", "[[span]]\nfunktion = \"app::main\"\n"),
        ],
    );
    let built = project.selvedge("build");
    assert_eq!(built.code, Some(3), "{}", built.stderr);
    assert!(
        built.stderr.contains("funktion") && built.stderr.contains("selvedge.toml"),
        "{}",
        built.stderr
    );
    assert_eq!(built.compiled(), [""; 0]);
}

#[test]
fn an_error_that_points_into_a_woven_crate_shows_its_original_line() {
    let store = "/// What is kept.\npub fn store<T: Send>(kept: T) -> T { kept }\n";
    let project = Project::new(
        "app",
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nback = { path = \"back\" }\n[workspace]\n",
            ),
            (
                "src/main.rs",
                "fn main() { back::store(std::rc::Rc::new(1)); }\n",
            ),
            (
                "back/Cargo.toml",
                "[package]\nname = \"back\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
            ),
            ("back/src/lib.rs", store),
            ("selvedge.toml", "[[span]]\nfunction = \"back::store\"\n"),
        ],
    );
    let built = project.selvedge("build");
    assert_eq!(built.code, Some(101), "{}", built.stderr);
    let shown = "note: required by a bound in `store`
 --> back/src/lib.rs:2:1
  |
2 | pub fn store<T: Send>(kept: T) -> T { kept }
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n";
    assert!(built.stderr.contains(shown), "{}", built.stderr);
}
