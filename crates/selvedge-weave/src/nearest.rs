//! Suggestions for names that were not found.

/// At most so many suggestions: more would not be read.
const SUGGESTIONS_MAX: usize = 3;

/// The candidates nearest to a name, best first; none where nothing comes close.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut scored: Vec<(usize, &str)> = candidates
        .into_iter()
        .map(|candidate| (score(name, candidate), candidate))
        .filter(|(score, candidate)| *score <= name.len().max(candidate.len()).div_ceil(3))
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.truncate(SUGGESTIONS_MAX);
    scored.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Edit distance, except that the same last segment of a path counts as near: the right function
/// in the wrong module is the usual mistake.
fn score(name: &str, candidate: &str) -> usize {
    let distance = distance(name, candidate);
    let last = |path: &str| path.rsplit("::").next().map(str::to_owned);
    if name.contains("::") && last(name) == last(candidate) {
        distance.min(2)
    } else {
        distance
    }
}

/// Levenshtein distance over bytes, with two rows.
fn distance(left: &str, right: &str) -> usize {
    let right = right.as_bytes();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, left_byte) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right_byte) in right.iter().enumerate() {
            let substitution = diagonal + usize::from(left_byte != *right_byte);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_name_meant() {
        assert_eq!(nearest("atributes", ["name", "attributes"]), ["attributes"]);
    }

    #[test]
    fn the_right_function_in_the_wrong_module_is_near() {
        let known = ["ledger::journal::append", "ledger::journal::open"];
        assert_eq!(
            nearest("ledger::outbox::store::append", known)[0],
            "ledger::journal::append"
        );
    }

    #[test]
    fn nothing_near_means_no_suggestion() {
        assert!(nearest("transfer", ["x", "y"]).is_empty());
    }
}
