//! Finds items in the tokens of a file, also those inside of item macros.
//!
//! The scanner never fails: what it does not understand it skips, token by token. Contents of
//! `macro_rules!` are patterns, not code, and macros inside of bodies may be any language: both
//! are left alone, and so are blocks inside of types.

use std::ops::Range;

use crate::lexer::{Kind, Tokens};

/// The items that can be woven.
#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(crate) functions: Vec<Function>,
    pub(crate) structs: Vec<Struct>,
    pub(crate) modules: Vec<Module>,
}

/// A function with its parts, as indices of tokens.
#[derive(Debug)]
pub(crate) struct Function {
    /// Path from the file's module.
    pub(crate) path: String,
    /// The trait that is implemented, or declared, around it.
    pub(crate) trait_name: Option<String>,
    /// The function's name.
    pub(crate) name: usize,
    /// The opening parenthesis of the parameters.
    pub(crate) parameters: usize,
    /// The return type; empty for `()`.
    pub(crate) output: Range<usize>,
    /// The opening brace of the body.
    pub(crate) body: Option<usize>,
    pub(crate) qualifiers: Qualifiers,
    pub(crate) attributes: Attributes,
    /// Found inside of a macro's tokens.
    pub(crate) in_macro: bool,
}

/// The keywords in front of `fn`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Qualifiers {
    pub(crate) is_const: bool,
    pub(crate) is_async: bool,
    pub(crate) is_gen: bool,
    pub(crate) is_extern: bool,
}

/// The attributes that matter here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) track_caller: bool,
    pub(crate) naked: bool,
    /// `#[test]`, `#[tokio::test]`, or inside of `#[cfg(test)]`.
    pub(crate) test: bool,
}

/// A struct with named fields.
#[derive(Debug)]
pub(crate) struct Struct {
    /// Path from the file's module.
    pub(crate) path: String,
    /// The opening brace of its fields.
    pub(crate) body: usize,
    /// All tokens of the definition.
    pub(crate) range: Range<usize>,
}

/// A module, declared or inline.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    /// Path from the file's module.
    pub(crate) path: String,
    /// The braces of an inline module.
    pub(crate) body: Option<Range<usize>>,
    /// The inline modules around it with their `#[path]`.
    pub(crate) parents: Vec<(String, Option<String>)>,
    pub(crate) path_attribute: Option<String>,
    pub(crate) conditional_paths: Vec<String>,
}

/// Finds the items of a file.
pub(crate) fn scan(tokens: &Tokens<'_>) -> Items {
    let mut scanner = Scanner {
        tokens,
        items: Items::default(),
        path: Vec::new(),
        parents: Vec::new(),
    };
    scanner.items_in(0..tokens.len(), Surroundings::default());
    scanner.items
}

/// What is known from the items around.
#[derive(Clone, Copy, Default)]
struct Surroundings<'a> {
    trait_name: Option<&'a str>,
    in_macro: bool,
    in_test: bool,
    /// Inside of an `extern` block, whose functions have no bodies.
    in_foreign: bool,
}

struct Scanner<'a> {
    tokens: &'a Tokens<'a>,
    items: Items,
    path: Vec<&'a str>,
    parents: Vec<(String, Option<String>)>,
}

impl<'a> Scanner<'a> {
    /// Scans a range at the level of items.
    fn items_in(&mut self, range: Range<usize>, around: Surroundings<'a>) {
        let mut at = range.start;
        while at < range.end {
            if let Some(next) = self.item(at, range.end, around) {
                at = next.max(at + 1);
                continue;
            }
            // `cfg_if! { if #[cfg(…)] { items } else { items } }`
            if around.in_macro && self.tokens.is(at, b'{') {
                self.items_in(at + 1..self.tokens.partner(at), around);
            }
            at = self.tokens.after(at);
        }
    }

    /// Scans code for the items that stand in it as statements.
    fn code_in(&mut self, range: Range<usize>, around: Surroundings<'a>) {
        let around = Surroundings {
            trait_name: None,
            in_foreign: false,
            ..around
        };
        let mut at = range.start;
        while at < range.end {
            if self.is_macro_call(at) {
                at = self.tokens.after(at + 2);
                continue;
            }
            let next = (self.starts_statement(at, range.start) && self.may_be_item(at))
                .then(|| self.item(at, range.end, around))
                .flatten();
            at = next.unwrap_or(at).max(at + 1);
        }
    }

