//! `selvedge.toml`: reading it, saying what is wrong with it, and who is concerned by what in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};
use selvedge_weave::{Diagnostic, Rule, Rules};
use toml::{Table, Value};

use crate::state::State;
use crate::{embedded, files};

/// A `selvedge.toml` that reads, or its absence.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Where it is.
    pub(crate) path: Option<PathBuf>,
    /// Its text.
    pub(crate) text: String,
    /// What it says.
    pub(crate) rules: Rules,
    table: Table,
}

impl Config {
    /// Reads the file. None if it is wrong, after all that is wrong with it has been shown.
    pub(crate) fn load(path: Option<&Path>) -> Result<Option<Self>> {
        let Some(path) = path else {
            return Ok(Some(Self::default()));
        };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                files::tell(&format!(
                    "error: failed to read {}: {error}",
                    path.display()
                ));
                return Ok(None);
            }
        };
        let (rules, problems) = Rules::parse(&text, &integration_names());
        if !problems.is_empty() {
            for problem in &problems {
                show(path, &text, problem);
            }
            return Ok(None);
        }
        let table = text
            .parse()
            .with_context(|| format!("failed to read {}", path.display()))?;
        Ok(Some(Self {
            path: Some(path.to_owned()),
            text,
            rules,
            table,
        }))
    }

    /// The file for a wrapper to use, which leaves the complaining to the driver.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = fs::read_to_string(path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let (rules, _) = Rules::parse(&text, &integration_names());
        Ok(Self {
            path: Some(path.to_owned()),
            text,
            rules,
            table: Table::new(),
        })
    }

    /// Rewrites the rules files whose content is no longer right; cargo rebuilds what depends on
    /// them.
    pub(crate) fn refresh_rules(&self, state: &State) -> Result<()> {
        for (path, concern) in Concern::all(state) {
            let content = concern.content(&self.table);
            files::write_if_changed(&path, content.as_bytes())
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
        Ok(())
    }

    /// Shows a problem with a place in the file.
    pub(crate) fn show(&self, problem: &Diagnostic) {
        show(
            self.path.as_deref().unwrap_or(Path::new("selvedge.toml")),
            &self.text,
            problem,
        );
    }
}

/// Names a rule across edits of the rest of the file.
pub(crate) fn rule_key(rule: &Rule) -> String {
    format!("{} on {}", rule.label, rule.function.as_str())
}

/// The names that `selvedge.toml` may use.
pub(crate) fn integration_names() -> Vec<&'static str> {
    embedded::integrations()
        .iter()
        .map(|integration| integration.folder)
        .collect()
}

/// `selvedge.toml` without its places.
pub(crate) fn table(path: Option<&Path>) -> Result<Table> {
    let Some(path) = path else {
        return Ok(Table::new());
    };
    let text =
        fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    text.parse()
        .with_context(|| format!("failed to read {}", path.display()))
}

/// Shows a problem with a place in a TOML text.
pub(crate) fn show(path: &Path, text: &str, problem: &Diagnostic) {
    let mut shown = MietteDiagnostic::new(problem.message.clone());
    shown.help.clone_from(&problem.help);
    if let Some(span) = &problem.span {
        shown.labels = Some(vec![LabeledSpan::at(span.clone(), "here")]);
    }
    let source = NamedSource::new(path.display().to_string(), text.to_owned());
    files::tell(&format!(
        "{:?}",
        Report::new(shown).with_source_code(source)
    ));
}

/// Who is asking what `selvedge.toml` says about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Concern {
    /// The package's name.
    pub(crate) package: String,
    /// The crate's.
    pub(crate) crate_name: String,
    /// Whether the user wrote it: rules apply.
    pub(crate) is_member: bool,
    /// Whether it has a `main`: the agent's settings apply.
    pub(crate) is_program: bool,
}

impl Concern {
    /// The rules file; its path says who is concerned.
    pub(crate) fn path(&self, state: &State) -> PathBuf {
        state
            .rules()
            .join(self.kind())
            .join(&self.package)
            .join(format!("{}.toml", self.crate_name))
    }

