//! The text of a wrap.

use super::{
    Capture, Fails, Matched, Output, Owned, Parts, Target, expressions, has_items, measured,
    owned_by_closure,
};
use crate::expression::Expression;
use crate::join::Parameter;
use crate::rules::{RuleKind, When};

/// A piece of text and the rule that it is put down to.
pub(super) type Piece = (usize, String);

/// A value that is evaluated when the function begins and used later.
pub(super) struct Hold {
    rule: usize,
    name: String,
    expression: String,
}

/// Writes the insertions at the braces.
pub(super) struct Text<'a> {
    target: &'a Target<'a>,
    pub(super) parts: Parts<'a>,
    pub(super) output: Output,
    parameters: Vec<Parameter<'a>>,
    /// The rule that what all need is put down to.
    pub(super) first: usize,
    pub(super) before: Vec<Piece>,
    pub(super) after: Vec<Piece>,
}

impl<'a> Text<'a> {
    /// A text for these rules; what all of them need is put down to `first`.
    pub(super) fn new(
        target: &'a Target<'a>,
        parts: Parts<'a>,
        output: Output,
        parameters: Vec<Parameter<'a>>,
        first: usize,
    ) -> Self {
        let (before, after) = (Vec::new(), Vec::new());
        Self {
            target,
            parts,
            output,
            parameters,
            first,
            before,
            after,
        }
    }

    /// What goes in front of the body and behind it, by rule.
    pub(super) fn into_pieces(self) -> (Vec<Piece>, Vec<Piece>) {
        (self.before, self.after)
    }

    pub(super) fn put(&mut self, text: impl Into<String>) {
        self.before.push((self.first, text.into()));
    }

    pub(super) fn put_after(&mut self, text: impl Into<String>) {
        self.after.push((self.first, text.into()));
    }

    /// `let __sv_span = …;`
    pub(super) fn put_span(&mut self) {
        let Some(main) = self.parts.span.or(self.parts.extract) else {
            return;
        };
        let (name, mut kind) = match &main.rule.kind {
            RuleKind::Span { name, kind, .. } => (name.clone(), *kind),
            RuleKind::Extract { kind, .. } => (None, *kind),
            _ => (None, "Internal"),
        };
        let name = name.unwrap_or_else(|| short_name(&self.target.path));
        let mut carrier = String::new();
        let mut rule = main.index;
        if let Some(extract) = self.parts.extract
            && let RuleKind::Extract {
                carrier: expression,
                kind: extracted,
            } = &extract.rule.kind
        {
            carrier = format!(", {}", expression.as_str());
            rule = extract.index;
            // The kind of a `[[span]]` that says nothing of its own is the carrier's.
            if kind == "Internal" {
                kind = extracted;
            }
        }
        let path = &self.target.path;
        let text = format!(
            " let __sv_span = ::selvedge_hooks::rule_span!({kind}, {name:?}, {path:?}{carrier});"
        );
        self.before.push((rule, text));
    }

    /// Attributes that are known when the function begins.
    pub(super) fn put_attributes(&mut self, holds: &[Hold]) {
        let Some(span) = self.parts.span else {
            return;
        };
        let RuleKind::Span { attributes, .. } = &span.rule.kind else {
            return;
        };
        let early = attributes.iter().filter(|(_, value)| !value.is_late());
        let pairs: Vec<String> = early
            .map(|(key, value)| format!("{key:?} => {}", held(holds, span.index, value)))
            .collect();
        if !pairs.is_empty() {
            let pairs = pairs.join(", ");
            let text = format!(" ::selvedge_hooks::rule_record!(__sv_span, {pairs});");
            self.before.push((span.index, text));
        }
    }

    /// True when nothing but carriers are written, before the body runs.
    pub(super) fn is_only_injects(&self) -> bool {
        self.parts.is_only_injects()
    }

    /// What the end needs and has to be evaluated before the body runs.
    pub(super) fn holds(&self) -> Vec<Hold> {
        let mut wanted: Vec<(usize, &Expression)> = Vec::new();
        for metric in &self.parts.metrics {
            let (value, labels) = measured(&metric.rule.kind);
            wanted.extend(value.map(|value| (metric.index, value)));
            wanted.extend(labels.iter().map(|(_, label)| (metric.index, label)));
        }
        if let Some(span) = self.parts.span
            && let RuleKind::Span {
                error_attributes, ..
            } = &span.rule.kind
        {
            let attributes = error_attributes.iter();
            wanted.extend(attributes.map(|(_, value)| (span.index, value)));
        }
        hold(&wanted, "held")
    }

