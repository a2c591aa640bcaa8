//! The schema of `selvedge.toml`.

use std::ops::Range;

use crate::document::{self, Placed, Table};
use crate::expression::Expression;
use crate::pattern::PathPattern;
use crate::{Diagnostic, nearest};

/// What the user declares.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// `[service]`.
    pub service: Service,
    /// `[sampling.<environment>]`.
    pub sampling: Vec<EnvironmentSampling>,
    /// `[resource]`: attributes of the resource.
    pub resource: Vec<(String, String)>,
    /// `[agent]`.
    pub agent: Agent,
    /// `integrations.disable`.
    pub disabled: Vec<String>,
    /// `integrations.enable_only`: the others are off.
    pub enabled_only: Option<Vec<String>>,
    /// The rules in the order of their places.
    pub rules: Vec<Rule>,
}

/// `[service]`.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// `service.name`.
    pub name: Option<String>,
}

/// `[agent]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The optional parts that are built in, sorted, each once.
    pub features: Vec<String>,
}

impl Agent {
    /// The optional parts there are, sorted, and whether they are built in by default: what the
    /// agent's manifest offers.
    pub const FEATURES: [(&str, bool); 2] = [("gzip", true), ("tls", false)];
}

impl Default for Agent {
    fn default() -> Self {
        let by_default = Self::FEATURES.iter().filter(|(_, by_default)| *by_default);
        Self {
            features: by_default.map(|(name, _)| (*name).to_owned()).collect(),
        }
    }
}

/// `[sampling.<environment>]`.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentSampling {
    /// The environment's name; `default` for all others.
    pub environment: String,
    /// Ratio of root traces that are sampled, 0 to 1.
    pub parent_based_ratio: f64,
    /// At most so many sampled root traces a second; 0 for no cap.
    pub traces_per_second: u32,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it does.
    pub kind: RuleKind,
    /// The functions it is for; the first segment is a crate.
    pub function: PathPattern,
    /// Line of its header in `selvedge.toml`, from 1.
    pub line: usize,
    /// Bytes of its `function` value.
    pub span: Range<usize>,
    /// For people: `[[span]] "transfer.execute"`.
    pub label: String,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub enum RuleKind {
    /// `[[span]]`.
    Span {
        /// The span's name; the function's where there is none.
        name: Option<String>,
        /// The kind, as `selvedge_hooks::Kind` writes it.
        kind: &'static str,
        /// Recorded when the function begins, or ends where they mention `ret`.
        attributes: Vec<(String, Expression)>,
        /// Recorded when the function returns an `Err`.
        error_attributes: Vec<(String, Expression)>,
    },
    /// `[[counter]]`.
    Counter {
        /// The metric's name.
        name: String,
        /// Which returns count.
        when: When,
        /// What is added; 1 where there is none.
        value: Option<Expression>,
        /// Dimensions.
        labels: Vec<(String, Expression)>,
    },
    /// `[[gauge]]`.
    Gauge {
        /// The metric's name.
        name: String,
        /// The new value.
        value: Expression,
        /// Dimensions.
        labels: Vec<(String, Expression)>,
    },
    /// `[[histogram]]`.
    Histogram {
        /// The metric's name.
        name: String,
        /// What is recorded; the seconds that the function took where there is none.
        value: Option<Expression>,
        /// Dimensions.
        labels: Vec<(String, Expression)>,
    },
    /// `[[propagate]] inject`.
    Inject(
        /// The carrier that the current context is written to.
        Expression,
    ),
    /// `[[propagate]] extract`.
    Extract {
        /// The carrier that the parent is read from.
        carrier: Expression,
        /// Kind of the span below it.
        kind: &'static str,
    },
    /// `[[log]]`: fields on every log line below the function.
    Log(
        /// The fields.
        Vec<(String, Expression)>,
    ),
}

/// Which returns a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Those that are no `Err`.
    Ok,
    /// Those that are an `Err`.
    Err,
    /// All.
    Always,
}

