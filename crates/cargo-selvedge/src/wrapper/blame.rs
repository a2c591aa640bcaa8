//! Whose fault it is that a woven crate does not compile.

use std::collections::BTreeSet;
use std::path::Path;

use selvedge_weave::{Location, Origin, locate};
use serde_json::{Value, json};

use super::Unit;
use super::compiler::Run;
use super::weaving::{Woven, integration_of};

/// Length of an error as a report quotes it.
const ERROR_LENGTH_MAX: usize = 300;

/// The errors inside of what a user's rule inserted, each with a note that names the rule, ready
/// for cargo. A rule is the user's own text, so its errors are theirs to see.
pub(crate) fn rules_at_fault(run: &Run, woven: &Woven, unit: &Unit<'_>) -> Vec<Vec<u8>> {
    let prefix = super::compile::remapped(unit, &woven.layout.shown);
    errors(run)
        .filter_map(|mut error| {
            let spans = spans(&error);
            let index =
                spans
                    .iter()
                    .find_map(|span| match origin_of(span, woven, Path::new(&prefix)) {
                        Some(Origin::Rule(index)) => Some(*index),
                        _ => None,
                    })?;
            let rule = woven.config.rules.rules.get(index)?;
            let file = woven
                .config
                .path
                .as_deref()
                .and_then(Path::file_name)
                .unwrap_or_default()
                .display();
            add_note(
                &mut error,
                &format!("from {} at {file}:{}", rule.label, rule.line),
            );
            serde_json::to_vec(&error).ok()
        })
        .collect()
}

/// Names of the integrations inside of whose insertions there are errors.
pub(crate) fn integrations_at_fault(run: &Run, woven: &Woven, unit: &Unit<'_>) -> BTreeSet<String> {
    let prefix = super::compile::remapped(unit, &woven.layout.shown);
    let spans = errors(run).flat_map(|error| spans(&error));
    let origins = spans.filter_map(|span| origin_of(&span, woven, Path::new(&prefix)));
    origins
        .filter_map(integration_of)
        .map(str::to_owned)
        .collect()
}

/// The first error in one line, for the report.
pub(crate) fn first_error(run: &Run) -> String {
    let mut text = match errors(run).next() {
        Some(error) => error["message"].as_str().unwrap_or_default().to_owned(),
        None => run
            .messages
            .first()
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .unwrap_or_default(),
    };
    if let Some((end, _)) = text.char_indices().nth(ERROR_LENGTH_MAX) {
        text.truncate(end);
    }
    text.replace('\n', " ")
}

/// All errors as rustc shows them, for the log.
pub(crate) fn rendered(run: &Run) -> String {
    errors(run)
        .filter_map(|error| Some(error["rendered"].as_str()?.to_owned()))
        .collect()
}

fn errors(run: &Run) -> impl Iterator<Item = Value> {
    run.diagnostics().filter(|message| {
        message["level"]
            .as_str()
            .is_some_and(|level| level.starts_with("error"))
    })
}

/// The spans of a message, of its children, and of the macros they came from.
fn spans(message: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    let children = message["children"].as_array().into_iter().flatten();
    for holder in std::iter::once(message).chain(children) {
        for span in holder["spans"].as_array().into_iter().flatten() {
            let mut span = Some(span);
            while let Some(current) = span.filter(|span| span.is_object()) {
                found.push(current.clone());
                span = current["expansion"].get("span");
            }
        }
    }
    found
}

/// What was inserted where a span points, by whom.
fn origin_of<'a>(span: &Value, woven: &'a Woven, prefix: &Path) -> Option<&'a Origin> {
    let file = Path::new(span["file_name"].as_str()?)
        .strip_prefix(prefix)
        .ok()?;
    let edits = &woven.files.get(file)?.edits;
    let start = usize::try_from(span["byte_start"].as_u64()?).ok()?;
    let end = usize::try_from(span["byte_end"].as_u64()?).ok()?;
    [start, end.saturating_sub(1).max(start)]
        .into_iter()
        .find_map(|offset| match locate(edits, offset) {
            Location::Inserted { edit, .. } => Some(&edit.origin),
            Location::Original(_) => None,
        })
}

fn add_note(error: &mut Value, note: &str) {
    let child = json!({"message": note, "code": null, "level": "note", "spans": [], "children": [], "rendered": null});
    if let Some(children) = error["children"].as_array_mut() {
        children.push(child);
    }
    let rendered = error["rendered"]
        .as_str()
        .map(|rendered| format!("{}\n  = note: {note}\n\n", rendered.trim_end()));
    if let Some(rendered) = rendered {
        error["rendered"] = Value::String(rendered);
    }
}