    /// What the beginning needs where that comes after the body.
    pub(super) fn holds_for_start(&self) -> Vec<Hold> {
        let mut wanted: Vec<(usize, &Expression)> = Vec::new();
        if let Some(span) = self.parts.span
            && let RuleKind::Span { attributes, .. } = &span.rule.kind
        {
            wanted.extend(attributes.iter().map(|(_, value)| (span.index, value)));
        }
        let fields = self.parts.fields.iter();
        wanted.extend(fields.map(|(rule, (_, value))| (*rule, value)));
        hold(&wanted, "first")
    }

    pub(super) fn put_holds(&mut self, holds: &[Hold]) {
        for hold in holds {
            let text = format!(
                " let {} = ::selvedge_hooks::rule_hold!({});",
                hold.name, hold.expression
            );
            self.before.push((hold.rule, text));
        }
    }

    pub(super) fn put_clock(&mut self) {
        if self.parts.has_duration() {
            self.put(" let __sv_began = ::selvedge_hooks::rule_clock!();");
        }
    }

    /// `rule_fields!(…)`, by rule.
    pub(super) fn fields(&self, holds: &[Hold]) -> Option<Piece> {
        let (rule, _) = *self.parts.fields.first()?;
        let pairs: Vec<String> = self
            .parts
            .fields
            .iter()
            .map(|(rule, (key, value))| format!("{key:?} => {}", held(holds, *rule, value)))
            .collect();
        Some((
            rule,
            format!("::selvedge_hooks::rule_fields!({})", pairs.join(", ")),
        ))
    }

    /// What runs at the beginning of the body, inside of the span.
    pub(super) fn put_injects(&mut self) {
        for (rule, carrier) in self.parts.injects.clone() {
            let text = carrier.as_str();
            let mutable = match carrier.first_word() {
                Some(word) if self.is_owned_parameter(word) => format!(" let mut {word} = {word};"),
                _ => String::new(),
            };
            let with = if carrier.is_closure() { "with " } else { "" };
            let text = format!("{mutable} ::selvedge_hooks::rule_inject!({with}{text});");
            self.before.push((rule, text));
        }
    }

