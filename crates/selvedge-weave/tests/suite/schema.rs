//! The published schema of `aspects.toml` against the parser: what one takes the other takes.

use std::fs;
use std::path::Path;

use selvedge_weave::Integration;

/// A text, and whether both must take it.
const TEXTS: &[(&str, bool)] = &[
    (
        "[integration]\nname = 'x'\ntitle = 'x'\n[[package]]\nname = 'x'\nversions = '1'\n\
         [[aspect]]\nid = 'a'\nat = { function = 'f', call = 'g' }\ninsert = { argument = 0, before = 'h(', after = ')' }\ncount = 'any'\n",
        true,
    ),
    (
        "[integration]\nname = 'x'\ntitle = 'x'\n[[package]]\nname = 'x'\nversions = '1'\nglues = 'glue.rs'\n",
        false,
    ),
    ("[integration]\nname = 'x'\ntitle = 'x'\n", false),
    (
        "[integration]\nname = 'x'\ntitle = 'x'\n[[package]]\nname = 'x'\nversions = '1'\n\
         [[aspect]]\nid = 'a'\nat = { struct = 'S', call = 'g' }\ninsert = { field = 'a: u8,' }\n",
        false,
    ),
    (
        "[integration]\nname = 'x'\ntitle = 'x'\n[[package]]\nname = 'x'\nversions = '1'\n\
         [[aspect]]\nid = 'a'\nat = { function = 'f' }\ninsert = { before = \"a\\nb\" }\n",
        false,
    ),
];

fn schema() -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/aspects.schema.json");
    let text = fs::read_to_string(path).expect("the schema is there");
    let schema = serde_json::from_str(&text).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is a schema")
}

fn value(text: &str) -> serde_json::Value {
    let document: toml::Table = text.parse().expect("TOML");
    serde_json::to_value(document).expect("TOML fits JSON")
}

#[test]
fn every_integration_fits_the_published_schema() {
    let schema = schema();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integrations");
    let mut checked = 0;
    for entry in fs::read_dir(folder).expect("there are integrations") {
        let Ok(text) = fs::read_to_string(entry.expect("a folder").path().join("aspects.toml"))
        else {
            continue;
        };
        let value = value(&text);
        let problems: Vec<_> = schema
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(problems, Vec::<String>::new());
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn schema_and_parser_take_and_refuse_the_same() {
    let schema = schema();
    for (text, expected) in TEXTS {
        assert_eq!(schema.is_valid(&value(text)), *expected, "schema: {text}");
        assert_eq!(
            Integration::parse(text).is_ok(),
            *expected,
            "parser: {text}"
        );
    }
}
