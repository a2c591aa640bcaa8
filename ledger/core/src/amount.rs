//! Amounts: minor units, more than zero, in canonical decimal form outside.

use std::fmt;
use std::str::FromStr;

/// Largest amount, in minor units: ten to the power of 30 less one. Sums of as many postings as
/// there can be sequence numbers stay within `i128`.
const AMOUNT_MAX: i128 = 10i128.pow(30) - 1;

/// A balance or a sum, in minor units of its asset. May be negative.
pub type Units = i128;

/// What is moved: minor units of an asset, more than zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

/// Why a text or number is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAmountError {
    /// Not decimal digits alone, or with zeros in front.
    #[error(
        "an amount is written in decimal digits, without sign, point, exponent or leading zeros"
    )]
    NotCanonical,
    /// Zero, or less.
    #[error("an amount is more than zero")]
    NotPositive,
    /// More than is kept.
    #[error("an amount has at most 30 digits")]
    TooLarge,
}

impl Amount {
    /// The largest amount.
    pub const MAX: Self = Self(AMOUNT_MAX);

    /// An amount of so many minor units.
    ///
    /// # Errors
    ///
    /// When it is not more than zero, or has more than 30 digits.
    pub const fn new(minor_units: Units) -> Result<Self, ParseAmountError> {
        match minor_units {
            ..=0 => Err(ParseAmountError::NotPositive),
            1..=AMOUNT_MAX => Ok(Self(minor_units)),
            _ => Err(ParseAmountError::TooLarge),
        }
    }

    /// In minor units.
    #[must_use]
    pub const fn get(self) -> Units {
        self.0
    }
}

impl FromStr for Amount {
    type Err = ParseAmountError;

    /// Reads minor units as they are written in canonical form: `"1050"`.
    fn from_str(text: &str) -> Result<Self, ParseAmountError> {
        let canonical = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !canonical || (text.len() > 1 && text.starts_with('0')) {
            return Err(ParseAmountError::NotCanonical);
        }
        let minor_units = text.parse().map_err(|_| ParseAmountError::TooLarge)?;
        Self::new(minor_units)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_canonical_form_is_read() {
        for text in [
            "", "+1", "-1", "01", "1.0", "1e3", " 1", "1 ", "1_000", "١", "0x1", "00",
        ] {
            assert_eq!(
                text.parse::<Amount>(),
                Err(ParseAmountError::NotCanonical),
                "{text:?}"
            );
        }
        assert_eq!("0".parse::<Amount>(), Err(ParseAmountError::NotPositive));
        for text in ["1000000000000000000000000000000", &"9".repeat(60)] {
            assert_eq!(text.parse::<Amount>(), Err(ParseAmountError::TooLarge));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(minor_units in 1..=AMOUNT_MAX) {
            let amount = Amount::new(minor_units).expect("within the range");
            prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
        }
    }
}
