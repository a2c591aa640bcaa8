//! Measurements of one contender, and the order in which contenders take turns.

/// Repeated measurements of one quantity.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds one measurement.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle measurement; not a number when there is none.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => sorted[length / 2],
            length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
        }
    }

    /// The least measurement; not a number when there is none.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().reduce(f64::min).unwrap_or(f64::NAN)
    }

    /// The greatest measurement; not a number when there is none.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().reduce(f64::max).unwrap_or(f64::NAN)
    }

    /// The newest measurement.
    pub fn last(&self) -> Option<f64> {
        self.0.last().copied()
    }

    /// How many measurements there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True before the first measurement.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same measurements in another unit.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        self.0.iter().map(|value| value * factor).collect()
    }

    /// Median of the ratios of the measurements of one round each: what disturbed a whole round
    /// disturbed both sides of its ratio.
    pub fn paired_ratio(&self, base: &Self) -> f64 {
        let pairs = self.0.iter().zip(&base.0);
        pairs
            .map(|(ours, theirs)| ours / theirs)
            .collect::<Self>()
            .median()
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// Lets the contenders take turns, A B C A B C …, so that a slow stretch of the machine falls on
/// all of them. Every second round goes backwards: none always runs after the same other.
pub fn interleave<T, E>(
    contenders: &mut [T],
    rounds: usize,
    mut turn: impl FnMut(&mut T, usize) -> Result<(), E>,
) -> Result<(), E> {
    for round in 0..rounds {
        let count = contenders.len();
        for position in 0..count {
            let index = if round % 2 == 0 {
                position
            } else {
                count - 1 - position
            };
            turn(&mut contenders[index], round)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_even_count_is_the_middle_of_two() {
        let samples: Samples = [4.0, 1.0, 3.0, 2.0].into_iter().collect();
        assert_eq!(
            (samples.median(), samples.min(), samples.max()),
            (2.5, 1.0, 4.0)
        );
    }

    #[test]
    fn paired_ratio_is_blind_to_a_round_that_was_slow_for_both() {
        let base: Samples = [10.0, 100.0, 10.0].into_iter().collect();
        let ours: Samples = [11.0, 110.0, 11.0].into_iter().collect();
        assert!((ours.paired_ratio(&base) - 1.1).abs() < 1e-9);
    }

    #[test]
    fn every_second_round_goes_backwards() {
        let mut order = Vec::new();
        let turn = |name: &mut char, round| {
            order.push((*name, round));
            Ok::<(), ()>(())
        };
        assert_eq!(interleave(&mut ['a', 'b'], 2, turn), Ok(()));
        assert_eq!(order, [('a', 0), ('b', 0), ('b', 1), ('a', 1)]);
    }
}
