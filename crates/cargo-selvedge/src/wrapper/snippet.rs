//! Source lines in messages, where rustc cannot show the right ones by itself.
//!
//! A crate compiled against a woven one knows the places in it but not the text: what is on disk
//! under the name is the original, which has another hash than the woven file. And what a rule
//! inserted is shown at the function that the user wrote.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::report::unit::UnitReport;
use crate::state::State;

/// Underlined text longer than this is not quoted.
const QUOTED_LENGTH_MAX: usize = 60;

/// One line of a file with a part of it underlined.
pub(super) struct Snippet<'a> {
    /// The file as rustc names it.
    pub(super) file: &'a str,
    /// Counted from one.
    pub(super) line: usize,
    /// The line's text.
    pub(super) text: &'a str,
    /// First character underlined and first one after, counted from one.
    pub(super) columns: (usize, usize),
    /// What is said next to the underline.
    pub(super) label: &'a str,
}

/// Writes as rustc does for a terminal, or without colours.
#[derive(Clone, Copy)]
pub(super) struct Style {
    is_coloured: bool,
}

impl Style {
    /// The style of what rustc has rendered.
    pub(super) fn of(rendered: &str) -> Self {
        Self {
            is_coloured: rendered.contains("\u{1b}["),
        }
    }

    /// What draws the eye to an error.
    pub(super) fn red(self, text: &str) -> String {
        self.paint("91", text)
    }

    /// Gutters and arrows.
    pub(super) fn blue(self, text: &str) -> String {
        self.paint("94", text)
    }

