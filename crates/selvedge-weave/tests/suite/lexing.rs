//! Whatever the bytes, the engine gives an error or a result, and insertions come out again.

use std::sync::OnceLock;

use proptest::prelude::*;
use selvedge_weave::{Edition, FileInput, Plan, Role, apply, strip, weave_file};

use crate::support::{rules, unit};

const RULES: &str = "[[span]]\nfunction = \"case::**\"\nattributes = { a = \"1\" }\n";

fn check(text: &str) {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    let plan =
        PLAN.get_or_init(|| Plan::new(&[], &rules(RULES), &unit(Edition::E2021, Role::Library)));
    let file = FileInput {
        text,
        module: "",
        display_path: "src/lib.rs",
    };
    if let Ok(output) = weave_file(plan, &file) {
        let woven = apply(text, &output.edits);
        assert_eq!(strip(&woven, &output.edits).expect("strips"), text);
    }
}

/// Pieces that Rust files are made of, and some that they are not.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("fn "),
        Just("f"),
        Just("("),
        Just(")"),
        Just("{"),
        Just("}"),
        Just("<"),
        Just(">"),
        Just("["),
        Just("]"),
        Just("->"),
        Just("impl "),
        Just("for "),
        Just("where "),
        Just("T"),
        Just("::"),
        Just(";"),
        Just("async "),
        Just("mod "),
        Just("struct "),
        Just("trait "),
        Just("#"),
        Just("!"),
        Just("'"),
        Just("'a"),
        Just("\""),
        Just("r#\""),
        Just("\"#"),
        Just("/*"),
        Just("*/"),
        Just("//"),
        Just("\n"),
        Just("\r\n"),
        Just("é"),
        Just("…"),
        Just("\\"),
        Just("0."),
        Just("1..2"),
        Just("b'"),
        Just("macro_rules! "),
        Just("|"),
        Just(","),
        Just("="),
        Just("const "),
        Just("extern "),
        Just("pub"),
        Just("\u{feff}"),
        Just("#!/"),
        Just("---"),
        Just("path"),
        Just("cfg_attr"),
        Just("?"),
        Just("return"),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_rust_never_panic(text in pieces()) {
        check(&text);
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        check(&text);
    }
}
