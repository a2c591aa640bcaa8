//! Rows of `docs/benchmarks.md`, with what was measured now in place of what was measured before.

use std::fmt::{self, Display};
use std::fs;

use crate::bench_root;

/// Position of the column "measured", counted from 0.
const MEASURED: usize = 3;

/// What a run says about the figures of the document, in the order in which they were measured.
#[derive(Debug, Default)]
pub struct Documented {
    rows: Vec<(&'static str, Vec<String>)>,
}

impl Documented {
    /// Adds to what was measured of a figure, named as the document's first column names it.
    pub fn add(&mut self, figure: &'static str, measured: String) {
        match self.rows.iter_mut().find(|(name, _)| *name == figure) {
            Some((_, texts)) => texts.push(measured),
            None => self.rows.push((figure, vec![measured])),
        }
    }
}

impl Display for Documented {
    /// The rows, ready to be pasted. A figure that the document does not have is shown all the same.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = bench_root().join("../docs/benchmarks.md");
        let document = fs::read_to_string(document).unwrap_or_default();
        writeln!(formatter, "\nrows of docs/benchmarks.md:\n")?;
        for (figure, texts) in &self.rows {
            let measured = texts.join("; ");
            let row = with_measured(&document, figure, &measured);
            let row = row.unwrap_or_else(|| format!("| {figure} | | | {measured} | |"));
            writeln!(formatter, "{row}")?;
        }
        Ok(())
    }
}

/// The document's row of a figure with another text in the column "measured".
fn with_measured(document: &str, figure: &str, measured: &str) -> Option<String> {
    let row = document.lines().find(|line| {
        let rest = line.strip_prefix("| ");
        rest.and_then(|rest| rest.strip_prefix(figure))
            .is_some_and(|rest| rest.starts_with(" |"))
    })?;
    let mut cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    *cells.get_mut(MEASURED)? = measured;
    Some(format!("| {} |", cells.join(" | ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_measured_cell_is_replaced() {
        let document = "| figure | goal | others | measured | command |\n|---|---|---|---|---|\n| size, all | ≤ 1 | – | no | `x` |\n| size | ≤ 1 | – | not yet | `x` |\n";
        let row = with_measured(document, "size", "0.5");
        assert_eq!(row.as_deref(), Some("| size | ≤ 1 | – | 0.5 | `x` |"));
        assert_eq!(with_measured(document, "speed", "0.5"), None);
    }

    #[test]
    fn what_is_said_of_a_figure_comes_in_one_row() {
        let mut documented = Documented::default();
        documented.add("of nothing", "a".to_owned());
        documented.add("of nothing", "b".to_owned());
        assert!(
            documented
                .to_string()
                .ends_with("| of nothing | | | a; b | |\n")
        );
    }
}