    /// Headings.
    pub(super) fn bold(self, text: &str) -> String {
        self.paint("97", text)
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.is_coloured {
            format!("\u{1b}[1m\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

impl Snippet<'_> {
    /// Digits of the line number: at least so wide is the gutter.
    pub(super) fn gutter_width(&self) -> usize {
        self.line.to_string().len()
    }

    /// The lines below the arrow, each begun by a newline.
    pub(super) fn body(&self, gutter_width: usize, style: Style) -> String {
        let (start, end) = self.columns;
        let text = self.text.replace('\t', "    ");
        let tabs = self
            .text
            .chars()
            .take(start - 1)
            .filter(|char| *char == '\t')
            .count();
        let blank = format!("{:gutter_width$} |", "");
        let number = format!("{:>gutter_width$} |", self.line);
        let underline = "^".repeat(end.saturating_sub(start).max(1));
        let label = if self.label.is_empty() {
            String::new()
        } else {
            format!(" {}", self.label)
        };
        format!(
            "\n{}\n{} {text}\n{} {:indent$}{}",
            style.blue(&blank),
            style.blue(&number),
            style.blue(&blank),
            "",
            style.red(&(underline + &label)),
            indent = start - 1 + 3 * tabs,
        )
    }

    /// As one of the spans of a message.
    pub(super) fn span(&self, byte_start: usize) -> Value {
        let (start, end) = self.columns;
        let underlined: String = self
            .text
            .chars()
            .skip(start - 1)
            .take(end.saturating_sub(start))
            .collect();
        json!({
            "file_name": self.file,
            "byte_start": byte_start,
            "byte_end": byte_start + underlined.len(),
            "line_start": self.line,
            "line_end": self.line,
            "column_start": start,
            "column_end": end,
            "is_primary": true,
            "text": [{"text": self.text, "highlight_start": start, "highlight_end": end}],
            "label": self.label,
            "suggested_replacement": null,
            "suggestion_applicability": null,
            "expansion": null,
        })
    }
}

/// The text that a span underlines, if it is short enough to be quoted.
pub(super) fn underlined(span: &Value) -> Option<String> {
    let line = &span["text"][0];
    let column = |key: &str| usize::try_from(line[key].as_u64()?).ok()?.checked_sub(1);
    let (start, end) = (column("highlight_start")?, column("highlight_end")?);
    let text: String = line["text"]
        .as_str()?
        .chars()
        .skip(start)
        .take(end.checked_sub(start)?)
        .collect();
    (!text.is_empty() && text.len() <= QUOTED_LENGTH_MAX).then_some(text)
}

/// A message for cargo with the lines of woven crates that rustc had to leave out; none if it has
/// left out none.
pub(super) fn complete(message: &[u8], state: &State) -> Option<Vec<u8>> {
    let is_missing = message.windows(9).any(|window| window == br#""text":[]"#);
    if !is_missing {
        return None;
    }
    let mut message: Value = serde_json::from_slice(message).ok()?;
    let mut rendered = message["rendered"].as_str()?.to_owned();
    let before = rendered.len();
    let reports = UnitReport::read_all(&state.units());
    let children = message["children"].as_array().into_iter().flatten();
    for holder in std::iter::once(&message).chain(children) {
        for span in holder["spans"].as_array().into_iter().flatten() {
            if span["text"].as_array().is_some_and(Vec::is_empty) {
                rendered = completed(&rendered, span, &reports).unwrap_or(rendered);
            }
        }
    }
    if rendered.len() == before {
        return None;
    }
    message["rendered"] = Value::String(rendered);
    serde_json::to_vec(&message).ok()
}

/// Shows the line of a span below the place in the rendered text that names it.
fn completed(rendered: &str, span: &Value, reports: &[UnitReport]) -> Option<String> {
    let number = |key: &str| usize::try_from(span[key].as_u64()?).ok();
    let (file, line) = (span["file_name"].as_str()?, number("line_start")?);
    // Members are named relative to the workspace, where cargo runs rustc for members.
    let place = std::path::absolute(file).ok()?;
    let (report, relative) = reports.iter().find_map(|report| {
        let relative = place.strip_prefix(&report.original).ok()?;
        let is_woven = report.files.iter().any(|woven| woven == relative);
        is_woven.then_some((report, relative))
    })?;
    let line_of = |folder: &Path| {
        let text = fs::read_to_string(folder.join(relative)).ok()?;
        text.lines().nth(line.checked_sub(1)?).map(str::to_owned)
    };
    let (original, woven) = (line_of(&report.original)?, line_of(&report.mirror)?);
    let start = column(&original, &woven, number("column_start")?);
    let end = if number("line_end")? == line {
        column(&original, &woven, number("column_end")?)
    } else {
        original.trim_end().chars().count() + 1
    };
    let snippet = Snippet {
        file,
        line,
        text: &original,
        columns: (start, end.max(start + 1)),
        label: span["label"].as_str().unwrap_or_default(),
    };

    let mark = format!("{file}:{line}:");
    let at = rendered.find(&mark)?;
    let arrow_line = rendered[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let arrow = arrow_line + rendered[arrow_line..at].find("-->")?;
    // What is before the arrow: blanks, and what begins its colour.
    let margin = &rendered[arrow_line..arrow];
    let blanks = margin.matches(' ').count();
    let width = blanks.max(snippet.gutter_width());
    let rest = rendered[at + mark.len()..].trim_start_matches(|char: char| char.is_ascii_digit());
    let (rest_of_line, below) = rest.split_at(rest.find('\n').unwrap_or(rest.len()));
    Some(format!(
        "{}{:width$}{}{}{mark}{start}{rest_of_line}{}{below}",
        &rendered[..arrow_line],
        "",
        margin.replace(' ', ""),
        &rendered[arrow..at],
        snippet.body(width, Style::of(rendered)),
    ))
}

/// Where a column of a woven line is in the original. Between the part that they begin with and the
/// part that they end with there is nothing but insertions.
fn column(original: &str, woven: &str, column: usize) -> usize {
    let begin = original.chars().zip(woven.chars());
    let begin = begin.take_while(|(one, other)| one == other).count();
    if column <= begin + 1 {
        return column;
    }
    let (original_length, woven_length) = (original.chars().count(), woven.chars().count());
    (column + original_length)
        .saturating_sub(woven_length)
        .max(begin + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_rustc_could_not_show_is_shown_at_its_original_column() {
        let folder = std::env::temp_dir().join(format!("selvedge-snippet-{}", std::process::id()));
        let (original, mirror) = (folder.join("original"), folder.join("mirror"));
        for (folder, text) in [
            (&original, "\nfn f<T: Send>(t: T) {}\n"),
            (&mirror, "\nfn f<T: Send>(t: T) { inserted; }\n"),
        ] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join("lib.rs"), text).unwrap();
        }
        let report = UnitReport {
            original: original.clone(),
            mirror,
            files: vec!["lib.rs".into()],
            ..UnitReport::default()
        };
        let file = original.join("lib.rs");
        let file = file.to_str().unwrap();
        let span = json!({"file_name": file, "line_start": 2, "line_end": 2, "column_start": 1, "column_end": 20, "label": null, "text": []});
        let rendered = format!("error: x\n    --> {file}:2:4\n\nmore\n");
        let shown = completed(&rendered, &span, &[report]).unwrap();
        let expected = format!(
            "error: x\n    --> {file}:2:1\n     |\n   2 | fn f<T: Send>(t: T) {{}}\n     | ^^^^^^^^^^^^^^^^^^^\n\nmore\n"
        );
        assert_eq!(shown, expected);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn columns_after_an_insertion_move_back() {
        let (original, woven) = ("call(a, b);", "call(__sv(a), b);");
        assert_eq!(column(original, woven, 1), 1);
        assert_eq!(column(original, woven, 15), 9);
    }
}
