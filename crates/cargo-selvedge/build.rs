//! Embeds the sources of hooks and agent and all integrations, so that one binary carries
//! everything it weaves in and its hash names all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

#[path = "src/hash.rs"]
mod hash;

use hash::Hasher;

fn main() {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = here.join("../..");
    assert!(
        root.join("crates/selvedge-agent/src").is_dir() && root.join("integrations").is_dir(),
        "cargo-selvedge carries the sources of other parts of its repository, and they are not at {}: \
         install it with `cargo install --git {} cargo-selvedge`, or with --path from a clone",
        root.display(),
        env!("CARGO_PKG_REPOSITORY"),
    );
    let mut sources = Embedding::new();
    let hooks = sources.folder("HOOKS", &here.join("../selvedge-hooks/src"));
    let agent = sources.folder("AGENT", &here.join("../selvedge-agent/src"));
    let integrations = integrations(&mut sources, &root.join("integrations"));
    for folder in ["src", "../selvedge-weave/src"] {
        sources.hash_only(&here.join(folder));
    }
    let manifest = agent_manifest(&mut sources, &root);
    let lock = agent_lock(&mut sources, &root);
    let out = format!(
        "{hooks}{agent}{integrations}\
         pub(super) static AGENT_MANIFEST: &str = {manifest:?};\n\
         pub(super) static AGENT_LOCK: &str = {lock:?};\n\
         pub(super) static TOOL_HASH: &str = {:?};\n",
        sources.hash.part(&manifest).part(&lock).hex(),
    );
    let path = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it")).join("embedded.rs");
    fs::write(path, out).expect("OUT_DIR is writable");
}

/// What goes into the binary, hashed and watched on the way.
struct Embedding {
    hash: Hasher,
}

impl Embedding {
    fn new() -> Self {
        Self {
            hash: Hasher::new(),
        }
    }

    fn read(&mut self, path: &Path) -> String {
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()));
        self.hash = self.hash.clone().part(&text);
        text
    }

    fn hash_only(&mut self, folder: &Path) {
        println!("cargo::rerun-if-changed={}", folder.display());
        for (_, path) in files(folder) {
            self.read(&path);
        }
    }

    /// A static slice of (relative path, text) of all files in a folder.
    fn folder(&mut self, name: &str, folder: &Path) -> String {
        println!("cargo::rerun-if-changed={}", folder.display());
        format!(
            "pub(super) static {name}: &[(&str, &str)] = {};\n",
            self.slice(folder)
        )
    }

    fn slice(&mut self, folder: &Path) -> String {
        let mut out = "&[".to_owned();
        for (relative, path) in files(folder) {
            let text = self.read(&path);
            self.hash = self.hash.clone().part(&relative);
            write!(out, "({relative:?}, {text:?}),").expect("writing to a string");
        }
        out + "]"
    }
}

/// Files below a folder with their paths relative to it, sorted; hidden ones are left out.
fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    fn visit(folder: &Path, prefix: &str, out: &mut Vec<(String, PathBuf)>) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let relative = format!("{prefix}{name}");
            if name.starts_with('.') {
                continue;
            }
            if entry.path().is_dir() {
                visit(&entry.path(), &format!("{relative}/"), out);
            } else {
                out.push((relative, entry.path()));
            }
        }
    }
    let mut out = Vec::new();
    visit(folder, "", &mut out);
    out.sort();
    out
}

/// The integrations' data, and a table from package name to the integrations that know it.
fn integrations(sources: &mut Embedding, folder: &Path) -> String {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut out = "pub(super) static INTEGRATIONS: &[Embedded] = &[".to_owned();
    let mut packages: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut folders: Vec<PathBuf> = fs::read_dir(folder).map_or_else(
        |_| Vec::new(),
        |entries| entries.flatten().map(|entry| entry.path()).collect(),
    );
    folders.retain(|path| path.join("aspects.toml").is_file());
    folders.sort();
    for (index, path) in folders.iter().enumerate() {
        println!("cargo::rerun-if-changed={}", path.display());
        let aspects = sources.read(&path.join("aspects.toml"));
        let table: Table = aspects
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.join("aspects.toml").display()));
        for package in package_names(&table) {
            packages.entry(package).or_default().push(index);
        }
        let name = path
            .file_name()
            .expect("a folder has a name")
            .to_string_lossy()
            .into_owned();
        let mut glue = String::new();
        for (relative, path) in files(path) {
            if relative.ends_with(".rs") && !relative.contains('/') {
                write!(glue, "({relative:?}, {:?}),", sources.read(&path))
                    .expect("writing to a string");
            }
        }
        write!(
            out,
            "Embedded {{ folder: {name:?}, aspects: {aspects:?}, files: &[{glue}] }},"
        )
        .expect("writing to a string");
    }
    out.push_str("];\npub(super) static PACKAGES: &[(&str, &[usize])] = &[");
    for (package, indices) in packages {
        write!(out, "({package:?}, &{indices:?}),").expect("writing to a string");
    }
    out + "];\n"
}

