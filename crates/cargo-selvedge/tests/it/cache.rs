//! What is rebuilt when, which is nothing more than needed.

use std::fs;
use std::process::Command;
use std::thread;

use crate::project::Project;

const RULES: &str = "[[span]]\nfunction = \"front::serve\"\n";

/// `front` (a program) depends on `back`; neither on anything else.
fn workspace() -> Project {
    Project::new(
        "front",
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"front\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nback = { path = \"back\" }\n[workspace]\nmembers = [\"back\"]\n",
            ),
            (
                "src/main.rs",
                "fn main() { serve() }\nfn serve() { back::store() }\n",
            ),
            (
                "back/Cargo.toml",
                "[package]\nname = \"back\"\nversion = \"0.1.0\"\nedition = \"2018\"\n",
            ),
            ("back/src/lib.rs", "pub fn store() {}\n"),
            ("selvedge.toml", RULES),
        ],
    )
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_build_without_a_change_compiles_nothing() {
    let project = workspace();
    assert_eq!(project.selvedge("build").ok().compiled(), ["back", "front"]);
    assert_eq!(project.selvedge("build").ok().compiled(), NOTHING);
}

#[test]
fn a_changed_rule_rebuilds_its_crate_only() {
    let project = workspace();
    project.selvedge("build").ok();
    project.write("selvedge.toml", &format!("{RULES}name = \"serving\"\n"));
    assert_eq!(project.selvedge("build").ok().compiled(), ["front"]);
    project.write(
        "selvedge.toml",
        &format!("{RULES}name = \"serving\"\n[[span]]\nfunction = \"back::store\"\n"),
    );
    assert_eq!(project.selvedge("build").ok().compiled(), ["back", "front"]);
    assert_eq!(project.selvedge("build").ok().compiled(), NOTHING);
}

#[test]
fn a_comment_rebuilds_nothing() {
    let project = workspace();
    project.selvedge("build").ok();
    project.write("selvedge.toml", &format!("# why\n\n{RULES}"));
    assert_eq!(project.selvedge("build").ok().compiled(), NOTHING);
}

#[test]
fn a_changed_source_rebuilds_although_a_mirror_was_compiled() {
    let project = workspace();
    project.selvedge("build").ok();
    project.write(
        "src/main.rs",
        "fn main() { serve() }\nfn serve() { back::store(); back::store() }\n",
    );
    assert_eq!(project.selvedge("build").ok().compiled(), ["front"]);
    assert_eq!(project.selvedge("build").ok().compiled(), NOTHING);
}

#[test]
fn woven_and_plain_builds_leave_each_other_alone() {
    let project = workspace();
    project.selvedge("build").ok();
    project.cargo("build").ok();
    assert_eq!(project.selvedge("build").ok().compiled(), NOTHING);
    assert_eq!(project.cargo("build").ok().compiled(), NOTHING);
    // Even in one target directory.
    assert_eq!(
        project.cargo_with_wrapper("build").ok().compiled(),
        ["back", "front"]
    );
    assert_eq!(project.cargo("build").ok().compiled(), NOTHING);
    assert_eq!(project.cargo_with_wrapper("build").ok().compiled(), NOTHING);
}

#[test]
fn two_builds_at_once_both_succeed() {
    let project = workspace();
    thread::scope(|scope| {
        let builds = ["build", "build --release", "check"]
            .map(|arguments| scope.spawn(|| project.selvedge(arguments)));
        for build in builds {
            build.join().unwrap().ok();
        }
    });
}

#[cfg(unix)]
#[test]
fn a_source_tree_that_cannot_be_written_builds() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = workspace();
    project.cargo("generate-lockfile").ok();
    let folders = ["src", "back/src", "back", "."];
    let set = |mode| {
        folders.map(|folder| {
            fs::set_permissions(project.path(folder), fs::Permissions::from_mode(mode)).unwrap();
        })
    };
    set(0o555);
    let target = project.path("../target");
    let built = project.selvedge(&format!("build --target-dir {}", target.display()));
    set(0o755);
    built.ok();
    assert!(target.join("selvedge/debug/front").exists());
}

#[test]
fn nothing_is_written_into_the_users_tree() {
    let project = workspace();
    project.cargo("generate-lockfile").ok();
    let list = || {
        project
            .run(Command::new("find").args([
                ".",
                "-path",
                "./target",
                "-prune",
                "-o",
                "-type",
                "f",
                "-newer",
                "Cargo.lock",
                "-print",
            ]))
            .ok()
            .stdout
    };
    let before = list();
    project.selvedge("build").ok();
    assert_eq!(list(), before);
}

#[test]
fn what_is_remembered_of_a_project_goes_when_the_project_changes() {
    let project = workspace();
    project.selvedge("build").ok();
    project.selvedge("build").ok();
    // A program that cargo finds by itself, and a rule for it.
    project.write("src/bin/side.rs", "fn main() { aside() }\nfn aside() {}\n");
    let rule = "[[span]]\nfunction = \"side::aside\"\n";
    project.write("selvedge.toml", &format!("{RULES}{rule}"));
    let built = project.selvedge("build").ok();
    assert!(built.stderr.contains("side::aside"), "{}", built.stderr);
    project.write(".cargo/config.toml", "[build]\ntarget-dir = \"other\"\n");
    project.selvedge("build").ok();
    assert!(project.path("other/selvedge/debug/front").exists());
}
