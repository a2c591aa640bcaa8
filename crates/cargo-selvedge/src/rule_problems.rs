//! What is wrong with rules once crates have been looked at: they found nothing in them, name a
//! crate there is not, or cannot be woven where they matched.

use std::collections::BTreeSet;
use std::path::Path;

use selvedge_weave::{Diagnostic, Rule, nearest};

use crate::config::{Config, rule_key};
use crate::embedded;
use crate::project::{Project, Target};
use crate::report::manifest::locked_packages;
use crate::report::unit::{Problem, UnitReport};
use crate::weaving::{self, Source};

/// Crates that come with the compiler.
const SYSROOT: [&str; 3] = ["std", "core", "alloc"];
/// More crates than this are not listed.
const LISTED_MAX: usize = 8;

/// Crates of the workspace of which a library or program has a root file that is not there, in a
/// build or a plan.
pub(crate) fn crates_without(
    project: &Project,
    is_there: impl Fn(&Path) -> bool,
) -> BTreeSet<String> {
    let is_compiled_apart = |target: &Target| {
        let apart = ["example", "test", "bench", "custom-build", "proc-macro"];
        target
            .kind
            .iter()
            .any(|kind| apart.contains(&kind.as_str()))
    };
    let targets = project.packages.iter().flat_map(|package| &package.targets);
    targets
        .filter(|target| !is_compiled_apart(target) && !is_there(&target.src_path))
        .map(Target::crate_name)
        .collect()
}

/// The problems, in the order of the rules. The `absent` crates have not been looked at: a rule for
/// one of them, or for one of several among which these are, may match there.
pub(crate) fn find_in_part(
    project: &Project,
    config: &Config,
    reports: &[UnitReport],
    absent: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let search = Search {
        project,
        reports,
        absent,
    };
    let rules = &config.rules.rules;
    rules
        .iter()
        .flat_map(|rule| search.problems_of(rule))
        .collect()
}

struct Search<'a> {
    project: &'a Project,
    reports: &'a [UnitReport],
    absent: &'a BTreeSet<String>,
}