    fn kind(&self) -> &'static str {
        match (self.is_member, self.is_program) {
            (true, true) => "program",
            (true, false) => "member",
            (false, true) => "foreign-program",
            (false, false) => "dependency",
        }
    }

    /// All rules files there are.
    fn all(state: &State) -> Vec<(PathBuf, Self)> {
        let mut all = Vec::new();
        for path in entries(&state.rules())
            .iter()
            .flat_map(|kind| entries(kind))
            .flat_map(|package| entries(&package))
        {
            all.extend(Self::of_path(&path).map(|concern| (path, concern)));
        }
        all
    }

    fn of_path(path: &Path) -> Option<Self> {
        let mut names = path
            .ancestors()
            .filter_map(|part| part.file_name()?.to_str());
        let crate_name = names.next()?.strip_suffix(".toml")?.to_owned();
        let package = names.next()?.to_owned();
        let kind = names.next()?;
        let is_member = matches!(kind, "program" | "member");
        let is_program = matches!(kind, "program" | "foreign-program");
        Some(Self {
            package,
            crate_name,
            is_member,
            is_program,
        })
    }

    /// The part of `selvedge.toml` that concerns this crate, in a form that neither comments nor
    /// order nor what is said about others changes.
    pub(crate) fn content(&self, config: &Table) -> String {
        let mut concerning = Table::new();
        for (key, value) in config {
            let value = match value {
                Value::Array(rules) if self.is_member => self.rules_among(rules),
                Value::Table(integrations) if key == "integrations" => {
                    self.integrations_among(integrations)
                }
                Value::Table(_) if self.is_program => Some(value.clone()),
                _ => None,
            };
            concerning.extend(value.map(|value| (key.clone(), value)));
        }
        if concerning.is_empty() {
            String::new()
        } else {
            concerning.to_string()
        }
    }

    fn rules_among(&self, rules: &[Value]) -> Option<Value> {
        let concerns = |rule: &&Value| {
            let function = rule.get("function").and_then(Value::as_str).unwrap_or("*");
            let path = function
                .rsplit_once(" for ")
                .map_or(function, |(_, path)| path);
            let first = path.split("::").next().unwrap_or(path).trim();
            first.contains('*') || first == self.crate_name || function.contains(" for ")
        };
        let found: Vec<Value> = rules.iter().filter(concerns).cloned().collect();
        (!found.is_empty()).then_some(Value::Array(found))
    }

    fn integrations_among(&self, integrations: &Table) -> Option<Value> {
        let everywhere = if self.is_member { "*" } else { "" };
        let known: Vec<&str> = [self.package.as_str(), everywhere]
            .into_iter()
            .flat_map(embedded::integrations_of)
            .map(|integration| integration.folder)
            .collect();
        let mut found = Table::new();
        for (key, value) in integrations {
            let value = match value {
                Value::Array(names) => {
                    let mut names: Vec<Value> = names
                        .iter()
                        .filter(|name| name.as_str().is_some_and(|name| known.contains(&name)))
                        .cloned()
                        .collect();
                    names.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
                    Value::Array(names)
                }
                other => other.clone(),
            };
            // An empty `enable_only` still turns everything off.
            if key == "enable_only" || value.as_array().is_none_or(|names| !names.is_empty()) {
                found.insert(key.clone(), value);
            }
        }
        (!found.is_empty()).then_some(Value::Table(found))
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concern(crate_name: &str, is_program: bool) -> Concern {
        Concern {
            package: crate_name.to_owned(),
            crate_name: crate_name.to_owned(),
            is_member: true,
            is_program,
        }
    }

    fn content(concern: &Concern, text: &str) -> String {
        concern.content(&text.parse().unwrap())
    }

    #[test]
    fn a_crate_sees_its_own_rules_and_globs_only() {
        let text = "[[span]]\nfunction = 'a::f'\n[[span]]\nfunction = 'b::f'\n[[counter]]\nfunction = '**::g'\n";
        let seen = content(&concern("a", false), text);
        assert!(
            seen.contains("a::f") && seen.contains("**::g") && !seen.contains("b::f"),
            "{seen}"
        );
    }

    #[test]
    fn comments_and_other_crates_rules_change_nothing() {
        let plain = content(
            &concern("a", false),
            "[service]\nname = 's'\n[[span]]\nfunction = 'a::f'\n",
        );
        let other = "# why\n[[span]]\nfunction = 'a::f' # here\n\n[[span]]\nfunction = 'b::g'\n[service]\nname = 't'\n";
        assert_eq!(content(&concern("a", false), other), plain);
    }

    #[test]
    fn only_programs_see_the_agents_settings() {
        let text = "[service]\nname = 's'\n";
        assert_eq!(content(&concern("a", false), text), "");
        assert!(content(&concern("a", true), text).contains("name = \"s\""));
    }

    #[test]
    fn the_path_says_who_is_concerned() {
        let state = State::of_target(Path::new("/t"));
        for concern in [
            concern("a", true),
            Concern {
                is_member: false,
                ..concern("b", false)
            },
        ] {
            assert_eq!(Concern::of_path(&concern.path(&state)), Some(concern));
        }
    }
}
