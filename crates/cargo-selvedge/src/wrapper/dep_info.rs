//! The makefile by which rustc tells cargo what a unit was made from.

use std::fs;
use std::io;
use std::path::Path;

use super::invocation::Crate;
use super::mirror::Layout;
use crate::files;

/// Amends a unit's dep-info, if cargo asked for one.
pub(crate) fn amend_if_asked(
    unit: &Crate,
    layout: Option<&Layout>,
    dependencies: &[&Path],
) -> io::Result<()> {
    if unit.emit.iter().any(|kind| kind.starts_with("dep-info")) {
        amend(&unit.dep_info(), layout, dependencies)
    } else {
        Ok(())
    }
}

/// Names the originals instead of their mirrors, and adds dependencies.
///
/// cargo compares the dates of what is named here: a mirror is always newer than its unit, and
/// an edit of the original would go unnoticed.
fn amend(path: &Path, layout: Option<&Layout>, dependencies: &[&Path]) -> io::Result<()> {
    let text = fs::read_to_string(path)?;
    files::write_if_changed(path, amended(&text, layout, dependencies).as_bytes()).map(drop)
}

fn amended(text: &str, layout: Option<&Layout>, dependencies: &[&Path]) -> String {
    let dependencies: Vec<String> = dependencies.iter().map(|path| escape(path)).collect();
    let mut out = String::with_capacity(text.len() + 512);
    for line in text.lines() {
        let line = match layout {
            Some(layout) => originals(line, layout),
            None => line.to_owned(),
        };
        out.push_str(&line);
        // cargo reads the first rule only, but make would read them all.
        if line.contains(": ") && !line.starts_with('#') {
            for dependency in dependencies.iter().filter(|path| !line.contains(*path)) {
                out.extend([" ", dependency]);
            }
        }
        out.push('\n');
    }
    for dependency in &dependencies {
        if !text.contains(&format!("{dependency}:\n")) {
            out.extend(["\n", dependency, ":\n"]);
        }
    }
    out
}

fn originals(line: &str, layout: &Layout) -> String {
    let folder = |path: &Path| {
        if path.as_os_str().is_empty() {
            String::new()
        } else {
            escape(path) + std::path::MAIN_SEPARATOR_STR
        }
    };
    line.replace(&folder(&layout.mirror), &folder(&layout.shown))
}

/// As rustc escapes file names here.
fn escape(path: &Path) -> String {
    path.to_string_lossy().replace(' ', "\\ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_become_what_cargo_passed_and_rules_are_added() {
        let layout = Layout {
            mirror: "/t/a b/m".into(),
            original: "/w".into(),
            shown: "".into(),
            root: "src/main.rs".into(),
        };
        let text = "/t/d/x.d: /t/a\\ b/m/src/main.rs /t/a\\ b/m/src/y.rs\n\n/t/a\\ b/m/src/main.rs:\n\n# env-dep:A=b: c\n";
        let expected =
            "/t/d/x.d: src/main.rs src/y.rs /t/r\n\nsrc/main.rs:\n\n# env-dep:A=b: c\n\n/t/r:\n";
        let rules = [Path::new("/t/r")];
        assert_eq!(amended(text, Some(&layout), &rules), expected);
        assert_eq!(
            amended(expected, Some(&layout), &rules),
            expected,
            "amending twice changes nothing"
        );
    }
}