impl Search<'_> {
    fn problems_of(&self, rule: &Rule) -> Vec<Diagnostic> {
        let key = rule_key(rule);
        let problems = self.reports.iter().flat_map(|report| &report.problems);
        let fatal: BTreeSet<&Problem> = problems
            .filter(|problem| problem.fatal && problem.rule == key)
            .collect();
        if !fatal.is_empty() {
            let message = |problem: &&Problem| {
                Diagnostic::at(
                    rule.span.clone(),
                    format!(
                        "{} at `{}`: {}",
                        rule.label, problem.function, problem.message
                    ),
                )
            };
            return fatal.iter().map(message).collect();
        }
        let mut found = self
            .reports
            .iter()
            .filter_map(|report| report.rules.get(&key));
        if found.any(|functions| !functions.is_empty()) {
            return Vec::new();
        }
        self.unmatched(rule, &key).into_iter().collect()
    }

    fn unmatched(&self, rule: &Rule, key: &str) -> Option<Diagnostic> {
        let crates = self.crates();
        let function = rule.function.as_str();
        // The crate stands before the trait or before the type.
        let first_of = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
        let (before, path) = function
            .rsplit_once(" for ")
            .map_or((None, function), |(before, path)| (Some(before), path));
        let named = before.map(first_of).filter(|name| crates.contains(name));
        let first = named.unwrap_or_else(|| first_of(path));
        if !first.contains('*') && !crates.contains(&first) {
            return Some(self.foreign_crate(rule, &first, &crates));
        }
        // Without a report that has looked for it, its crate is not part of what was built.
        let mut looked = self
            .reports
            .iter()
            .filter_map(|report| report.nearest.get(key));
        looked.next()?;
        let may_be_elsewhere = if first.contains('*') {
            !self.absent.is_empty()
        } else {
            self.absent.contains(&first)
        };
        if may_be_elsewhere {
            return None;
        }
        let problem = Diagnostic::at(
            rule.span.clone(),
            format!("{} matches no function", rule.label),
        );
        Some(match self.help(&first, path) {
            Some(help) => problem.with_help(help),
            None => problem,
        })
    }

    /// The crates that rules can be for.
    fn crates(&self) -> BTreeSet<String> {
        let packages = self.project.packages.iter();
        let targets = packages.flat_map(|package| &package.targets);
        targets
            .filter(|target| !target.kind.iter().any(|kind| kind == "custom-build"))
            .map(Target::crate_name)
            .collect()
    }

    fn foreign_crate(&self, rule: &Rule, name: &str, crates: &BTreeSet<String>) -> Diagnostic {
        let locked = locked_packages(&self.project.lock_file()).unwrap_or_default();
        let mut packages = locked.iter().map(|(package, _)| package);
        let package = packages.find(|package| package.replace('-', "_") == name);
        let problem = |message| Diagnostic::at(rule.span.clone(), message);
        if SYSROOT.contains(&name) || package.is_some() {
            let mut known = embedded::integrations_of(package.map_or("", String::as_str));
            let woven = known.next().map_or_else(String::new, |integration| {
                format!("; the integration `{}` weaves it", integration.folder)
            });
            return problem(format!("`{name}` is not a crate of this workspace")).with_help(format!(
                "rules are for your own functions, integrations for dependencies: name the function of yours that calls it{woven}",
            ));
        }
        let problem = problem(format!("no crate of this workspace is named `{name}`"));
        let near = nearest(name, crates.iter().map(String::as_str));
        if !near.is_empty() {
            return problem.with_help(did_you_mean(&near));
        }
        if crates.is_empty() || crates.len() > LISTED_MAX {
            return problem;
        }
        let crates: Vec<&str> = crates.iter().map(String::as_str).collect();
        problem.with_help(format!("there are: {}", crates.join(", ")))
    }

    /// What may have been meant: a function of the crate, or something that a macro makes.
    fn help(&self, crate_name: &str, path: &str) -> Option<String> {
        let sources = self.sources(crate_name);
        let listed: Vec<String> = sources
            .iter()
            .flat_map(|(name, source)| {
                let functions = source.functions.iter();
                let functions = functions.filter(|function| function.has_body && !function.in_test);
                functions.map(move |function| format!("{name}::{}", function.path))
            })
            .collect();
        let near = nearest(path, listed.iter().map(String::as_str));
        let last = path.rsplit("::").next().unwrap_or(path);
        let is_near = near
            .iter()
            .any(|name| name.rsplit("::").next() == Some(last));
        let made = sources
            .iter()
            .filter(|_| !is_near)
            .find_map(|(_, source)| Some((source, line_of_word(&source.text, last)?)));
        if let Some((source, line)) = made {
            let file = source.path.strip_prefix(&self.project.root);
            return Some(format!(
                "`{last}` at {}:{line} is no function that is written out; what a macro makes cannot be matched: name the function that calls it, or let the macro call one that is written out",
                file.unwrap_or(&source.path).display(),
            ));
        }
        (!near.is_empty()).then(|| did_you_mean(&near))
    }

    /// The sources of the crates of a name, or of all of them.
    fn sources(&self, crate_name: &str) -> Vec<(String, Source)> {
        let packages = self.project.packages.iter();
        let targets = packages.flat_map(|package| &package.targets);
        targets
            .filter(|target| crate_name.contains('*') || target.crate_name() == crate_name)
            .flat_map(|target| {
                let sources = weaving::sources(&target.src_path).into_iter();
                sources.map(|source| (target.crate_name(), source))
            })
            .collect()
    }
}

fn did_you_mean(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("did you mean {}?", names.join(" or "))
}

/// The first line, from 1, on which a name stands as a word that is no part of a comment.
fn line_of_word(text: &str, word: &str) -> Option<usize> {
    let is_name = |letter: char| letter == '_' || letter.is_alphanumeric();
    if word.is_empty() || !word.chars().all(is_name) {
        return None;
    }
    let has_word = |line: &str| {
        let code = line.split("//").next().unwrap_or(line);
        code.split(|letter| !is_name(letter))
            .any(|part| part == word)
    };
    text.lines().position(has_word).map(|index| index + 1)
}

/// A place for people: relative to the current directory where it is below it.
pub(crate) fn shown(path: &Path) -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(folder)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_word_and_not_in_comments() {
        let text = "// work\nfn worker() {}\nmake!(work); // here\n";
        assert_eq!(line_of_word(text, "work"), Some(3));
        assert_eq!(line_of_word(text, "wo"), None);
        assert_eq!(line_of_word(text, "*"), None);
    }
}
