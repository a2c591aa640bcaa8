//! Rust tokens with byte ranges, and which delimiter belongs to which.
//!
//! Comments and white space are dropped. Punctuation comes byte by byte. Nothing is interpreted:
//! a file that rustc would refuse may well lex here, never the other way round but for files that
//! do not balance or nest deeper than [`DEPTH_MAX`].
//!
//! Source: The Rust Reference, "Lexical structure"; `rustc_lexer`.

/// Delimiters may nest so deep. Scanning recurses, so there has to be an end; rustc's own default
/// recursion limit is 128.
const DEPTH_MAX: usize = 200;

/// Why a file cannot be woven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// A comment, string or character that does not end.
    #[error("{what} that begins at byte {offset} does not end")]
    Unterminated {
        /// What it is.
        what: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// A delimiter without its partner.
    #[error("delimiter at byte {offset} has no partner")]
    Unbalanced {
        /// Where it is.
        offset: usize,
    },
    /// Delimiters nested deeper than the weaver follows.
    #[error("delimiters at byte {offset} nest deeper than {DEPTH_MAX}")]
    TooDeep {
        /// Where the limit is passed.
        offset: usize,
    },
    /// A file past 4 GiB.
    #[error("the file is larger than 4 GiB")]
    TooLarge,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, keyword, raw identifier or `_`.
    Ident,
    /// `'a`.
    Lifetime,
    /// A number, string, byte or character.
    Literal,
    /// One byte of punctuation.
    Punct,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `…`, which only patterns of aspects contain.
    Hole,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// First byte.
    pub(crate) start: u32,
    /// Byte past the last one.
    pub(crate) end: u32,
    /// Of a delimiter, the index of its partner; of any other token, its own index.
    pub(crate) partner: u32,
}

/// The tokens of one text.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    pub(crate) text: &'a str,
    pub(crate) list: Vec<Token>,
}

impl<'a> Tokens<'a> {
    /// Lexes a whole file and matches its delimiters.
    pub(crate) fn of_file(text: &'a str) -> Result<Self, ScanError> {
        let start = Lexer {
            bytes: text.as_bytes(),
            text,
            at: 0,
        }
        .skip_preamble();
        let mut tokens = Self::lex(text, start)?;
        tokens.match_delimiters()?;
        Ok(tokens)
    }

    /// Lexes a piece of code that has to balance.
    pub(crate) fn of_code(text: &'a str) -> Result<Self, ScanError> {
        let mut tokens = Self::lex(text, 0)?;
        tokens.match_delimiters()?;
        Ok(tokens)
    }

    /// Lexes a piece of code that may end inside of delimiters.
    pub(crate) fn of_fragment(text: &'a str) -> Result<Self, ScanError> {
        Self::lex(text, 0)
    }

    fn lex(text: &'a str, start: usize) -> Result<Self, ScanError> {
        if u32::try_from(text.len()).is_err() {
            return Err(ScanError::TooLarge);
        }
        let mut lexer = Lexer {
            bytes: text.as_bytes(),
            text,
            at: start,
        };
        // Measured over the registry: a token takes some five bytes with its white space.
        let mut list = Vec::with_capacity(text.len() / 5);
        while let Some(token) = lexer.next(list.len() as u32)? {
            list.push(token);
        }
        Ok(Self { text, list })
    }

