//! The schema of `integrations/<library>/aspects.toml`.

use semver::VersionReq;

use crate::document::{self, Placed, Table};
use crate::pattern::{PathPattern, TokenPattern};
use crate::template::Template;
use crate::{Diagnostic, nearest};

/// The package name that stands for every workspace member.
pub(crate) const EVERY_MEMBER: &str = "*";

/// The aspects of one library.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Id in `selvedge.toml`.
    pub name: String,
    /// For people: "hyper 1: HTTP server and client".
    pub title: String,
    /// The packages it weaves.
    pub packages: Vec<Package>,
    /// What it weaves into them.
    pub aspects: Vec<Aspect>,
}

/// A package that an integration weaves.
#[derive(Clone, Debug)]
pub struct Package {
    /// The package's name, or `*` for every workspace member.
    pub name: String,
    /// The versions it knows.
    pub versions: VersionReq,
    /// File of the glue module.
    pub glue: Option<String>,
}

/// A join point and what is inserted there.
#[derive(Clone, Debug)]
pub struct Aspect {
    /// Its id, unique in the integration.
    pub id: String,
    /// Name of the package it belongs to.
    pub package: String,
    /// Versions it is for, within the package's.
    pub versions: Option<VersionReq>,
    /// Features that must all be on in the unit.
    pub features: Vec<String>,
    /// Where.
    pub at: JoinPoint,
    /// What.
    pub insert: Insert,
    /// Places expected in the unit.
    pub count: Count,
    /// True when it need not be found.
    pub optional: bool,
}

/// How many places an aspect expects in a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Exactly so many.
    Exactly(usize),
    /// One or more: `"some"`.
    Some,
    /// Also none: `"any"`.
    Any,
}

impl Count {
    /// Whether so many places are as expected.
    pub fn admits(self, found: usize) -> bool {
        match self {
            Count::Exactly(expected) => found == expected,
            Count::Some => found > 0,
            Count::Any => true,
        }
    }

    pub(crate) fn describe(self) -> String {
        match self {
            Count::Exactly(expected) => expected.to_string(),
            Count::Some => "some".to_owned(),
            Count::Any => "any".to_owned(),
        }
    }
}

/// Where an aspect applies.
#[derive(Clone, Debug)]
pub enum JoinPoint {
    /// A function, or a place inside of it.
    Function {
        /// Its path.
        path: PathPattern,
        /// The place inside of it; its body where there is none.
        inner: Option<Inner>,
    },
    /// A struct with named fields, or tokens inside its definition.
    Struct {
        /// Its path.
        path: PathPattern,
        /// Tokens inside of it.
        expression: Option<TokenPattern>,
    },
    /// A module, by its exact path; empty for the root.
    Module(
        /// The module's path.
        String,
    ),
    /// The binary's `main`.
    Main,
}

/// A place inside a function.
#[derive(Clone, Debug)]
pub enum Inner {
    /// A call of this callee.
    Call(
        /// The callee's tokens.
        TokenPattern,
    ),
    /// Exactly these tokens.
    Expression(
        /// The tokens.
        TokenPattern,
    ),
    /// A statement that begins with these tokens.
    Statement(
        /// The tokens.
        TokenPattern,
    ),
    /// A struct literal.
    Literal(
        /// The type as it is written there.
        TokenPattern,
    ),
    /// The body of the loop whose header begins with these tokens.
    Loop(
        /// The tokens.
        TokenPattern,
    ),
}

/// What an aspect inserts.
#[derive(Clone, Debug, Default)]
pub struct Insert {
    /// Before the join point, or just inside its `{`.
    pub before: Option<Template>,
    /// After the join point, or just inside its `}`.
    pub after: Option<Template>,
    /// Put `before` and `after` around this argument of the call.
    pub argument: Option<usize>,
    /// A field of a struct or struct literal.
    pub field: Option<Template>,
    /// Items at the end of the module.
    pub items: Option<Template>,
}

impl Integration {
    /// Reads `aspects.toml`; all problems are collected.
    pub fn parse(text: &str) -> Result<Integration, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let document = document::parse(text, &mut problems);
        let mut root = Table::new(document.get_ref(), 0..text.len().min(1));
        let (name, title) = read_header(&mut root, &mut problems);
        let packages: Vec<Package> = root
            .tables("package", &mut problems)
            .into_iter()
            .filter_map(|table| read_package(table, &mut problems))
            .collect();
        if packages.is_empty() && problems.is_empty() {
            problems.push(Diagnostic::at(root.span(), "no [[package]]"));
        }
        let mut aspects: Vec<Aspect> = Vec::new();
        for table in root.tables("aspect", &mut problems) {
            let span = table.span();
            let Some(aspect) = read_aspect(table, &packages, &mut problems) else {
                continue;
            };
            if aspects.iter().any(|other| other.id == aspect.id) {
                problems.push(Diagnostic::at(
                    span,
                    format!("a second aspect `{}`", aspect.id),
                ));
            }
            aspects.push(aspect);
        }
        root.finish(&mut problems);
        if problems.is_empty() {
            Ok(Integration {
                name,
                title,
                packages,
                aspects,
            })
        } else {
            Err(problems)
        }
    }
}