    /// `name!` and a group.
    fn is_macro_call(&self, at: usize) -> bool {
        self.tokens.kind(at) == Some(Kind::Ident)
            && self.tokens.is(at + 1, b'!')
            && self.tokens.kind(at + 2) == Some(Kind::Open)
    }

    fn starts_statement(&self, at: usize, first: usize) -> bool {
        at == first
            || matches!(self.tokens.byte(at - 1), b'{' | b'}' | b';')
                && self.tokens.kind(at - 1) != Some(Kind::Literal)
    }

    /// A quick check for [`Scanner::code_in`], so that most statements cost no more than it.
    fn may_be_item(&self, at: usize) -> bool {
        self.tokens.is(at, b'#')
            || matches!(
                self.tokens.word(at),
                "fn" | "pub"
                    | "const"
                    | "unsafe"
                    | "safe"
                    | "async"
                    | "extern"
                    | "impl"
                    | "trait"
                    | "mod"
                    | "struct"
                    | "macro_rules"
                    | "default"
            )
    }

    /// Scans the item at a token; gives the index after it.
    fn item(&mut self, start: usize, end: usize, around: Surroundings<'a>) -> Option<usize> {
        let tokens = self.tokens;
        let mut found = AttributesFound::default();
        let mut at = self.attributes(start, end, &mut found);
        at = self.visibility(at);
        let around = Surroundings {
            in_test: around.in_test || found.in_test,
            ..around
        };
        let (at, qualifiers) = self.qualifiers(at);
        if at >= end || tokens.kind(at) != Some(Kind::Ident) {
            return None;
        }
        let named = tokens.kind(at + 1) == Some(Kind::Ident) && at + 1 < end;
        let next = match tokens.word(at) {
            "fn" if named => self.function(at, end, qualifiers, &found, around),
            "mod" if named => self.module(at, end, &found, around),
            "impl" => self.implementation(at, end, around),
            "trait" if named => Some(self.trait_definition(at, end, around)),
            "struct" | "union" if named => Some(self.structure(at, end)),
            "enum" if named => Some(self.skip_definition(at + 2, end)),
            "extern" => Some(self.foreign_block(at, end, around)),
            "macro_rules" if tokens.is(at + 1, b'!') => Some(tokens.after(at + 3)),
            "const" | "static" | "use" | "type" | "let" => Some(self.value(at, end, around)),
            _ => self.item_macro(at, end, around),
        }?;
        Some(next.min(end))
    }

    /// Skips `#[…]` and `#![…]` and notes what matters in them.
    fn attributes(&self, mut at: usize, end: usize, found: &mut AttributesFound) -> usize {
        let tokens = self.tokens;
        while at < end && tokens.is(at, b'#') {
            let open = if tokens.is(at + 1, b'!') {
                at + 2
            } else {
                at + 1
            };
            if open >= end || !tokens.is(open, b'[') {
                break;
            }
            found.read(tokens, open + 1..tokens.partner(open));
            at = tokens.partner(open) + 1;
        }
        at
    }

    fn visibility(&self, at: usize) -> usize {
        if !self.tokens.is_word(at, "pub") {
            return at;
        }
        if self.tokens.is(at + 1, b'(') {
            self.tokens.after(at + 1)
        } else {
            at + 1
        }
    }

    /// Skips the keywords in front of `fn`, `impl` and `trait`; stays where none of them follows.
    fn qualifiers(&self, start: usize) -> (usize, Qualifiers) {
        let tokens = self.tokens;
        let mut qualifiers = Qualifiers::default();
        let mut at = start;
        loop {
            match tokens.word(at) {
                "const" => qualifiers.is_const = true,
                "async" => qualifiers.is_async = true,
                "gen" => qualifiers.is_gen = true,
                "extern" => {
                    qualifiers.is_extern = true;
                    if tokens.kind(at + 1) == Some(Kind::Literal) {
                        at += 1;
                    }
                }
                "unsafe" | "safe" | "default" | "auto" => {}
                "fn" | "impl" | "trait" => return (at, qualifiers),
                _ => return (self.before_extern(start), Qualifiers::default()),
            }
            at += 1;
        }
    }

