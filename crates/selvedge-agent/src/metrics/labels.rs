//! Label sets as bytes: one buffer per thread to build them in, no allocation to look them up.

use std::cell::RefCell;
use std::fmt::Write;

use selvedge_hooks::{Attribute, Value};

use crate::model::AttributeValue;
use crate::sort;

/// Labels of one measurement; further ones are left out.
const LABELS_MAX: usize = 24;
/// Bytes of one label's text; the rest is cut off.
const LABEL_BYTES_MAX: usize = 256;

thread_local! {
    static SCRATCH: RefCell<LabelBuffer> = const { RefCell::new(LabelBuffer::new()) };
}

/// Labels under construction, in the order they come.
///
/// An entry is: length of the key (2 bytes), the key, tag of the value (1), its length (2), the
/// value. Entries of a canonical set are ordered by key, and every key is there once.
#[derive(Default)]
pub struct LabelBuffer {
    bytes: Vec<u8>,
    count: usize,
    /// Display and debug values are formatted here to learn their length.
    text: String,
}

impl LabelBuffer {
    /// An empty set.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            count: 0,
            text: String::new(),
        }
    }

    /// Runs `call` with this thread's buffer, emptied; not at all when it is in use further up
    /// the stack (a label's `Display` that measures) or the thread is going down.
    pub(crate) fn with<R>(call: impl FnOnce(&mut Self) -> R) -> Option<R> {
        SCRATCH
            .try_with(|scratch| {
                let mut buffer = scratch.try_borrow_mut().ok()?;
                buffer.clear();
                Some(call(&mut buffer))
            })
            .ok()
            .flatten()
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// Adds a label.
    pub fn push(&mut self, key: &str, value: AttributeValue<'_>) {
        match value {
            AttributeValue::Str(text) => self.entry(key, b's', cut(text).as_bytes()),
            AttributeValue::Int(number) => self.entry(key, b'i', &number.to_le_bytes()),
            AttributeValue::Float(number) => self.entry(key, b'f', &number.to_le_bytes()),
            AttributeValue::Bool(flag) => self.entry(key, b'b', &[u8::from(flag)]),
        }
    }

    /// Adds a label as woven code gave it; one without a value is left out.
    pub fn push_attribute(&mut self, attribute: &Attribute<'_>) {
        let key = attribute.key;
        match attribute.value {
            Value::Str(text) => self.push(key, AttributeValue::Str(text)),
            Value::Int(number) => self.push(key, AttributeValue::Int(number)),
            Value::Float(number) => self.push(key, AttributeValue::Float(number)),
            Value::Bool(flag) => self.push(key, AttributeValue::Bool(flag)),
            Value::Display(value) => self.push_text(key, format_args!("{value}")),
            Value::Debug(value) => self.push_text(key, format_args!("{value:?}")),
            Value::None => {}
        }
    }

    fn push_text(&mut self, key: &str, value: std::fmt::Arguments<'_>) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        // A failing `Display` leaves what it wrote so far.
        let _ = Cut(&mut text).write_fmt(value);
        self.push(key, AttributeValue::Str(&text));
        self.text = text;
    }

    fn entry(&mut self, key: &str, tag: u8, value: &[u8]) {
        if self.count == LABELS_MAX {
            return;
        }
        self.count += 1;
        let key = cut(key);
        self.bytes
            .extend_from_slice(&(key.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.push(tag);
        self.bytes
            .extend_from_slice(&(value.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(value);
    }

    /// The set as it came.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The canonical set: by key, the last value of each.
    pub(crate) fn canonical(&self) -> Labels {
        let mut entries: Vec<_> = Entries(&self.bytes).enumerate().collect();
        sort::by(&mut entries, |left, right| {
            (left.1.key, left.0).cmp(&(right.1.key, right.0))
        });
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for (index, (_, entry)) in entries.iter().enumerate() {
            let overridden = entries
                .get(index + 1)
                .is_some_and(|(_, next)| next.key == entry.key);
            if !overridden {
                bytes.extend_from_slice(entry.raw);
            }
        }
        Labels(bytes.into())
    }
}

/// A canonical set of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(std::sync::Arc<[u8]>);

impl Labels {
    /// The labels, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, AttributeValue<'_>)> {
        Entries(&self.0).map(|entry| (entry.key, entry.value))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

struct Entry<'a> {
    raw: &'a [u8],
    key: &'a str,
    value: AttributeValue<'a>,
}

struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let start = self.0;
        let mut rest = start;
        let key = text(take_block(&mut rest)?);
        let tag = *rest.split_off_first()?;
        let bytes = take_block(&mut rest)?;
        self.0 = rest;
        let value = match tag {
            b'i' => AttributeValue::Int(i64::from_le_bytes(bytes.try_into().ok()?)),
            b'f' => AttributeValue::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
            b'b' => AttributeValue::Bool(bytes.first() == Some(&1)),
            _ => AttributeValue::Str(text(bytes)),
        };
        let raw = &start[..start.len() - rest.len()];
        Some(Entry { raw, key, value })
    }
}

/// Takes a block that begins with its length.
fn take_block<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16::from_le_bytes(*rest.split_off(..2)?.first_chunk()?);
    rest.split_off(..usize::from(length))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LABEL_BYTES_MAX)]
}

/// Stops a formatting value once it has more than is kept.
struct Cut<'a>(&'a mut String);

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.push_str(cut(text));
        if self.0.len() > LABEL_BYTES_MAX {
            Err(std::fmt::Error)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(labels: &[(&str, AttributeValue<'_>)]) -> LabelBuffer {
        let mut buffer = LabelBuffer::new();
        for (key, value) in labels {
            buffer.push(key, *value);
        }
        buffer
    }

    #[test]
    fn order_and_repetition_do_not_make_another_set() {
        use AttributeValue::{Bool, Float, Int, Str};
        let one = buffer(&[
            ("b", Int(-1)),
            ("a", Str("x")),
            ("c", Float(0.5)),
            ("d", Bool(true)),
        ]);
        let two = buffer(&[
            ("d", Bool(false)),
            ("c", Float(0.5)),
            ("a", Str("x")),
            ("b", Int(-1)),
            ("d", Bool(true)),
        ]);
        assert_eq!(one.canonical(), two.canonical());
        let labels = one.canonical();
        let expected = [
            ("a", Str("x")),
            ("b", Int(-1)),
            ("c", Float(0.5)),
            ("d", Bool(true)),
        ];
        assert_eq!(labels.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = "ü".repeat(1000);
        let labels = buffer(&[("a", AttributeValue::Str(&long))]).canonical();
        let found = labels.iter().next().map(|(_, value)| value);
        assert_eq!(found, Some(AttributeValue::Str(&"ü".repeat(128))));
    }
}
