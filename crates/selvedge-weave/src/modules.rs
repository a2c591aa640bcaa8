//! Where the files of modules are: rustc's rules.

use std::path::{Path, PathBuf};

/// A `mod name;` found in a file.
///
/// Source: The Rust Reference, "Module source filenames" and "The path attribute".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleDecl {
    /// The module's path from the crate root: `a::b`.
    pub path: String,
    /// Its name.
    pub name: String,
    /// The inline modules of the same file that it is declared in.
    pub inline_parents: Vec<String>,
    /// `#[path = "…"]`.
    pub path_attribute: Option<String>,
    /// `#[cfg_attr(…, path = "…")]`: the file when the condition holds, which is not known here.
    pub conditional_paths: Vec<String>,
    /// `#[path]` of the inline parents, which moves their directory; as long as `inline_parents`.
    pub(crate) parent_paths: Vec<Option<String>>,
}

impl ModuleDecl {
    /// The files the module may be in. All that exist are to be loaded: where several do, each
    /// belongs to some configuration.
    ///
    /// `parent_is_mod_rs_like` is true for a crate root, a `mod.rs`, and a file that was named
    /// by `#[path]`; see [`ModuleDecl::is_mod_rs_like`].
    pub fn candidates(&self, parent_file: &Path, parent_is_mod_rs_like: bool) -> Vec<PathBuf> {
        let beside = parent_file.parent().unwrap_or(Path::new(""));
        let below = self.directory(parent_file, parent_is_mod_rs_like);
        // Outside of inline modules, `#[path]` starts beside the file even where the file's
        // modules live in a directory of its name.
        let for_attribute = if self.inline_parents.is_empty() {
            beside
        } else {
            &below
        };
        if let Some(path) = &self.path_attribute {
            return vec![for_attribute.join(path)];
        }
        self.conditional_paths
            .iter()
            .map(|path| for_attribute.join(path))
            .chain([
                below.join(format!("{}.rs", self.name)),
                below.join(&self.name).join("mod.rs"),
            ])
            .collect()
    }

    /// Whether `file`, one of the candidates, keeps its modules beside itself.
    pub fn is_mod_rs_like(&self, file: &Path) -> bool {
        let plain = format!("{}.rs", self.name);
        let named_by_attribute = |path: &String| file.ends_with(path.trim_start_matches("./"));
        self.path_attribute.is_some()
            || self.conditional_paths.iter().any(named_by_attribute)
            || file.file_name().is_none_or(|name| *name != *plain)
    }

    /// The directory that this module's file is looked for in.
    fn directory(&self, parent_file: &Path, parent_is_mod_rs_like: bool) -> PathBuf {
        let mut directory = parent_file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut stem = (!parent_is_mod_rs_like)
            .then(|| parent_file.file_stem())
            .flatten();
        for (name, path) in self.inline_parents.iter().zip(&self.parent_paths) {
            if let Some(path) = path {
                stem = None;
                directory.push(path);
            } else {
                directory.extend(stem.take());
                directory.push(name);
            }
        }
        directory.extend(stem);
        directory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(name: &str) -> ModuleDecl {
        ModuleDecl {
            path: name.to_owned(),
            name: name.to_owned(),
            inline_parents: Vec::new(),
            path_attribute: None,
            conditional_paths: Vec::new(),
            parent_paths: Vec::new(),
        }
    }

    fn check(declaration: &ModuleDecl, parent: &str, mod_rs_like: bool, expected: &[&str]) {
        let found = declaration.candidates(Path::new(parent), mod_rs_like);
        let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_root_keeps_its_modules_beside_itself() {
        check(
            &declaration("a"),
            "src/lib.rs",
            true,
            &["src/a.rs", "src/a/mod.rs"],
        );
    }

    #[test]
    fn a_plain_file_keeps_its_modules_in_a_directory_of_its_name() {
        check(
            &declaration("b"),
            "src/a.rs",
            false,
            &["src/a/b.rs", "src/a/b/mod.rs"],
        );
    }

    #[test]
    fn inline_modules_are_directories() {
        let inline = ModuleDecl {
            inline_parents: vec!["inline".to_owned()],
            parent_paths: vec![None],
            ..declaration("c")
        };
        check(
            &inline,
            "src/a.rs",
            false,
            &["src/a/inline/c.rs", "src/a/inline/c/mod.rs"],
        );
    }

    #[test]
    fn a_path_attribute_starts_beside_the_file_unless_it_is_inside_an_inline_module() {
        let outside = ModuleDecl {
            path_attribute: Some("other.rs".to_owned()),
            ..declaration("c")
        };
        check(&outside, "src/a/b.rs", false, &["src/a/other.rs"]);
        let inside = ModuleDecl {
            inline_parents: vec!["inline".to_owned()],
            parent_paths: vec![None],
            ..outside
        };
        check(&inside, "src/a/b.rs", false, &["src/a/b/inline/other.rs"]);
        check(&inside, "src/a/mod.rs", true, &["src/a/inline/other.rs"]);
    }

    #[test]
    fn a_path_attribute_of_an_inline_module_is_its_directory() {
        let inside = ModuleDecl {
            inline_parents: vec!["inline".to_owned()],
            parent_paths: vec![Some("elsewhere".to_owned())],
            ..declaration("c")
        };
        check(
            &inside,
            "src/a/b.rs",
            false,
            &["src/a/elsewhere/c.rs", "src/a/elsewhere/c/mod.rs"],
        );
    }

    #[test]
    fn every_conditional_path_is_a_candidate() {
        let conditional = ModuleDecl {
            conditional_paths: vec!["unix.rs".to_owned(), "windows.rs".to_owned()],
            ..declaration("imp")
        };
        check(
            &conditional,
            "src/lib.rs",
            true,
            &[
                "src/unix.rs",
                "src/windows.rs",
                "src/imp.rs",
                "src/imp/mod.rs",
            ],
        );
        assert!(conditional.is_mod_rs_like(Path::new("src/unix.rs")));
        assert!(!conditional.is_mod_rs_like(Path::new("src/imp.rs")));
        assert!(conditional.is_mod_rs_like(Path::new("src/imp/mod.rs")));
    }
}