    /// True for a parameter that a carrier inside of could not be written through.
    fn is_owned_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| {
            let is_reference = self.target.tokens.is(parameter.type_range.start, b'&');
            parameter.name == Some(name) && name != "self" && !parameter.is_mut && !is_reference
        })
    }

    /// What looks at `__sv_out`, a reference to the returned value, and at `__sv_span`.
    pub(super) fn observation(&self, holds: &[Hold]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self.observes_result() {
            pieces.push((
                self.first,
                " ::selvedge_hooks::rule_observe!(__sv_span, __sv_out);".to_owned(),
            ));
        }
        if self.mentions_ret() {
            pieces.push((self.first, " let ret = __sv_out;".to_owned()));
        }
        pieces.extend(self.records(holds));
        for metric in &self.parts.metrics {
            let failed = "::selvedge_hooks::rule_failed!(__sv_out)";
            pieces.push((metric.index, measurement(metric, holds, failed)));
        }
        pieces
    }

    /// Attributes that wait for the end.
    pub(super) fn records(&self, holds: &[Hold]) -> Vec<Piece> {
        let Some(span) = self.parts.span else {
            return Vec::new();
        };
        let RuleKind::Span {
            attributes,
            error_attributes,
            ..
        } = &span.rule.kind
        else {
            return Vec::new();
        };
        let late = attributes.iter().filter(|(_, value)| value.is_late());
        // What needs the error waits for one; the others do not.
        let (on_error, always): (Vec<_>, Vec<_>) =
            late.partition(|(_, value)| value.mentions_error());
        let on_error: Vec<_> = on_error.into_iter().chain(error_attributes).collect();
        let always = record(&always, holds, span.index, false);
        let on_error = record(&on_error, holds, span.index, true);
        always.into_iter().chain(on_error).collect()
    }

    /// True when the span fails with an `Err` that the function may return.
    fn observes_result(&self) -> bool {
        self.parts.has_span() && self.output.text.is_some() && !self.output.is_never
    }

    fn mentions_ret(&self) -> bool {
        self.late_expressions().any(Expression::mentions_ret)
    }

    fn late_expressions(&self) -> impl Iterator<Item = &Expression> {
        let rules = self.parts.span.iter().chain(&self.parts.metrics);
        rules
            .flat_map(|matched| expressions(&matched.rule.kind))
            .filter(|value| value.is_late())
    }

    /// True when the observation says anything of the value itself.
    fn uses_value(&self) -> bool {
        let by_result = self.parts.metrics.iter().any(|metric| {
            matches!(
                metric.rule.kind,
                RuleKind::Counter {
                    when: When::Ok | When::Err,
                    ..
                }
            )
        });
        by_result || self.late_expressions().next().is_some() || self.has_error_attributes()
    }

    fn has_error_attributes(&self) -> bool {
        self.parts.span.is_some_and(|span| {
            matches!(&span.rule.kind, RuleKind::Span { error_attributes, .. } if !error_attributes.is_empty())
        })
    }

    pub(super) fn write_sync(&mut self, capture: Capture) {
        let wants_end = !self.parts.metrics.is_empty()
            || self.uses_value()
            || self.parts.has_span() && self.output.fails != Fails::No;
        let capture = if wants_end { capture } else { Capture::Guard };
        let holds = if wants_end { self.holds() } else { Vec::new() };
        self.put_span();
        self.put_attributes(&[]);
        self.put_holds(&holds);
        self.put_clock();
        match capture {
            Capture::Guard => self.write_guarded(),
            Capture::Block => self.write_block(&holds),
            Capture::Closure => self.write_closure(&holds),
        }
    }

    /// The body as it is, below a guard.
    fn write_guarded(&mut self) {
        if self.parts.has_span() {
            self.put(" let __sv_span = __sv_span.enter();");
        }
        self.put_body_start();
        self.enclose("");
    }

    /// Opens what encloses the body itself, and closes it and what is around it.
    pub(super) fn enclose(&mut self, closing: &str) {
        if has_items(self.target) {
            self.put(" {");
            self.put_after("} ");
        }
        self.put_after(closing);
    }

    /// Log fields and carriers, at the beginning of the body.
    fn put_body_start(&mut self) {
        if let Some((rule, fields)) = self.fields(&[]) {
            self.before
                .push((rule, format!(" let __sv_fields = {fields}.attach();")));
        }
        self.put_injects();
    }

    fn write_block(&mut self, holds: &[Hold]) {
        // The span is current while the guard lives, which is as long as the block.
        let of_type = match (&self.output.text, self.output.nameable) {
            (Some(text), true) => format!(": {text}"),
            _ => String::new(),
        };
        let bind = if self.output.text.is_some() {
            format!(" let __sv_ret{of_type} =")
        } else {
            String::new()
        };
        self.put(format!("{bind} {{"));
        if self.parts.has_span() {
            self.put(" let __sv_current = ::selvedge_hooks::rule::attach(__sv_span.context());");
        } else {
            // A block of one expression is one that rustc calls unnecessary.
            self.put(" let _: bool = true;");
        }
        self.put_body_start();
        self.enclose("}; ");
        self.finish_sync(holds);
    }

    fn write_closure(&mut self, holds: &[Hold]) {
        let call = if self.parts.has_span() {
            "__sv_span.scope"
        } else {
            "::selvedge_hooks::rule::call"
        };
        let opening = match (&self.output.text, self.output.nameable) {
            (Some(text), true) => format!(" let __sv_ret = {call}(|| -> {text} {{"),
            (Some(_), false) => format!(" let __sv_ret = {call}(|| {{"),
            (None, _) => format!(" {call}::<()>(|| {{"),
        };
        self.put(opening);
        self.put_owned();
        self.put_body_start();
        self.enclose("}); ");
        self.finish_sync(holds);
    }

    /// Makes the closure own what it could not give out otherwise: a use by value, never reached.
    pub(super) fn put_owned(&mut self) {
        let target = self.target;
        let is_plain = |parameter: &&Parameter<'_>| !target.tokens.is(parameter.range.start, b'#');
        let is_owned = |parameter: &&Parameter<'_>| match owned_by_closure(target, parameter) {
            Owned::Surely => true,
            // What is evaluated at the end may still look at the others.
            Owned::Perhaps => !self
                .late_expressions()
                .any(|value| parameter.name.is_some_and(|name| value.mentions(name))),
            Owned::No => false,
        };
        // Last to first, as a function drops them.
        let owned = self
            .parameters
            .iter()
            .rev()
            .filter(is_plain)
            .filter(is_owned);
        let owned: Vec<&str> = owned.filter_map(|parameter| parameter.name).collect();
        for name in owned {
            self.put(format!(" ::selvedge_hooks::rule_own!({name});"));
        }
    }

    /// After the body: the observation, and the value.
    fn finish_sync(&mut self, holds: &[Hold]) {
        let has_value = self.output.text.is_some();
        if self.observes_result() || self.uses_value() {
            let value = if has_value { "&__sv_ret" } else { "&()" };
            self.put_after(format!("let __sv_out = {value};"));
        }
        let observation = self.observation(holds);
        self.after.extend(observation);
        self.put_after(if has_value { " __sv_ret " } else { " " });
    }

    /// The observer of an instrumented future.
    pub(super) fn observer(&self, holds: &[Hold], owns: &str) -> Vec<Piece> {
        let observation = self.observation(holds);
        let nothing = if self.output.text.is_some() {
            "_"
        } else {
            "()"
        };
        if observation.is_empty() {
            return vec![(self.first, format!(", {owns}|{nothing}, _| {{}}"))];
        }
        let uses_out = self.uses_value() || self.observes_result();
        let out = if uses_out { "__sv_out" } else { nothing };
        let span = if self.parts.has_span() {
            "__sv_span"
        } else {
            "_"
        };
        let mut pieces = vec![(self.first, format!(", {owns}|{out}, {span}| {{"))];
        pieces.extend(observation);
        pieces.push((self.first, " }".to_owned()));
        pieces
    }

    /// `instrument(span, ` and, with log fields, `carry_in(fields, `.
    pub(super) fn put_instrument(&mut self, holds: &[Hold]) -> &'static str {
        let fields = self.fields(holds);
        if let Some((rule, fields)) = &fields {
            let scoped = if self.parts.has_span() {
                format!(" let __sv_fields = __sv_span.scope(|| {fields});")
            } else {
                format!(" let __sv_fields = {fields};")
            };
            self.before.push((*rule, scoped));
        }
        let span = if self.parts.has_span() {
            "__sv_span"
        } else {
            "::selvedge_hooks::Span::none()"
        };
        self.put(format!(" ::selvedge_hooks::instrument({span}, "));
        if fields.is_some() {
            self.put("::selvedge_hooks::carry_in(__sv_fields, ");
            return ")";
        }
        ""
    }

    pub(super) fn write_async(&mut self) {
        let holds = self.holds();
        self.put_span();
        self.put_attributes(&[]);
        self.put_holds(&holds);
        self.put_clock();
        let closing = self.put_instrument(&[]);
        self.put("async move {");
        match (&self.output.text, self.output.nameable) {
            // Says the type of the block, which `?` and coercions in it need.
            (Some(text), true) => {
                let text = format!(" ::selvedge_hooks::rule_returns!({text});");
                self.put(text);
            }
            (Some(_), false) => {}
            (None, _) => self.put(" ::selvedge_hooks::rule_returns!(());"),
        }
        self.put_mentions();
        self.put_injects();
        self.enclose(&format!("}}{closing}"));
        let observer = self.observer(&holds, "");
        self.after.extend(observer);
        self.put_after(").await ");
    }

    /// Names all parameters, last to first: a block drops what it captures in the order it is
    /// named in, a function its parameters from last to first.
    fn put_mentions(&mut self) {
        let tokens = self.target.tokens;
        let names: Vec<String> = self
            .parameters
            .iter()
            .rev()
            .filter(|parameter| !tokens.is(parameter.range.start, b'#'))
            .filter_map(|parameter| parameter.name.map(|name| format!("&{name}")))
            .collect();
        match names.as_slice() {
            [] => {}
            [name] => self.put(format!(" let _ = {name};")),
            names => self.put(format!(" let _ = ({});", names.join(", "))),
        }
    }
}

