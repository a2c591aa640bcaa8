//! What rules' expressions become.
#![allow(clippy::needless_borrow, reason = "the borrows select the conversion")]

use selvedge_hooks::probe::{AsAttribute, AsDebug, AsDisplay, AsOption, Probe};
use selvedge_hooks::probe::{ObserveDisplay, ObserveError, ObserveNothing};

macro_rules! shown {
    ($expression:expr) => {
        format!("{:?}", (&&&&Probe(&$expression)).value())
    };
}

#[derive(Debug)]
struct OnlyDebug;

#[test]
fn an_expression_keeps_the_best_form_its_type_offers() {
    assert_eq!(shown!(7_u64), "7");
    assert_eq!(shown!(&7_i32), "7");
    assert_eq!(shown!(1.5_f64), "1.5");
    assert_eq!(shown!(true), "true");
    assert_eq!(shown!("text"), "\"text\"");
    assert_eq!(shown!(*"text"), "\"text\"");
    assert_eq!(shown!(String::from("text")), "text");
    assert_eq!(shown!(Some(3_u8)), "3");
    assert_eq!(shown!(None::<u8>), "None");
    assert_eq!(shown!(Some(String::from("text"))), "text");
    assert_eq!(shown!(None::<String>), "None");
    assert_eq!(shown!(std::time::Duration::from_millis(250)), "0.25");
    assert_eq!(shown!(&std::time::Duration::from_millis(250)), "0.25");
    assert_eq!(shown!(Some(std::time::Duration::from_millis(250))), "0.25");
    assert_eq!(shown!(&Some(3_u8)), "3");
    assert_eq!(shown!(&None::<f64>), "None");
    assert_eq!(shown!(&Some("text")), "\"text\"");
    assert_eq!(shown!(&Some(String::from("text"))), "text");
    assert_eq!(shown!(&None::<String>), "None");
    assert_eq!(shown!(&Some(std::time::Duration::from_millis(250))), "0.25");
    assert_eq!(shown!(OnlyDebug), "OnlyDebug");
}

#[test]
fn only_an_err_counts_as_failed() {
    assert!((&&&Probe(&Err::<(), _>("no"))).failed());
    assert!((&&&Probe(&Err::<(), _>(OnlyDebug))).failed());
    assert!(!(&&&Probe(&Ok::<_, OnlyDebug>(1))).failed());
    assert!(!(&&&Probe(&1)).failed());
}

macro_rules! kind {
    ($expression:expr) => {
        std::any::type_name_of_val(&selvedge_hooks::rule_kind!(&$expression))
            .rsplit("::")
            .next()
            .unwrap()
    };
}

#[test]
fn only_what_can_be_a_number_is_measured() {
    use std::time::Duration;

    struct Decimal;
    impl std::fmt::Display for Decimal {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("1.50")
        }
    }
    assert_eq!(kind!(7_u64), "Number");
    assert_eq!(kind!(&&1.5_f64), "Number");
    assert_eq!(kind!(true), "Number");
    assert_eq!(kind!(Some(3_u8)), "Number");
    assert_eq!(kind!(Decimal), "Number");
    assert_eq!(kind!(Some(Decimal)), "Number");
    assert_eq!(kind!(Duration::ZERO), "Number");
    assert_eq!(kind!(&Duration::ZERO), "Number");
    assert_eq!(kind!(Some(Duration::ZERO)), "Number");
    assert_eq!(kind!(&Some(Duration::ZERO)), "Number");
    assert_eq!(kind!(&Some(7_u64)), "Number");
    assert_eq!(kind!(&Some(Decimal)), "Number");
    assert_eq!(kind!(&Some("7")), "NotANumber");
    assert_eq!(kind!("7"), "NotANumber");
    assert_eq!(kind!(*"7"), "NotANumber");
    assert_eq!(kind!(String::from("7")), "NotANumber");
    assert_eq!(kind!(Some("7")), "NotANumber");
    assert_eq!(kind!(OnlyDebug), "NotANumber");
    assert_eq!(kind!(vec![7]), "NotANumber");
    assert_eq!(kind!(Ok::<u8, u8>(7)), "NotANumber");
}

#[test]
fn what_is_held_keeps_its_kind() {
    assert_eq!(kind!(selvedge_hooks::rule_hold!(7_u8)), "Number");
    assert_eq!(kind!(selvedge_hooks::rule_hold!("7")), "NotANumber");
}
