//! The tree that rustc reads instead of the original: woven files are real, all else is linked.
//!
//! Paths relative to a source file must work as before (`mod`, `#[path]`, `include_str!`, also
//! with `..`), so every directory below the crate root's own is a real one, and so is every
//! directory above it up to the mirror's root.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::files;

/// At most so many directories are made real; deeper ones are linked whole, in which case only
/// `..` out of them would miss a woven file.
const DIRECTORIES_MAX: usize = 4096;

/// How a unit's sources are mirrored.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The mirror of `original`.
    pub(crate) mirror: PathBuf,
    /// The workspace for its members, the package's directory for all other packages.
    pub(crate) original: PathBuf,
    /// How cargo names `original`: empty where it passes relative paths.
    pub(crate) shown: PathBuf,
    /// The crate root, relative to `original`.
    pub(crate) root: PathBuf,
}

impl Layout {
    /// The layout of a unit: `root` as cargo passed it, relative to `current` if it is relative.
    pub(crate) fn new(
        mirror: PathBuf,
        root: &Path,
        current: &Path,
        manifest_dir: &Path,
    ) -> Option<Self> {
        if root.is_relative() {
            let inside = root
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            return inside.then(|| Self {
                mirror,
                original: current.to_owned(),
                shown: PathBuf::new(),
                root: root.to_owned(),
            });
        }
        let original = if root.starts_with(manifest_dir) {
            manifest_dir
        } else {
            root.parent()?
        };
        Some(Self {
            mirror,
            original: original.to_owned(),
            shown: original.to_owned(),
            root: root.strip_prefix(original).ok()?.to_owned(),
        })
    }

    /// The crate root in the mirror.
    pub(crate) fn mirrored_root(&self) -> PathBuf {
        self.mirror.join(&self.root)
    }

    /// Makes the mirror hold these woven texts, keyed by path relative to the root. What is right
    /// already is not touched.
    pub(crate) fn write(&self, woven: &BTreeMap<PathBuf, &str>) -> io::Result<()> {
        let real = self.real_directories(woven);
        for directory in &real {
            self.write_directory(directory, &real, woven)?;
        }
        Ok(())
    }

    /// Directories to be made real, parents first.
    fn real_directories(&self, woven: &BTreeMap<PathBuf, &str>) -> BTreeSet<PathBuf> {
        let mut real = BTreeSet::new();
        for file in woven.keys().chain([&self.root]) {
            real.extend(file.ancestors().skip(1).map(Path::to_owned));
        }
        let mut open = vec![self.root.parent().unwrap_or(Path::new("")).to_owned()];
        while let Some(directory) = open.pop() {
            let Ok(entries) = fs::read_dir(self.original.join(&directory)) else {
                continue;
            };
            for entry in entries.flatten() {
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_directory && !is_output(&entry.path()) && real.len() < DIRECTORIES_MAX {
                    let child = directory.join(entry.file_name());
                    real.insert(child.clone());
                    open.push(child);
                }
            }
        }
        real
    }

    fn write_directory(
        &self,
        directory: &Path,
        real: &BTreeSet<PathBuf>,
        woven: &BTreeMap<PathBuf, &str>,
    ) -> io::Result<()> {
        let mirror = self.mirror.join(directory);
        make_directory(&mirror)?;
        let mut stale = names(&mirror)?;
        for name in names(&self.original.join(directory))? {
            stale.remove(&name);
            let relative = directory.join(&name);
            if real.contains(&relative) {
                continue;
            }
            let path = mirror.join(&name);
            match woven.get(&relative) {
                Some(text) => drop(files::write_if_changed(&path, text.as_bytes())?),
                None => link(&self.original.join(&relative), &path)?,
            }
        }
        for name in stale {
            remove(&mirror.join(name))?;
        }
        Ok(())
    }
}

/// Build output and version control, which no source refers to and which may be huge.
fn is_output(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default();
    name == ".git" || name == "node_modules" || directory.join("CACHEDIR.TAG").is_file()
}

fn names(directory: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name()))
        .collect()
}

/// Makes a directory where there may be a link or file of an earlier build.
fn make_directory(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => fs::remove_file(path).and_then(|()| fs::create_dir(path)),
        Err(_) => fs::create_dir_all(path),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        // Another build of the same unit was faster.
        Err(_) => Ok(()),
    }
}

#[cfg(unix)]
fn link(original: &Path, mirrored: &Path) -> io::Result<()> {
    if fs::read_link(mirrored).is_ok_and(|target| target == original) {
        return Ok(());
    }
    remove(mirrored)?;
    match std::os::unix::fs::symlink(original, mirrored) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// Symbolic links need a privilege on Windows; files are linked hard or copied, and directories
/// outside of the crate root's own are left out.
#[cfg(not(unix))]
fn link(original: &Path, mirrored: &Path) -> io::Result<()> {
    if original.is_dir() {
        return Ok(());
    }
    remove(mirrored)?;
    files::link_or_copy(original, mirrored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("selvedge-mirror-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(path.join("work/app/src/deep")).unwrap();
        for (file, text) in [
            ("app/Cargo.toml", "t"),
            ("app/src/main.rs", "m"),
            ("app/src/deep/a.rs", "a"),
            ("shared.txt", "s"),
        ] {
            fs::write(path.join("work").join(file), text).unwrap();
        }
        path
    }

    fn layout(home: &Path) -> Layout {
        Layout::new(
            home.join("mirror"),
            Path::new("app/src/main.rs"),
            &home.join("work"),
            &home.join("work/app"),
        )
        .unwrap()
    }

    #[test]
    fn paths_out_of_a_woven_file_lead_where_they_did() {
        let home = scratch("paths");
        let layout = layout(&home);
        layout
            .write(&BTreeMap::from([("app/src/main.rs".into(), "woven")]))
            .unwrap();
        let read = |path: &str| fs::read_to_string(home.join("mirror").join(path)).unwrap();
        assert_eq!(read("app/src/main.rs"), "woven");
        assert_eq!(read("app/src/deep/../main.rs"), "woven");
        assert_eq!(read("app/src/deep/a.rs"), "a");
        assert_eq!(read("app/src/../../shared.txt"), "s");
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn what_is_no_longer_woven_or_no_longer_there_goes() {
        let home = scratch("stale");
        let layout = layout(&home);
        layout
            .write(&BTreeMap::from([("app/src/deep/a.rs".into(), "woven")]))
            .unwrap();
        fs::remove_file(home.join("work/app/src/main.rs")).unwrap();
        layout.write(&BTreeMap::new()).unwrap();
        assert_eq!(
            fs::read_to_string(home.join("mirror/app/src/deep/a.rs")).unwrap(),
            "a"
        );
        assert!(!home.join("mirror/app/src/main.rs").exists());
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_package_outside_of_the_workspace_is_mirrored_by_itself() {
        let root = Path::new("/registry/tokio-1/src/lib.rs");
        let layout = Layout::new(
            "/m".into(),
            root,
            Path::new("/registry/tokio-1"),
            Path::new("/registry/tokio-1"),
        )
        .unwrap();
        assert_eq!(
            (layout.mirrored_root(), layout.shown),
            ("/m/src/lib.rs".into(), "/registry/tokio-1".into())
        );
    }
}
