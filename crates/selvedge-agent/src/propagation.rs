//! Contexts in headers: W3C trace context (level 2), W3C baggage, B3 in one and in several
//! headers. What is malformed is as if it were not there.

use crate::model::{SpanId, TraceId};
use crate::settings::Propagator;

/// Members of a tracestate (W3C trace context, section 3.3.1.1).
const TRACE_STATE_MEMBERS_MAX: usize = 32;
/// Bytes of a tracestate that are carried on (section 3.3.1.5).
const TRACE_STATE_BYTES_MAX: usize = 512;
/// Entries and bytes of baggage (W3C baggage, section 3.2).
const BAGGAGE_ENTRIES_MAX: usize = 64;
const BAGGAGE_BYTES_MAX: usize = 8192;

/// Bit of the trace flags: sampled.
pub(crate) const SAMPLED: u8 = 1;
/// Bit of the trace flags: the trace id's last 56 bits are random.
pub(crate) const RANDOM: u8 = 2;

/// Looks a header up and passes each of its values on.
pub(crate) type Get<'a> = &'a dyn Fn(&str, &mut dyn FnMut(&str));
/// Takes one header.
pub(crate) type Set<'a> = &'a mut dyn FnMut(&'static str, &str);

/// A position in a trace that another process is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: u8,
    pub(crate) trace_state: String,
}

/// What a carrier's headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extracted {
    pub(crate) remote: Option<Remote>,
    /// What is to be decided for a trace that begins here; of B3 headers that name no position.
    pub(crate) decision: Option<bool>,
    /// As it travels; empty for none.
    pub(crate) baggage: String,
}

/// What is put into headers.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: u8,
    pub(crate) trace_state: &'a str,
    pub(crate) baggage: &'a str,
}

/// Reads all formats; of several positions the last format's counts, as with the
/// specification's composite propagator.
pub(crate) fn extract(propagators: &[Propagator], get: Get<'_>) -> Extracted {
    let mut extracted = Extracted::default();
    for propagator in propagators {
        let remote = match propagator {
            Propagator::TraceContext => extract_trace_context(get),
            Propagator::B3 => single(get, "b3", |value| {
                extracted.decision = b3_decision(value).or(extracted.decision);
                parse_b3(value)
            }),
            Propagator::B3Multi => {
                extracted.decision = b3_multi_decision(get).or(extracted.decision);
                extract_b3_multi(get)
            }
            Propagator::Baggage => {
                extracted.baggage = extract_baggage(get);
                None
            }
        };
        extracted.remote = remote.or(extracted.remote);
    }
    extracted
}

/// Writes all formats.
pub(crate) fn inject(propagators: &[Propagator], outgoing: &Outgoing<'_>, set: Set<'_>) {
    let has_trace = outgoing.trace_id != [0; 16];
    for propagator in propagators {
        match propagator {
            Propagator::TraceContext if has_trace => inject_trace_context(outgoing, set),
            Propagator::B3 if has_trace => inject_b3(outgoing, set),
            Propagator::B3Multi if has_trace => inject_b3_multi(outgoing, set),
            Propagator::Baggage if !outgoing.baggage.is_empty() => set("baggage", outgoing.baggage),
            _ => {}
        }
    }
}

/// What a header that must be there exactly once says.
fn single<T>(get: Get<'_>, name: &str, mut parse: impl FnMut(&str) -> Option<T>) -> Option<T> {
    let mut found = None;
    let mut count = 0_u32;
    get(name, &mut |value| {
        count = count.saturating_add(1);
        if count == 1 {
            found = parse(value.trim());
        }
    });
    found.filter(|_| count == 1)
}

/// Passes on the members of all values of a header, which are one list, without the spaces around
/// them. A value that would make the list too long is left out.
fn for_each_member(
    get: Get<'_>,
    name: &str,
    bytes_max: usize,
    member: &mut dyn FnMut(&str, usize),
) {
    let mut bytes = 0;
    get(name, &mut |value| {
        if bytes + value.len() < bytes_max {
            bytes += value.len() + 1;
            for one in value.split(',') {
                member(one.trim_matches([' ', '\t']), value.len());
            }
        }
    });
}

/// Adds a member to a list, which is allocated for all of the value that the member is from.
fn append(list: &mut String, member: &str, value_bytes: usize) {
    if list.is_empty() {
        list.reserve_exact(value_bytes);
    } else {
        list.push(',');
    }
    list.push_str(member);
}

