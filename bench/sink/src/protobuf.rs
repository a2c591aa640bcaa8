//! Counts the leaves of an OTLP request: of traces, metrics and logs alike they are field 2 of
//! a scope, which is field 2 of a resource, which is field 1 of the request
//! (opentelemetry-proto 1.x, `trace.proto`, `metrics.proto`, `logs.proto`).

/// Spans, metrics or log records in a request's body; what follows a malformed field is not
/// counted.
pub(crate) fn leaves(request: &[u8]) -> u64 {
    let mut count = 0;
    for resource in Messages::new(request, 1) {
        for scope in Messages::new(resource, 2) {
            count += Messages::new(scope, 2).count() as u64;
        }
    }
    count
}

/// The sub-messages with one field number.
struct Messages<'a> {
    bytes: &'a [u8],
    number: u64,
}

impl<'a> Messages<'a> {
    fn new(bytes: &'a [u8], number: u64) -> Self {
        Self { bytes, number }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(usize::try_from(length).ok()?)?;
        self.bytes = rest;
        Some(head)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let tag = self.varint()?;
            match tag & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.take(8)?),
                5 => drop(self.take(4)?),
                2 => {
                    let length = self.varint()?;
                    let message = self.take(length)?;
                    if tag >> 3 == self.number {
                        return Some(message);
                    }
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u8, body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(body.len()).expect("short");
        [&[number << 3 | 2, length], body].concat()
    }

    #[test]
    fn leaves_of_all_scopes_are_counted() {
        let span = message(2, b"");
        let scope = message(
            2,
            &[span.clone(), span.clone(), message(3, b"schema")].concat(),
        );
        let resource = message(1, &[message(1, b"resource"), scope.clone(), scope].concat());
        assert_eq!(leaves(&resource), 4);
    }

    #[test]
    fn a_cut_message_is_not_counted() {
        let scope = message(2, &message(2, b"span"));
        let mut request = message(1, &scope);
        assert_eq!(leaves(&request), 1);
        request.pop();
        assert_eq!(leaves(&request), 0);
    }
}