    /// `unsafe extern "C" { … }` begins at its `extern`.
    fn before_extern(&self, at: usize) -> usize {
        let is_extern = self.tokens.is_word(at, "unsafe") && self.tokens.is_word(at + 1, "extern");
        at + usize::from(is_extern)
    }

    fn function(
        &mut self,
        at: usize,
        end: usize,
        qualifiers: Qualifiers,
        found: &AttributesFound,
        around: Surroundings<'a>,
    ) -> Option<usize> {
        let tokens = self.tokens;
        let name = at + 1;
        let parameters = self.skip_generics(name + 1, end);
        if parameters >= end || !tokens.is(parameters, b'(') {
            return None;
        }
        let mut next = tokens.after(parameters);
        let mut output = next..next;
        if next < end && tokens.is_joint(next, *b"->") {
            output = next + 2..self.skip_type(next + 2, end);
            next = output.end;
        }
        if next < end && tokens.is_word(next, "where") {
            next = self.skip_type(next + 1, end);
        }
        let body = (next < end && tokens.is(next, b'{')).then_some(next);
        if !around.in_foreign {
            self.path.push(tokens.word(name));
            self.items.functions.push(Function {
                path: self.path.join("::"),
                trait_name: around.trait_name.map(str::to_owned),
                name,
                parameters,
                output,
                body,
                qualifiers,
                attributes: Attributes {
                    test: around.in_test,
                    ..found.attributes
                },
                in_macro: around.in_macro,
            });
            if let Some(body) = body {
                self.code_in(body + 1..tokens.partner(body), around);
            }
            self.path.pop();
        }
        Some(if next < end { tokens.after(next) } else { end })
    }

    fn module(
        &mut self,
        at: usize,
        end: usize,
        found: &AttributesFound,
        around: Surroundings<'a>,
    ) -> Option<usize> {
        let tokens = self.tokens;
        let open = at + 2;
        let inline = open < end && tokens.is(open, b'{');
        if !inline && !tokens.is(open, b';') {
            return None;
        }
        let name = tokens.word(at + 1);
        self.path.push(name);
        self.items.modules.push(Module {
            name: name.to_owned(),
            path: self.path.join("::"),
            body: inline.then(|| open..tokens.partner(open)),
            parents: self.parents.clone(),
            path_attribute: found.path.clone(),
            conditional_paths: found.conditional_paths.clone(),
        });
        if inline {
            self.parents.push((name.to_owned(), found.path.clone()));
            let around = Surroundings {
                trait_name: None,
                ..around
            };
            self.items_in(open + 1..tokens.partner(open), around);
            self.parents.pop();
        }
        self.path.pop();
        Some(tokens.after(open))
    }

    fn implementation(&mut self, at: usize, end: usize, around: Surroundings<'a>) -> Option<usize> {
        let tokens = self.tokens;
        let header = self.skip_generics(at + 1, end);
        let open = self.find_brace(header, end)?;
        let (mut trait_name, mut subject) = (None, header);
        if let Some(separator) = self.find_for(header, open) {
            trait_name = Some(self.type_name(header, separator));
            subject = separator + 1;
        }
        self.path.push(self.type_name(subject, open));
        let inside = Surroundings {
            trait_name,
            ..around
        };
        self.items_in(open + 1..tokens.partner(open), inside);
        self.path.pop();
        Some(tokens.after(open))
    }

    /// The `for` between trait and type, which is not that of `for<'a>`.
    fn find_for(&self, start: usize, end: usize) -> Option<usize> {
        let tokens = self.tokens;
        let mut at = start;
        while at < end {
            if tokens.is_word(at, "where") {
                return None;
            }
            if tokens.is_word(at, "for") && !tokens.is(at + 1, b'<') {
                return Some(at);
            }
            at = if tokens.is(at, b'<') {
                self.skip_generics(at, end)
            } else {
                tokens.after(at)
            };
        }
        None
    }

