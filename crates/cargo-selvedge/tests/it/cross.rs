//! Other targets than the host: woven where an agent can run, harmless where none can.

use std::path::Path;
use std::process::Command;

use crate::project::Project;

const MAIN: &str = "fn main() { println!(\"{}\", work()); }\nfn work() -> u8 { 7 }\n";
const RULES: &str = "[[span]]\nfunction = \"app::work\"\n";

fn project() -> Project {
    Project::new("app", &[("src/main.rs", MAIN), ("selvedge.toml", RULES)])
}

/// True when the targets' standard libraries are installed; says so when one is not.
fn are_installed(targets: &[&str]) -> bool {
    targets.iter().all(|target| {
        let output = Command::new("rustc")
            .args(["--print", "target-libdir", "--target", target])
            .output()
            .unwrap();
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let is_installed = Path::new(&folder).is_dir();
        if !is_installed {
            eprintln!("skipped: needs `rustup target add {target}`");
        }
        is_installed
    })
}

#[test]
fn a_static_binary_is_woven_and_runs() {
    const TARGET: &str = "x86_64-unknown-linux-musl";
    if !are_installed(&[TARGET]) {
        return;
    }
    let project = project();
    project.selvedge(&format!("build --target {TARGET}")).ok();
    assert_eq!(project.wrapper_log(), "");
    let binary = project.path(&format!("target/selvedge/{TARGET}/debug/app"));
    let ran = project.run(
        Command::new(binary)
            .env("SELVEDGE_EXPORT", "console")
            .env("SELVEDGE_CONSOLE_TIMES", "off"),
    );
    assert_eq!(ran.stdout, "7\n");
    assert_eq!(ran.stderr, "trace\n  work\n");
}

#[test]
fn the_host_by_its_name_and_a_foreign_target_are_checked_at_once() {
    const FOREIGN: &str = "i686-unknown-linux-gnu";
    if !are_installed(&[FOREIGN]) {
        return;
    }
    let project = project();
    let host = option_env!("HOST").unwrap_or("x86_64-unknown-linux-gnu");
    let check = || project.selvedge(&format!("check --target {host} --target {FOREIGN}"));
    let checked = check().ok();
    assert!(checked.stderr.contains("app::work"), "{}", checked.stderr);
    assert_eq!(project.wrapper_log(), "");
    let again = check().ok();
    assert!(!again.stderr.contains("Checking"), "{}", again.stderr);
}

#[test]
fn webassembly_gets_no_agent_so_that_it_imports_nothing_new() {
    const TARGET: &str = "wasm32-unknown-unknown";
    if !are_installed(&[TARGET]) {
        return;
    }
    let project = project();
    project.cargo(&format!("build --target {TARGET}")).ok();
    let built = project.selvedge(&format!("build --target {TARGET}")).ok();
    assert!(built.stderr.contains("send nothing"), "{}", built.stderr);
    let imports = |target: &str| {
        let module = project.path(&format!("{target}/{TARGET}/debug/app.wasm"));
        wasm_imports(&std::fs::read(module).unwrap())
    };
    assert_eq!(imports("target/selvedge"), imports("target"));
}

/// The import section of a module (WebAssembly core specification, section 5.5.5), as it is.
fn wasm_imports(module: &[u8]) -> Option<Vec<u8>> {
    const IMPORT: u8 = 2;
    let mut rest = module.get(8..)?;
    while let Some((&id, after)) = rest.split_first() {
        rest = after;
        let mut size = 0;
        for shift in (0..35).step_by(7) {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            size |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        let (section, after) = rest.split_at_checked(size)?;
        rest = after;
        if id == IMPORT {
            return Some(section.to_vec());
        }
    }
    None
}

#[test]
fn a_target_without_an_operating_system_builds_and_is_not_prepared_twice() {
    const TARGET: &str = "thumbv7em-none-eabihf";
    if !are_installed(&[TARGET]) {
        return;
    }
    let library = "#![no_std]\npub fn work() -> u8 { 7 }\n";
    let project = Project::new("app", &[("src/lib.rs", library), ("selvedge.toml", RULES)]);
    let build = || project.selvedge(&format!("build --target {TARGET}")).ok();
    build();
    let again = build();
    assert!(!again.stderr.contains("Preparing"), "{}", again.stderr);
    assert!(again.stderr.contains("send nothing"), "{}", again.stderr);
    assert_eq!(project.wrapper_log(), "");
}