fn package_names(integration: &Table) -> BTreeSet<String> {
    let packages = integration.get("package").and_then(Value::as_array);
    packages
        .into_iter()
        .flatten()
        .filter_map(|package| package.get("name")?.as_str())
        .map(str::to_owned)
        .collect()
}

/// The agent's manifest as it stands alone: nothing inherited, the hooks passed by `--extern`.
fn agent_manifest(sources: &mut Embedding, root: &Path) -> String {
    let parse = |text: String| text.parse::<Table>().expect("cargo has read it already");
    let workspace =
        parse(fs::read_to_string(root.join("Cargo.toml")).expect("the workspace has a manifest"));
    let agent = parse(sources.read(&root.join("crates/selvedge-agent/Cargo.toml")));
    println!(
        "cargo::rerun-if-changed={}",
        root.join("Cargo.toml").display()
    );
    let shared = &workspace["workspace"];
    let mut package = Table::new();
    for key in ["name", "version", "edition", "build", "links"] {
        if let Some(value) = agent["package"].get(key) {
            let value = if value.get("workspace").is_some() {
                &shared["package"][key]
            } else {
                value
            };
            package.insert(key.to_owned(), value.clone());
        }
    }
    let mut out = Table::from_iter([
        ("package".to_owned(), Value::Table(package)),
        ("workspace".to_owned(), Value::Table(Table::new())),
    ]);
    if let Some(features) = agent.get("features") {
        out.insert("features".to_owned(), features.clone());
    }
    if let Some(dependencies) = agent.get("dependencies").and_then(Value::as_table) {
        out.insert(
            "dependencies".to_owned(),
            Value::Table(stand_alone(dependencies, shared)),
        );
    }
    if let Some(targets) = agent.get("target").and_then(Value::as_table) {
        let targets = targets.iter().map(|(name, target)| {
            let dependencies = target
                .get("dependencies")
                .and_then(Value::as_table)
                .cloned()
                .unwrap_or_default();
            let dependencies = Value::Table(stand_alone(&dependencies, shared));
            (
                name.clone(),
                Value::Table(Table::from_iter([(
                    "dependencies".to_owned(),
                    dependencies,
                )])),
            )
        });
        out.insert("target".to_owned(), Value::Table(targets.collect()));
    }
    out.to_string()
}

fn stand_alone(dependencies: &Table, shared: &Value) -> Table {
    let inherited = |name: &str, own: &Value| match own.get("workspace") {
        None => own.clone(),
        Some(_) => merge(&shared["dependencies"][name], own),
    };
    dependencies
        .iter()
        .filter(|(name, _)| *name != "selvedge-hooks")
        .map(|(name, own)| (name.clone(), inherited(name, own)))
        .collect()
}

/// A dependency inherited from the workspace with what the member adds to it.
fn merge(shared: &Value, own: &Value) -> Value {
    let mut merged = match shared {
        Value::Table(table) => table.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    for (key, value) in own.as_table().into_iter().flatten() {
        match (key.as_str(), merged.get_mut(key), value) {
            ("workspace", ..) => {}
            ("features", Some(Value::Array(features)), Value::Array(more)) => {
                features.extend(more.iter().cloned());
            }
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Table(merged)
}

/// The part of the workspace's lock file that the agent needs, so that a new version of a crate
/// used elsewhere does not change what is embedded.
fn agent_lock(sources: &mut Embedding, root: &Path) -> String {
    let path = root.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", path.display());
    let Ok(text) = fs::read_to_string(&path) else {
        return String::new();
    };
    let mut lock: Table = text.parse().expect("cargo writes TOML");
    let Some(Value::Array(packages)) = lock.remove("package") else {
        return String::new();
    };
    let name = |package: &Value| {
        package["name"]
            .as_str()
            .expect("a locked package has a name")
            .to_owned()
    };
    let mut wanted = BTreeSet::from(["selvedge-agent".to_owned()]);
    loop {
        let before = wanted.len();
        for package in packages
            .iter()
            .filter(|package| wanted.contains(&name(package)))
            .cloned()
            .collect::<Vec<_>>()
        {
            for dependency in package
                .get("dependencies")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let dependency = dependency
                    .as_str()
                    .expect("a locked dependency is a string");
                wanted.insert(
                    dependency
                        .split(' ')
                        .next()
                        .unwrap_or(dependency)
                        .to_owned(),
                );
            }
        }
        if wanted.len() == before {
            break;
        }
    }
    let left_out = ["selvedge-agent", "selvedge-hooks"];
    let kept = packages.into_iter().filter(|package| {
        wanted.contains(&name(package)) && !left_out.contains(&name(package).as_str())
    });
    lock.insert("package".to_owned(), Value::Array(kept.collect()));
    let text = lock.to_string();
    sources.hash = sources.hash.clone().part(&text);
    text
}