    /// The last segment of the first path in a type: `Box` of `&mut std::boxed::Box<T>`.
    fn type_name(&self, start: usize, end: usize) -> &'a str {
        let tokens = self.tokens;
        let mut name = "";
        let mut at = start;
        while at < end {
            match tokens.kind(at) {
                Some(Kind::Ident) => match tokens.word(at) {
                    "dyn" | "mut" | "const" | "impl" | "as" => {}
                    "where" => break,
                    word => {
                        name = word;
                        if !tokens.is_joint(at + 1, *b"::") {
                            break;
                        }
                    }
                },
                // `<T as Trait>::Output`
                Some(Kind::Punct) if tokens.is(at, b'<') && name.is_empty() => {
                    at = self.skip_generics(at, end);
                    continue;
                }
                Some(Kind::Open) if name.is_empty() => {
                    // Arrays, slices, tuples and types in parentheses have no name of their own.
                    return if tokens.is(at, b'[') {
                        "[]"
                    } else {
                        self.parenthesised(at)
                    };
                }
                _ => {}
            }
            at += 1;
        }
        name
    }

    fn parenthesised(&self, open: usize) -> &'a str {
        match self.type_name(open + 1, self.tokens.partner(open)) {
            "" => "()",
            name => name,
        }
    }

    fn trait_definition(&mut self, at: usize, end: usize, around: Surroundings<'a>) -> usize {
        let tokens = self.tokens;
        let name = tokens.word(at + 1);
        let Some(open) = self.find_brace(at + 2, end) else {
            return self.skip_definition(at + 2, end);
        };
        self.path.push(name);
        let inside = Surroundings {
            trait_name: Some(name),
            ..around
        };
        self.items_in(open + 1..tokens.partner(open), inside);
        self.path.pop();
        tokens.after(open)
    }

    fn structure(&mut self, at: usize, end: usize) -> usize {
        let tokens = self.tokens;
        let next = self.skip_definition(at + 2, end);
        if let Some(body) = self.find_brace(at + 2, next) {
            self.path.push(tokens.word(at + 1));
            let path = self.path.join("::");
            self.path.pop();
            self.items.structs.push(Struct {
                path,
                body,
                range: at..next,
            });
        }
        next
    }

    fn foreign_block(&mut self, at: usize, end: usize, around: Surroundings<'a>) -> usize {
        let tokens = self.tokens;
        let open = at + 1 + usize::from(tokens.kind(at + 1) == Some(Kind::Literal));
        if open < end && tokens.is(open, b'{') {
            let inside = Surroundings {
                in_foreign: true,
                ..around
            };
            self.items_in(open + 1..tokens.partner(open), inside);
            return tokens.after(open);
        }
        // `extern crate name;`
        self.skip_definition(at + 1, end)
    }

    /// Skips to the semicolon; what the initialiser contains is scanned as code.
    fn value(&mut self, at: usize, end: usize, around: Surroundings<'a>) -> usize {
        let mut next = at + 1;
        while next < end && !self.tokens.is(next, b';') {
            next = self.tokens.after(next);
        }
        self.code_in(at + 1..next, around);
        next + 1
    }

    /// `path::name! { … }`, whose contents are items where that works.
    fn item_macro(&mut self, at: usize, end: usize, around: Surroundings<'a>) -> Option<usize> {
        let tokens = self.tokens;
        let mut bang = at + 1;
        while bang + 2 < end && tokens.is_joint(bang, *b"::") {
            bang += 3;
        }
        if bang >= end || !tokens.is(bang, b'!') {
            return None;
        }
        let open = bang + 1 + usize::from(tokens.kind(bang + 1) == Some(Kind::Ident));
        if open >= end || tokens.kind(open) != Some(Kind::Open) {
            return None;
        }
        let inside = Surroundings {
            in_macro: true,
            ..around
        };
        self.items_in(open + 1..tokens.partner(open), inside);
        Some(tokens.after(open))
    }

    /// Skips `<…>` when it begins here.
    fn skip_generics(&self, at: usize, end: usize) -> usize {
        if at >= end || !self.tokens.is(at, b'<') {
            return at;
        }
        let mut depth = 0_usize;
        let mut next = at;
        while next < end {
            if self.tokens.is_joint(next, *b"->") {
                next += 2;
                continue;
            }
            match self.tokens.byte(next) {
                b'<' => depth += 1,
                b'>' => depth -= 1,
                _ => {}
            }
            next = self.tokens.after(next);
            if depth == 0 {
                return next;
            }
        }
        end
    }

    /// Skips a type or `where` clause: to a brace, semicolon, `=` or `where` outside of generics.
    fn skip_type(&self, start: usize, end: usize) -> usize {
        let tokens = self.tokens;
        let mut at = start;
        while at < end {
            if tokens.is_joint(at, *b"->") {
                at += 2;
                continue;
            }
            match tokens.byte(at) {
                b'<' => at = self.skip_generics(at, end),
                b'{' | b';' => return at,
                b'w' if tokens.is_word(at, "where") => return at,
                _ => at = tokens.after(at),
            }
        }
        end
    }

    /// The opening brace of a definition, if one comes before a semicolon.
    fn find_brace(&self, start: usize, end: usize) -> Option<usize> {
        let mut at = start;
        while at < end {
            at = self.skip_type(at, end);
            if at < end && self.tokens.is_word(at, "where") {
                at += 1;
                continue;
            }
            return (at < end && self.tokens.is(at, b'{')).then_some(at);
        }
        None
    }

    /// Skips to the end of a definition: past its braces or its semicolon.
    fn skip_definition(&self, start: usize, end: usize) -> usize {
        let mut at = start;
        while at < end {
            at = self.skip_type(at, end);
            if at >= end {
                break;
            }
            if !self.tokens.is_word(at, "where") {
                return self.tokens.after(at);
            }
            at += 1;
        }
        end
    }
}

