//! Published sources in cargo's registry, read into memory.

use std::fs;
use std::path::{Path, PathBuf};

/// One version of a published package.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) edition: String,
    pub(crate) features: Vec<String>,
    pub(crate) files: Vec<SourceFile>,
}

/// One file below `src/`.
pub(crate) struct SourceFile {
    /// From the package's folder.
    pub(crate) path: PathBuf,
    /// The module that it most likely is: `a::b`, empty for the crate root.
    pub(crate) module: String,
    pub(crate) text: String,
}

/// The packages of all registries, in order of their names, until there are this many bytes.
pub(crate) fn registry(bytes_max: usize) -> Result<Vec<Package>, String> {
    let mut folders = Vec::new();
    for registry in list(&cargo_home()?.join("registry/src"))? {
        folders.extend(list(&registry)?);
    }
    folders.sort();
    let mut packages = Vec::new();
    let mut bytes = 0;
    for folder in spread(&folders) {
        if bytes > bytes_max {
            break;
        }
        if let Some(package) = package(folder)? {
            bytes += package
                .files
                .iter()
                .map(|file| file.text.len())
                .sum::<usize>();
            packages.push(package);
        }
    }
    if packages.is_empty() {
        return Err("the registry has no sources; fetch some".to_owned());
    }
    Ok(packages)
}

/// All folders, but every seventh first: a short run sees the whole alphabet.
fn spread(folders: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    const STEP: usize = 7;
    (0..STEP).flat_map(move |start| folders.iter().skip(start).step_by(STEP))
}

fn cargo_home() -> Result<PathBuf, String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    home.ok_or_else(|| "neither CARGO_HOME nor HOME is set".to_owned())
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("failed to list {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    Ok(paths)
}

/// A package with sources below `src/`; none for others.
fn package(folder: &Path) -> Result<Option<Package>, String> {
    let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else {
        return Ok(None);
    };
    let (Some(name), Some(version)) = (field(&manifest, "name"), field(&manifest, "version"))
    else {
        return Ok(None);
    };
    let mut files = Vec::new();
    if folder.join("src").is_dir() {
        read(folder, &folder.join("src"), &mut files)?;
    }
    let edition = field(&manifest, "edition").unwrap_or_else(|| "2015".to_owned());
    let package = Package {
        name,
        version,
        edition,
        features: features(&manifest),
        files,
    };
    Ok((!package.files.is_empty()).then_some(package))
}

fn read(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) -> Result<(), String> {
    for path in list(folder)? {
        if path.is_dir() {
            read(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs")
            // Some packages carry test data that is no UTF-8.
            && let Ok(text) = fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root).unwrap_or(&path).to_owned();
            files.push(SourceFile {
                module: module(&path),
                path,
                text,
            });
        }
    }
    Ok(())
}

/// The first `name = "…"` of a published manifest: cargo writes `[package]` first.
fn field(manifest: &str, name: &str) -> Option<String> {
    let value = manifest
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
    Some(value.trim_matches('"').to_owned())
}

/// The names in `[features]`; each begins a line in a manifest that cargo wrote.
fn features(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[features]\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split_once(" = ["));
    names
        .map(|(name, _)| name.trim_matches('"').to_owned())
        .collect()
}

fn module(path: &Path) -> String {
    let path = path.strip_prefix("src").unwrap_or(path).with_extension("");
    let segments: Vec<_> = path
        .iter()
        .map(|segment| segment.to_string_lossy())
        .collect();
    let segments = match segments.as_slice() {
        [root] if root == "lib" || root == "main" => &[],
        [above @ .., last] if last == "mod" => above,
        all => all,
    };
    segments.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_guessed_from_paths() {
        assert_eq!(module(Path::new("src/lib.rs")), "");
        assert_eq!(module(Path::new("src/a/mod.rs")), "a");
        assert_eq!(module(Path::new("src/a/b.rs")), "a::b");
    }

    #[test]
    fn a_manifest_names_its_package_and_features() {
        let manifest = "[package]\nname = \"a\"\nversion = \"1.0.0\"\n\n[features]\nb = []\nc = [\n    \"b\",\n]\n\n[lib]\nname = \"x\"\n";
        assert_eq!(field(manifest, "name").as_deref(), Some("a"));
        assert_eq!(features(manifest), ["b", "c"]);
    }
}
