//! Insertions: the only change that weaving makes to a text.

use serde::Serialize;

/// Who asked for an insertion, so that a compiler error inside of it finds its way back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Origin {
    /// An aspect of an integration.
    Aspect {
        /// The integration's name.
        integration: String,
        /// The aspect's id.
        aspect: String,
    },
    /// The glue module of an integration, in the crate root.
    Glue {
        /// The integration's name.
        integration: String,
    },
    /// A rule of `selvedge.toml`: an index into [`crate::Rules::rules`].
    Rule(
        /// The rule's index.
        usize,
    ),
    /// The agent's start in `main`.
    Agent,
    /// What an old edition needs to name the hooks.
    Edition,
}

/// One insertion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// Byte offset into the unwoven text.
    pub offset: usize,
    /// The text to insert there.
    pub text: String,
    /// Who asked for it.
    pub origin: Origin,
}

/// Why a text cannot be stripped: it is not the woven text of these edits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the woven text is not the insertion expected there")]
pub struct StripError {
    /// Byte offset into the woven text.
    pub offset: usize,
}

/// What stands at a byte of the woven text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location<'a> {
    /// The unwoven text, at this byte.
    Original(usize),
    /// An insertion.
    Inserted {
        /// The insertion.
        edit: &'a Edit,
        /// Bytes into its text.
        within: usize,
    },
}

/// The edits in the order they are applied in: by offset, and as given where offsets agree.
fn sorted(edits: &[Edit]) -> Vec<&Edit> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| edit.offset);
    sorted
}

/// Inserts all edits.
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let inserted: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut woven = String::with_capacity(text.len() + inserted);
    let mut done = 0;
    for edit in sorted(edits) {
        woven.push_str(&text[done..edit.offset]);
        woven.push_str(&edit.text);
        done = edit.offset;
    }
    woven.push_str(&text[done..]);
    woven
}

/// Takes all edits out again: the inverse of [`apply`].
pub fn strip(woven: &str, edits: &[Edit]) -> Result<String, StripError> {
    let mut text = String::with_capacity(woven.len());
    let mut position = 0;
    for edit in sorted(edits) {
        let start = position + (edit.offset - text.len());
        let end = start + edit.text.len();
        let kept = woven.get(position..start);
        let inserted = woven.get(start..end);
        match (kept, inserted) {
            (Some(kept), Some(inserted)) if inserted == edit.text => text.push_str(kept),
            _ => return Err(StripError { offset: start }),
        }
        position = end;
    }
    text.push_str(&woven[position..]);
    Ok(text)
}

/// What stands at a byte of the woven text, to map a compiler's message back.
pub fn locate(edits: &[Edit], woven_offset: usize) -> Location<'_> {
    let mut inserted = 0;
    for edit in sorted(edits) {
        let start = edit.offset + inserted;
        if woven_offset < start {
            break;
        }
        if woven_offset < start + edit.text.len() {
            return Location::Inserted {
                edit,
                within: woven_offset - start,
            };
        }
        inserted += edit.text.len();
    }
    Location::Original(woven_offset - inserted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(offset: usize, text: &str) -> Edit {
        Edit {
            offset,
            text: text.to_owned(),
            origin: Origin::Agent,
        }
    }

    #[test]
    fn edits_at_one_offset_keep_their_order() {
        let edits = [edit(2, "B"), edit(0, "A"), edit(2, "C")];
        let woven = apply("abcd", &edits);
        assert_eq!(woven, "AabBCcd");
        assert_eq!(strip(&woven, &edits).expect("strips"), "abcd");
    }

    #[test]
    fn a_text_that_was_not_woven_does_not_strip() {
        assert_eq!(
            strip("abcd", &[edit(2, "B")]),
            Err(StripError { offset: 2 })
        );
    }

    #[test]
    fn every_byte_of_the_woven_text_is_located() {
        let edits = [edit(0, "A"), edit(2, "BB")];
        assert_eq!(
            locate(&edits, 0),
            Location::Inserted {
                edit: &edits[0],
                within: 0
            }
        );
        assert_eq!(locate(&edits, 1), Location::Original(0));
        assert_eq!(
            locate(&edits, 4),
            Location::Inserted {
                edit: &edits[1],
                within: 1
            }
        );
        assert_eq!(locate(&edits, 5), Location::Original(2));
    }
}
