//! Holds the invariants that the compiler cannot: each check is a function from the repository's
//! files to the list of what is wrong. All problems are collected, then printed.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Lines that a Rust source file may have.
const FILE_LINES_MAX: usize = 800;
/// Lines that a function may have, from its signature to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines that ARCHITECTURE.md may have.
const ARCHITECTURE_LINES_MAX: usize = 200;
/// Dependencies that the agent may have without optional features.
const AGENT_DEPENDENCIES_MAX: usize = 8;

/// Crates that do no IO and take time as a parameter.
const PURE_CRATES: &[&str] = &[
    "crates/selvedge-weave/src",
    "crates/selvedge-sampling/src",
    "ledger/core/src",
];
/// What a pure crate must not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "SystemTime::now",
    "Instant::now",
    "std::thread",
];
/// What must not stay in the code.
const LEFTOVERS: &[&str] = &["todo!(", "unimplemented!(", "dbg!(", "FIXME", "#[ignore"];
/// What must not be named under `ledger/`: all of its telemetry is woven.
const TELEMETRY: &[&str] = &[
    "opentelemetry",
    "tracing::span",
    "tracing::instrument",
    "#[instrument",
    "selvedge_",
];
/// Files whose whole purpose is to hold their crate's unsafe code.
const UNSAFE_FILES: &[&str] = &[
    "crates/selvedge-hooks/src/table.rs",
    "bench/hot-path/src/allocations.rs",
    "crates/selvedge-agent/src/node",
    "crates/selvedge-agent/src/ring",
    "crates/selvedge-agent/src/clock.rs",
    "crates/selvedge-agent/src/process.rs",
    "crates/selvedge-agent/src/record.rs",
];

/// A file that git knows, with its text.
struct Source {
    path: String,
    text: String,
}

/// Runs every check and prints what is wrong.
pub(crate) fn run(root: &Path) -> ExitCode {
    let sources = match tracked_files(root) {
        Ok(sources) => sources,
        Err(message) => {
            eprintln!("tidy: {message}");
            return ExitCode::FAILURE;
        }
    };
    let mut problems = Vec::new();
    for source in &sources {
        check_text(source, &mut problems);
        if source.path.ends_with(".rs") && !is_data(&source.path) {
            check_rust(source, &mut problems);
        }
        check_purity(source, &mut problems);
        check_ledger(source, &mut problems);
    }
    check_integrations(&sources, &mut problems);
    check_manifests(&sources, &mut problems);
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    println!("tidy: {} files, {} problems", sources.len(), problems.len());
    if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn tracked_files(root: &Path) -> Result<Vec<Source>, String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("failed to run git: {error}"))?;
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = listing
        .lines()
        .map(|path| (path.to_owned(), root.join(path)));
    Ok(paths
        .filter_map(|(path, file): (String, PathBuf)| {
            std::fs::read_to_string(file)
                .ok()
                .map(|text| Source { path, text })
        })
        .collect())
}

/// Test inputs and golden outputs are data: they may look like anything.
fn is_data(path: &str) -> bool {
    [
        "/tests/cases/",
        "/fixtures/",
        "/testdata/",
        "/case/",
        "/generated/",
    ]
    .iter()
    .any(|part| path.contains(part))
}

fn check_text(source: &Source, problems: &mut Vec<String>) {
    let checked = [".rs", ".toml", ".md", ".sh", "Makefile"];
    if is_data(&source.path) || !checked.iter().any(|end| source.path.ends_with(end)) {
        return;
    }
    for (index, line) in source.text.lines().enumerate() {
        if line.ends_with(' ') || line.ends_with('\t') {
            problems.push(format!(
                "{}:{}: trailing white space",
                source.path,
                index + 1
            ));
        }
    }
    if source.path == "ARCHITECTURE.md" && source.text.lines().count() > ARCHITECTURE_LINES_MAX {
        problems.push(format!(
            "ARCHITECTURE.md: more than {ARCHITECTURE_LINES_MAX} lines"
        ));
    }
}

fn check_rust(source: &Source, problems: &mut Vec<String>) {
    let path = &source.path;
    let lines: Vec<&str> = source.text.lines().collect();
    if lines.len() > FILE_LINES_MAX {
        problems.push(format!(
            "{path}: {} lines, {FILE_LINES_MAX} at most",
            lines.len()
        ));
    }
    if !lines
        .iter()
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| line.starts_with("//!"))
    {
        problems.push(format!("{path}: does not begin with `//!` and its purpose"));
    }
    for (index, line) in lines.iter().enumerate() {
        let place = index + 1;
        let code = line.split("//").next().unwrap_or_default();
        if path != "xtask/src/tidy.rs" {
            for leftover in LEFTOVERS.iter().filter(|leftover| line.contains(*leftover)) {
                problems.push(format!("{path}:{place}: `{leftover}` does not land"));
            }
            let allowed = UNSAFE_FILES.iter().any(|file| path.starts_with(file));
            let is_unsafe = code.contains("unsafe {") || code.contains("unsafe impl");
            if is_unsafe && !allowed && path.contains("/src/") && !code.contains('"') {
                problems.push(format!(
                    "{path}:{place}: unsafe code outside of its crate's named modules"
                ));
            }
        }
    }
    check_function_lengths(path, &lines, problems);
}

