//! The text of a wrap where the work is done after the function has returned: in the future or
//! the stream that it gives.
//!
//! The body runs and what it gives is kept; the span begins when that is first polled. Where a
//! carrier is read or written the span begins with the call instead, and the body runs in it:
//! afterwards the carrier may be gone.

use super::Capture;
use super::returns::{Returns, Shape};
use super::text::{Hold, Piece, Text, measurement, measures_error};

/// What the body gives.
const GIVEN: &str = "__sv_given";

impl Text<'_> {
    pub(super) fn write_deferred(&mut self, returns: &Returns, capture: Capture) {
        let at_call = self.parts.begins_at_call();
        let first = if at_call {
            self.put_span();
            self.put_attributes(&[]);
            self.put_context(&[]);
            Vec::new()
        } else {
            let first = self.holds_for_start();
            self.put_holds(&first);
            first
        };
        let holds = self.holds();
        self.put_holds(&holds);
        self.put_clock();
        self.put_body(returns, capture, at_call);
        // A box that nobody looks into stays as it is.
        let boxed = matches!(returns.shape, Shape::BoxedFuture | Shape::BoxedStream);
        let may_stay = boxed && self.output.nameable;
        if may_stay {
            self.put_after(" if ::selvedge_hooks::active() {");
        }
        self.put_after(if boxed {
            " ::std::boxed::Box::pin("
        } else {
            " "
        });
        // What is written from here on comes after the body.
        let before = std::mem::take(&mut self.before);
        match (returns.shape.is_stream(), at_call) {
            (true, _) => self.put_stream(&returns.stream, at_call, &first, &holds),
            (false, true) => self.put_started_future(&holds),
            (false, false) => self.put_future(&first, &holds),
        }
        let wrapped = std::mem::replace(&mut self.before, before);
        self.after.extend(wrapped);
        if boxed {
            self.put_after(")");
        }
        self.put_after(if may_stay {
            format!(" }} else {{ {GIVEN} }} ")
        } else {
            " ".to_owned()
        });
    }

    /// `let __sv_given = …;` around the body.
    fn put_body(&mut self, returns: &Returns, capture: Capture, at_call: bool) {
        if capture == Capture::Closure {
            let call = if at_call {
                "call_in(&__sv_context, "
            } else {
                "call("
            };
            let of_type = match (&self.output.text, self.output.nameable) {
                (Some(text), true) if !returns.is_kept_as_made => format!("-> {text} "),
                _ => String::new(),
            };
            self.put(format!(
                " let {GIVEN} = ::selvedge_hooks::rule::{call}|| {of_type}{{"
            ));
            self.put_owned();
        } else {
            self.put(format!(" let {GIVEN} = {{"));
            if at_call {
                let attach = "::selvedge_hooks::rule::attach(__sv_context.clone())";
                self.put(format!(" let __sv_current = {attach};"));
            }
        }
        self.put_injects();
        self.enclose(if capture == Capture::Closure {
            "});"
        } else {
            "};"
        });
        if returns.is_kept_as_made {
            self.put_after(format!(" ::selvedge_hooks::rule_given!({GIVEN});"));
        }
    }

    /// `let __sv_context = …;`: what the body, or each poll, runs in.
    fn put_context(&mut self, holds: &[Hold]) {
        let of_span = self.parts.has_span();
        match self.fields(holds) {
            Some((rule, fields)) if of_span => {
                let text = format!(" let __sv_context = __sv_span.scope(|| {fields});");
                self.before.push((rule, text));
            }
            Some((rule, fields)) => {
                let text = format!(" let __sv_context = {fields};");
                self.before.push((rule, text));
            }
            None if of_span => self.put(" let __sv_context = __sv_span.context();"),
            None => self.put(" let __sv_context = ::selvedge_hooks::Context::none();"),
        }
    }

    /// The span, or one that records nothing.
    fn span(&self) -> &'static str {
        if self.parts.has_span() {
            "__sv_span"
        } else {
            "::selvedge_hooks::Span::none()"
        }
    }

    /// A future whose span begins when it is first polled.
    fn put_future(&mut self, first: &[Hold], holds: &[Hold]) {
        self.put("async move {");
        self.put_span();
        self.put_attributes(first);
        let closing = self.put_instrument(first);
        self.put(format!("{GIVEN}{closing}"));
        let observer = self.observer(holds, "");
        self.before.extend(observer);
        self.put(").await }");
    }

    /// A future whose span has begun.
    fn put_started_future(&mut self, holds: &[Hold]) {
        let span = self.span();
        // Without fields the span is the context.
        let given = if self.parts.fields.is_empty() {
            GIVEN.to_owned()
        } else {
            format!("::selvedge_hooks::carry_in(__sv_context, {GIVEN})")
        };
        self.put(format!("::selvedge_hooks::instrument({span}, {given}"));
        let observer = self.observer(holds, "move ");
        self.before.extend(observer);
        self.put(")");
    }

    /// A stream of the woven crate's own, which implements the trait that the return type names.
    fn put_stream(&mut self, stream: &str, at_call: bool, first: &[Hold], holds: &[Hold]) {
        let started = "::selvedge_hooks::rule::Started";
        self.put(format!(
            "::selvedge_hooks::rule_stream!({stream}, {GIVEN}, "
        ));
        let span = self.span();
        if at_call {
            self.put(format!("{started}::already({span}, __sv_context)"));
        } else {
            self.put(format!("{started}::AtFirstPoll(move || {{"));
            self.put_span();
            self.put_attributes(first);
            self.put_context(first);
            self.put(format!(" ({span}, __sv_context) }})"));
        }
        let on_item = self.on_item(holds);
        let on_end = self.on_end(holds);
        self.put(", |__sv_out, __sv_span, __sv_failed| {");
        self.before.extend(on_item);
        self.put(" } else {");
        self.before.extend(on_end);
        self.put(" })");
    }

    /// What looks at one item: errors of their own are all that one can show.
    fn on_item(&self, holds: &[Hold]) -> Vec<Piece> {
        let mut pieces = self.records(holds);
        let metrics = self.parts.metrics.iter();
        pieces.extend(
            metrics
                .filter(|metric| measures_error(metric))
                .map(|metric| (metric.index, measurement(metric, holds, "*__sv_failed"))),
        );
        pieces
    }

    /// What is measured when the stream is exhausted.
    fn on_end(&self, holds: &[Hold]) -> Vec<Piece> {
        let metrics = self.parts.metrics.iter();
        metrics
            .filter(|metric| !measures_error(metric))
            .map(|metric| (metric.index, measurement(metric, holds, "*__sv_failed")))
            .collect()
    }
}