impl RuleKind {
    fn metric_name(&self) -> Option<&String> {
        match self {
            RuleKind::Counter { name, .. }
            | RuleKind::Gauge { name, .. }
            | RuleKind::Histogram { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Kind, metric name and label names, of those that are metrics.
    fn metric(&self) -> Option<(&'static str, &str, Vec<&str>)> {
        let (kind, name, labels) = match self {
            RuleKind::Counter { name, labels, .. } => ("counter", name, labels),
            RuleKind::Gauge { name, labels, .. } => ("gauge", name, labels),
            RuleKind::Histogram { name, labels, .. } => ("histogram", name, labels),
            _ => return None,
        };
        let mut labels: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
        labels.sort_unstable();
        Some((kind, name, labels))
    }
}

impl Rules {
    /// Whether an integration is on.
    pub fn enables(&self, integration: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == integration);
        !named(&self.disabled) && self.enabled_only.as_deref().is_none_or(named)
    }

    /// Reads `selvedge.toml`; what is right is given along with all problems. `integrations` are
    /// the names that `disable` and `enable_only` may use.
    pub fn parse(text: &str, integrations: &[&str]) -> (Rules, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let document = document::parse(text, &mut problems);
        let has_read = problems.is_empty();
        let mut root = Table::new(document.get_ref(), 0..text.len().min(1));
        let mut rules = Rules::default();
        if let Some(mut service) = root.table("service", &mut problems) {
            rules.service.name = service.string("name", &mut problems).map(|name| name.value);
            service.finish(&mut problems);
        }
        for (environment, table) in root.named_tables("sampling", &mut problems) {
            rules
                .sampling
                .extend(read_sampling(environment, table, &mut problems));
        }
        rules.resource = root
            .entries("resource", &mut problems)
            .into_iter()
            .map(|(key, value)| (key.value, value.value))
            .collect();
        if let Some(table) = root.table("agent", &mut problems) {
            rules.agent = read_agent(table, &mut problems);
        }
        if let Some(table) = root.table("integrations", &mut problems) {
            read_integrations(table, integrations, &mut rules, &mut problems);
        }
        for (header, read) in READERS {
            for table in root.tables(header, &mut problems) {
                rules
                    .rules
                    .extend(read_rule(header, *read, table, text, &mut problems));
            }
        }
        root.finish(&mut problems);
        rules.rules.sort_by_key(|rule| rule.span.start);
        find_clashes(&rules.rules, &mut problems);
        if !has_read {
            // What is missing from a part of the text is of the syntax error's making.
            problems.truncate(1);
        }
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        (rules, problems)
    }
}

fn read_sampling(
    environment: String,
    mut table: Table<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<EnvironmentSampling> {
    let ratio = table.float("parent_based_ratio", problems);
    let cap = table.number("traces_per_second", problems);
    table.finish(problems);
    if let Some(ratio) = ratio
        .as_ref()
        .filter(|ratio| !(0.0..=1.0).contains(&ratio.value))
    {
        let message = format!("a ratio is between 0 and 1, not {}", ratio.value);
        problems.push(Diagnostic::at(ratio.span.clone(), message));
        return None;
    }
    Some(EnvironmentSampling {
        environment,
        parent_based_ratio: ratio.map_or(1.0, |ratio| ratio.value),
        traces_per_second: cap.map_or(0, |cap| cap.value),
    })
}

fn read_agent(mut table: Table<'_>, problems: &mut Vec<Diagnostic>) -> Agent {
    let has_default = !table.has("default-features") || table.boolean("default-features", problems);
    let named = table.strings("features", problems);
    table.finish(problems);
    let known = Agent::FEATURES.map(|(name, _)| name);
    check_names("feature of the agent", &named, &known, problems);
    let is_on = |(name, by_default): &(&str, bool)| {
        *by_default && has_default || named.iter().any(|named| named.value == *name)
    };
    let on = Agent::FEATURES.iter().filter(|feature| is_on(feature));
    Agent {
        features: on.map(|(name, _)| (*name).to_owned()).collect(),
    }
}

fn read_integrations(
    mut table: Table<'_>,
    known: &[&str],
    rules: &mut Rules,
    problems: &mut Vec<Diagnostic>,
) {
    let disabled = table.strings("disable", problems);
    let only = table
        .has("enable_only")
        .then(|| table.strings("enable_only", problems));
    table.finish(problems);
    for names in std::iter::once(&disabled).chain(&only) {
        check_names("integration", names, known, problems);
    }
    rules.disabled = values(disabled);
    rules.enabled_only = only.map(values);
}

/// Reports the names that are not known.
fn check_names(
    what: &str,
    names: &[Placed<String>],
    known: &[&str],
    problems: &mut Vec<Diagnostic>,
) {
    for name in names {
        if known.contains(&name.value.as_str()) {
            continue;
        }
        let problem = Diagnostic::at(
            name.span.clone(),
            format!("no {what} is named `{}`", name.value),
        );
        problems.push(match nearest(&name.value, known.iter().copied()).first() {
            Some(near) => problem.with_help(format!("did you mean `{near}`?")),
            None => problem.with_help(format!("there are: {}", known.join(", "))),
        });
    }
}

fn values(list: Vec<Placed<String>>) -> Vec<String> {
    list.into_iter().map(|placed| placed.value).collect()
}

/// Reads the keys of one kind of rule; `None` after a problem.
type Reader = fn(&mut Table<'_>, &mut Vec<Diagnostic>) -> Option<RuleKind>;

const READERS: &[(&str, Reader)] = &[
    ("span", read_span),
    ("counter", read_counter),
    ("gauge", read_gauge),
    ("histogram", read_histogram),
    ("propagate", read_propagate),
    ("log", read_log),
];

fn read_rule(
    header: &'static str,
    read: Reader,
    mut table: Table<'_>,
    text: &str,
    problems: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    let start = table.span().start;
    let function = table.required("function", problems);
    let kind = read(&mut table, problems);
    table.finish(problems);
    let function = function?;
    let pattern = PathPattern::parse(&function.value)
        .map_err(|message| problems.push(not_a_path(&function, message)))
        .ok()?;
    let kind = kind?;
    let name = match &kind {
        RuleKind::Span { name, .. } => name.as_ref(),
        other => other.metric_name(),
    }
    .unwrap_or(&function.value);
    Some(Rule {
        label: format!("[[{header}]] \"{name}\""),
        kind,
        function: pattern,
        line: text[..start].matches('\n').count() + 1,
        span: function.span,
    })
}

/// A `function` that is no path; a package's name in place of its crate's is the usual reason.
fn not_a_path(function: &Placed<String>, message: String) -> Diagnostic {
    let problem = Diagnostic::at(function.span.clone(), message);
    if !function.value.contains('-') {
        return problem;
    }
    let with_underscores = function.value.replace('-', "_");
    match PathPattern::parse(&with_underscores) {
        Ok(_) => problem.with_help(format!(
            "a `-` in a crate's name is `_` here: `{with_underscores}`"
        )),
        Err(_) => problem,
    }
}

fn read_span(table: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<RuleKind> {
    let name = table.string("name", problems).map(|name| name.value);
    let kind = read_kind(table, "Internal", problems);
    let attributes = read_expressions(table, "attributes", problems);
    let error_attributes = read_expressions(table, "error_attributes", problems);
    Some(RuleKind::Span {
        name,
        kind: kind?,
        attributes,
        error_attributes,
    })
}

fn read_counter(table: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<RuleKind> {
    let name = read_metric_name(table, problems);
    let when = match table.string("when", problems) {
        None => Some(When::Always),
        Some(word) => match word.value.as_str() {
            "ok" => Some(When::Ok),
            "err" => Some(When::Err),
            "always" => Some(When::Always),
            other => {
                let message = format!("`when` is ok, err or always, not `{other}`");
                problems.push(Diagnostic::at(word.span, message));
                None
            }
        },
    };
    let value = read_expression(table, "value", problems);
    let labels = read_expressions(table, "labels", problems);
    Some(RuleKind::Counter {
        name: name?,
        when: when?,
        value,
        labels,
    })
}

fn read_gauge(table: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<RuleKind> {
    let name = read_metric_name(table, problems);
    table.require("value");
    let value = read_expression(table, "value", problems);
    let labels = read_expressions(table, "labels", problems);
    Some(RuleKind::Gauge {
        name: name?,
        value: value?,
        labels,
    })
}

fn read_histogram(table: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<RuleKind> {
    let name = read_metric_name(table, problems);
    let value = read_expression(table, "value", problems);
    let labels = read_expressions(table, "labels", problems);
    Some(RuleKind::Histogram {
        name: name?,
        value,
        labels,
    })
}

fn read_propagate(table: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<RuleKind> {
    let inject = read_expression(table, "inject", problems);
    let extract = read_expression(table, "extract", problems);
    let kind = read_kind(table, "Consumer", problems)?;
    let has_both = table.has("inject") && table.has("extract");
    match (inject, extract) {
        (Some(carrier), None) if !has_both => Some(RuleKind::Inject(carrier)),
        (None, Some(carrier)) if !has_both => Some(RuleKind::Extract { carrier, kind }),
        _ => {
            // One that is there and is no expression has been complained of.
            if has_both || !table.has("inject") && !table.has("extract") {
                problems.push(Diagnostic::at(
                    table.span(),
                    "one of `inject` and `extract` is needed",
                ));
            }
            None
        }
    }
}

/// What formatters write on a line by themselves: a second one would hide it from readers of JSON.
const LINE_HAS: [&str; 7] = [
    "trace_id",
    "span_id",
    "level",
    "timestamp",
    "target",
    "message",
    "fields",
];

fn read_log(table: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<RuleKind> {
    table.require("fields");
    let before = problems.len();
    let mut fields = Vec::new();
    for (name, text) in table.entries("fields", problems) {
        if LINE_HAS.contains(&name.value.as_str()) {
            let message = format!("a log line has `{}` already", name.value);
            problems.push(Diagnostic::at(name.span, message));
        } else if let Some(expression) = checked(text, problems) {
            fields.push((name.value, expression));
        }
    }
    if fields.is_empty() && table.has("fields") && problems.len() == before {
        problems.push(Diagnostic::at(table.span(), "`fields` is empty"));
    }
    (!fields.is_empty()).then_some(RuleKind::Log(fields))
}

/// OpenTelemetry: letters, digits, `_`, `.`, `-` and `/`, a letter first, at most 255.
fn read_metric_name(table: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<String> {
    let name = table.required("name", problems)?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_.-/".contains(letter);
    let first = name
        .value
        .starts_with(|letter: char| letter.is_ascii_alphabetic());
    if first && name.value.len() <= 255 && name.value.chars().all(fits) {
        return Some(name.value);
    }
    let message = format!("`{}` is not a metric's name", name.value);
    let help = "a letter, then letters, digits, `_`, `.`, `-` or `/`";
    problems.push(Diagnostic::at(name.span, message).with_help(help));
    None
}

fn read_kind(
    table: &mut Table<'_>,
    default: &'static str,
    problems: &mut Vec<Diagnostic>,
) -> Option<&'static str> {
    let Some(word) = table.string("kind", problems) else {
        return Some(default);
    };
    let kind = match word.value.as_str() {
        "internal" => "Internal",
        "server" => "Server",
        "client" => "Client",
        "producer" => "Producer",
        "consumer" => "Consumer",
        other => {
            let message = format!("no span kind is named `{other}`");
            let help = "internal, server, client, producer or consumer";
            problems.push(Diagnostic::at(word.span, message).with_help(help));
            return None;
        }
    };
    Some(kind)
}

fn read_expression(
    table: &mut Table<'_>,
    key: &'static str,
    problems: &mut Vec<Diagnostic>,
) -> Option<Expression> {
    checked(table.string(key, problems)?, problems)
}

fn read_expressions(
    table: &mut Table<'_>,
    key: &'static str,
    problems: &mut Vec<Diagnostic>,
) -> Vec<(String, Expression)> {
    table
        .entries(key, problems)
        .into_iter()
        .filter_map(|(name, text)| Some((name.value, checked(text, problems)?)))
        .collect()
}

fn checked(text: Placed<String>, problems: &mut Vec<Diagnostic>) -> Option<Expression> {
    match Expression::parse(&text.value) {
        Ok(expression) => Some(expression),
        Err(message) => {
            problems.push(Diagnostic::at(
                text.span,
                format!("not an expression: {message}"),
            ));
            None
        }
    }
}

/// Rules that cannot all hold.
fn find_clashes(rules: &[Rule], problems: &mut Vec<Diagnostic>) {
    for (index, rule) in rules.iter().enumerate() {
        let clash = rules[..index]
            .iter()
            .find_map(|earlier| clash(earlier, rule));
        problems.extend(clash.map(|message| Diagnostic::at(rule.span.clone(), message)));
    }
}

fn clash(earlier: &Rule, rule: &Rule) -> Option<String> {
    let both_spans = matches!(
        (&earlier.kind, &rule.kind),
        (RuleKind::Span { .. }, RuleKind::Span { .. })
            | (RuleKind::Extract { .. }, RuleKind::Extract { .. })
    );
    if both_spans && earlier.function == rule.function {
        return Some(format!(
            "line {} has this for the same function",
            earlier.line
        ));
    }
    let (kind, name, labels) = rule.kind.metric()?;
    let (earlier_kind, earlier_name, earlier_labels) = earlier.kind.metric()?;
    if name != earlier_name {
        return None;
    }
    let line = earlier.line;
    if kind != earlier_kind {
        return Some(format!("`{name}` is a {earlier_kind} in line {line}"));
    }
    (labels != earlier_labels).then(|| {
        format!(
            "`{name}` has the labels [{}] in line {line}",
            earlier_labels.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(text: &str) -> Vec<String> {
        let (rules, problems) = Rules::parse(text, &[]);
        assert_eq!(problems, [], "{text}");
        rules.agent.features
    }

    #[test]
    fn features_of_the_agent_add_to_the_default_ones_unless_those_are_off() {
        assert_eq!(agent(""), ["gzip"]);
        assert_eq!(agent("[agent]\nfeatures = ['tls', 'tls']"), ["gzip", "tls"]);
        assert_eq!(agent("agent = { default-features = false }"), [""; 0]);
        let only_tls = "[agent]\ndefault-features = false\nfeatures = ['tls']";
        assert_eq!(agent(only_tls), ["tls"]);
    }

    #[test]
    fn a_feature_that_the_agent_does_not_have_is_a_problem() {
        let (_, problems) = Rules::parse("[agent]\nfeatures = ['gzp']", &[]);
        assert_eq!(
            problems[0].to_string(),
            "no feature of the agent is named `gzp` (did you mean `gzip`?)"
        );
    }
}