fn extract_trace_context(get: Get<'_>) -> Option<Remote> {
    let mut remote = single(get, "traceparent", parse_trace_parent)?;
    remote.trace_state = extract_trace_state(get);
    Some(remote)
}

/// `version-traceid-parentid-flags`; a later version may have more after a further dash.
fn parse_trace_parent(value: &str) -> Option<Remote> {
    let bytes = value.as_bytes();
    if bytes.len() < 55 || bytes[2] != b'-' || bytes[35] != b'-' || bytes[52] != b'-' {
        return None;
    }
    let [version] = lower_hex::<1>(&bytes[..2])?;
    let shape_fits = match version {
        0 => bytes.len() == 55,
        0xff => false,
        _ => bytes.len() == 55 || bytes[55] == b'-',
    };
    if !shape_fits {
        return None;
    }
    let trace_id = lower_hex(&bytes[3..35])?;
    let span_id = lower_hex(&bytes[36..52])?;
    let [flags] = lower_hex::<1>(&bytes[53..55])?;
    valid(Remote {
        trace_id,
        span_id,
        flags: flags & (SAMPLED | RANDOM),
        trace_state: String::new(),
    })
}

fn valid(remote: Remote) -> Option<Remote> {
    (remote.trace_id != [0; 16] && remote.span_id != [0; 8]).then_some(remote)
}

/// The list without empty members, cut to what is carried on; empty when it is malformed.
fn extract_trace_state(get: Get<'_>) -> String {
    let mut kept = String::new();
    let mut members = 0;
    let mut is_malformed = false;
    // Twice the size that is carried on leaves room for empty members and spaces.
    let bytes_max = 2 * TRACE_STATE_BYTES_MAX;
    for_each_member(get, "tracestate", bytes_max, &mut |member, value_bytes| {
        if member.is_empty() || is_malformed {
            return;
        }
        match member.split_once('=') {
            Some((key, value)) if is_trace_state_key(key) && is_trace_state_value(value) => {
                is_malformed = has_key(&kept, key);
            }
            _ => is_malformed = true,
        }
        members += 1;
        if !is_malformed
            && members <= TRACE_STATE_MEMBERS_MAX
            && kept.len() + 1 + member.len() <= TRACE_STATE_BYTES_MAX
        {
            append(&mut kept, member, value_bytes);
        }
    });
    if is_malformed { String::new() } else { kept }
}

fn has_key(list: &str, key: &str) -> bool {
    list.split(',')
        .filter_map(|member| member.split_once('='))
        .any(|(known, _)| known == key)
}

fn is_trace_state_key(key: &str) -> bool {
    let begins = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    key.len() <= 256
        && key.bytes().next().is_some_and(begins)
        && key.bytes().filter(|&byte| byte == b'@').count() <= 1
        && key
            .bytes()
            .all(|byte| begins(byte) || b"_-*/@".contains(&byte))
}

fn is_trace_state_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && value
            .bytes()
            .all(|byte| matches!(byte, 0x20..=0x7e) && byte != b'=')
}

/// The well-formed entries, in order, as many as are carried on.
fn extract_baggage(get: Get<'_>) -> String {
    let mut kept = String::new();
    let mut entries = 0;
    for_each_member(
        get,
        "baggage",
        BAGGAGE_BYTES_MAX,
        &mut |entry, value_bytes| {
            if entries < BAGGAGE_ENTRIES_MAX && is_baggage_entry(entry) {
                append(&mut kept, entry, value_bytes);
                entries += 1;
            }
        },
    );
    kept
}

/// `token = value ; properties`, all of it printable ASCII, the values percent-encoded.
fn is_baggage_entry(entry: &str) -> bool {
    let Some((key, value)) = entry.split_once('=') else {
        return false;
    };
    let key = key.trim();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !key.is_empty()
        && key.bytes().all(is_token)
        && value
            .bytes()
            .all(|byte| matches!(byte, 0x20..=0x7e | b'\t') && byte != b'"' && byte != b'\\')
}

/// `traceid-spanid[-sampled[-parentspanid]]`; the short forms without ids name no position.
fn parse_b3(value: &str) -> Option<Remote> {
    let mut parts = value.split('-');
    let (trace_id, span_id) = (parts.next()?, parts.next()?);
    let sampled = match parts.next() {
        Some("1" | "d") => true,
        None | Some("0") => false,
        Some(_) => return None,
    };
    b3_position(b3_trace_id(trace_id)?, hex(span_id.as_bytes())?, sampled)
}

