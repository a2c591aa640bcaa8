//! Projects in temporary directories, built by the real cargo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A project that is removed when the test ends.
pub(crate) struct Project {
    root: PathBuf,
}

/// What a command printed, and whether it succeeded.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// A package called `name` of these files; `Cargo.toml` is made where there is none.
    pub(crate) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir()
            .join(format!("selvedge-it-{}-{number}", std::process::id()))
            .join(name);
        let project = Self { root };
        project.write("Cargo.toml", &format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n"));
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// `cargo selvedge …`, succeeding or not.
    pub(crate) fn selvedge(&self, arguments: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-selvedge"));
        self.run(command.arg("selvedge").args(arguments.split_whitespace()))
    }

    /// `cargo …` without Selvedge.
    pub(crate) fn cargo(&self, arguments: &str) -> Ran {
        self.run(Command::new("cargo").args(arguments.split_whitespace()))
    }

    /// `cargo …` with nothing but the wrapper set.
    pub(crate) fn cargo_with_wrapper(&self, arguments: &str) -> Ran {
        let wrapper = env!("CARGO_BIN_EXE_cargo-selvedge");
        self.run(
            Command::new("cargo")
                .args(arguments.split_whitespace())
                .env("RUSTC_WRAPPER", wrapper),
        )
    }

    pub(crate) fn run(&self, command: &mut Command) -> Ran {
        run_in(&self.root, &self.root.with_file_name("log"), command)
    }

    /// As [`Self::run`] would run it.
    pub(crate) fn isolated<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        isolate(&self.root, &self.root.with_file_name("log"), command)
    }

    /// The log of the wrapper: empty when every unit was compiled as planned.
    pub(crate) fn wrapper_log(&self) -> String {
        fs::read_to_string(self.root.with_file_name("log")).unwrap_or_default()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if let Some(parent) = self.root.parent() {
            drop(fs::remove_dir_all(parent));
        }
    }
}

impl Ran {
    fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Asserts success.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Names of the crates that cargo compiled.
    pub(crate) fn compiled(&self) -> Vec<&str> {
        let lines = self
            .stderr
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Compiling "));
        lines.filter_map(|line| line.split(' ').next()).collect()
    }

    /// Errors and warnings, without what cargo says about its own progress.
    pub(crate) fn diagnostics(&self) -> String {
        let progress = [
            "Compiling",
            "Checking",
            "Finished",
            "Preparing",
            "Woven",
            "Rule",
            "Running",
            "Skipped",
            "Blocking",
        ];
        let lines = self.stderr.lines().filter(|line| {
            !progress
                .iter()
                .any(|word| line.trim_start().starts_with(word))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Runs a command in a directory, cut off from how the tests themselves are being built and run.
pub(crate) fn run_in(folder: &Path, log: &Path, command: &mut Command) -> Ran {
    Ran::new(&isolate(folder, log, command).output().unwrap())
}

fn isolate<'a>(folder: &Path, log: &Path, command: &'a mut Command) -> &'a mut Command {
    for name in [
        "CARGO_TARGET_DIR",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "CARGO_MANIFEST_DIR",
        "CARGO",
    ] {
        if !command
            .get_envs()
            .any(|(set, value)| set == name && value.is_some())
        {
            command.env_remove(name);
        }
    }
    if !command.get_envs().any(|(set, _)| set == "SELVEDGE_CACHE") {
        command.env("SELVEDGE_CACHE", cache());
    }
    command
        .current_dir(folder)
        .env("SELVEDGE_LOG", log)
        .env("CARGO_TERM_COLOR", "never")
}

/// Hooks and agent are built once for all tests and kept between runs, as they are for users.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}
