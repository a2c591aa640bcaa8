//! Weaves one file: aspects and rules give insertions and the facts that [`crate::finish`] judges.

use crate::aspect::{Aspect, Inner, Insert, JoinPoint};
use crate::body;
use crate::edit::{Edit, Origin};
use crate::items::{self, Function, Items};
use crate::join::{self, Place};
use crate::lexer::{ScanError, Tokens};
use crate::modules::ModuleDecl;
use crate::select::{Edition, Plan, PlannedIntegration, Role};
use crate::template::Variables;

/// One source file.
#[derive(Clone, Copy, Debug)]
pub struct FileInput<'a> {
    /// Its text, as it is on disk.
    pub text: &'a str,
    /// The module it holds: empty for the root, else `proto::h1`.
    pub module: &'a str,
    /// Its path as people write it.
    pub display_path: &'a str,
}

/// What weaving one file gives.
#[derive(Clone, Debug, Default)]
pub struct FileOutput {
    /// The insertions, in the order they apply in. Those whose origin is dropped by
    /// [`crate::UnitOutcome::keeps`] are to be left out.
    pub edits: Vec<Edit>,
    /// The modules that are declared in the file and have files of their own.
    pub modules: Vec<ModuleDecl>,
    /// The path the file was given with.
    pub display_path: String,
    pub(crate) hits: Vec<Hit>,
    pub(crate) rule_hits: Vec<RuleHit>,
    pub(crate) notes: Vec<RuleNote>,
    pub(crate) unhookable: Vec<Unhookable>,
    /// Paths of the functions with bodies, for suggestions.
    pub(crate) functions: Vec<String>,
    pub(crate) structs: Vec<String>,
    pub(crate) main_woven: bool,
}

/// One place that an aspect found.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) integration: usize,
    pub(crate) aspect: usize,
    /// Why nothing could be inserted there.
    pub(crate) failure: Option<String>,
}

/// One function that a rule is woven into.
#[derive(Clone, Debug)]
pub(crate) struct RuleHit {
    pub(crate) rule: usize,
    pub(crate) function: String,
}

/// Something to say about a rule at a function.
#[derive(Clone, Debug)]
pub(crate) struct RuleNote {
    pub(crate) rule: usize,
    pub(crate) function: String,
    pub(crate) message: String,
    /// True when the rule cannot do what it was written for.
    pub(crate) fatal: bool,
}

/// A function that a rule matches and that cannot take hooks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unhookable {
    /// The function's path.
    pub function: String,
    /// Why.
    pub reason: String,
}

/// One function of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFunction {
    /// Path from the crate root.
    pub path: String,
    /// The trait it implements or is declared in.
    pub trait_name: Option<String>,
    /// Byte offset of its name.
    pub offset: usize,
    /// Whether it has a body.
    pub has_body: bool,
    /// Whether it was found in the tokens of a macro.
    pub in_macro: bool,
    /// Whether it belongs to tests.
    pub in_test: bool,
}

/// Every function of a file.
pub fn list_functions(file: &FileInput<'_>) -> Result<Vec<ListedFunction>, ScanError> {
    let tokens = Tokens::of_file(file.text)?;
    let items = items::scan(&tokens);
    let listed = items.functions.iter().map(|function| ListedFunction {
        path: full_path(file.module, &function.path),
        trait_name: function.trait_name.clone(),
        offset: tokens.start(function.name),
        has_body: function.body.is_some(),
        in_macro: function.in_macro,
        in_test: function.attributes.test,
    });
    Ok(listed.collect())
}

/// Weaves one file.
pub fn weave_file(plan: &Plan, file: &FileInput<'_>) -> Result<FileOutput, ScanError> {
    let tokens = Tokens::of_file(file.text)?;
    let items = items::scan(&tokens);
    let mut weaver = Weaver {
        plan,
        tokens: &tokens,
        module: file.module,
        pending: Vec::new(),
        output: FileOutput {
            display_path: file.display_path.to_owned(),
            ..FileOutput::default()
        },
    };
    weaver.list(&items);
    weaver.start_agent(&items);
    weaver.apply_rules(&items);
    for (index, integration) in plan.integrations.iter().enumerate() {
        weaver.apply_integration(index, integration, &items);
    }
    weaver.end_root();
    Ok(weaver.finish())
}

