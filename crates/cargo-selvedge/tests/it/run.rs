//! From source to span tree.

use std::process::Command;

use crate::project::Project;

const MAIN: &str =
    "mod order;\nfn main() {\n    println!(\"{} {}\", order::total(3, 4), file!());\n}\n";
const ORDER: &str = "pub fn total(price: u32, count: u32) -> u32 {\n    price * count\n}\n";
const RULES: &str = "[service]\nname = \"greeter\"\n\n[[span]]\nfunction = \"hello::order::total\"\nname = \"order.total\"\nattributes = { \"order.price\" = \"price\" }\n";

fn hello() -> Project {
    Project::new(
        "hello",
        &[
            ("src/main.rs", MAIN),
            ("src/order.rs", ORDER),
            ("selvedge.toml", RULES),
        ],
    )
}

#[test]
fn a_woven_program_prints_its_span_tree() {
    let project = hello();
    let built = project.selvedge("build").ok();
    assert!(built.stderr.contains("order.total"), "{}", built.stderr);
    let ran = project
        .run(
            Command::new(project.path("target/selvedge/debug/hello"))
                .env("SELVEDGE_EXPORT", "console"),
        )
        .ok();
    assert_eq!(ran.stdout, "12 src/main.rs\n");
    assert!(
        ran.stderr.contains("order.total") && ran.stderr.contains("order.price=3"),
        "{}",
        ran.stderr
    );
}

#[test]
fn run_passes_arguments_to_the_program() {
    let main = "fn main() { println!(\"{:?}\", std::env::args().skip(1).collect::<Vec<_>>()); }\n";
    let project = Project::new("echo", &[("src/main.rs", main)]);
    assert_eq!(
        project.selvedge("run -- --strict -p x").ok().stdout,
        "[\"--strict\", \"-p\", \"x\"]\n"
    );
}

#[test]
fn a_binary_says_what_is_woven_into_it() {
    let project = hello();
    project.selvedge("build").ok();
    let manifest = project
        .selvedge("inspect target/selvedge/debug/hello")
        .ok()
        .stdout;
    assert!(manifest.contains("hello::order::total"), "{manifest}");
    project.cargo("build").ok();
    assert_eq!(project.selvedge("inspect target/debug/hello").code, Some(1));
}

#[test]
fn diff_shows_what_was_inserted() {
    let project = hello();
    project.selvedge("build").ok();
    let diff = project.selvedge("diff hello").ok().stdout;
    assert!(
        diff.contains("-pub fn total(price: u32, count: u32) -> u32 {\n"),
        "{diff}"
    );
    assert!(
        diff.contains("+pub fn total(price: u32, count: u32) -> u32 { let __sv_span"),
        "{diff}"
    );
}

#[test]
fn without_a_driver_the_wrapper_finds_everything_itself() {
    let project = hello();
    project.cargo_with_wrapper("build").ok();
    let ran = project
        .run(Command::new(project.path("target/debug/hello")).env("SELVEDGE_EXPORT", "console"))
        .ok();
    assert!(ran.stderr.contains("order.total"), "{}", ran.stderr);
    assert_eq!(project.cargo_with_wrapper("build").ok().compiled(), [""; 0]);
    project.write("selvedge.toml", &RULES.replace("order.total", "order.sum"));
    assert_eq!(
        project.cargo_with_wrapper("build").ok().compiled(),
        ["hello"]
    );
}

#[test]
fn init_writes_a_file_that_reads() {
    let project = Project::new("fresh", &[("src/main.rs", "fn main() {}\n")]);
    project.selvedge("init").ok();
    project.selvedge("build").ok();
    assert_eq!(
        project.selvedge("init").code,
        Some(1),
        "an existing file is left alone"
    );
}

#[test]
fn plan_names_what_a_build_would_weave() {
    let project = hello();
    let plan = project.selvedge("plan").ok().stdout;
    assert!(plan.contains("hello::order::total"), "{plan}");
    assert!(!project.path("target/selvedge/debug").exists());
}

#[test]
fn explain_tells_a_rule_and_an_integration() {
    let project = hello();
    project.selvedge("build").ok();
    let rule = project.selvedge("explain order.total").ok().stdout;
    assert!(
        rule.contains("selvedge.toml:4") && rule.contains("hello::order::total"),
        "{rule}"
    );
    assert!(
        project
            .selvedge("explain std")
            .ok()
            .stdout
            .contains("every crate of the workspace")
    );
    assert_eq!(project.selvedge("explain nonsense").code, Some(1));
}