/// Finds functions by indentation, which rustfmt makes reliable.
fn check_function_lengths(path: &str, lines: &[&str], problems: &mut Vec<String>) {
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let head = trimmed.split('(').next().unwrap_or_default();
        let is_function = head.split(' ').any(|word| word == "fn")
            && head.split(' ').all(|word| {
                word.starts_with("pub") || !word.contains(['=', '"', ';', '/']) && word != "type"
            });
        if !is_function {
            continue;
        }
        let indentation = &line[..line.len() - trimmed.len()];
        let closing = format!("{indentation}}}");
        let length = lines[index..].iter().position(|line| *line == closing);
        let body_opens = lines[index..]
            .iter()
            .take(12)
            .any(|line| line.ends_with('{'));
        if let Some(length) = length.filter(|length| body_opens && *length >= FUNCTION_LINES_MAX) {
            problems.push(format!(
                "{path}:{}: function of {} lines, {FUNCTION_LINES_MAX} at most",
                index + 1,
                length + 1
            ));
        }
    }
}

fn check_purity(source: &Source, problems: &mut Vec<String>) {
    if !PURE_CRATES.iter().any(|pure| source.path.starts_with(pure)) {
        return;
    }
    for name in IMPURE.iter().filter(|name| source.text.contains(*name)) {
        problems.push(format!(
            "{}: names `{name}`, but its crate is pure",
            source.path
        ));
    }
}

fn check_ledger(source: &Source, problems: &mut Vec<String>) {
    let is_code = source.path.ends_with(".rs") || source.path.ends_with("Cargo.toml");
    if !source.path.starts_with("ledger/") || !is_code {
        return;
    }
    for name in TELEMETRY.iter().filter(|name| source.text.contains(*name)) {
        problems.push(format!(
            "{}: names `{name}`; the ledger's telemetry is woven",
            source.path
        ));
    }
}

fn check_integrations(sources: &[Source], problems: &mut Vec<String>) {
    let folders: std::collections::BTreeSet<&str> = sources
        .iter()
        .filter_map(|source| {
            source
                .path
                .strip_prefix("integrations/")?
                .split_once('/')
                .map(|(name, _)| name)
        })
        .collect();
    for folder in folders {
        for file in ["aspects.toml", "README.md"] {
            let path = format!("integrations/{folder}/{file}");
            if !sources.iter().any(|source| source.path == path) {
                problems.push(format!("{path}: missing"));
            }
        }
        let case = format!("integrations/{folder}/case/");
        if !sources.iter().any(|source| source.path.starts_with(&case)) {
            problems.push(format!("{case}: missing"));
        }
    }
}

fn check_manifests(sources: &[Source], problems: &mut Vec<String>) {
    let text = |path: &str| {
        sources
            .iter()
            .find(|source| source.path == path)
            .map_or("", |source| source.text.as_str())
    };
    if !dependencies(text("crates/selvedge-hooks/Cargo.toml")).is_empty() {
        problems.push("crates/selvedge-hooks: the hooks have no dependencies".to_owned());
    }
    let agent = dependencies(text("crates/selvedge-agent/Cargo.toml"));
    if agent.len() > AGENT_DEPENDENCIES_MAX {
        problems.push(format!(
            "crates/selvedge-agent: {} dependencies, {AGENT_DEPENDENCIES_MAX} at most",
            agent.len()
        ));
    }
}

/// Names in `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<&str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['=', '.']).next())
        .map(str::trim)
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let mut problems = Vec::new();
        check_rust(&source, &mut problems);
        check_purity(&source, &mut problems);
        check_ledger(&source, &mut problems);
        problems
    }

    #[test]
    fn a_tidy_file_has_no_problems() {
        assert_eq!(
            problems("crates/x/src/lib.rs", "//! Purpose.\nfn f() {\n}\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_function_past_the_limit_is_found_at_its_line() {
        let text = format!(
            "//! P.\n\n    pub fn f() {{\n{}    }}\n",
            "        x();\n".repeat(FUNCTION_LINES_MAX)
        );
        assert_eq!(
            problems("a.rs", &text),
            ["a.rs:3: function of 72 lines, 70 at most"]
        );
    }

    #[test]
    fn a_pure_crate_that_reads_the_environment_is_found() {
        let found = problems("crates/selvedge-weave/src/a.rs", "//! P.\nuse std::env;\n");
        assert_eq!(
            found,
            ["crates/selvedge-weave/src/a.rs: names `std::env`, but its crate is pure"]
        );
    }

    #[test]
    fn telemetry_in_the_ledger_is_found() {
        let found = problems("ledger/core/src/a.rs", "//! P.\n#[instrument]\nfn f() {}\n");
        assert_eq!(
            found,
            ["ledger/core/src/a.rs: names `#[instrument`; the ledger's telemetry is woven"]
        );
    }

    #[test]
    fn dependency_names_are_read_from_a_manifest() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\n# why\na.workspace = true\nb = \"1\"\n\n[lints]\n";
        assert_eq!(dependencies(manifest), ["a", "b"]);
    }
}