/// The order of insertions at one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Ends something: later ones are further inside, so they come first.
    After,
    /// Begins something: later ones are further inside, so they come last.
    Before,
    /// Ends something empty, whose begin is at the same offset.
    AfterEmpty,
    /// At the end of the file.
    End,
}

struct Weaver<'a> {
    plan: &'a Plan,
    tokens: &'a Tokens<'a>,
    module: &'a str,
    pending: Vec<(Rank, Edit)>,
    output: FileOutput,
}

impl Weaver<'_> {
    fn list(&mut self, items: &Items) {
        for function in items
            .functions
            .iter()
            .filter(|function| function.body.is_some())
        {
            self.output
                .functions
                .push(full_path(self.module, &function.path));
        }
        for structure in &items.structs {
            self.output
                .structs
                .push(full_path(self.module, &structure.path));
        }
        let declared = items.modules.iter().filter(|module| module.body.is_none());
        self.output.modules = declared
            .map(|module| {
                let (names, paths) = module.parents.iter().cloned().unzip();
                ModuleDecl {
                    path: full_path(self.module, &module.path),
                    name: module.name.clone(),
                    inline_parents: names,
                    path_attribute: module.path_attribute.clone(),
                    conditional_paths: module.conditional_paths.clone(),
                    parent_paths: paths,
                }
            })
            .collect();
    }

    fn insert(&mut self, offset: usize, rank: Rank, text: String, origin: Origin) {
        self.pending.push((
            rank,
            Edit {
                offset,
                text,
                origin,
            },
        ));
    }

    /// The binary's `main`, if it is in this file.
    fn main<'i>(&self, items: &'i Items) -> Option<&'i Function> {
        let is_program = matches!(self.plan.unit.role, Role::Binary | Role::Example);
        let mut functions = items.functions.iter();
        functions.find(|function| {
            is_program
                && self.module.is_empty()
                && function.path == "main"
                && function.body.is_some()
        })
    }

    fn start_agent(&mut self, items: &Items) {
        let Some(baked) = self.plan.unit.baked.clone() else {
            return;
        };
        if let Some(open) = self.main(items).and_then(|main| main.body) {
            let place = join::body(self.tokens, open);
            self.insert(
                place.before,
                Rank::Before,
                format!(" {baked} "),
                Origin::Agent,
            );
            self.output.main_woven = true;
        }
    }

    fn apply_rules(&mut self, items: &Items) {
        if self.plan.rules.is_empty() {
            return;
        }
        for function in &items.functions {
            let path = full_path(self.module, &function.path);
            let rules: Vec<body::Matched<'_>> = self
                .plan
                .rules
                .iter()
                .filter(|(_, rule)| {
                    // Tests are woven only when they are asked for by name.
                    (!function.attributes.test || rule.function.is_literal())
                        && rule.function.matches(&path, function.trait_name.as_deref())
                })
                .map(|(index, rule)| body::Matched {
                    index: *index,
                    rule,
                })
                .collect();
            if !rules.is_empty() {
                self.apply_rules_to(function, &path, &rules);
            }
        }
    }

    fn apply_rules_to(&mut self, function: &Function, path: &str, rules: &[body::Matched<'_>]) {
        let Some(open) = function.body else {
            // A declaration in a trait is none of the functions that a glob is after.
            for matched in rules
                .iter()
                .filter(|matched| matched.rule.function.is_literal())
            {
                self.note(matched.index, path, "it has no body here", true);
            }
            return;
        };
        if let Some(reason) = unhookable(function) {
            for matched in rules
                .iter()
                .filter(|matched| matched.rule.function.is_literal())
            {
                self.note(
                    matched.index,
                    path,
                    &format!("{reason} cannot take hooks"),
                    true,
                );
            }
            let reason = reason.to_owned();
            self.output.unhookable.push(Unhookable {
                function: path.to_owned(),
                reason,
            });
            return;
        }
        let target = body::Target {
            tokens: self.tokens,
            function,
            path: format!("{}::{path}", self.plan.unit.crate_name),
            edition: self.plan.unit.edition,
        };
        let wrap = body::wrap(&target, rules);
        for note in wrap.notes {
            self.note(note.rule, path, &note.message, note.fatal);
        }
        for rule in &wrap.woven {
            self.output.rule_hits.push(RuleHit {
                rule: *rule,
                function: path.to_owned(),
            });
        }
        let place = join::body(self.tokens, open);
        for (rule, text) in wrap.before {
            self.insert(place.before, Rank::Before, text, Origin::Rule(rule));
        }
        // Ranks turn the order at one offset around, so the pieces go in last to first.
        for (rule, text) in wrap.after.into_iter().rev() {
            self.insert_after(place, text, Origin::Rule(rule));
        }
    }

    fn note(&mut self, rule: usize, function: &str, message: &str, fatal: bool) {
        self.output.notes.push(RuleNote {
            rule,
            function: function.to_owned(),
            message: message.to_owned(),
            fatal,
        });
    }

    fn insert_after(&mut self, place: Place, text: String, origin: Origin) {
        if let Some(after) = place.after {
            let rank = if after == place.before {
                Rank::AfterEmpty
            } else {
                Rank::After
            };
            self.insert(after, rank, text, origin);
        }
    }

    fn apply_integration(&mut self, index: usize, integration: &PlannedIntegration, items: &Items) {
        for (aspect_index, aspect) in integration.aspects.iter().enumerate() {
            let applied = AppliedAspect {
                integration: index,
                aspect_index,
                aspect,
                glue: Plan::glue_path(&integration.name),
                origin: Origin::Aspect {
                    integration: integration.name.clone(),
                    aspect: aspect.id.clone(),
                },
            };
            self.apply_aspect(&applied, items);
        }
    }

    fn apply_aspect(&mut self, applied: &AppliedAspect<'_>, items: &Items) {
        match &applied.aspect.at {
            JoinPoint::Function { path, inner } => {
                for function in &items.functions {
                    let full = full_path(self.module, &function.path);
                    if path.matches(&full, function.trait_name.as_deref()) {
                        self.apply_to_function(applied, function, inner.as_ref());
                    }
                }
            }
            JoinPoint::Struct { path, expression } => {
                for structure in &items.structs {
                    if !path.matches(&full_path(self.module, &structure.path), None) {
                        continue;
                    }
                    let places = match expression {
                        Some(pattern) => {
                            join::expressions(self.tokens, structure.range.clone(), pattern)
                        }
                        None => {
                            vec![Place {
                                before: self.tokens.end(structure.body),
                                after: None,
                            }]
                        }
                    };
                    self.apply_at(applied, &places, &[]);
                }
            }
            JoinPoint::Module(module) => self.apply_to_module(applied, module, items),
            JoinPoint::Main => {
                if let Some(main) = self.main(items) {
                    self.apply_to_function(applied, main, None);
                }
            }
        }
    }

    fn apply_to_function(
        &mut self,
        applied: &AppliedAspect<'_>,
        function: &Function,
        inner: Option<&Inner>,
    ) {
        let Some(open) = function.body else {
            return;
        };
        let places = match inner {
            None => vec![join::body(self.tokens, open)],
            Some(inner) => join::places(self.tokens, open, inner, applied.aspect.insert.argument),
        };
        if places.is_empty() {
            return;
        }
        let parameters = join::parameters(self.tokens, function);
        let arguments: Vec<Option<&str>> = parameters
            .iter()
            .map(|parameter| parameter.name)
            .filter(|name| *name != Some("self"))
            .collect();
        self.apply_at(applied, &places, &arguments);
    }

    fn apply_to_module(&mut self, applied: &AppliedAspect<'_>, module: &str, items: &Items) {
        if module == self.module {
            let end = self.tokens.text.len();
            self.insert_items(applied, end, true);
        }
        for inline in &items.modules {
            if let Some(braces) = &inline.body
                && full_path(self.module, &inline.path) == module
            {
                self.insert_items(applied, self.tokens.start(braces.end), false);
            }
        }
    }

    fn insert_items(&mut self, applied: &AppliedAspect<'_>, offset: usize, end_of_file: bool) {
        let Some(items) = &applied.aspect.insert.items else {
            return;
        };
        let variables = Variables {
            glue: &applied.glue,
            arguments: &[],
        };
        let problem = if end_of_file {
            None
        } else {
            items.one_line_problem()
        };
        let rendered = match problem {
            None => items.render(&variables),
            Some(problem) => Err(format!("the module is inline and `items` {problem}")),
        };
        let failure = match rendered {
            Ok(text) if end_of_file => {
                self.insert(
                    offset,
                    Rank::End,
                    format!("\n{text}\n"),
                    applied.origin.clone(),
                );
                None
            }
            Ok(text) => {
                self.insert(
                    offset,
                    Rank::After,
                    format!(" {text} "),
                    applied.origin.clone(),
                );
                None
            }
            Err(failure) => Some(failure),
        };
        self.hit(applied, failure);
    }

    fn apply_at(
        &mut self,
        applied: &AppliedAspect<'_>,
        places: &[Place],
        arguments: &[Option<&str>],
    ) {
        let variables = Variables {
            glue: &applied.glue,
            arguments,
        };
        for place in places {
            let failure = self
                .insert_at(applied, &applied.aspect.insert, *place, &variables)
                .err();
            self.hit(applied, failure);
        }
    }

    fn insert_at(
        &mut self,
        applied: &AppliedAspect<'_>,
        insert: &Insert,
        place: Place,
        variables: &Variables<'_>,
    ) -> Result<(), String> {
        let render = |template: &Option<crate::Template>| {
            template
                .as_ref()
                .map(|template| template.render(variables))
                .transpose()
        };
        let (before, after, field) = (
            render(&insert.before)?,
            render(&insert.after)?,
            render(&insert.field)?,
        );
        if after.is_some() && place.after.is_none() {
            return Err("nothing can follow the value of a block".to_owned());
        }
        // Blanks keep what is inserted apart from the tokens around it.
        if let Some(before) = before {
            self.insert(
                place.before,
                Rank::Before,
                format!(" {before} "),
                applied.origin.clone(),
            );
        }
        if let Some(after) = after {
            self.insert_after(place, format!(" {after} "), applied.origin.clone());
        }
        if let Some(field) = field {
            let comma = if field.trim_end().ends_with(',') {
                ""
            } else {
                ","
            };
            let text = format!(" {field}{comma} ");
            self.insert(place.before, Rank::Before, text, applied.origin.clone());
        }
        Ok(())
    }

    fn hit(&mut self, applied: &AppliedAspect<'_>, failure: Option<String>) {
        self.output.hits.push(Hit {
            integration: applied.integration,
            aspect: applied.aspect_index,
            failure,
        });
    }

    /// Glue modules, and the hooks' names where the edition needs them.
    fn end_root(&mut self) {
        if !self.module.is_empty() {
            return;
        }
        let end = self.tokens.text.len();
        for integration in &self.plan.integrations {
            if let Some(glue) = &integration.glue {
                let name = Plan::glue_module(&integration.name);
                let text =
                    format!("\n#[doc(hidden)] #[allow(warnings)] mod {name} {{\n{glue}\n}}\n");
                let origin = Origin::Glue {
                    integration: integration.name.clone(),
                };
                self.insert(end, Rank::End, text, origin);
            }
        }
        // `::name` is below the crate root in 2015, `--extern` notwithstanding.
        if self.plan.unit.edition == Edition::E2015 && !self.plan.is_empty() {
            let mut text = "\n#[doc(hidden)] extern crate selvedge_hooks;\n".to_owned();
            if self.plan.unit.baked.is_some() {
                text.push_str("#[doc(hidden)] extern crate selvedge_agent;\n");
            }
            self.insert(end, Rank::End, text, Origin::Edition);
        }
    }

    fn finish(self) -> FileOutput {
        let mut pending: Vec<(usize, (Rank, Edit))> =
            self.pending.into_iter().enumerate().collect();
        pending.sort_by_key(|(sequence, (rank, edit))| {
            let sequence = match rank {
                Rank::After | Rank::AfterEmpty => usize::MAX - sequence,
                Rank::Before | Rank::End => *sequence,
            };
            (edit.offset, *rank, sequence)
        });
        let edits = pending.into_iter().map(|(_, (_, edit))| edit).collect();
        FileOutput {
            edits,
            ..self.output
        }
    }
}

/// An aspect with what its insertions need.
struct AppliedAspect<'a> {
    integration: usize,
    aspect_index: usize,
    aspect: &'a Aspect,
    glue: String,
    origin: Origin,
}

/// Joins a module's path and a path within.
fn full_path(module: &str, path: &str) -> String {
    if module.is_empty() {
        path.to_owned()
    } else {
        format!("{module}::{path}")
    }
}

/// Why a function cannot take hooks at all.
fn unhookable(function: &Function) -> Option<&'static str> {
    match () {
        () if function.qualifiers.is_const => Some("a const fn"),
        () if function.attributes.naked => Some("a naked function"),
        () if function.qualifiers.is_gen => Some("a generator"),
        () => None,
    }
}
