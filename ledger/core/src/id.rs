//! Identifiers, checked when they are made.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest identifier, in bytes.
const ID_MAX: usize = 128;
/// Longest idempotency key with its scope, in bytes.
const KEY_MAX: usize = 512;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// Longer than is kept.
    #[error("it is longer than {max} bytes")]
    TooLong {
        /// The most there may be.
        max: usize,
    },
    /// A character that identifiers do not have.
    #[error("it has {character:?} at byte {offset}, which is not allowed there")]
    Character {
        /// What stands there.
        character: char,
        /// Where.
        offset: usize,
    },
}

fn check(text: &str, max: usize, allowed: impl Fn(char) -> bool) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > max {
        return Err(IdError::TooLong { max });
    }
    match text
        .char_indices()
        .find(|(_, character)| !allowed(*character))
    {
        Some((offset, character)) => Err(IdError::Character { character, offset }),
        None => Ok(()),
    }
}

fn in_id(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text.
            ///
            /// # Errors
            ///
            /// When it is empty, too long, or has a character that is not allowed.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check(text, $max, $allowed)?;
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id! {
    /// An account: letters, digits, `-`, `_`, `.` and `:`, at most 128 bytes.
    AccountId, ID_MAX, in_id
}
id! {
    /// A transfer, chosen by whoever asks for it. Letters as in [`AccountId`].
    TransferId, ID_MAX, in_id
}
id! {
    /// An asset: `USD`, or `fund:` and a fund's id. Letters as in [`AccountId`].
    AssetCode, ID_MAX, in_id
}
id! {
    /// A fund. Letters as in [`AccountId`], 48 bytes at most, since its accounts are named after it.
    FundId, 48, |character| in_id(character) && character != ':'
}
id! {
    /// Who owns accounts and units. Letters as in [`FundId`].
    OwnerId, 48, |character| in_id(character) && character != ':'
}
id! {
    /// An idempotency key with the scope it is unique in: any visible characters, at most 512 bytes.
    Key, KEY_MAX, |character: char| !character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_says_what_is_wrong_with_it() {
        assert_eq!(AccountId::new(""), Err(IdError::Empty));
        assert_eq!(
            AccountId::new("a b"),
            Err(IdError::Character {
                character: ' ',
                offset: 1
            })
        );
        assert_eq!(
            OwnerId::new(&"x".repeat(49)),
            Err(IdError::TooLong { max: 48 })
        );
        assert!(AccountId::new("users:1.main_a-b").is_ok());
        assert!(
            FundId::new("a:b").is_err(),
            "its accounts would be ambiguous"
        );
    }
}
