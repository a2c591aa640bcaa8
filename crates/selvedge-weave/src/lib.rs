//! The weaving engine: source text plus aspects gives insertions and a report.
//!
//! It is pure: no files, no clock, no environment. Source files are handed to [`weave_file`] one by
//! one, [`finish`] decides over the whole unit, and [`apply`] makes the woven text.

mod arguments;
mod aspect;
mod body;
mod diagnostic;
mod document;
mod edit;
mod expression;
mod finish;
mod items;
mod join;
mod lexer;
mod modules;
mod nearest;
mod pattern;
mod rules;
mod select;
mod template;
mod weave;

pub use aspect::{Aspect, Count, Inner, Insert, Integration, JoinPoint, Package};
pub use diagnostic::Diagnostic;
pub use edit::{Edit, Location, Origin, StripError, apply, locate, strip};
pub use expression::Expression;
pub use finish::{
    AspectOutcome, DroppedIntegration, MainOutcome, RuleOutcome, RuleProblem, UnitOutcome, finish,
};
pub use lexer::ScanError;
pub use modules::ModuleDecl;
pub use nearest::nearest;
pub use pattern::{PathPattern, TokenPattern};
pub use rules::{Agent, EnvironmentSampling, Rule, RuleKind, Rules, Service, When};
pub use select::{Edition, Plan, Role, Unit, UnsupportedVersion};
pub use template::Template;
pub use weave::{FileInput, FileOutput, ListedFunction, Unhookable, list_functions, weave_file};