fn read_header(root: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> (String, String) {
    let span = root.span();
    let Some(mut header) = root.table("integration", problems) else {
        problems.push(Diagnostic::at(span, "[integration] is missing"));
        return Default::default();
    };
    let name = header.required("name", problems);
    let title = header.required("title", problems);
    header.finish(problems);
    let text = |found: Option<Placed<String>>| found.map(|found| found.value).unwrap_or_default();
    (text(name), text(title))
}

fn read_package(mut table: Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<Package> {
    let name = table.required("name", problems);
    let versions = read_versions(&mut table, problems);
    let glue = table.string("glue", problems).map(|glue| glue.value);
    table.finish(problems);
    Some(Package {
        name: name?.value,
        versions: versions.unwrap_or(VersionReq::STAR),
        glue,
    })
}

fn read_versions(table: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<VersionReq> {
    let text = table.string("versions", problems)?;
    match VersionReq::parse(&text.value) {
        Ok(versions) => Some(versions),
        Err(error) => {
            problems.push(Diagnostic::at(
                text.span,
                format!("not a version requirement: {error}"),
            ));
            None
        }
    }
}

fn read_aspect(
    mut table: Table<'_>,
    packages: &[Package],
    problems: &mut Vec<Diagnostic>,
) -> Option<Aspect> {
    let id = table.required("id", problems);
    let package = read_package_name(&mut table, packages, problems);
    let versions = read_versions(&mut table, problems);
    let features = table.strings("features", problems);
    let count = read_count(&mut table, problems);
    let optional = table.boolean("optional", problems);
    require(&mut table, "at", problems);
    let at = table
        .table("at", problems)
        .and_then(|at| read_join_point(at, problems));
    require(&mut table, "insert", problems);
    let insert = table
        .table("insert", problems)
        .and_then(|insert| read_insert(insert, at.as_ref(), problems));
    table.finish(problems);
    Some(Aspect {
        id: id?.value,
        package: package?,
        versions,
        features: features.into_iter().map(|feature| feature.value).collect(),
        at: at?,
        insert: insert?,
        count: count?,
        optional,
    })
}

fn require(table: &mut Table<'_>, key: &'static str, problems: &mut Vec<Diagnostic>) {
    if !table.has(key) {
        problems.push(Diagnostic::at(table.span(), format!("`{key}` is missing")));
    }
}

fn read_package_name(
    table: &mut Table<'_>,
    packages: &[Package],
    problems: &mut Vec<Diagnostic>,
) -> Option<String> {
    let span = table.span();
    let Some(name) = table.string("package", problems) else {
        let [only] = packages else {
            problems.push(Diagnostic::at(
                span,
                "`package` is missing, and there is not just one",
            ));
            return None;
        };
        return Some(only.name.clone());
    };
    if packages.iter().any(|package| package.name == name.value) {
        return Some(name.value);
    }
    let problem = Diagnostic::at(
        name.span,
        format!("no [[package]] is named `{}`", name.value),
    );
    let known = packages.iter().map(|package| package.name.as_str());
    problems.push(match nearest(&name.value, known).first() {
        Some(near) => problem.with_help(format!("did you mean `{near}`?")),
        None => problem,
    });
    None
}

fn read_count(table: &mut Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<Count> {
    let mut not_a_number = Vec::new();
    if let Some(number) = table.number("count", &mut not_a_number) {
        return Some(Count::Exactly(number.value as usize));
    }
    let mut not_a_string = Vec::new();
    let word = table.string("count", &mut not_a_string);
    match word.as_ref().map(|word| word.value.as_str()) {
        Some("any") => Some(Count::Any),
        Some("some") => Some(Count::Some),
        None if not_a_number.is_empty() => Some(Count::Exactly(1)),
        _ => {
            problems.extend(
                not_a_number
                    .into_iter()
                    .map(|problem| problem.with_help("or \"some\" or \"any\"")),
            );
            None
        }
    }
}

/// The keys of `at` that name a place inside a function.
const INNER_KEYS: [&str; 5] = ["call", "expression", "statement", "literal", "loop"];

fn read_join_point(mut table: Table<'_>, problems: &mut Vec<Diagnostic>) -> Option<JoinPoint> {
    let span = table.span();
    let function = read_path(&mut table, "function", problems);
    let structure = read_path(&mut table, "struct", problems);
    let module = table.string("module", problems);
    let main = table.boolean("main", problems);
    let mut inner = Vec::new();
    for key in INNER_KEYS {
        inner.extend(read_tokens(&mut table, key, problems).map(|tokens| (key, tokens)));
    }
    table.finish(problems);
    if inner.len() > 1 {
        problems.push(Diagnostic::at(
            span.clone(),
            "more than one place inside the function",
        ));
        return None;
    }
    let inner = inner.pop();
    match (function, structure, module, main, inner) {
        (Some(path), None, None, false, inner) => {
            let inner = inner.map(|(key, tokens)| inner_of(key, tokens));
            Some(JoinPoint::Function { path, inner })
        }
        (None, Some(path), None, false, None) => Some(JoinPoint::Struct {
            path,
            expression: None,
        }),
        (None, Some(path), None, false, Some(("expression", tokens))) => Some(JoinPoint::Struct {
            path,
            expression: Some(tokens),
        }),
        (None, None, Some(module), false, None) => Some(JoinPoint::Module(module.value)),
        (None, None, None, true, None) => Some(JoinPoint::Main),
        _ => {
            problems.push(Diagnostic::at(span, "not a join point").with_help(
                "one of function, struct, module, main; inside a function also one of \
                     call, expression, statement, literal, loop",
            ));
            None
        }
    }
}

fn inner_of(key: &str, tokens: TokenPattern) -> Inner {
    match key {
        "call" => Inner::Call(tokens),
        "expression" => Inner::Expression(tokens),
        "statement" => Inner::Statement(tokens),
        "literal" => Inner::Literal(tokens),
        _ => Inner::Loop(tokens),
    }
}

fn read_path(
    table: &mut Table<'_>,
    key: &'static str,
    problems: &mut Vec<Diagnostic>,
) -> Option<PathPattern> {
    let text = table.string(key, problems)?;
    match PathPattern::parse(&text.value) {
        Ok(path) => Some(path),
        Err(message) => {
            problems.push(Diagnostic::at(text.span, message));
            None
        }
    }
}

fn read_tokens(
    table: &mut Table<'_>,
    key: &'static str,
    problems: &mut Vec<Diagnostic>,
) -> Option<TokenPattern> {
    let text = table.string(key, problems)?;
    match TokenPattern::parse(&text.value) {
        Ok(tokens) => Some(tokens),
        Err(message) => {
            problems.push(Diagnostic::at(text.span, message));
            None
        }
    }
}

fn read_insert(
    mut table: Table<'_>,
    at: Option<&JoinPoint>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Insert> {
    let span = table.span();
    let before = read_template(&mut table, "before", problems);
    let after = read_template(&mut table, "after", problems);
    let argument = table
        .number("argument", problems)
        .map(|number| number.value as usize);
    let field = read_template(&mut table, "field", problems);
    let items = table
        .string("items", problems)
        .map(|items| Template::parse(&items.value));
    table.finish(problems);
    let insert = Insert {
        before,
        after,
        argument,
        field,
        items,
    };
    let message = match at {
        Some(at) => misfit(at, &insert),
        None => None,
    };
    if let Some(message) = message {
        problems.push(Diagnostic::at(span, message));
        return None;
    }
    Some(insert)
}

/// Templates that go amid a file keep its line numbers, so they have no newline and no `//`.
fn read_template(
    table: &mut Table<'_>,
    key: &'static str,
    problems: &mut Vec<Diagnostic>,
) -> Option<Template> {
    let text = table.string(key, problems)?;
    let template = Template::parse(&text.value);
    match template.one_line_problem() {
        None => Some(template),
        Some(message) => {
            problems.push(Diagnostic::at(text.span, format!("`{key}` {message}")));
            None
        }
    }
}

/// Why this cannot be inserted at this join point.
fn misfit(at: &JoinPoint, insert: &Insert) -> Option<&'static str> {
    let around = insert.before.is_some() || insert.after.is_some();
    let field = insert.field.is_some();
    let items = insert.items.is_some();
    match at {
        _ if insert.argument.is_some()
            && !matches!(
                at,
                JoinPoint::Function {
                    inner: Some(Inner::Call(_)),
                    ..
                }
            ) =>
        {
            Some("`argument` goes with `call`")
        }
        JoinPoint::Module(_) => (!items || around || field).then_some("a module takes `items`"),
        JoinPoint::Struct {
            expression: None, ..
        }
        | JoinPoint::Function {
            inner: Some(Inner::Literal(_)),
            ..
        } => (!field || around || items).then_some("a struct takes a `field`"),
        _ => (!around || field || items).then_some("this join point takes `before` and `after`"),
    }
}
