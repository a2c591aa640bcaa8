//! All kinds of crates compile woven, and do what they did.

use crate::project::{Project, Ran};

const EVERYTHING: &str = "[[span]]\nfunction = \"*::**\"\n";

/// Builds with a rule that reaches into every function; no crate may fall back.
#[track_caller]
fn check(name: &str, files: &[(&str, &str)], arguments: &str) -> (Project, Ran) {
    let project = Project::new(name, files);
    project.write("selvedge.toml", EVERYTHING);
    let ran = project.selvedge(arguments).ok();
    assert_eq!(project.wrapper_log(), "");
    (project, ran)
}

fn manifest(name: &str, edition: u16, rest: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"{edition}\"\n{rest}\n[workspace]\n"
    )
}

#[test]
fn every_edition() {
    for edition in [2015, 2018, 2021, 2024] {
        let main = "mod deep;\nfn main() { println!(\"{}\", deep::sum(&[1, 2])); }\n";
        let deep = "pub fn sum(numbers: &[u32]) -> u32 { numbers.iter().sum() }\n";
        let files = [
            ("Cargo.toml", manifest("app", edition, "")),
            ("src/main.rs", main.into()),
            ("src/deep.rs", deep.into()),
        ];
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (*path, text.as_str()))
            .collect();
        let (_, ran) = check("app", &files, "run");
        assert_eq!(ran.stdout, "3\n", "edition {edition}");
    }
}

#[test]
fn a_no_std_library_that_forbids_unsafe_code() {
    let library = "#![no_std]\n#![forbid(unsafe_code)]\n#![deny(warnings, missing_docs)]\n//! A library.\n/// Adds.\npub fn add(a: u8, b: u8) -> u8 { a.wrapping_add(b) }\n";
    let (_, ran) = check("core_only", &[("src/lib.rs", library)], "build");
    assert!(ran.stderr.contains("core_only::add"), "{}", ran.stderr);
}

#[test]
fn profiles_that_link_in_their_own_way() {
    let rest = "[profile.release]\nlto = \"fat\"\npanic = \"abort\"\ncodegen-units = 1\nstrip = true\n[profile.thin]\ninherits = \"release\"\nlto = \"thin\"\npanic = \"unwind\"\n";
    let files = [
        ("Cargo.toml", manifest("app", 2021, rest)),
        (
            "src/main.rs",
            "fn main() { println!(\"{}\", f()); }\nfn f() -> u8 { 7 }\n".into(),
        ),
    ];
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let (project, ran) = check("app", &files, "run --release");
    assert_eq!(ran.stdout, "7\n");
    assert_eq!(project.selvedge("run --profile thin").ok().stdout, "7\n");
    assert_eq!(project.wrapper_log(), "");
}

#[test]
fn proc_macros_build_scripts_and_a_crate_that_both_sides_share() {
    let shared = "[package]\nname = \"shared\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let maker = "[package]\nname = \"maker\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\nproc-macro = true\n[dependencies]\nshared = { path = \"../shared\" }\n";
    let rest = "[dependencies]\nshared = { path = \"shared\" }\nmaker = { path = \"maker\" }\n[build-dependencies]\nshared = { path = \"shared\" }\n";
    let files = [
        ("Cargo.toml", manifest("app", 2021, rest)),
        ("build.rs", "fn main() { println!(\"cargo::rustc-env=MADE={}\", shared::name()); }\n".into()),
        ("src/main.rs", "fn main() { println!(\"{} {} {}\", env!(\"MADE\"), maker::made!(), shared::name()); }\n".into()),
        ("shared/Cargo.toml", shared.into()),
        ("shared/src/lib.rs", "pub fn name() -> &'static str { \"shared\" }\n".into()),
        ("maker/Cargo.toml", maker.into()),
        ("maker/src/lib.rs", "#[proc_macro]\npub fn made(_: proc_macro::TokenStream) -> proc_macro::TokenStream { format!(\"{:?}\", shared::name()).parse().unwrap() }\n".into()),
    ];
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let (_, ran) = check("app", &files, "run");
    assert_eq!(ran.stdout, "shared shared shared\n");
}

