//! What is said about the texts that people write.

use selvedge_weave::{Diagnostic, Edition, Integration, Plan, Role, Rules, UnitOutcome, apply};

use crate::support::{integration, rules, unit, weave};

fn shown(text: &str, problems: &[Diagnostic]) -> String {
    let line = |problem: &Diagnostic| {
        let place = problem.span.clone().map_or("", |span| &text[span]);
        format!("{problem} [{}]\n", place.lines().next().unwrap_or_default())
    };
    problems.iter().map(line).collect()
}

#[test]
fn all_problems_of_an_integration_are_reported_with_their_places() {
    let text = r#"
[integration]
name = "x"
titel = "X"
[[package]]
name = "x"
versions = "many"
[[aspect]]
id = "a"
package = "y"
at = { function = "a::1b", call = "f", loop = "loop" }
insert = { before = "one\ntwo" }
[[aspect]]
id = "b"
at = { struct = "S" }
insert = { before = "x" }
count = "few"
"#;
    let problems = Integration::parse(text).expect_err("problems");
    insta::assert_snapshot!(shown(text, &problems), @r#"
    unknown key `titel` (did you mean `title`?) [titel]
    not a version requirement: unexpected character 'm' while parsing major version number ["many"]
    no [[package]] is named `y` (did you mean `x`?) ["y"]
    `1b` in `a::1b` is not a name or glob ["a::1b"]
    more than one place inside the function [{ function = "a::1b", call = "f", loop = "loop" }]
    `before` contains a newline ["one\ntwo"]
    `count` must be a whole number of at least 0, not string (or "some" or "any") ["few"]
    a struct takes a `field` [{ before = "x" }]
    "#);
}

#[test]
fn all_problems_of_rules_are_reported_with_their_places() {
    let text = r#"
[sevice]
name = "x"
[sampling.production]
parent_based_ratio = 1.5
[integrations]
disable = ["hyperr"]
[[span]]
function = "a::f"
kind = "outer"
[[span]]
function = "a::g"
attributes = { a = "f(", b = "g(x); h", c = 1 }
[[span]]
function = "a::g"
[[counter]]
function = "a::f"
name = "1x"
[[counter]]
function = "a::f"
name = "n"
labels = { a = "x" }
[[counter]]
function = "a::g"
name = "n"
[[gauge]]
function = "a::f"
name = "n"
[[propagate]]
function = "a::f"
"#;
    let (_, problems) = Rules::parse(text, &["hyper"]);
    insta::assert_snapshot!(shown(text, &problems), @r#"
    unknown key `sevice` (did you mean `service`?) [sevice]
    a ratio is between 0 and 1, not 1.5 [1.5]
    no integration is named `hyperr` (did you mean `hyper`?) ["hyperr"]
    no span kind is named `outer` (internal, server, client, producer or consumer) ["outer"]
    not an expression: delimiter at byte 1 has no partner ["f("]
    not an expression: it contains a `;` ["g(x); h"]
    line 11 has this for the same function ["a::g"]
    `1x` is not a metric's name (a letter, then letters, digits, `_`, `.`, `-` or `/`) ["1x"]
    `n` has the labels [a] in line 19 ["a::g"]
    `value` is missing [[[gauge]]]
    one of `inject` and `extract` is needed [[[propagate]]]
    "#);
}

#[test]
fn what_follows_from_another_problem_is_not_reported() {
    let check = |text: &str, expected: &[&str]| {
        let (_, problems) = Rules::parse(text, &[]);
        let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(messages, expected, "{text}");
    };
    check(
        "[[span]\nfunction = 'a::f'\n[sevice]\n",
        &["unclosed array table, expected `]`"],
    );
    check(
        "[[span]]\nfunktion = 'a::f'\n",
        &["unknown key `funktion` (did you mean `function`?)"],
    );
    check(
        "[[propagate]]\nfunction = 'a::f'\ninject = 'f('\n",
        &["not an expression: delimiter at byte 1 has no partner"],
    );
    check(
        "[[span]]\nfunction = 'depot-stock::f'\n",
        &[
            "`depot-stock` in `depot-stock::f` is not a name or glob (a `-` in a crate's name is `_` here: `depot_stock::f`)",
        ],
    );
    check(
        "[span]\nfunction = 'a::f'\n",
        &["`span` must be an array of tables (write `[[span]]`)"],
    );
}

#[test]
fn rules_know_their_line_and_name() {
    let rules = rules(
        "# one\n\n[[span]]\nfunction = \"a::f\"\nname = \"n\"\n[[log]]\nfunction = \"a::f\"\nfields = { a = \"1\" }\n",
    );
    let known: Vec<_> = rules
        .rules
        .iter()
        .map(|rule| (rule.line, rule.label.as_str()))
        .collect();
    assert_eq!(known, [(3, "[[span]] \"n\""), (6, "[[log]] \"a::f\"")]);
}

fn outcome(rule: &str, source: &str) -> UnitOutcome {
    let plan = Plan::new(&[], &rules(rule), &unit(Edition::E2021, Role::Library));
    weave(&plan, source).1
}

#[test]
fn a_rule_that_matches_nothing_names_what_is_near() {
    let outcome = outcome(
        "[[span]]\nfunction = \"case::saga::excute\"",
        "mod saga { fn execute() {} }",
    );
    assert!(outcome.rules[0].functions.is_empty());
    assert_eq!(outcome.rules[0].nearest, ["case::saga::execute"]);
}

#[test]
fn a_function_that_cannot_take_hooks_is_a_problem_only_where_it_is_named() {
    let source = "const fn f() -> u8 { 1 } fn g() {}";
    let named = outcome("[[span]]\nfunction = \"case::f\"", source);
    assert!(named.problems[0].fatal);
    let by_glob = outcome("[[span]]\nfunction = \"case::*\"", source);
    assert!(by_glob.problems.is_empty());
    assert_eq!(by_glob.unhookable[0].function, "case::f");
    assert_eq!(by_glob.rules[0].functions, ["case::g"]);
}

#[test]
fn tests_are_woven_only_where_they_are_named() {
    let source = "#[cfg(test)] mod tests { #[test] fn f() {} } #[tokio::test] async fn g() {}";
    assert!(
        outcome("[[span]]\nfunction = \"case::**\"", source).rules[0]
            .functions
            .is_empty()
    );
    let named = outcome("[[span]]\nfunction = \"case::tests::f\"", source);
    assert_eq!(named.rules[0].functions, ["case::tests::f"]);
}

#[test]
fn a_value_that_cannot_be_seen_is_said_and_not_guessed() {
    let source = "#[track_caller] fn f(x: Option<u8>) -> Option<u8> { Some(x?) }";
    let outcome = outcome(
        "[[gauge]]\nfunction = \"case::f\"\nname = \"n\"\nvalue = \"ret\"",
        source,
    );
    assert!(outcome.problems[0].message.contains("cannot be seen"));
}

#[test]
fn a_stream_that_would_not_stay_what_it_is_is_refused_with_the_reason() {
    let refused = |output: &str, attribute: &str| {
        let source = format!("fn f<'a>() -> {output} {{ g() }}");
        let rule =
            format!("[[span]]\nfunction = \"case::f\"\nattributes = {{ a = \"{attribute}\" }}");
        let problems = outcome(&rule, &source).problems;
        problems.first().map(|problem| problem.message.clone())
    };
    let stream = "impl futures::Stream<Item = u8> + Send";
    assert_eq!(refused(stream, "1"), None);
    for (output, attribute, reason) in [
        (stream, "ret", "there is no `ret`"),
        ("impl FusedStream<Item = u8>", "1", "not a `FusedStream`"),
        ("impl Stream<Item = u8> + Clone", "1", "also `Clone`"),
        ("impl Stream<Item = u8, Error = ()>", "1", "futures 0.1"),
        ("BoxStream<'a, u8>", "1", "behind `BoxStream` is not known"),
        ("impl Future<Output = u8> + Unpin", "1", "also `Unpin`"),
        ("BoxFuture<'static, Row<'a>>", "1", "its box is `'static`"),
    ] {
        let message = refused(output, attribute).unwrap_or_default();
        assert!(message.contains(reason), "{output}: {message}");
    }
}

#[test]
fn what_only_looks_like_a_future_or_a_stream_is_a_value() {
    for output in [
        "impl Iterator<Item = BoxStream<'static, u8>>",
        "Vec<Pin<Box<dyn Future<Output = u8>>>>",
        "impl Stream + Clone",
        "Stream<u8>",
    ] {
        let source = format!("fn f() -> {output} {{ g() }}");
        let plan = rules("[[span]]\nfunction = \"case::f\"");
        let plan = Plan::new(&[], &plan, &unit(Edition::E2021, Role::Library));
        let (woven, outcome) = weave(&plan, &source);
        assert_eq!(outcome.problems, [], "{output}");
        let text = apply(&source, &woven.edits);
        assert!(!text.contains("__sv_given"), "{text}");
    }
}

const ASPECTS: &str = r#"
[integration]
name = "x"
title = "X"
[[package]]
name = "case"
versions = ">=1"
glue = "glue.rs"
[[aspect]]
id = "found"
at = { function = "f" }
insert = { before = "f();" }
[[aspect]]
id = "lost"
at = { function = "f", call = "g" }
insert = { before = "f(", after = ")" }
"#;

#[test]
fn one_lost_join_point_drops_the_integration_with_its_glue() {
    let unit = unit(Edition::E2021, Role::Library);
    let plan = Plan::new(&[integration(ASPECTS, "")], &Rules::default(), &unit);
    let (output, outcome) = weave(&plan, "fn f() { h(); }");
    assert_eq!(outcome.dropped[0].reasons, ["`lost`: 0 of 1 places found"]);
    assert!(output.edits.iter().all(|edit| !outcome.keeps(&edit.origin)));
    let (output, outcome) = weave(&plan, "fn f() { g(); }");
    assert!(outcome.dropped.is_empty());
    assert!(output.edits.iter().all(|edit| outcome.keeps(&edit.origin)));
}

#[test]
fn a_version_outside_of_the_range_is_reported_and_left_alone() {
    let mut unit = unit(Edition::E2021, Role::Library);
    unit.version = semver::Version::new(0, 9, 0);
    let plan = Plan::new(&[integration(ASPECTS, "")], &Rules::default(), &unit);
    assert!(plan.is_empty());
    assert_eq!(plan.unsupported()[0].supported, ">=1");
}

#[test]
fn a_log_field_may_not_hide_what_a_line_has_by_itself() {
    let text = "[[log]]\nfunction = \"a::f\"\nfields = { trace_id = \"id\", order_id = \"id\" }\n";
    let (_, problems) = Rules::parse(text, &[]);
    insta::assert_snapshot!(shown(text, &problems), @"a log line has `trace_id` already [trace_id]");
}

#[test]
fn only_the_library_of_a_package_is_what_an_integration_knows() {
    let plan = |role, name: &str| {
        let mut unit = unit(Edition::E2021, role);
        unit.crate_name = name.to_owned();
        Plan::new(&[integration(ASPECTS, "")], &Rules::default(), &unit)
    };
    assert!(!plan(Role::Library, "case").is_empty());
    assert!(!plan(Role::TestHarness, "case").is_empty());
    // An integration test, a program and an example of the same package.
    assert!(plan(Role::TestHarness, "it").is_empty());
    assert!(plan(Role::Binary, "case").is_empty());
    assert!(plan(Role::Example, "case").is_empty());
}

#[test]
fn a_disabled_integration_is_not_planned() {
    let rules = rules("[integrations]\ndisable = []\nenable_only = []");
    let unit = unit(Edition::E2021, Role::Library);
    assert!(Plan::new(&[integration(ASPECTS, "")], &rules, &unit).is_empty());
}

#[test]
fn the_fingerprint_follows_the_rules() {
    let unit = unit(Edition::E2021, Role::Library);
    let of = |text: &str| Plan::new(&[], &rules(text), &unit).fingerprint();
    assert_eq!(
        of("[[span]]\nfunction = \"case::f\""),
        of("[[span]]\nfunction = \"case::f\"")
    );
    assert_ne!(
        of("[[span]]\nfunction = \"case::f\""),
        of("[[span]]\nfunction = \"case::g\"")
    );
    assert_eq!(of(""), of("[[span]]\nfunction = \"other::f\""));
}