/// Names the expressions that are evaluated early, each once for a rule.
fn hold(wanted: &[(usize, &Expression)], kind: &str) -> Vec<Hold> {
    let mut holds: Vec<Hold> = Vec::new();
    for (rule, expression) in wanted {
        let text = expression.as_str();
        let known = |hold: &Hold| hold.rule == *rule && hold.expression == text;
        if expression.is_late() || holds.iter().any(known) {
            continue;
        }
        holds.push(Hold {
            rule: *rule,
            name: format!("__sv_{kind}_{}", holds.len()),
            expression: text.to_owned(),
        });
    }
    holds
}

/// What an expression is called when the function ends.
fn held(holds: &[Hold], rule: usize, expression: &Expression) -> String {
    let text = expression.as_str();
    let hold = holds
        .iter()
        .find(|hold| hold.rule == rule && hold.expression == text);
    hold.map_or_else(|| text.to_owned(), |hold| hold.name.clone())
}

/// Records attributes when the function ends: those of an error, or those over `ret`.
fn record(
    attributes: &[&(String, Expression)],
    holds: &[Hold],
    rule: usize,
    on_error: bool,
) -> Option<Piece> {
    if attributes.is_empty() {
        return None;
    }
    let pairs: Vec<String> = attributes
        .iter()
        .map(|(key, value)| format!("{key:?} => {}", held(holds, rule, value)))
        .collect();
    let record = format!(
        " ::selvedge_hooks::rule_record!(__sv_span, {});",
        pairs.join(", ")
    );
    Some((
        rule,
        if on_error {
            in_error(&record, attributes)
        } else {
            record
        },
    ))
}

