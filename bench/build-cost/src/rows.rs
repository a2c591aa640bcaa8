//! The report: a row for each figure, a column for each contender.

use report::Samples;

/// Cells of a contender that does not take part.
const ABSENT: &str = "–";

/// One figure, measured of each contender; none for one that does not take part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figure {
    pub(crate) plain: Samples,
    pub(crate) woven: Option<Samples>,
    pub(crate) by_hand: Option<Samples>,
}

/// Prints the heads; rows follow one by one, as they are measured.
pub(crate) fn begin() {
    println!();
    line([
        "figure",
        "plain",
        "woven",
        "by hand",
        "woven − plain",
        "woven ÷ plain",
        "rounds",
    ]);
    println!("|{}", "---|".repeat(7));
}

pub(crate) fn seconds(name: &str, figure: &Figure) {
    row(name, figure, |value| format!("{value:.2} s"));
}

pub(crate) fn milliseconds(name: &str, figure: &Figure) {
    row(name, figure, |value| format!("{value:.2} ms"));
}

pub(crate) fn bytes(name: &str, figure: &Figure) {
    row(name, figure, |value| format!("{:.0} KB", value / 1e3));
}

pub(crate) fn counts(name: &str, figure: &Figure) {
    row(name, figure, |value| format!("{value:.0}"));
}

fn row(name: &str, figure: &Figure, unit: impl Fn(f64) -> String) {
    let plain = figure.plain.median();
    let median = |samples: &Option<Samples>| {
        let median = samples.as_ref().map(Samples::median);
        median.map_or_else(|| ABSENT.to_owned(), &unit)
    };
    let difference = figure.woven.as_ref();
    let difference = difference.map(|woven| unit(woven.median() - plain));
    let ratio = figure.woven.as_ref();
    let ratio = ratio.map(|woven| woven.paired_ratio(&figure.plain));
    let ratio = ratio.filter(|ratio| ratio.is_finite());
    line([
        name,
        &unit(plain),
        &median(&figure.woven),
        &median(&figure.by_hand),
        difference.as_deref().unwrap_or(ABSENT),
        &ratio.map_or_else(|| ABSENT.to_owned(), |ratio| format!("{ratio:.3}")),
        &figure.plain.len().to_string(),
    ]);
}

fn line(cells: [&str; 7]) {
    println!("| {} |", cells.join(" | "));
}
