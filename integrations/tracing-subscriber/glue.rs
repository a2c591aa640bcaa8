//! Ids on every line that the `fmt` formatters write; formatters of other crates are not seen.

/// Appends the ids and log fields of the current context to a line of text, but for those that
/// the event has as fields of its own.
#[cfg(feature = "fmt")]
pub(crate) fn text(
    writer: &mut crate::fmt::format::Writer<'_>,
    event: &tracing_core::Event<'_>,
) -> core::fmt::Result {
    let fields = event.metadata().fields();
    let mut result = Ok(());
    ::selvedge_hooks::log_identifiers(&mut |key, value| {
        if result.is_ok() && fields.field(key).is_none() {
            result = write_field(writer, key, value);
        }
    });
    result
}

/// Writes ` key=value`; a value that would not read back as one word is quoted.
#[cfg(feature = "fmt")]
fn write_field(
    writer: &mut crate::fmt::format::Writer<'_>,
    key: &str,
    value: &str,
) -> core::fmt::Result {
    let plain = |byte: u8| byte > b' ' && byte != b'"' && byte != b'=' && byte != 0x7f;
    if !value.is_empty() && value.bytes().all(plain) {
        writer.write_fmt(format_args!(" {}={}", key, value))
    } else {
        writer.write_fmt(format_args!(" {}={:?}", key, value))
    }
}

/// Adds the ids and log fields of the current context to the line's object. The fields of a
/// flattened event are keys of that object too, and come first.
#[cfg(all(feature = "fmt", feature = "json"))]
pub(crate) fn json<M: serde::ser::SerializeMap>(
    map: &mut M,
    flattened: Option<&tracing_core::Event<'_>>,
) -> Result<(), M::Error> {
    let fields = flattened.map(|event| event.metadata().fields());
    let mut result = Ok(());
    ::selvedge_hooks::log_identifiers(&mut |key, value| {
        let taken = fields.is_some_and(|fields| fields.field(key).is_some());
        if result.is_ok() && !taken {
            result = map.serialize_entry(key, value);
        }
    });
    result
}