/// Runs something only for an `Err`, which is looked into only where that is asked for: then the
/// function has to return a `Result`.
fn in_error(text: &str, expressions: &[&(String, Expression)]) -> String {
    if expressions.iter().any(|(_, value)| value.mentions_error()) {
        format!(" ::selvedge_hooks::rule_error!(error, __sv_out, {{{text} }});")
    } else {
        format!(" if ::selvedge_hooks::rule_failed!(__sv_out) {{{text} }}")
    }
}

/// Measures when the function ends; `failed` tells whether it did.
pub(super) fn measurement(metric: &Matched<'_>, holds: &[Hold], failed: &str) -> String {
    let (value, labels) = measured(&metric.rule.kind);
    let (kind, name, when, default) = match &metric.rule.kind {
        RuleKind::Counter { name, when, .. } => ("Counter", name, *when, "1_u64"),
        RuleKind::Gauge { name, .. } => ("Gauge", name, When::Always, "0_u64"),
        RuleKind::Histogram { name, .. } => (
            "Histogram",
            name,
            When::Always,
            "::selvedge_hooks::rule_elapsed!(__sv_began)",
        ),
        _ => return String::new(),
    };
    let number = match value {
        Some(value) => held(holds, metric.index, value),
        None => default.to_owned(),
    };
    let labels_text: Vec<String> = labels
        .iter()
        .map(|(key, label)| format!(", {key:?} => {}", held(holds, metric.index, label)))
        .collect();
    let labels_text = labels_text.concat();
    let text =
        format!(" ::selvedge_hooks::rule_measure!({kind}, {name:?}, {number}{labels_text});");
    match when {
        _ if measures_error(metric) => {
            format!(" ::selvedge_hooks::rule_error!(error, __sv_out, {{{text} }});")
        }
        When::Always => text,
        When::Ok => format!(" if !{failed} {{{text} }}"),
        When::Err => format!(" if {failed} {{{text} }}"),
    }
}

/// True for a metric that needs the error itself.
pub(super) fn measures_error(metric: &Matched<'_>) -> bool {
    let (value, labels) = measured(&metric.rule.kind);
    let mut expressions = value
        .into_iter()
        .chain(labels.iter().map(|(_, label)| label));
    expressions.any(Expression::mentions_error)
}

/// `Type::function`, or the function's name at the root of a crate.
fn short_name(path: &str) -> String {
    let mut segments: Vec<&str> = path.rsplit("::").take(2).collect();
    let owner_is_type = segments
        .get(1)
        .is_some_and(|owner| owner.starts_with(|letter: char| letter.is_uppercase()));
    if !owner_is_type {
        segments.truncate(1);
    }
    segments.reverse();
    segments.join("::")
}
