//! Reads TOML tables key by key and collects every problem with its place.
//!
//! Serde's derive would stop at the first problem and lose the places of the values.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{Diagnostic, nearest};

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// One table that is being read. Keys that nobody asked for are reported by [`Table::finish`].
pub(crate) struct Table<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    known: Vec<&'static str>,
    /// Keys that must be there and are not.
    missing: Vec<&'static str>,
}

/// Parses a document; the first syntax error becomes a diagnostic, because those after it are
/// mostly of its making, and what could be read is given.
pub(crate) fn parse<'a>(text: &'a str, problems: &mut Vec<Diagnostic>) -> Spanned<DeTable<'a>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let place = |error: &&toml::de::Error| error.span().map_or(0, |span| span.start);
    problems.extend(errors.iter().min_by_key(place).map(|error| Diagnostic {
        message: error.message().to_owned(),
        help: None,
        span: error.span(),
    }));
    document
}

impl<'a> Table<'a> {
    pub(crate) fn new(table: &'a DeTable<'a>, span: Range<usize>) -> Self {
        Self {
            table,
            span,
            known: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Where the table stands.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// True when the key is there, whatever its type.
    pub(crate) fn has(&mut self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// A value of a type, or a problem where it has another.
    fn typed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        problems: &mut Vec<Diagnostic>,
        convert: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Placed<T>> {
        let found = self.get(key)?;
        let value = convert(found.get_ref());
        if value.is_none() {
            let actual = found.get_ref().type_str();
            problems.push(Diagnostic::at(
                found.span(),
                format!("`{key}` must be {expected}, not {actual}"),
            ));
        }
        value.map(|value| Placed {
            value,
            span: found.span(),
        })
    }

    pub(crate) fn string(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Placed<String>> {
        self.typed(key, "a string", problems, |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// Has [`Table::finish`] report a key that is not there.
    pub(crate) fn require(&mut self, key: &'static str) {
        if !self.has(key) {
            self.missing.push(key);
        }
    }

    /// A string that must be there and not be empty.
    pub(crate) fn required(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Placed<String>> {
        self.require(key);
        let found = self.string(key, problems)?;
        if found.value.is_empty() {
            problems.push(Diagnostic::at(found.span, format!("`{key}` is empty")));
            return None;
        }
        Some(found)
    }

    pub(crate) fn boolean(&mut self, key: &'static str, problems: &mut Vec<Diagnostic>) -> bool {
        self.typed(key, "true or false", problems, DeValue::as_bool)
            .is_some_and(|found| found.value)
    }

    /// An integer that is not negative.
    pub(crate) fn number(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Placed<u32>> {
        self.typed(key, "a whole number of at least 0", problems, |value| {
            let integer = value.as_integer()?;
            u32::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
        })
    }

    /// A number, written with a point or without.
    pub(crate) fn float(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Placed<f64>> {
        self.typed(key, "a number", problems, |value| {
            let text = match value {
                DeValue::Float(float) => float.as_str(),
                DeValue::Integer(integer) => integer.as_str(),
                _ => return None,
            };
            text.replace('_', "").parse().ok()
        })
    }

    pub(crate) fn strings(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Vec<Placed<String>> {
        let found = self.typed(key, "an array of strings", problems, |value| {
            value
                .as_array()?
                .iter()
                .map(|element| {
                    let value = element.get_ref().as_str()?.to_owned();
                    Some(Placed {
                        value,
                        span: element.span(),
                    })
                })
                .collect::<Option<Vec<_>>>()
        });
        found.map(|found| found.value).unwrap_or_default()
    }

    /// A table of strings (numbers and booleans are taken as they are written), in the order of
    /// their places.
    pub(crate) fn entries(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Vec<(Placed<String>, Placed<String>)> {
        let Some(found) = self.typed(key, "a table of strings", problems, DeValue::as_table) else {
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (name, value) in found.value {
            let text = match value.get_ref() {
                DeValue::String(text) => text.clone().into_owned(),
                DeValue::Integer(integer) => integer.as_str().to_owned(),
                DeValue::Float(float) => float.as_str().to_owned(),
                DeValue::Boolean(boolean) => boolean.to_string(),
                other => {
                    let message = format!(
                        "`{key}.{}` must be a string, not {}",
                        name.get_ref(),
                        other.type_str()
                    );
                    problems.push(Diagnostic::at(value.span(), message));
                    continue;
                }
            };
            entries.push((
                Placed {
                    value: name.get_ref().clone().into_owned(),
                    span: name.span(),
                },
                Placed {
                    value: text,
                    span: value.span(),
                },
            ));
        }
        entries.sort_by_key(|(name, _)| name.span.start);
        entries
    }

    pub(crate) fn table(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Table<'a>> {
        let found = self.typed(key, "a table", problems, DeValue::as_table)?;
        Some(Table::new(found.value, found.span))
    }

    /// `[[key]]`.
    pub(crate) fn tables(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Vec<Table<'a>> {
        if let Some(table) = self.get(key)
            && table.get_ref().is_table()
        {
            let problem =
                Diagnostic::at(table.span(), format!("`{key}` must be an array of tables"));
            problems.push(problem.with_help(format!("write `[[{key}]]`")));
            return Vec::new();
        }
        let found = self.typed(key, "an array of tables", problems, |value| {
            value
                .as_array()?
                .iter()
                .map(|element| Some(Table::new(element.get_ref().as_table()?, element.span())))
                .collect::<Option<Vec<_>>>()
        });
        found.map(|found| found.value).unwrap_or_default()
    }

    /// Tables by name: `[key.<name>]`, in the order of their places.
    pub(crate) fn named_tables(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Diagnostic>,
    ) -> Vec<(String, Table<'a>)> {
        let Some(found) = self.typed(key, "a table of tables", problems, DeValue::as_table) else {
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (name, value) in found.value {
            match value.get_ref().as_table() {
                Some(table) => {
                    let name = name.get_ref().clone().into_owned();
                    tables.push((name, Table::new(table, value.span())));
                }
                None => problems.push(Diagnostic::at(
                    value.span(),
                    format!("`{key}.{}` must be a table", name.get_ref()),
                )),
            }
        }
        tables.sort_by_key(|(_, table)| table.span.start);
        tables
    }

    /// Reports the keys that nobody asked for, and those that are missing: but not one that is
    /// there with a typing error.
    pub(crate) fn finish(mut self, problems: &mut Vec<Diagnostic>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let problem = Diagnostic::at(key.span(), format!("unknown key `{name}`"));
            problems.push(match nearest(name, self.known.iter().copied()).first() {
                Some(near) => {
                    self.missing.retain(|missing| missing != near);
                    problem.with_help(format!("did you mean `{near}`?"))
                }
                None => problem.with_help(format!("known here: {}", self.known.join(", "))),
            });
        }
        let missing = self.missing.iter();
        problems
            .extend(missing.map(|key| Diagnostic::at(self.span(), format!("`{key}` is missing"))));
    }
}