#[test]
fn tests_doctests_examples_and_benches() {
    let library = "/// ```\n/// assert_eq!(app::twice(2), 4);\n/// ```\npub fn twice(n: u32) -> u32 { n * 2 }\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn doubles() { assert_eq!(super::twice(3), 6); }\n}\n";
    let files = [
        ("src/lib.rs", library),
        (
            "tests/outer.rs",
            "#[test]\nfn outer() { assert_eq!(app::twice(4), 8); }\n",
        ),
        (
            "examples/show.rs",
            "fn main() { println!(\"{}\", app::twice(5)); }\n",
        ),
    ];
    let (project, ran) = check("app", &files, "test");
    assert_eq!(
        ran.stdout.matches("1 passed").count(),
        3,
        "{}\n{}",
        ran.stdout,
        ran.stderr
    );
    assert_eq!(project.selvedge("run --example show").ok().stdout, "10\n");
}

#[test]
fn sources_that_reach_out_of_their_directories() {
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"apps/one\"]\nresolver = \"2\"\n",
        ),
        (
            "apps/one/Cargo.toml",
            "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        (
            "apps/one/src/main.rs",
            "#[path = \"../../../common/shared.rs\"]\nmod shared;\nmod nested { pub mod inner; }\nfn main() { println!(\"{} {} {}\", include_str!(\"../../../motto.txt\").trim(), shared::f(), nested::inner::g()); }\n",
        ),
        (
            "apps/one/src/nested/inner.rs",
            "pub fn g() -> &'static str { include_str!(\"../../data.txt\") }\n",
        ),
        ("apps/one/data.txt", "data"),
        (
            "common/shared.rs",
            "pub fn f() -> &'static str { file!() }\n",
        ),
        ("motto.txt", "motto\n"),
    ];
    let (_, ran) = check("space", &files, "run");
    assert_eq!(
        ran.stdout,
        "motto apps/one/src/../../../common/shared.rs data\n"
    );
}

#[test]
fn several_kinds_of_library_at_once() {
    let files = [
        (
            "Cargo.toml",
            manifest(
                "app",
                2021,
                "[lib]\ncrate-type = [\"rlib\", \"cdylib\", \"staticlib\"]\n",
            ),
        ),
        ("src/lib.rs", "pub fn f() -> u8 { 7 }\n".into()),
    ];
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    check("app", &files, "build");
}

#[test]
fn a_target_that_is_named() {
    let host = option_env!("HOST").unwrap_or("x86_64-unknown-linux-gnu");
    let (_, ran) = check(
        "app",
        &[(
            "src/main.rs",
            "fn main() { println!(\"{}\", f()); }\nfn f() -> u8 { 7 }\n",
        )],
        &format!("run --target {host}"),
    );
    assert_eq!(ran.stdout, "7\n");
}

#[test]
fn a_path_with_a_blank() {
    let (project, ran) = check(
        "a b",
        &[
            ("Cargo.toml", &manifest("app", 2021, "")),
            (
                "src/main.rs",
                "fn main() { println!(\"{}\", f()); }\nfn f() -> u8 { 7 }\n",
            ),
        ],
        "run",
    );
    assert_eq!(ran.stdout, "7\n");
    assert_eq!(project.selvedge("build").ok().compiled(), [""; 0]);
}

#[test]
fn check_and_clippy() {
    let (project, _) = check(
        "app",
        &[("src/main.rs", "fn main() { f(); }\nfn f() {}\n")],
        "check",
    );
    assert_eq!(project.selvedge("check").ok().compiled(), [""; 0]);
    project.selvedge("clippy -- -D warnings").ok();
}

#[cfg(unix)]
#[test]
fn a_panic_that_aborts_exports_its_span_and_aborts() {
    use std::os::unix::process::ExitStatusExt as _;
    let rest = "[profile.dev]\npanic = \"abort\"\n";
    let main = "fn main() { work(); }\nfn work() { panic!(\"no more\"); }\n";
    let (project, _) = check(
        "app",
        &[
            ("Cargo.toml", &manifest("app", 2024, rest)),
            ("src/main.rs", main),
        ],
        "build",
    );
    let output = std::process::Command::new(project.path("target/selvedge/debug/app"))
        .env("SELVEDGE_EXPORT", "console")
        .env("SELVEDGE_CONSOLE_TIMES", "off")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "SIGABRT: {shown}");
    let tree = "trace\n  work PANICKED ERROR no more {error.type=panic}\n";
    assert!(shown.contains(tree), "{shown}");
}
