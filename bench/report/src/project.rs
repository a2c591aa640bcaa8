//! A service under test as a project of its own, outside of this checkout: builds of it see no
//! workspace, no configuration and no target directory but its own, as any user's would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{bench_root, seconds};

/// Variables of the surrounding build that would reach into the measured one.
const FOREIGN_VARIABLES: [&str; 5] = [
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "CARGO_INCREMENTAL",
];

/// With which command a project is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weaving {
    /// `cargo build`.
    Plain,
    /// `cargo selvedge build`.
    Woven,
}

/// Which of cargo's profiles is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `dev`.
    Dev,
    /// `release`.
    Release,
}

/// One build of a project.
#[derive(Debug)]
pub struct Build {
    /// Wall time.
    pub seconds: f64,
    /// Crates that cargo compiled, not found fresh.
    pub compiled: usize,
    /// The program.
    pub binary: PathBuf,
}

/// A copy of one of the services in a folder of its own.
#[derive(Clone, Debug)]
pub struct Project {
    name: String,
    root: PathBuf,
}

/// The command, as `bench/run.sh` has built it; an error when there is none.
pub fn cargo_selvedge() -> Result<PathBuf, String> {
    let path = std::env::var_os("CARGO_SELVEDGE").map(PathBuf::from);
    match path {
        Some(path) if path.is_file() => Ok(path),
        Some(path) => Err(format!("CARGO_SELVEDGE: {} is no file", path.display())),
        None => Err("CARGO_SELVEDGE does not name the command; start with bench/run.sh".to_owned()),
    }
}

/// A folder for projects and databases. It stays for the next run, and benchmarks that build the
/// same projects share one by name.
pub fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join("selvedge-bench").join(name)
}

impl Project {
    /// Copies `bench/<service>`. Files that are there already with the same text keep their
    /// times, so that a second run finds its builds fresh.
    pub fn copy(service: &str, scratch: &Path) -> Result<Self, String> {
        let root = scratch.join(service);
        let original = bench_root().join(service);
        let manifest = read(&original.join("Cargo.toml"))?;
        write(
            &root.join("Cargo.toml"),
            &format!("{manifest}\n[workspace]\n"),
        )?;
        if !root.join("Cargo.lock").exists() {
            write(
                &root.join("Cargo.lock"),
                &read(&bench_root().join("Cargo.lock"))?,
            )?;
        }
        let sources = original.join("src");
        let entries = fs::read_dir(&sources).map_err(|error| failed("list", &sources, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failed("list", &sources, &error))?;
            write(
                &root.join("src").join(entry.file_name()),
                &read(&entry.path())?,
            )?;
        }
        Ok(Self {
            name: service.to_owned(),
            root,
        })
    }

    /// A project from texts: its files, named from the root.
    pub fn write(name: &str, scratch: &Path, files: &[(&str, &str)]) -> Result<Self, String> {
        let root = scratch.join(name);
        for (file, text) in files {
            write(&root.join(file), text)?;
        }
        Ok(Self {
            name: name.to_owned(),
            root,
        })
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Builds the project; its dependencies must have been fetched.
    pub fn build(&self, weaving: Weaving, profile: Profile) -> Result<Build, String> {
        let mut command = match weaving {
            Weaving::Plain => Command::new("cargo"),
            Weaving::Woven => {
                let mut command = Command::new(cargo_selvedge()?);
                command.arg("selvedge");
                command
            }
        };
        command.args(["build", "--offline"]).current_dir(&self.root);
        if profile == Profile::Release {
            command.arg("--release");
        }
        for variable in FOREIGN_VARIABLES {
            command.env_remove(variable);
        }
        let (seconds, output) = seconds(&mut command)?;
        let messages = String::from_utf8_lossy(&output.stderr);
        let compiled = messages
            .lines()
            .filter(|line| line.trim_start().starts_with("Compiling"));
        Ok(Build {
            seconds,
            compiled: compiled.count(),
            binary: self.binary(weaving, profile)?,
        })
    }

    fn binary(&self, weaving: Weaving, profile: Profile) -> Result<PathBuf, String> {
        let target = match weaving {
            Weaving::Plain => self.root.join("target"),
            Weaving::Woven => self.root.join("target/selvedge"),
        };
        let folder = match profile {
            Profile::Dev => "debug",
            Profile::Release => "release",
        };
        let path = target.join(folder).join(&self.name);
        if path.is_file() {
            Ok(path)
        } else {
            Err(format!("the build left no {}", path.display()))
        }
    }

    /// Forgets the builds of one kind; those of the other stay.
    pub fn clean(&self, weaving: Weaving) -> Result<(), String> {
        let folders: &[&str] = match weaving {
            Weaving::Plain => &["target/debug", "target/release"],
            Weaving::Woven => &["target/selvedge"],
        };
        for folder in folders {
            let folder = self.root.join(folder);
            match fs::remove_dir_all(&folder) {
                Err(error) if folder.exists() => return Err(failed("remove", &folder, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Appends a line to a source file, so that its text changes but not what it does.
    pub fn edit(&self, file: &str, line: &str) -> Result<(), String> {
        let path = self.root.join("src").join(file);
        let text = read(&path)?;
        write(&path, &format!("{text}{line}\n"))
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| failed("read", path, &error))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    let folder = path.parent().expect("all paths here are below a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| failed("write", path, &error))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> String {
    format!("failed to {what} {}: {error}", path.display())
}
