//! The part of the protobuf wire format that OTLP needs.
//!
//! Fields with default values are left out by the callers that may meet them, as proto3 does.

/// Writes one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

impl Writer {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends fields that were encoded before.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// An integer or enumeration; left out when 0.
    pub(crate) fn uint(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.uint_always(field, value);
        }
    }

    /// An integer of a `oneof`, where 0 is a value as well.
    pub(crate) fn uint_always(&mut self, field: u32, value: u64) {
        self.tag(field, VARINT);
        self.varint(value);
    }

    pub(crate) fn fixed64(&mut self, field: u32, value: u64) {
        self.tag(field, FIXED64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn double(&mut self, field: u32, value: f64) {
        self.fixed64(field, value.to_bits());
    }

    /// Left out when 0.
    pub(crate) fn fixed32(&mut self, field: u32, value: u32) {
        if value != 0 {
            self.tag(field, FIXED32);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// Bytes or text; left out when empty.
    pub(crate) fn bytes_field(&mut self, field: u32, value: &[u8]) {
        if !value.is_empty() {
            self.bytes_always(field, value);
        }
    }

    /// Text of a `oneof`, where the empty one is a value as well.
    pub(crate) fn bytes_always(&mut self, field: u32, value: &[u8]) {
        self.tag(field, LENGTH);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Packed 64-bit values.
    pub(crate) fn packed64(&mut self, field: u32, values: impl ExactSizeIterator<Item = u64>) {
        if values.len() == 0 {
            return;
        }
        self.tag(field, LENGTH);
        self.varint(values.len() as u64 * 8);
        for value in values {
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// A message, written in place.
    #[inline]
    pub(crate) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let start = self.begin(field);
        write(self);
        self.end(start);
    }

    /// Begins a message. Most are shorter than 128 bytes, so one byte is kept for the length and
    /// only longer ones are moved.
    fn begin(&mut self, field: u32) -> usize {
        self.tag(field, LENGTH);
        self.bytes.push(0);
        self.bytes.len()
    }

    fn end(&mut self, start: usize) {
        let length = self.bytes.len() - start;
        let mut left = length >> 7;
        let mut last = start - 1;
        while left > 0 {
            left >>= 7;
            last += 1;
        }
        if last >= start {
            let moved = last + 1 - start;
            self.bytes.resize(self.bytes.len() + moved, 0);
            self.bytes.copy_within(start..start + length, start + moved);
        }
        let mut rest = length;
        for byte in &mut self.bytes[start - 1..last] {
            *byte = rest as u8 | 0x80;
            rest >>= 7;
        }
        self.bytes[last] = rest as u8;
    }

    fn tag(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

/// The first occurrence of a length-delimited field; none when there is none or the message is
/// malformed before it.
pub(crate) fn find_message(message: &[u8], wanted: u32) -> Option<&[u8]> {
    fields(message).find_map(|(field, value)| match value {
        Field::Bytes(bytes) if field == wanted => Some(bytes),
        _ => None,
    })
}

/// The last occurrence of an integer field.
pub(crate) fn find_uint(message: &[u8], wanted: u32) -> Option<u64> {
    let found = fields(message).filter_map(|(field, value)| match value {
        Field::Uint(number) if field == wanted => Some(number),
        _ => None,
    });
    found.last()
}

enum Field<'a> {
    Uint(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message up to where it is malformed.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = (u32, Field<'_>)> {
    std::iter::from_fn(move || {
        let tag = take_varint(&mut rest)?;
        let field = u32::try_from(tag >> 3).ok()?;
        let value = match tag as u32 & 7 {
            VARINT => Field::Uint(take_varint(&mut rest)?),
            FIXED64 => rest.split_off(..8).map(|_| Field::Other)?,
            FIXED32 => rest.split_off(..4).map(|_| Field::Other)?,
            LENGTH => {
                let length = usize::try_from(take_varint(&mut rest)?).ok()?;
                Field::Bytes(rest.split_off(..length)?)
            }
            _ => return None,
        };
        Some((field, value))
    })
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *rest.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_longer_than_127_bytes_keeps_its_content() {
        let mut writer = Writer::default();
        writer.message(3, |writer| {
            writer.bytes_field(1, &[7; 300]);
            writer.uint(2, 1 << 40);
        });
        let message = find_message(writer.bytes(), 3).expect("just written");
        assert_eq!(find_message(message, 1), Some(&[7; 300][..]));
        assert_eq!(find_uint(message, 2), Some(1 << 40));
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = find_message(&bytes, 1);
            let _ = find_uint(&bytes, 1);
        }
    }
}
