//! A strict reader of Prometheus text 0.0.4 and OpenMetrics 1.0, which panics at the first thing
//! that the formats do not allow.

use std::collections::{BTreeMap, BTreeSet};

/// A family of samples.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) unit: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
    pub(crate) exemplar: Option<BTreeMap<String, String>>,
}

/// The families by name.
pub(crate) fn parse(text: &str, open_metrics: bool) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line ends");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut ended = false;
    for line in text.lines() {
        assert!(!ended, "after the end: {line}");
        if line == "# EOF" {
            assert!(open_metrics);
            ended = true;
        } else if let Some(meta) = line.strip_prefix("# ") {
            let (keyword, rest) = meta.split_once(' ').expect("a keyword");
            let (name, value) = rest.split_once(' ').expect("a name");
            if current != name {
                assert!(!families.contains_key(name), "{name} is interleaved");
                name.clone_into(&mut current);
            }
            let family = families.entry(current.clone()).or_default();
            assert!(family.samples.is_empty(), "metadata after samples: {line}");
            match keyword {
                "HELP" => assert_escaped(value, open_metrics),
                "TYPE" => value.clone_into(&mut family.kind),
                "UNIT" => {
                    assert!(
                        open_metrics && name.ends_with(&format!("_{value}")),
                        "{line}"
                    );
                    value.clone_into(&mut family.unit);
                }
                other => panic!("unknown metadata {other}"),
            }
        } else {
            let sample = parse_sample(line, open_metrics);
            let family = families.get_mut(&current).expect("a family before samples");
            assert_suffix(&sample.name, &current, &family.kind, open_metrics);
            family.samples.push(sample);
        }
    }
    assert_eq!(ended, open_metrics);
    for (name, family) in &families {
        check_family(name, family);
    }
    families
}

fn assert_suffix(sample: &str, family: &str, kind: &str, open_metrics: bool) {
    let suffix = sample
        .strip_prefix(family)
        .unwrap_or_else(|| panic!("{sample} in {family}"));
    let allowed: &[&str] = match kind {
        "histogram" => &["_bucket", "_sum", "_count"],
        "counter" if open_metrics => &["_total"],
        "info" => &["_info"],
        "counter" | "gauge" => &[""],
        other => panic!("type {other}"),
    };
    assert!(allowed.contains(&suffix), "{sample} in {kind} {family}");
    assert!(
        kind != "counter" || open_metrics || family.ends_with("_total"),
        "{family}"
    );
}

fn check_family(name: &str, family: &Family) {
    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        let identity = (sample.name.clone(), sample.labels.clone());
        assert!(seen.insert(identity), "twice: {sample:?}");
        if family.kind == "counter" {
            assert!(sample.value >= 0.0, "{sample:?}");
        }
    }
    if family.kind == "histogram" {
        check_buckets(name, family);
    }
}

/// Buckets rise, the last is `+Inf` and equals the count.
fn check_buckets(name: &str, family: &Family) {
    let mut buckets: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in &family.samples {
        if sample.name.ends_with("_bucket") {
            let mut labels = sample.labels.clone();
            let le = labels.remove("le").expect("le");
            buckets
                .entry(labels)
                .or_default()
                .push((number(&le), sample.value));
        }
    }
    for (labels, buckets) in buckets {
        assert!(
            buckets.is_sorted_by(|one, two| one.0 < two.0 && one.1 <= two.1),
            "{buckets:?}"
        );
        let &(le, count) = buckets.last().expect("not empty");
        assert!(le.is_infinite(), "{name}");
        let found = family
            .samples
            .iter()
            .find(|sample| sample.name.ends_with("_count") && sample.labels == labels);
        assert_eq!(found.expect("a count").value, count);
    }
}

fn parse_sample(line: &str, open_metrics: bool) -> Sample {
    let name_end = line.find(['{', ' ']).expect("a value");
    let name = &line[..name_end];
    assert!(is_name(name, true), "{line}");
    let mut rest = &line[name_end..];
    let labels = if rest.starts_with('{') {
        parse_labels(&mut rest)
    } else {
        BTreeMap::new()
    };
    let rest = rest.strip_prefix(' ').expect("a space before the value");
    let (value, exemplar) = match rest.split_once(" # ") {
        Some((value, exemplar)) => {
            assert!(open_metrics && name.ends_with("_bucket"), "{line}");
            (value, Some(parse_exemplar(exemplar)))
        }
        None => (rest, None),
    };
    Sample {
        name: name.to_owned(),
        labels,
        value: number(value),
        exemplar,
    }
}

fn parse_exemplar(mut text: &str) -> BTreeMap<String, String> {
    let labels = parse_labels(&mut text);
    let length: usize = labels
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    assert!(length <= 128, "{labels:?}");
    let mut words = text.strip_prefix(' ').expect("a space").split(' ');
    number(words.next().expect("a value"));
    let time: f64 = words.next().expect("a time").parse().expect("a number");
    assert!(time > 0.0 && words.next().is_none());
    labels
}

fn parse_labels(rest: &mut &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut text = rest.strip_prefix('{').expect("an opening brace");
    while !text.starts_with('}') {
        if !labels.is_empty() {
            text = text.strip_prefix(',').expect("a comma");
        }
        let (name, tail) = text.split_once("=\"").expect("a label");
        assert!(is_name(name, false), "{name}");
        let mut value = String::new();
        let mut characters = tail.char_indices();
        let end = loop {
            match characters.next().expect("a closing quote") {
                (index, '"') => break index,
                (_, '\\') => match characters.next().expect("an escape").1 {
                    'n' => value.push('\n'),
                    other @ ('\\' | '"') => value.push(other),
                    other => panic!("escape {other}"),
                },
                (_, other) => value.push(other),
            }
        };
        text = &tail[end + 1..];
        assert!(
            labels.insert(name.to_owned(), value).is_none(),
            "{name} twice"
        );
    }
    *rest = &text[1..];
    labels
}

fn is_name(name: &str, colons: bool) -> bool {
    let allowed = |character: char| {
        character.is_ascii_alphanumeric() || character == '_' || colons && character == ':'
    };
    name.chars().all(allowed) && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        other => {
            let plain = |byte: u8| byte.is_ascii_digit() || b".-+e".contains(&byte);
            assert!(other.bytes().all(plain), "{other}");
            other.parse().expect("a number")
        }
    }
}

fn assert_escaped(help: &str, open_metrics: bool) {
    let mut characters = help.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            let escaped = characters.next();
            let quote = open_metrics && escaped == Some('"');
            assert!(matches!(escaped, Some('\\' | 'n')) || quote, "{help}");
        } else {
            assert!(!(open_metrics && character == '"'), "{help}");
        }
    }
}
