//! The documents against the code: what they show must parse, what they list must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use selvedge_weave::{Integration, Rules};

/// In `docs/environment.md`: below it stand variables that nothing reads.
const NOT_READ: &str = "\n## Not read";
/// Where the names of variables are put together from parts.
const COMPOSED_IN: [&str; 2] = ["settings.rs", "endpoint.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Everything below a directory with this extension.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A fenced block of a document.
struct Block {
    place: String,
    kind: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut documents = files(&root().join("docs"), "md");
    documents.push(root().join("README.md"));
    let mut blocks = Vec::new();
    for path in documents.iter().filter(|path| path.exists()) {
        let mut open: Option<Block> = None;
        for (index, line) in read(path).lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(kind)) => {
                    open = Some(Block {
                        place: format!("{}:{}", path.display(), index + 1),
                        kind: kind.trim().to_owned(),
                        text: String::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => block.text.extend([line, "\n"]),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", path.display());
    }
    blocks
}

fn integration_names() -> Vec<String> {
    let entries = fs::read_dir(root().join("integrations")).expect("the integrations are there");
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    folders
        .map(|folder| folder.file_name().into_string().expect("a name"))
        .collect()
}

#[test]
fn every_rules_file_that_a_document_shows_is_right() {
    let names = integration_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let shown: Vec<Block> = blocks()
        .into_iter()
        .filter(|block| block.kind == "toml")
        .collect();
    assert!(!shown.is_empty(), "the documents show selvedge.toml");
    for block in shown {
        let (_, problems) = Rules::parse(&block.text, &names);
        assert_eq!(problems, [], "{}", block.place);
    }
}

#[test]
fn every_aspects_file_that_a_document_shows_is_right() {
    let shown: Vec<Block> = blocks()
        .into_iter()
        .filter(|block| block.kind == "toml aspects")
        .collect();
    assert!(!shown.is_empty(), "the documents show aspects.toml");
    for block in shown {
        let problems = Integration::parse(&block.text).err();
        assert_eq!(problems, None, "{}", block.place);
    }
}

#[test]
fn no_other_kind_of_toml_escapes_these_tests() {
    for block in blocks() {
        let known = ["toml", "toml aspects"].contains(&block.kind.as_str());
        assert!(known || !block.kind.starts_with("toml"), "{}", block.place);
    }
}

/// Names of variables as the sources have them.
#[derive(Default)]
struct Sources {
    /// Whole names, and beginnings of names.
    names: BTreeSet<String>,
    /// Names with holes: `OTEL_SPAN_{name}`.
    templates: BTreeSet<String>,
    /// What fills the holes.
    words: BTreeSet<String>,
}

impl Sources {
    fn read() -> Self {
        let mut sources = Self::default();
        for folder in ["crates/selvedge-agent/src", "crates/cargo-selvedge/src"] {
            for path in files(&root().join(folder), "rs") {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let text = read(&path);
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
                sources.take(code, COMPOSED_IN.contains(&&*name));
            }
        }
        sources
    }

    fn take(&mut self, code: &str, is_composed: bool) {
        for literal in literals(code) {
            let is_variable = literal.starts_with("OTEL_") || literal.starts_with("SELVEDGE_");
            if is_variable && literal.contains('{') || literal.starts_with("{prefix}_") {
                self.templates.insert(literal.to_owned());
            } else if is_variable && is_name(literal) {
                self.names.insert(literal.to_owned());
            } else if is_composed && is_name(literal) {
                self.words.insert(literal.to_owned());
            }
        }
    }

    /// Everything that the parts can be put together to.
    fn composed(&self) -> BTreeSet<String> {
        let mut open: Vec<String> = self.templates.iter().cloned().collect();
        let mut composed = BTreeSet::new();
        while let Some(template) = open.pop() {
            let hole = template.find('{').zip(template.find('}'));
            let Some((start, end)) = hole else {
                composed.insert(template);
                continue;
            };
            let fillers = if start == 0 { &self.names } else { &self.words };
            open.extend(
                fillers
                    .iter()
                    .map(|word| format!("{}{word}{}", &template[..start], &template[end + 1..])),
            );
        }
        composed
    }
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.starts_with(|letter: char| letter.is_ascii_uppercase()) && text.bytes().all(fits)
}

/// What stands between quotes, line by line: names of variables have no escapes.
fn literals(code: &str) -> impl Iterator<Item = &str> {
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2))
}

/// The variables that a text names; `A_{B,C}_D` stands for two of them.
fn documented(text: &str) -> BTreeSet<String> {
    let spans = text.split('`').skip(1).step_by(2);
    let mut names = BTreeSet::new();
    for span in spans {
        let name = span.split('=').next().unwrap_or(span);
        let expanded = match (name.find('{'), name.find('}')) {
            (Some(start), Some(end)) => name[start + 1..end]
                .split(',')
                .map(|word| format!("{}{word}{}", &name[..start], &name[end + 1..]))
                .collect(),
            _ => vec![name.to_owned()],
        };
        let is_variable = |name: &String| {
            is_name(name) && (name.starts_with("OTEL_") || name.starts_with("SELVEDGE_"))
        };
        names.extend(expanded.into_iter().filter(is_variable));
    }
    names
}

#[test]
fn the_document_of_the_environment_names_what_is_read_and_nothing_else() {
    let text = read(&root().join("docs/environment.md"));
    let (text, not_read) = text.split_once(NOT_READ).expect("the section is there");
    // Fenced blocks are examples, and their fences would upset the pairs of quotes.
    let text = text.replace("```", "");
    let documented_names = documented(&text);
    let sources = Sources::read();
    let composed = sources.composed();
    let is_read = |name: &String| sources.names.contains(name) || composed.contains(name);

    let unknown: Vec<_> = documented_names
        .iter()
        .filter(|name| !is_read(name))
        .collect();
    assert_eq!(unknown, [] as [&String; 0], "documented and not read");

    let begins = |name: &String| {
        let longer = format!("{name}_");
        documented_names.contains(name)
            || documented_names
                .iter()
                .any(|known| known.starts_with(&longer))
    };
    let missing: Vec<_> = sources.names.iter().filter(|name| !begins(name)).collect();
    assert_eq!(missing, [] as [&String; 0], "read and not documented");

    let is_used = |word: &&String| !documented_names.iter().any(|name| name.contains(*word));
    let missing: Vec<_> = sources.words.iter().filter(is_used).collect();
    assert_eq!(
        missing,
        [] as [&String; 0],
        "parts of names that are not documented"
    );

    let after_all: Vec<_> = documented(not_read).into_iter().filter(is_read).collect();
    assert_eq!(after_all, [] as [String; 0], "said to be not read");
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let readme = read(&root().join("README.md"));
    for file in ["src/main.rs", "selvedge.toml"] {
        let text = read(&root().join("examples/till").join(file));
        assert!(readme.contains(&format!("\n{text}```\n")), "{file}");
    }
}