/// What the attributes of one item say.
#[derive(Default)]
struct AttributesFound {
    attributes: Attributes,
    in_test: bool,
    path: Option<String>,
    conditional_paths: Vec<String>,
}

impl AttributesFound {
    /// Reads what is between the brackets.
    fn read(&mut self, tokens: &Tokens<'_>, range: Range<usize>) {
        let mut at = range.start;
        // `#[unsafe(naked)]`
        if tokens.is_word(at, "unsafe") && tokens.is(at + 1, b'(') {
            at += 2;
        }
        // The last segment says what `#[tokio::test]` is.
        while tokens.is_joint(at + 1, *b"::") && at + 3 < range.end {
            at += 3;
        }
        match tokens.word(at) {
            "track_caller" => self.attributes.track_caller = true,
            "naked" => self.attributes.naked = true,
            "test" | "bench" => self.in_test = true,
            "cfg" if tokens.is(at + 1, b'(') && tokens.is_word(at + 2, "test") => {
                self.in_test = true;
            }
            "path" if tokens.is(at + 1, b'=') => self.path = string_value(tokens.word(at + 2)),
            "cfg_attr" if tokens.is(at + 1, b'(') => self.read_conditional(tokens, at + 1),
            _ => {}
        }
    }

    /// `cfg_attr(condition, path = "…", track_caller)`: what may hold counts as holding, but for
    /// paths, which are kept apart.
    fn read_conditional(&mut self, tokens: &Tokens<'_>, open: usize) {
        for at in open + 1..tokens.partner(open) {
            match tokens.word(at) {
                "path" if tokens.is(at + 1, b'=') => {
                    self.conditional_paths
                        .extend(string_value(tokens.word(at + 2)));
                }
                "track_caller" => self.attributes.track_caller = true,
                _ => {}
            }
        }
    }
}

/// The value of a plain or raw string literal without escapes but `\\`.
fn string_value(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        return Some(
            raw.trim_matches('#')
                .strip_prefix('"')?
                .strip_suffix('"')?
                .to_owned(),
        );
    }
    let plain = literal.strip_prefix('"')?.strip_suffix('"')?;
    Some(plain.replace("\\\\", "\\"))
}
