//! Decides over a whole unit: which integrations hold, and what there is to report.

use serde::Serialize;

use crate::aspect::JoinPoint;
use crate::edit::Origin;
use crate::nearest;
use crate::select::Plan;
use crate::weave::{FileOutput, Unhookable};

/// What became of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnitOutcome {
    /// Integrations that are not applied, because one of their aspects did not hold.
    pub dropped: Vec<DroppedIntegration>,
    /// Every aspect of the plan.
    pub aspects: Vec<AspectOutcome>,
    /// Every rule of the plan.
    pub rules: Vec<RuleOutcome>,
    /// What is to be said about rules.
    pub problems: Vec<RuleProblem>,
    /// Functions that rules match and that cannot take hooks.
    pub unhookable: Vec<Unhookable>,
    /// What became of `main`.
    pub main: MainOutcome,
}

/// An integration that is not applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DroppedIntegration {
    /// Its name.
    pub integration: String,
    /// Why: one sentence for each aspect that did not hold.
    pub reasons: Vec<String>,
}

/// What became of an aspect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AspectOutcome {
    /// The integration's name.
    pub integration: String,
    /// The aspect's id.
    pub aspect: String,
    /// Places found.
    pub found: usize,
}

/// What became of a rule in this unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleOutcome {
    /// Index into [`crate::Rules::rules`].
    pub rule: usize,
    /// Paths of the functions it is woven into, with the crate.
    pub functions: Vec<String>,
    /// Where there are none, names that may have been meant.
    pub nearest: Vec<String>,
}

/// Something about a rule that the user should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleProblem {
    /// Index into [`crate::Rules::rules`].
    pub rule: usize,
    /// The function it is about, with the crate.
    pub function: String,
    /// What it is.
    pub message: String,
    /// True when the rule does not do what it was written for: an error of the user's.
    pub fatal: bool,
}

/// What became of `main`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum MainOutcome {
    /// The unit gets no agent.
    #[default]
    NotWanted,
    /// It starts the agent.
    Woven,
    /// There is none in the source: `#![no_main]`, imported, or made by a macro.
    NotFound,
}

impl UnitOutcome {
    /// Whether the insertions of an origin are to be applied.
    pub fn keeps(&self, origin: &Origin) -> bool {
        match origin {
            Origin::Aspect { integration, .. } | Origin::Glue { integration } => !self
                .dropped
                .iter()
                .any(|dropped| dropped.integration == *integration),
            Origin::Rule(_) | Origin::Agent | Origin::Edition => true,
        }
    }
}

/// Judges the files of a unit together. Files that did not lex are left out of `outputs`, so what
/// was expected in them is not found.
pub fn finish(plan: &Plan, outputs: &[(String, &FileOutput)]) -> UnitOutcome {
    let mut outcome = UnitOutcome::default();
    for integration in 0..plan.integrations.len() {
        judge_integration(plan, integration, outputs, &mut outcome);
    }
    for (rule, planned) in &plan.rules {
        outcome
            .rules
            .push(judge_rule(plan, *rule, planned.function.as_str(), outputs));
    }
    let in_crate = |path: &str| format!("{}::{path}", plan.unit.crate_name);
    for (_, output) in outputs {
        outcome
            .unhookable
            .extend(output.unhookable.iter().map(|unhookable| Unhookable {
                function: in_crate(&unhookable.function),
                reason: unhookable.reason.clone(),
            }));
        outcome
            .problems
            .extend(output.notes.iter().map(|note| RuleProblem {
                rule: note.rule,
                function: in_crate(&note.function),
                message: note.message.clone(),
                fatal: note.fatal,
            }));
    }
    outcome.main = match &plan.unit.baked {
        None => MainOutcome::NotWanted,
        Some(_) if outputs.iter().any(|(_, output)| output.main_woven) => MainOutcome::Woven,
        Some(_) => MainOutcome::NotFound,
    };
    outcome
}

fn judge_integration(
    plan: &Plan,
    index: usize,
    outputs: &[(String, &FileOutput)],
    outcome: &mut UnitOutcome,
) {
    let integration = &plan.integrations[index];
    let mut reasons = Vec::new();
    for (aspect_index, aspect) in integration.aspects.iter().enumerate() {
        let hits = outputs.iter().flat_map(|(_, output)| &output.hits);
        let hits: Vec<_> = hits
            .filter(|hit| hit.integration == index && hit.aspect == aspect_index)
            .collect();
        outcome.aspects.push(AspectOutcome {
            integration: integration.name.clone(),
            aspect: aspect.id.clone(),
            found: hits.len(),
        });
        let missing = hits.is_empty() && aspect.optional;
        if let Some(failure) = hits.iter().find_map(|hit| hit.failure.as_ref()) {
            reasons.push(format!("`{}`: {failure}", aspect.id));
        } else if !aspect.count.admits(hits.len()) && !missing {
            reasons.push(format!(
                "`{}`: {} of {} places found{}",
                aspect.id,
                hits.len(),
                aspect.count.describe(),
                suggestion(&aspect.at, outputs),
            ));
        }
    }
    if !reasons.is_empty() {
        let integration = integration.name.clone();
        outcome.dropped.push(DroppedIntegration {
            integration,
            reasons,
        });
    }
}

/// What may have been meant by the path of a join point.
fn suggestion(at: &JoinPoint, outputs: &[(String, &FileOutput)]) -> String {
    let (pattern, names): (_, Vec<&str>) = match at {
        JoinPoint::Function { path, .. } => (path, all(outputs, |output| &output.functions)),
        JoinPoint::Struct { path, .. } => (path, all(outputs, |output| &output.structs)),
        JoinPoint::Module(_) | JoinPoint::Main => return String::new(),
    };
    // The path is right and the place inside of it is not.
    if names.iter().any(|name| pattern.matches_any_trait(name)) {
        return String::new();
    }
    match nearest(pattern.as_str(), names).first() {
        Some(near) => format!("; `{near}` is near"),
        None => format!("; there is no `{}`", pattern.as_str()),
    }
}

fn all<'a>(
    outputs: &[(String, &'a FileOutput)],
    names: impl Fn(&'a FileOutput) -> &'a Vec<String>,
) -> Vec<&'a str> {
    outputs
        .iter()
        .flat_map(|(_, output)| names(output))
        .map(String::as_str)
        .collect()
}

fn judge_rule(
    plan: &Plan,
    rule: usize,
    pattern: &str,
    outputs: &[(String, &FileOutput)],
) -> RuleOutcome {
    let in_crate = |path: &str| format!("{}::{path}", plan.unit.crate_name);
    let hits = outputs.iter().flat_map(|(_, output)| &output.rule_hits);
    let functions: Vec<String> = hits
        .filter(|hit| hit.rule == rule)
        .map(|hit| in_crate(&hit.function))
        .collect();
    let near = if functions.is_empty() {
        let known: Vec<String> = all(outputs, |output| &output.functions)
            .into_iter()
            .map(in_crate)
            .collect();
        let known = known.iter().map(String::as_str);
        nearest(pattern, known)
            .into_iter()
            .map(str::to_owned)
            .collect()
    } else {
        Vec::new()
    };
    RuleOutcome {
        rule,
        functions,
        nearest: near,
    }
}
