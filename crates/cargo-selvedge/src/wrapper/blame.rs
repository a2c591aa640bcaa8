//! Whose fault it is that a woven crate does not compile.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use selvedge_weave::{Edit, Location, Origin, locate};
use serde_json::{Value, json};

use super::Unit;
use super::compiler::Run;
use super::snippet::{self, Snippet, Style};
use super::weaving::{Woven, integration_of};

/// Length of an error as a report quotes it.
const ERROR_LENGTH_MAX: usize = 300;
/// A signature is looked for in at most so many lines.
const SIGNATURE_LINES_MAX: usize = 40;

/// The errors inside of what a user's rule inserted, ready for cargo: each shown at the function
/// that the rule is for, with a note that names the rule. A rule is the user's own text, so its
/// errors are theirs to see.
pub(crate) fn rules_at_fault(run: &Run, woven: &Woven, unit: &Unit<'_>) -> Vec<Vec<u8>> {
    let prefix = super::compile::remapped(unit, &woven.layout.shown);
    let blamed = errors(run).filter_map(|mut error| {
        let (span, edit, index) = spans(&error).into_iter().find_map(|span| {
            let edit = edit_at(&span, woven, Path::new(&prefix))?;
            match edit.origin {
                Origin::Rule(index) => Some((span, edit, index)),
                _ => None,
            }
        })?;
        let rule = woven.config.rules.rules.get(index)?;
        let path = woven.config.path.as_deref();
        let file = path.and_then(Path::file_name).unwrap_or_default();
        let note = format!("from {} at {}:{}", rule.label, file.display(), rule.line);
        show_at_function(&mut error, &span, edit, (woven, Path::new(&prefix)), &note)?;
        serde_json::to_vec(&error).ok()
    });
    blamed.collect()
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
    edit_at(span, woven, prefix).map(|edit| &edit.origin)
}

fn edit_at<'a>(span: &Value, woven: &'a Woven, prefix: &Path) -> Option<&'a Edit> {
    let file = Path::new(span["file_name"].as_str()?)
        .strip_prefix(prefix)
        .ok()?;
    let edits = &woven.files.get(file)?.edits;
    let start = usize::try_from(span["byte_start"].as_u64()?).ok()?;
    let end = usize::try_from(span["byte_end"].as_u64()?).ok()?;
    [start, end.saturating_sub(1).max(start)]
        .into_iter()
        .find_map(|offset| match locate(edits, offset) {
            Location::Inserted { edit, .. } => Some(edit),
            Location::Original(_) => None,
        })
}

/// Makes an error one about the original line of the function around an insertion.
fn show_at_function(
    error: &mut Value,
    span: &Value,
    edit: &Edit,
    (woven, prefix): (&Woven, &Path),
    note: &str,
) -> Option<()> {
    let file = span["file_name"].as_str()?;
    let relative = Path::new(file).strip_prefix(prefix).ok()?;
    let text = fs::read_to_string(woven.layout.original.join(relative)).ok()?;
    let (line, offset) = line_of_function(&text, edit.offset);
    let shown = text[offset..].lines().next().unwrap_or_default();
    let indent = shown.len() - shown.trim_start().len();
    let end = shown
        .trim_end_matches([' ', '\t', '{', '}'])
        .chars()
        .count();
    let label = match (snippet::underlined(span), span["label"].as_str()) {
        (Some(code), Some(label)) => format!("`{code}`: {label}"),
        (Some(code), None) => format!("in `{code}`"),
        (None, label) => label.unwrap_or_default().to_owned(),
    };
    let snippet = Snippet {
        file,
        line,
        text: shown,
        columns: (indent + 1, end.max(indent + 1) + 1),
        label: &label,
    };
    let style = Style::of(error["rendered"].as_str().unwrap_or_default());
    let mut notes = notes(error);
    notes.push(json!({"message": note, "code": null, "level": "note", "spans": [], "children": [], "rendered": null}));
    let code = error["code"]["code"].as_str();
    let width = snippet.gutter_width();
    let mut rendered = format!(
        "{}{}\n{:width$}{} {file}:{line}:{}{}\n",
        style.red(&code.map_or_else(|| "error".to_owned(), |code| format!("error[{code}]"))),
        style.bold(&format!(
            ": {}",
            error["message"].as_str().unwrap_or_default()
        )),
        "",
        style.blue("-->"),
        snippet.columns.0,
        snippet.body(width, style),
    );
    for note in &notes {
        let (level, message) = (note["level"].as_str()?, note["message"].as_str()?);
        let equals = style.blue(&format!("{:width$} =", ""));
        let level = style.bold(level);
        writeln!(rendered, "{equals} {level}: {message}").ok()?;
    }
    rendered.push('\n');
    error["spans"] = json!([snippet.span(offset + indent)]);
    error["children"] = Value::Array(notes);
    error["rendered"] = Value::String(rendered);
    Some(())
}

/// The line, counted from one, in which the function around an offset begins, and its own offset;
/// where that is not found, the offset's.
fn line_of_function(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let mut starts = vec![0];
    starts.extend(before.match_indices('\n').map(|(index, _)| index + 1));
    let begins_function = |start: &usize| {
        let line = text[*start..].lines().next().unwrap_or_default();
        line.split_whitespace().any(|word| word == "fn")
    };
    let near = starts.len().saturating_sub(SIGNATURE_LINES_MAX);
    let found = starts[near..].iter().rposition(begins_function);
    let index = found.map_or(starts.len() - 1, |index| near + index);
    (index + 1, starts[index])
}

/// What the children of an error say, without the places in woven text that they say it of.
fn notes(error: &Value) -> Vec<Value> {
    let children = error["children"].as_array().into_iter().flatten();
    let note = |child: &Value| {
        let spans = child["spans"].as_array().map_or(&[][..], Vec::as_slice);
        let replacement = spans
            .first()
            .and_then(|span| span["suggested_replacement"].as_str());
        let message = child["message"].as_str()?;
        let message = match replacement.map(str::trim) {
            Some(replacement) => format!("{message}: `{replacement}`"),
            None if spans.is_empty() => message.to_owned(),
            None => return None,
        };
        Some(
            json!({"message": message, "code": null, "level": child["level"], "spans": [], "children": [], "rendered": null}),
        )
    };
    children.filter_map(note).collect()
}