/// The short forms (openzipkin/b3-propagation, "Single Header"): a decision and nothing else.
fn b3_decision(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" | "d" => Some(true),
        _ => None,
    }
}

fn extract_b3_multi(get: Get<'_>) -> Option<Remote> {
    let trace_id = single(get, "x-b3-traceid", b3_trace_id)?;
    let span_id = single(get, "x-b3-spanid", |value| hex(value.as_bytes()))?;
    b3_position(trace_id, span_id, b3_multi_decision(get) == Some(true))
}

fn b3_multi_decision(get: Get<'_>) -> Option<bool> {
    let debug = single(get, "x-b3-flags", |value| (value == "1").then_some(true));
    debug.or_else(|| {
        single(get, "x-b3-sampled", |value| match value {
            "1" => Some(true),
            "0" => Some(false),
            // Older implementations write words.
            _ if value.eq_ignore_ascii_case("true") => Some(true),
            _ if value.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        })
    })
}

/// B3 allows trace ids of 64 bits, which are the lower half of ours.
fn b3_trace_id(digits: &str) -> Option<TraceId> {
    if digits.len() == 32 {
        return hex(digits.as_bytes());
    }
    let mut id = [0; 16];
    id[8..].copy_from_slice(&hex::<8>(digits.as_bytes())?);
    Some(id)
}

fn b3_position(trace_id: TraceId, span_id: SpanId, sampled: bool) -> Option<Remote> {
    valid(Remote {
        trace_id,
        span_id,
        flags: u8::from(sampled),
        trace_state: String::new(),
    })
}

fn inject_trace_context(outgoing: &Outgoing<'_>, set: Set<'_>) {
    let mut bytes = *b"00-00000000000000000000000000000000-0000000000000000-00";
    write_hex(&mut bytes[3..35], &outgoing.trace_id);
    write_hex(&mut bytes[36..52], &outgoing.span_id);
    write_hex(&mut bytes[53..55], &[outgoing.flags]);
    set("traceparent", ascii(&bytes));
    if !outgoing.trace_state.is_empty() {
        set("tracestate", outgoing.trace_state);
    }
}

fn inject_b3(outgoing: &Outgoing<'_>, set: Set<'_>) {
    let mut bytes = *b"00000000000000000000000000000000-0000000000000000-0";
    write_hex(&mut bytes[..32], &outgoing.trace_id);
    write_hex(&mut bytes[33..49], &outgoing.span_id);
    bytes[50] += outgoing.flags & SAMPLED;
    set("b3", ascii(&bytes));
}

fn inject_b3_multi(outgoing: &Outgoing<'_>, set: Set<'_>) {
    set(
        "X-B3-TraceId",
        TraceIdText::new(&outgoing.trace_id).as_str(),
    );
    set("X-B3-SpanId", SpanIdText::new(&outgoing.span_id).as_str());
    set(
        "X-B3-Sampled",
        if outgoing.flags & SAMPLED == 1 {
            "1"
        } else {
            "0"
        },
    );
}

/// An id in lower-case hexadecimal digits; `N` of them.
pub(crate) struct IdText<const N: usize>([u8; N]);

/// The text of a trace id.
pub(crate) type TraceIdText = IdText<32>;
/// The text of a span id.
pub(crate) type SpanIdText = IdText<16>;

impl<const N: usize> IdText<N> {
    pub(crate) fn new(id: &[u8]) -> Self {
        let mut text = [b'0'; N];
        write_hex(&mut text, id);
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        ascii(&self.0)
    }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("hexadecimal digits and dashes are ASCII")
}

fn write_hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
        digits[0] = DIGITS[usize::from(byte >> 4)];
        digits[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// Exactly `N` bytes of lower-case hexadecimal digits.
fn lower_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.iter().any(u8::is_ascii_uppercase) {
        None
    } else {
        hex(digits)
    }
}

fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn extracted(propagators: &[Propagator], headers: &[(&str, &str)]) -> Extracted {
        extract(propagators, &|name, pass| {
            for (_, value) in headers
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            {
                pass(value);
            }
        })
    }

    fn injected(
        propagators: &[Propagator],
        outgoing: &Outgoing<'_>,
    ) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        inject(propagators, outgoing, &mut |name, value| {
            headers.push((name, value.to_owned()));
        });
        headers
    }

    #[test]
    fn a_trace_parent_is_read_strictly() {
        let fits = |value: &str| {
            extracted(&[Propagator::TraceContext], &[("traceparent", value)])
                .remote
                .is_some()
        };
        assert!(fits(PARENT));
        assert!(fits(
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings"
        ));
        for malformed in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(!fits(malformed), "{malformed}");
        }
    }

    #[test]
    fn two_trace_parents_are_none() {
        let headers = [("traceparent", PARENT), ("traceparent", PARENT)];
        assert_eq!(
            extracted(&[Propagator::TraceContext], &headers).remote,
            None
        );
    }

    #[test]
    fn several_trace_state_headers_are_one_list() {
        let state = |headers: &[(&str, &str)]| {
            let all = [&[("traceparent", PARENT)], headers].concat();
            extracted(&[Propagator::TraceContext], &all)
                .remote
                .expect("valid")
                .trace_state
        };
        assert_eq!(
            state(&[("tracestate", "a=1 ,, b=2"), ("tracestate", "t@v=3")]),
            "a=1,b=2,t@v=3"
        );
        assert_eq!(state(&[("tracestate", "a=1,a=2")]), "");
        assert_eq!(state(&[("tracestate", "A=1")]), "");
        assert_eq!(state(&[("tracestate", "a=1,b")]), "");
    }

    #[test]
    fn baggage_keeps_its_well_formed_entries() {
        let headers = [
            (
                "baggage",
                "user=alice;p=1, broken, two words=1 ,tier = gold",
            ),
            ("baggage", "a=%20"),
        ];
        assert_eq!(
            extracted(&[Propagator::Baggage], &headers).baggage,
            "user=alice;p=1,tier = gold,a=%20"
        );
    }

    #[test]
    fn b3_is_read_in_both_forms() {
        let single = [("b3", "a3ce929d0e0e4736-00f067aa0ba902b7-d-00f067aa0ba902b8")];
        let multi = [
            ("X-B3-TraceId", "a3ce929d0e0e4736"),
            ("X-B3-SpanId", "00f067aa0ba902b7"),
            ("X-B3-Sampled", "1"),
        ];
        let expected = Remote {
            trace_id: [
                0, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36,
            ],
            span_id: [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7],
            flags: SAMPLED,
            trace_state: String::new(),
        };
        assert_eq!(
            extracted(&[Propagator::B3], &single).remote,
            Some(expected.clone())
        );
        assert_eq!(
            extracted(&[Propagator::B3Multi], &multi).remote,
            Some(expected)
        );
    }

    #[test]
    fn b3_without_a_position_is_a_decision() {
        let decision = |header| {
            let found = extracted(&[Propagator::B3, Propagator::B3Multi], &[header]);
            assert_eq!(found.remote, None);
            found.decision
        };
        assert_eq!(decision(("b3", "0")), Some(false));
        assert_eq!(decision(("b3", "d")), Some(true));
        assert_eq!(decision(("X-B3-Sampled", "0")), Some(false));
        assert_eq!(decision(("X-B3-Flags", "1")), Some(true));
        assert_eq!(decision(("b3", "what")), None);
    }

    proptest! {
        #[test]
        fn what_is_injected_is_extracted(
            trace_id in any::<[u8; 16]>(),
            span_id in any::<[u8; 8]>(),
            sampled in any::<bool>(),
        ) {
            prop_assume!(trace_id != [0; 16] && span_id != [0; 8]);
            let outgoing = Outgoing {
                trace_id, span_id, flags: u8::from(sampled), trace_state: "", baggage: "k=v",
            };
            for format in [Propagator::TraceContext, Propagator::B3, Propagator::B3Multi] {
                let formats = [format, Propagator::Baggage];
                let headers = injected(&formats, &outgoing);
                let borrowed: Vec<_> =
                    headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let extracted = extracted(&formats, &borrowed);
                prop_assert_eq!(extracted.baggage.as_str(), "k=v");
                prop_assert_eq!(
                    extracted.remote,
                    Some(Remote {
                        trace_id, span_id, flags: u8::from(sampled), trace_state: String::new(),
                    })
                );
            }
        }

        #[test]
        fn no_header_makes_it_panic(value in "\\PC{0,80}|[0-9a-f-]{50,60}", other in "\\PC{0,40}") {
            let headers = [
                ("traceparent", value.as_str()), ("tracestate", &other), ("baggage", &value),
                ("b3", &value), ("x-b3-traceid", &value), ("x-b3-spanid", &other),
            ];
            extracted(
                &[Propagator::TraceContext, Propagator::Baggage, Propagator::B3, Propagator::B3Multi],
                &headers,
            );
        }
    }
}
