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

/// How a figure is written, and what woven may cost at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    pub(crate) unit: Unit,
    pub(crate) goal: Goal,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Kilobytes,
    Crates,
}

/// What woven may be next to plain.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// So many times plain.
    Ratio(f64),
    /// So much more than plain, in the figure's own unit: seconds, milliseconds, bytes, crates.
    Excess(f64),
}

impl Figure {
    /// The same figure in another unit.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        let scaled = |samples: &Option<Samples>| samples.as_ref().map(|it| it.scaled(factor));
        Self {
            plain: self.plain.scaled(factor),
            woven: scaled(&self.woven),
            by_hand: scaled(&self.by_hand),
        }
    }

    /// The contenders in one cell of a document, and whether the goal was missed.
    pub(crate) fn compared(&self, measure: Measure) -> String {
        let plain = self.plain.median();
        let mut sides = vec![format!("plain {}", measure.unit.show(plain))];
        if let Some(woven) = &self.woven {
            let excess = woven.median() - plain;
            let ratio = woven.paired_ratio(&self.plain);
            let (is_met, difference) = match measure.goal {
                Goal::Ratio(most) => (ratio <= most, format!("{:+.1} %", (ratio - 1.0) * 100.0)),
                Goal::Excess(most) => (excess <= most, measure.unit.show_signed(excess)),
            };
            let verdict = if is_met { "" } else { ": **goal missed**" };
            let woven = measure.unit.show(woven.median());
            sides.push(format!("woven {woven} ({difference}){verdict}"));
        }
        if let Some(by_hand) = &self.by_hand {
            sides.push(format!("by hand {}", measure.unit.show(by_hand.median())));
        }
        sides.join(", ")
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Seconds => format!("{value:.2} s"),
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Kilobytes => format!("{:.0} KB", value / 1e3),
            Self::Crates => format!("{value:.0}"),
        }
    }

    fn show_signed(self, value: f64) -> String {
        let sign = if value < 0.0 { "−" } else { "+" };
        format!("{sign}{}", self.show(value.abs()))
    }
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

/// Prints the row of a figure.
pub(crate) fn row(name: &str, figure: &Figure, unit: Unit) {
    let unit = |value| unit.show(value);
    let plain = figure.plain.median();
    let median = |samples: &Option<Samples>| {
        let median = samples.as_ref().map(Samples::median);
        median.map_or_else(|| ABSENT.to_owned(), unit)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_is_said() {
        let one = |value: f64| -> Samples { [value].into_iter().collect() };
        let figure = Figure {
            plain: one(100.0),
            woven: Some(one(104.0)),
            by_hand: None,
        };
        let compared = |goal| {
            let unit = Unit::Seconds;
            figure.compared(Measure { unit, goal })
        };
        assert_eq!(
            compared(Goal::Ratio(1.05)),
            "plain 100.00 s, woven 104.00 s (+4.0 %)"
        );
        assert_eq!(
            compared(Goal::Excess(3.0)),
            "plain 100.00 s, woven 104.00 s (+4.00 s): **goal missed**"
        );
    }
}
