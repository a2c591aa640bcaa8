//! What cargo asks of rustc in one call, read from the arguments.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::report::graph;

/// Options of rustc whose value may be the next argument.
const WITH_VALUE: &[&str] = &[
    "--allow",
    "--cap-lints",
    "--cfg",
    "--check-cfg",
    "--codegen",
    "--color",
    "--crate-name",
    "--crate-type",
    "--deny",
    "--diagnostic-width",
    "--edition",
    "--emit",
    "--env-set",
    "--error-format",
    "--explain",
    "--extern",
    "--forbid",
    "--force-warn",
    "--json",
    "--out-dir",
    "--print",
    "--remap-path-prefix",
    "--remap-path-scope",
    "--sysroot",
    "--target",
    "--warn",
    "-A",
    "-C",
    "-D",
    "-F",
    "-L",
    "-W",
    "-Z",
    "-l",
    "-o",
];

/// One call of the wrapper.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The compiler, behind a workspace wrapper such as `clippy-driver` if there is one.
    pub(crate) program: Vec<OsString>,
    /// The arguments as given; an `@file` is not expanded.
    pub(crate) raw: Vec<OsString>,
    /// The arguments with `@file`s expanded.
    pub(crate) arguments: Vec<OsString>,
}

/// A crate that rustc is asked to compile for cargo.
#[derive(Debug, Clone)]
pub(crate) struct Crate {
    /// `--crate-name`.
    pub(crate) name: String,
    /// `-C metadata`: with the name, the identity of the unit.
    pub(crate) metadata: String,
    /// `-C extra-filename`.
    pub(crate) extra_filename: String,
    /// `--crate-type`s; empty under `--test`.
    pub(crate) types: Vec<String>,
    /// `--edition`, 2015 when absent.
    pub(crate) edition: u16,
    /// Enabled features.
    pub(crate) features: Vec<String>,
    /// `--target`, if cross-compiling or asked for.
    pub(crate) target: Option<String>,
    /// `--test`.
    pub(crate) test: bool,
    /// `--out-dir`.
    pub(crate) out_dir: PathBuf,
    /// The crate root as cargo passed it.
    pub(crate) root: PathBuf,
    /// Where the root is in [`Invocation::arguments`].
    pub(crate) root_index: usize,
    /// `--error-format=json`.
    pub(crate) json: bool,
    /// `--emit`'s kinds.
    pub(crate) emit: Vec<String>,
}

impl Invocation {
    /// Splits the wrapper's own arguments (without its name) into compiler and arguments.
    pub(crate) fn parse(arguments: Vec<OsString>) -> Self {
        let mut program = Vec::new();
        let mut rest = arguments.into_iter().peekable();
        program.extend(rest.next());
        while let Some(next) = rest.peek() {
            if program.len() >= 2 || !names_a_compiler(next) {
                break;
            }
            program.extend(rest.next());
        }
        let raw: Vec<OsString> = rest.collect();
        let arguments = expand(&raw);
        Self {
            program,
            raw,
            arguments,
        }
    }

    /// True for `rustc -vV`, by which cargo tells compilers apart.
    pub(crate) fn asks_version(&self) -> bool {
        let texts: Vec<&str> = self
            .raw
            .iter()
            .filter_map(|argument| argument.to_str())
            .collect();
        matches!(
            texts[..],
            ["-vV" | "-Vv"] | ["--version", "--verbose"] | ["--verbose", "--version"]
        )
    }

    /// True when a workspace wrapper such as clippy stands before rustc.
    pub(crate) fn has_workspace_wrapper(&self) -> bool {
        self.program.len() > 1
    }

    /// The units that this one is compiled with, by their file stems.
    pub(crate) fn externs(&self) -> Vec<String> {
        graph::stems(Options(&self.arguments).all("--extern"))
    }

    /// True for what the user wrote: cargo silences the lints of everything else.
    pub(crate) fn is_of_member(&self) -> bool {
        Options(&self.arguments).last("--cap-lints").is_none()
    }

    /// The crate that cargo wants compiled; none for probes, queries and calls by others.
    pub(crate) fn cargo_crate(&self) -> Option<Crate> {
        let options = Options(&self.arguments);
        let name = options.last("--crate-name")?;
        if name == "___" || options.last("--print").is_some() {
            return None;
        }
        let (root_index, root) = options.positional()?;
        let emit = options.all("--emit");
        Some(Crate {
            metadata: options.codegen("metadata")?,
            extra_filename: options.codegen("extra-filename").unwrap_or_default(),
            types: options
                .all("--crate-type")
                .iter()
                .flat_map(|types| types.split(','))
                .map(str::to_owned)
                .collect(),
            edition: options
                .last("--edition")
                .and_then(|edition| edition.parse().ok())
                .unwrap_or(2015),
            features: options.features(),
            target: options.last("--target"),
            test: self.arguments.iter().any(|argument| argument == "--test"),
            out_dir: PathBuf::from(options.last("--out-dir")?),
            root,
            root_index,
            json: options.last("--error-format").as_deref() == Some("json"),
            emit: emit
                .iter()
                .flat_map(|kinds| kinds.split(','))
                .map(str::to_owned)
                .collect(),
            name,
        })
    }
}

impl Crate {
    /// True for a build script.
    pub(crate) fn is_build_script(&self) -> bool {
        self.name.starts_with("build_script_")
    }

