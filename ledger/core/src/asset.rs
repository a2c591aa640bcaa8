//! Assets and their scales.

use crate::{AssetCode, FundId};

/// Most digits behind the point.
pub const SCALE_MAX: u8 = 18;

/// What is moved between accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its name.
    pub code: AssetCode,
    /// Digits behind the point: a minor unit is 10^-scale.
    pub scale: u8,
    /// Where it comes from.
    pub kind: AssetKind,
}

/// Where an asset comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetKind {
    /// Money, or whatever else was declared.
    Declared,
    /// The units of a fund.
    FundUnits(FundId),
}

/// ISO 4217, list one (published 2024-06-25): the currencies whose minor unit is not a hundredth.
const SCALES: [(&str, u8); 26] = [
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// The ISO 4217 currencies whose minor unit is a hundredth, as one text of three letters each.
const HUNDREDTHS: &str = "AEDAFNALLAMDAOAARSAUDAWGAZNBAMBBDBDTBGNBMDBNDBOBBOVBRLBSDBTNBWPBYNBZDCADCDFCHECHFCHWCNYCOPCOUCRCCUPCVECZKDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMDGTQGYDHKDHNLHTGHUFIDRILSINRIRRJMDKESKGSKHRKPWKYDKZTLAKLBPLKRLRDLSLMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMXVMYRMZNNADNGNNIONOKNPRNZDPABPENPGKPHPPKRPLNQARRONRSDRUBSARSBDSCRSDGSEKSGDSHPSLESOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTOPTRYTTDTWDTZSUAHUSDUSNUYUUZSVEDVESWSTXCDXCGYERZARZMWZWG";

/// Digits behind the point of a currency of ISO 4217; none of any other name.
#[must_use]
pub fn currency_scale(code: &str) -> Option<u8> {
    if code.len() != 3 {
        return None;
    }
    let special = SCALES.iter().find(|(name, _)| *name == code);
    let is_usual = || {
        HUNDREDTHS
            .as_bytes()
            .chunks(3)
            .any(|name| name == code.as_bytes())
    };
    special
        .map(|(_, scale)| *scale)
        .or_else(|| is_usual().then_some(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_have_the_minor_units_of_iso_4217() {
        for (code, scale) in [("USD", 2), ("JPY", 0), ("BHD", 3), ("CLF", 4), ("ZWG", 2)] {
            assert_eq!(currency_scale(code), Some(scale), "{code}");
        }
        for code in ["", "US", "usd", "USDA", "SDU", "DAF", "XYZ"] {
            assert_eq!(currency_scale(code), None, "{code}");
        }
    }
}