    fn match_delimiters(&mut self) -> Result<(), ScanError> {
        let mut open: Vec<u32> = Vec::with_capacity(DEPTH_MAX);
        for index in 0..self.list.len() {
            let token = self.list[index];
            let offset = token.start as usize;
            match token.kind {
                Kind::Open if open.len() == DEPTH_MAX => return Err(ScanError::TooDeep { offset }),
                Kind::Open => open.push(index as u32),
                Kind::Close => {
                    let partner = open.pop().ok_or(ScanError::Unbalanced { offset })?;
                    let opening = self.text.as_bytes()[self.list[partner as usize].start as usize];
                    if closing(opening) != self.text.as_bytes()[offset] {
                        return Err(ScanError::Unbalanced { offset });
                    }
                    self.list[index].partner = partner;
                    self.list[partner as usize].partner = index as u32;
                }
                _ => {}
            }
        }
        match open.first() {
            Some(index) => {
                let offset = self.list[*index as usize].start as usize;
                Err(ScanError::Unbalanced { offset })
            }
            None => Ok(()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The kind of a token; `None` past the end.
    #[inline]
    pub(crate) fn kind(&self, index: usize) -> Option<Kind> {
        self.list.get(index).map(|token| token.kind)
    }

    /// The first byte of a token; 0 past the end.
    #[inline]
    pub(crate) fn byte(&self, index: usize) -> u8 {
        match self.list.get(index) {
            Some(token) => self.text.as_bytes()[token.start as usize],
            None => 0,
        }
    }

    /// The text of a token, an identifier without its `r#`; empty past the end.
    pub(crate) fn word(&self, index: usize) -> &'a str {
        let Some(token) = self.list.get(index) else {
            return "";
        };
        let text = &self.text[token.start as usize..token.end as usize];
        match token.kind {
            Kind::Ident => text.strip_prefix("r#").unwrap_or(text),
            _ => text,
        }
    }

    /// True when the token is this keyword or identifier, and not raw.
    #[inline]
    pub(crate) fn is_word(&self, index: usize, word: &str) -> bool {
        self.list.get(index).is_some_and(|token| {
            token.kind == Kind::Ident
                && &self.text[token.start as usize..token.end as usize] == word
        })
    }

    /// True when the token is this byte of punctuation or delimiter.
    #[inline]
    pub(crate) fn is(&self, index: usize, byte: u8) -> bool {
        self.list.get(index).is_some_and(|token| {
            matches!(token.kind, Kind::Punct | Kind::Open | Kind::Close)
                && self.text.as_bytes()[token.start as usize] == byte
        })
    }

    /// True when two bytes of punctuation stand here without space, as in `->`.
    #[inline]
    pub(crate) fn is_joint(&self, index: usize, bytes: [u8; 2]) -> bool {
        self.is(index, bytes[0])
            && self.is(index + 1, bytes[1])
            && self.list[index].end == self.list[index + 1].start
    }

    /// The index of a delimiter's partner.
    #[inline]
    pub(crate) fn partner(&self, index: usize) -> usize {
        self.list[index].partner as usize
    }

    /// The index after this token, or after the whole group when it opens one.
    #[inline]
    pub(crate) fn after(&self, index: usize) -> usize {
        match self.kind(index) {
            Some(Kind::Open) => self.partner(index) + 1,
            _ => index + 1,
        }
    }

    /// Byte offset of a token's start.
    pub(crate) fn start(&self, index: usize) -> usize {
        self.list[index].start as usize
    }

    /// Byte offset past a token.
    pub(crate) fn end(&self, index: usize) -> usize {
        self.list[index].end as usize
    }

    /// The source text of a range of tokens, with what stands between them.
    pub(crate) fn source(&self, range: std::ops::Range<usize>) -> &'a str {
        if range.is_empty() {
            return "";
        }
        &self.text[self.start(range.start)..self.end(range.end - 1)]
    }
}

fn closing(opening: u8) -> u8 {
    match opening {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

struct Lexer<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    #[inline]
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Where code begins: after byte order mark, shebang and frontmatter.
    fn skip_preamble(mut self) -> usize {
        if self.text.starts_with('\u{feff}') {
            self.at = 3;
        }
        if self.bytes[self.at..].starts_with(b"#!") && !self.is_inner_attribute() {
            self.skip_line();
        }
        self.skip_frontmatter();
        self.at
    }

    /// `#!` begins an attribute when the next token is `[`.
    fn is_inner_attribute(&self) -> bool {
        let mut ahead = Lexer {
            bytes: self.bytes,
            text: self.text,
            at: self.at + 2,
        };
        ahead.skip_trivia().is_ok() && ahead.peek(0) == b'['
    }

    fn skip_line(&mut self) {
        while self.at < self.bytes.len() && self.bytes[self.at] != b'\n' {
            self.at += 1;
        }
    }

    /// Lines from `---` to `---` ahead of all code, as cargo scripts have them.
    fn skip_frontmatter(&mut self) {
        let mut at = self.at;
        while matches!(self.bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            at += 1;
        }
        let dashes = self.bytes[at..]
            .iter()
            .take_while(|byte| **byte == b'-')
            .count();
        if dashes < 3 {
            return;
        }
        let fence = &self.text[at..at + dashes];
        let mut end = at;
        for line in self.text[at..].split_inclusive('\n') {
            end += line.len();
            if end - line.len() > at && line.trim_end() == fence {
                self.at = end;
                return;
            }
        }
    }

    /// Skips white space and comments.
    fn skip_trivia(&mut self) -> Result<(), ScanError> {
        loop {
            match self.peek(0) {
                b' ' | b'\n' | b'\t' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'/' if self.peek(1) == b'/' => self.skip_line(),
                b'/' if self.peek(1) == b'*' => self.skip_block_comment()?,
                0x80.. => match self.text[self.at..].chars().next() {
                    Some(
                        blank @ ('\u{85}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'),
                    ) => self.at += blank.len_utf8(),
                    _ => return Ok(()),
                },
                _ => return Ok(()),
            }
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), ScanError> {
        let offset = self.at;
        let mut depth = 0_usize;
        while self.at < self.bytes.len() {
            match (self.bytes[self.at], self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(ScanError::Unterminated {
            what: "comment",
            offset,
        })
    }

    fn next(&mut self, index: u32) -> Result<Option<Token>, ScanError> {
        self.skip_trivia()?;
        let start = self.at;
        if start >= self.bytes.len() {
            return Ok(None);
        }
        let kind = match self.bytes[start] {
            b'(' | b'[' | b'{' => self.single(Kind::Open),
            b')' | b']' | b'}' => self.single(Kind::Close),
            b'"' => self.string()?,
            b'\'' => self.quote()?,
            b'0'..=b'9' => self.number(),
            b'r' | b'b' | b'c' => self.prefixed()?,
            byte if is_word(byte) => self.wide_word(),
            _ => self.single(Kind::Punct),
        };
        Ok(Some(Token {
            kind,
            start: start as u32,
            end: self.at as u32,
            partner: index,
        }))
    }

    fn single(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    #[inline]
    fn skip_word(&mut self) {
        while self.at < self.bytes.len() && is_word(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    /// A word, or `…`. White space outside of ASCII ends a word.
    fn wide_word(&mut self) -> Kind {
        let start = self.at;
        if self.text[start..].starts_with('…') {
            self.at += '…'.len_utf8();
            return Kind::Hole;
        }
        self.skip_word();
        let word = &self.text[start..self.at];
        if !word.is_ascii() {
            let blank = |letter: char| {
                matches!(
                    letter,
                    '\u{85}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '…'
                )
            };
            if let Some(length) = word.find(blank) {
                self.at = start + length;
            }
        }
        Kind::Ident
    }

    /// What begins with `r`, `b` or `c`: a string of some sort, a raw identifier, or a word.
    fn prefixed(&mut self) -> Result<Kind, ScanError> {
        let first = self.bytes[self.at];
        let raw_at = usize::from(first != b'r');
        if self.peek(raw_at) == b'r' {
            let mut hashes = 0;
            while self.peek(raw_at + 1 + hashes) == b'#' {
                hashes += 1;
            }
            if self.peek(raw_at + 1 + hashes) == b'"' {
                return self.raw_string(raw_at + 2 + hashes, hashes);
            }
            if first == b'r' && hashes == 1 && is_word(self.peek(2)) {
                self.at += 2;
                self.skip_word();
                return Ok(Kind::Ident);
            }
        }
        match (first, self.peek(1)) {
            (b'b' | b'c', b'"') => {
                self.at += 1;
                self.string()
            }
            (b'b', b'\'') => {
                self.at += 1;
                self.character()
            }
            _ => Ok(self.wide_word()),
        }
    }

    fn string(&mut self) -> Result<Kind, ScanError> {
        let offset = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Kind::Literal);
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => {
                    return Err(ScanError::Unterminated {
                        what: "string",
                        offset,
                    });
                }
            }
        }
    }

    fn raw_string(&mut self, opening: usize, hashes: usize) -> Result<Kind, ScanError> {
        let offset = self.at;
        self.at += opening;
        while self.at < self.bytes.len() {
            let closes = self.bytes[self.at] == b'"'
                && (0..hashes).all(|ahead| self.peek(1 + ahead) == b'#');
            self.at += 1;
            if closes {
                self.at += hashes;
                return Ok(Kind::Literal);
            }
        }
        Err(ScanError::Unterminated {
            what: "raw string",
            offset,
        })
    }

    /// A lifetime or a character: `'a` unless a quote follows the first letter.
    fn quote(&mut self) -> Result<Kind, ScanError> {
        let rest = &self.text[self.at + 1..];
        let mut letters = rest.chars();
        let first = letters.next().unwrap_or('\0');
        let starts_word = first == '_' || first.is_alphabetic();
        if !starts_word || letters.next() == Some('\'') {
            return self.character();
        }
        self.at += 1;
        if rest.starts_with("r#") && is_word(self.peek(2)) {
            self.at += 2;
        }
        self.skip_word();
        Ok(Kind::Lifetime)
    }

    /// A character or byte, at its opening quote. It ends on its line.
    fn character(&mut self) -> Result<Kind, ScanError> {
        let offset = self.at;
        self.at += 1;
        // `'''` is a character as well.
        if self.peek(0) == b'\'' && self.peek(1) == b'\'' {
            self.at += 2;
            return Ok(Kind::Literal);
        }
        loop {
            match self.bytes.get(self.at) {
                Some(b'\'') => {
                    self.at += 1;
                    self.skip_word();
                    return Ok(Kind::Literal);
                }
                Some(b'\\') => self.at += 2,
                Some(b'\n') | None => {
                    return Err(ScanError::Unterminated {
                        what: "character",
                        offset,
                    });
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// A number with its suffix. A dot belongs to it unless a range, field or method follows.
    fn number(&mut self) -> Kind {
        let radix = self.bytes[self.at] == b'0' && matches!(self.peek(1), b'x' | b'o' | b'b');
        self.digits(radix);
        if !radix && self.peek(0) == b'.' && self.peek(1) != b'.' && !starts_word(self.peek(1)) {
            self.at += 1;
            if self.peek(0).is_ascii_digit() {
                self.digits(false);
            }
        }
        Kind::Literal
    }

    /// Digits and letters, with the sign of an exponent.
    fn digits(&mut self, radix: bool) {
        while is_word(self.peek(0)) {
            let exponent = !radix && matches!(self.peek(0), b'e' | b'E');
            self.at += 1;
            if exponent && matches!(self.peek(0), b'+' | b'-') && self.peek(1).is_ascii_digit() {
                self.at += 1;
            }
        }
    }
}

/// A byte that may stand in a word. All bytes outside of ASCII count; rustc judges them.
#[inline]
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn starts_word(byte: u8) -> bool {
    is_word(byte) && !byte.is_ascii_digit()
}