    /// True for a proc macro.
    pub(crate) fn is_proc_macro(&self) -> bool {
        self.types.iter().any(|kind| kind == "proc-macro")
    }

    /// True for a program with a `main` of its own.
    pub(crate) fn is_binary(&self) -> bool {
        !self.test && self.types.iter().any(|kind| kind == "bin")
    }

    /// The stem of the files that rustc writes, by which other units name this one.
    pub(crate) fn stem(&self) -> String {
        format!("{}{}", self.name, self.extra_filename)
    }

    /// The stem, unique among the units of a target directory also where cargo keeps the hash out
    /// of it.
    pub(crate) fn unit(&self) -> String {
        if self.extra_filename.is_empty() {
            format!("{}-{}", self.name, self.metadata)
        } else {
            self.stem()
        }
    }

    /// The dep-info file that rustc writes.
    pub(crate) fn dep_info(&self) -> PathBuf {
        self.out_dir.join(format!("{}.d", self.stem()))
    }
}

/// True for `rustc` and drivers like it, as the second of two programs.
fn names_a_compiler(argument: &OsStr) -> bool {
    Path::new(argument)
        .file_stem()
        .is_some_and(|stem| stem == "rustc")
}

/// Replaces each `@file` by its lines, as rustc does.
fn expand(raw: &[OsString]) -> Vec<OsString> {
    let mut out = Vec::with_capacity(raw.len());
    for argument in raw {
        let file = argument.to_str().and_then(|text| text.strip_prefix('@'));
        match file.and_then(|path| fs::read_to_string(path).ok()) {
            Some(lines) => out.extend(lines.lines().map(OsString::from)),
            None => out.push(argument.clone()),
        }
    }
    out
}

/// Looks options up in a list of arguments, in all spellings that rustc takes.
struct Options<'a>(&'a [OsString]);

impl Options<'_> {
    /// The values of a long option.
    fn all(&self, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        let mut rest = self.0.iter().filter_map(|argument| argument.to_str());
        while let Some(argument) = rest.next() {
            if argument == name {
                values.extend(rest.next().map(str::to_owned));
            } else if let Some(value) = argument
                .strip_prefix(name)
                .and_then(|value| value.strip_prefix('='))
            {
                values.push(value.to_owned());
            }
        }
        values
    }

    fn last(&self, name: &str) -> Option<String> {
        self.all(name).pop()
    }

    /// The value of `-C name=value`.
    fn codegen(&self, name: &str) -> Option<String> {
        let mut found = None;
        let mut rest = self.0.iter().filter_map(|argument| argument.to_str());
        while let Some(argument) = rest.next() {
            let option = match argument {
                "-C" | "--codegen" => rest.next(),
                _ => argument
                    .strip_prefix("-C")
                    .or_else(|| argument.strip_prefix("--codegen=")),
            };
            let value = option.and_then(|option| option.strip_prefix(name)?.strip_prefix('='));
            found = value.map(str::to_owned).or(found);
        }
        found
    }

    fn features(&self) -> Vec<String> {
        let feature = |cfg: &String| {
            Some(
                cfg.strip_prefix("feature=\"")?
                    .strip_suffix('"')?
                    .to_owned(),
            )
        };
        self.all("--cfg").iter().filter_map(feature).collect()
    }

    /// The one argument that is no option: the crate root.
    fn positional(&self) -> Option<(usize, PathBuf)> {
        let mut index = 0;
        while let Some(argument) = self.0.get(index) {
            match argument.to_str() {
                Some("-") => return None,
                Some(text) if WITH_VALUE.contains(&text) => index += 1,
                Some(text) if text.starts_with('-') => {}
                _ => return Some((index, PathBuf::from(argument))),
            }
            index += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(text: &str) -> Invocation {
        Invocation::parse(text.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn reads_a_unit_as_cargo_writes_it() {
        let call = invocation(
            "/x/rustc --crate-name hello --edition=2024 src/main.rs --error-format=json --json=artifacts \
             --crate-type bin --emit=dep-info,link -C debuginfo=2 --cfg feature=\"a\" -C metadata=7c \
             -C extra-filename=-b0 --out-dir /t/deps -C incremental=/t/inc -L dependency=/t/deps",
        );
        let unit = call.cargo_crate().expect("a unit");
        assert_eq!(
            (unit.unit().as_str(), unit.edition, unit.root.to_str()),
            ("hello-b0", 2024, Some("src/main.rs"))
        );
        assert_eq!(unit.dep_info(), Path::new("/t/deps/hello-b0.d"));
        assert_eq!(unit.features, ["a"]);
        assert!(unit.is_binary() && unit.json && !unit.is_proc_macro());
    }

    #[test]
    fn probes_are_no_units() {
        for text in [
            "rustc - --crate-name ___ --print=file-names",
            "rustc --crate-name probe0 --out-dir /t - --emit=llvm-ir",
            "rustc --crate-name=anyhow --edition=2021 --emit=metadata --out-dir /o src/nightly.rs",
            "rustc -vV",
        ] {
            assert!(invocation(text).cargo_crate().is_none(), "{text}");
        }
        assert!(invocation("rustc -vV").asks_version());
    }

    #[test]
    fn a_workspace_wrapper_is_part_of_the_program() {
        let call = invocation("/x/clippy-driver /x/rustc -vV");
        assert!(call.has_workspace_wrapper() && call.asks_version());
    }
}
