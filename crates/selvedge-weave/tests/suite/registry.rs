//! Against real crates: every package whose source cargo has at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use selvedge_weave::{
    Edition, FileInput, Plan, Role, ScanError, apply, list_functions, strip, weave_file,
};
use syn::visit::{self, Visit};

use crate::support::{rules, unit};

/// Of the sources that cargo has unpacked, about so many, evenly spread: a test, not a benchmark.
const FILES_MAX: usize = 1_200;

const EVERYWHERE: &str = "
[[span]]
function = \"case::**\"
attributes = { one = \"1\" }
[[counter]]
function = \"case::**\"
name = \"calls_total\"
when = \"err\"
";

/// The packages that cargo has unpacked; none where there is no registry, and then these tests
/// have nothing to say.
pub(crate) fn packages() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let registries = home
        .iter()
        .flat_map(|home| entries(&home.join("registry/src")));
    registries.flat_map(|registry| entries(&registry)).collect()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

/// `name-version` of every package that this workspace locks: the same corpus on every machine.
fn locked() -> BTreeSet<String> {
    let lock_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let text = fs::read_to_string(lock_file).expect("the workspace has a lock file");
    let lock: toml::Table = text.parse().expect("a lock file is TOML");
    let packages = lock["package"]
        .as_array()
        .expect("a lock file has packages");
    let text =
        |package: &toml::Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    packages
        .iter()
        .map(|package| format!("{}-{}", text(package, "name"), text(package, "version")))
        .collect()
}

fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let locked = locked();
    let is_locked = |package: &PathBuf| {
        let name = package.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| locked.contains(name))
    };
    let mut directories: Vec<PathBuf> = packages().into_iter().filter(is_locked).collect();
    while let Some(directory) = directories.pop() {
        for path in entries(&directory) {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let step = files.len().div_ceil(FILES_MAX).max(1);
    files.into_iter().step_by(step).collect()
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[test]
fn stripping_gives_every_source_back_byte_for_byte() {
    let plan = Plan::new(
        &[],
        &rules(EVERYWHERE),
        &unit(Edition::E2021, Role::Library),
    );
    let mut edits = 0;
    for path in sources() {
        let Some(text) = read(&path) else { continue };
        let file = FileInput {
            text: &text,
            module: "",
            display_path: "src/lib.rs",
        };
        let Ok(output) = weave_file(&plan, &file) else {
            continue;
        };
        let woven = apply(&text, &output.edits);
        assert_eq!(
            strip(&woven, &output.edits).as_ref(),
            Ok(&text),
            "{}",
            path.display()
        );
        assert_eq!(
            lines(&woven),
            lines(&text),
            "{} keeps its lines",
            path.display()
        );
        edits += output.edits.len();
    }
    eprintln!("{edits} insertions stripped");
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

#[test]
fn what_syn_parses_lexes_here_and_has_the_same_functions() {
    let mut checked = 0;
    for path in sources() {
        let Some(text) = read(&path) else { continue };
        let Some(expected) = functions_by_syn(&text) else {
            continue;
        };
        let file = FileInput {
            text: &text,
            module: "",
            display_path: "src/lib.rs",
        };
        let listed = match list_functions(&file) {
            Ok(listed) => listed,
            Err(ScanError::TooDeep { .. }) => continue,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        let mut found = BTreeMap::new();
        for function in listed.iter().filter(|function| !function.in_macro) {
            let name = function.path.rsplit("::").next().unwrap_or_default();
            found.insert(function.offset, name.to_owned());
        }
        if found != expected {
            let missing: Vec<_> = expected
                .iter()
                .filter(|(offset, _)| !found.contains_key(offset))
                .collect();
            let extra: Vec<_> = found
                .iter()
                .filter(|(offset, _)| !expected.contains_key(offset))
                .collect();
            // Blocks inside of types are left alone; that package's tests are full of them.
            if path
                .components()
                .any(|part| part.as_os_str() == "output_tests")
            {
                continue;
            }
            panic!("{}: missing {missing:?}, extra {extra:?}", path.display());
        }
        checked += 1;
    }
    eprintln!("{checked} files compared");
}

/// Offset and name of every function that has a name of its own.
fn functions_by_syn(text: &str) -> Option<BTreeMap<usize, String>> {
    // Syn's spans begin after byte order mark and shebang.
    if text.starts_with('\u{feff}') || text.starts_with("#!") {
        return None;
    }
    let file = syn::parse_file(text).ok()?;
    let mut functions = Functions {
        found: BTreeMap::new(),
        verbatim: false,
    };
    functions.visit_file(&file);
    (!functions.verbatim).then_some(functions.found)
}

struct Functions {
    found: BTreeMap<usize, String>,
    /// Syn kept an item as bare tokens, as a function without a body in an `impl`.
    verbatim: bool,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature) {
        let name = signature.ident.to_string();
        let name = name.strip_prefix("r#").unwrap_or(&name).to_owned();
        self.found
            .insert(signature.ident.span().byte_range().start, name);
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        self.verbatim |= matches!(item, syn::ImplItem::Verbatim(_));
        visit::visit_impl_item(self, item);
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.verbatim |= matches!(item, syn::Item::Verbatim(_));
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.add(&item.sig);
        visit::visit_trait_item_fn(self, item);
    }
}
