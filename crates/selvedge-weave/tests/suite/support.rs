//! What the tests share: weaving a text in one call, and compiling what comes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use selvedge_weave::{
    Edit, Edition, FileInput, FileOutput, Integration, Plan, Role, Rules, Unit, UnitOutcome,
    finish, weave_file,
};

/// A unit named `case` of the user's own.
pub(crate) fn unit(edition: Edition, role: Role) -> Unit {
    Unit {
        crate_name: "case".to_owned(),
        package: "case".to_owned(),
        version: semver::Version::new(1, 0, 0),
        edition,
        features: Vec::new(),
        is_workspace: true,
        role,
        baked: None,
    }
}

/// Rules that have no problems.
pub(crate) fn rules(text: &str) -> Rules {
    let (rules, problems) = Rules::parse(text, &[]);
    assert_eq!(problems, []);
    rules
}

/// An integration that has no problems, with its glue in `glue.rs`.
pub(crate) fn integration(text: &str, glue: &str) -> (Integration, BTreeMap<String, String>) {
    let integration = Integration::parse(text).expect("aspects without problems");
    (
        integration,
        BTreeMap::from([("glue.rs".to_owned(), glue.to_owned())]),
    )
}

/// Weaves a crate of one file.
pub(crate) fn weave(plan: &Plan, text: &str) -> (FileOutput, UnitOutcome) {
    let file = FileInput {
        text,
        module: "",
        display_path: "src/lib.rs",
    };
    let output = weave_file(plan, &file).expect("lexes");
    let outcome = finish(plan, &[(String::new(), &output)]);
    (output, outcome)
}

/// The edits that the outcome keeps.
pub(crate) fn kept(output: &FileOutput, outcome: &UnitOutcome) -> Vec<Edit> {
    output
        .edits
        .iter()
        .filter(|edit| outcome.keeps(&edit.origin))
        .cloned()
        .collect()
}

/// A directory of this test run.
pub(crate) fn temporary(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).expect("a directory to work in");
    directory
}

/// The hooks, compiled once.
pub(crate) fn hooks() -> &'static Path {
    static HOOKS: OnceLock<PathBuf> = OnceLock::new();
    HOOKS.get_or_init(|| {
        let library = temporary("hooks").join("libselvedge_hooks.rlib");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../selvedge-hooks/src/lib.rs");
        let status = Command::new("rustc")
            .args([
                "--edition=2021",
                "--crate-type=rlib",
                "--crate-name=selvedge_hooks",
                "-o",
            ])
            .args([&library, &source])
            .status()
            .expect("rustc runs");
        assert!(status.success(), "the hooks compile");
        library
    })
}

/// Compiles a file against the hooks; gives the compiler's messages where it refuses.
pub(crate) fn compile(
    compiler: &str,
    source: &Path,
    edition: &str,
    role: Role,
) -> Result<(), String> {
    let kind = if role == Role::Binary { "bin" } else { "lib" };
    let output = Command::new(compiler)
        .arg(source)
        .args(["--crate-name=case", "--emit=metadata", "--crate-type", kind])
        .args(["--edition", edition, "-Dwarnings", "--out-dir"])
        .arg(source.parent().expect("a file in a directory"))
        .arg("--extern")
        .arg(format!("selvedge_hooks={}", hooks().display()))
        .args(if compiler == "clippy-driver" {
            &[
                "-Wclippy::all",
                "-Wclippy::pedantic",
                "-Aclippy::must_use_candidate",
            ][..]
        } else {
            &[]
        })
        .output()
        .expect("the compiler runs");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
