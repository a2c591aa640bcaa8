//! Records as bytes: what spans gather while they are open and what goes through the rings.
//!
//! Native endian, never leaves the process. Names known at compile time travel as addresses.
#![expect(unsafe_code, reason = "static names and sites travel as addresses")]

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use selvedge_hooks::{Attribute, Outcome, Site, Value};

use crate::clock::Calibration;
use crate::metrics::red::Counted;
use crate::model::{
    AttributeValue, EventRecord, LinkRecord, LogRecord, RecordAttribute, SpanId, SpanRecord,
    StatusRecord, TraceId,
};
use crate::node::suppressed;
use crate::ring::{Consumer, Taken};
use crate::tally::Tally;

/// Bytes that the variable part of one record may have.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of one text within a record, whatever the settings allow.
const TEXT_BYTES_MAX: usize = 16 << 10;

const LABEL: u8 = 0x80;

/// What an item of a body is; the byte before it.
mod tag {
    pub(super) const STR: u8 = 1;
    pub(super) const INT: u8 = 2;
    pub(super) const FLOAT: u8 = 3;
    pub(super) const BOOL: u8 = 4;
    pub(super) const NAME: u8 = 5;
    pub(super) const STATUS: u8 = 6;
    pub(super) const EVENT: u8 = 7;
    pub(super) const LINK: u8 = 8;
}

/// The fixed part of a record.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    /// None for a log record.
    pub(crate) site: Option<&'static Site>,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_span_id: SpanId,
    pub(crate) start_ticks: u64,
    pub(crate) end_ticks: u64,
    pub(crate) dropped_attributes: u16,
    pub(crate) dropped_events: u16,
    pub(crate) dropped_links: u16,
    pub(crate) trace_state_length: u16,
    pub(crate) flags: u8,
    pub(crate) parent_is_remote: bool,
    /// An [`Outcome`], or a log record's severity.
    pub(crate) detail: u8,
}

const HEADER_BYTES: usize = 67;

impl Header {
    /// Of a record at one moment, outside of any trace.
    pub(crate) fn empty(ticks: u64) -> Self {
        Self {
            site: None,
            trace_id: [0; 16],
            span_id: [0; 8],
            parent_span_id: [0; 8],
            start_ticks: ticks,
            end_ticks: ticks,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
            trace_state_length: 0,
            flags: 0,
            parent_is_remote: false,
            detail: 0,
        }
    }

    #[inline]
    pub(crate) fn encode(&self, bytes: &mut [u8; HEADER_BYTES]) {
        let site = self.site.map_or(0, |site| {
            std::ptr::from_ref(site).expose_provenance() as u64
        });
        bytes[0..8].copy_from_slice(&site.to_ne_bytes());
        bytes[8..24].copy_from_slice(&self.trace_id);
        bytes[24..32].copy_from_slice(&self.span_id);
        bytes[32..40].copy_from_slice(&self.parent_span_id);
        bytes[40..48].copy_from_slice(&self.start_ticks.to_ne_bytes());
        bytes[48..56].copy_from_slice(&self.end_ticks.to_ne_bytes());
        bytes[56..58].copy_from_slice(&self.dropped_attributes.to_ne_bytes());
        bytes[58..60].copy_from_slice(&self.dropped_events.to_ne_bytes());
        bytes[60..62].copy_from_slice(&self.dropped_links.to_ne_bytes());
        bytes[62..64].copy_from_slice(&self.trace_state_length.to_ne_bytes());
        bytes[64] = self.flags;
        bytes[65] = u8::from(self.parent_is_remote);
        bytes[66] = self.detail;
    }

    /// # Safety
    /// The bytes come from [`Header::encode`] in this process.
    unsafe fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let address = reader.address()?;
        // SAFETY: by the caller's promise a header begins with a site's address, or null.
        let site = unsafe { Reader::site(address) };
        Some(Self {
            site,
            trace_id: reader.array()?,
            span_id: reader.array()?,
            parent_span_id: reader.array()?,
            start_ticks: u64::from_ne_bytes(reader.array()?),
            end_ticks: u64::from_ne_bytes(reader.array()?),
            dropped_attributes: u16::from_ne_bytes(reader.array()?),
            dropped_events: u16::from_ne_bytes(reader.array()?),
            dropped_links: u16::from_ne_bytes(reader.array()?),
            trace_state_length: u16::from_ne_bytes(reader.array()?),
            flags: reader.byte()?,
            parent_is_remote: reader.byte()? != 0,
            detail: reader.byte()?,
        })
    }
}

/// Limits of what a record takes up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) attributes: usize,
    pub(crate) text_bytes: usize,
    pub(crate) events: u16,
    pub(crate) links: u16,
}

/// Appends attributes, labels only unless `all`. Returns how many did not fit.
#[inline]
pub(crate) fn put_attributes(
    body: &mut Vec<u8>,
    attributes: &[Attribute<'_>],
    all: bool,
    limits: &Limits,
) -> u16 {
    let mut dropped = 0;
    for attribute in attributes {
        if !all && !attribute.label {
            continue;
        }
        let before = body.len();
        put_attribute(body, attribute, limits);
        if body.len() > BODY_BYTES_MAX {
            body.truncate(before);
            dropped += 1;
        }
    }
    dropped
}

#[inline]
fn put_attribute(body: &mut Vec<u8>, attribute: &Attribute<'_>, limits: &Limits) {
    let label = if attribute.label { LABEL } else { 0 };
    let key = attribute.key;
    match attribute.value {
        Value::Int(value) => put_keyed(body, tag::INT | label, key, value.to_ne_bytes()),
        Value::Float(value) => put_keyed(body, tag::FLOAT | label, key, value.to_ne_bytes()),
        Value::Bool(value) => put_keyed(body, tag::BOOL | label, key, [u8::from(value)]),
        Value::Str(value) => {
            let text = cut(value, limits.text_bytes);
            let length = (text.len() as u32).to_ne_bytes();
            put_keyed_text(body, tag::STR | label, key, length, text);
        }
        Value::Display(value) => put_shown(body, attribute.key, label, limits, &value),
        Value::Debug(value) => put_shown(body, attribute.key, label, limits, &DebugShown(value)),
        Value::None => {}
    }
}

/// Bytes of a tag and a static key.
const KEY_BYTES: usize = 13;

/// Appends a tag, a static key, and bytes of a length that is known when this is compiled.
#[inline]
fn put_keyed<const N: usize>(body: &mut Vec<u8>, tag: u8, key: &'static str, bytes: [u8; N]) {
    put_keyed_text(body, tag, key, bytes, "");
}

/// Appends a tag, a static key, bytes and a text. What every attribute of every span passes
/// through: one check for room, then moves.
#[inline]
fn put_keyed_text<const N: usize>(
    body: &mut Vec<u8>,
    tag: u8,
    key: &'static str,
    bytes: [u8; N],
    text: &str,
) {
    let length = KEY_BYTES + N + text.len();
    if body.capacity() - body.len() < length {
        grow(body, length);
    }
    let address = (key.as_ptr().expose_provenance() as u64).to_ne_bytes();
    // SAFETY: there is room for all of them, as was just seen to.
    unsafe {
        let end = body.as_mut_ptr().add(body.len());
        end.write(tag);
        end.add(1).cast::<[u8; 8]>().write(address);
        let key_length = (key.len() as u32).to_ne_bytes();
        end.add(9).cast::<[u8; 4]>().write(key_length);
        end.add(KEY_BYTES).cast::<[u8; N]>().write(bytes);
        copy_short(text.as_bytes(), end.add(KEY_BYTES + N));
        body.set_len(body.len() + length);
    }
}

#[cold]
fn grow(body: &mut Vec<u8>, length: usize) {
    body.reserve(length);
}

/// Copies bytes of which there are few most of the time.
///
/// # Safety
/// There is room for them, elsewhere than where they are.
#[inline]
unsafe fn copy_short(bytes: &[u8], to: *mut u8) {
    let length = bytes.len();
    // SAFETY: by the caller's promise; the second of two halves ends where the bytes do.
    unsafe {
        if let (Some(first), Some(last), true) = (
            bytes.first_chunk::<8>(),
            bytes.last_chunk::<8>(),
            length <= 16,
        ) {
            to.cast::<[u8; 8]>().write(*first);
            to.add(length - 8).cast::<[u8; 8]>().write(*last);
        } else if let (Some(first), Some(last), true) = (
            bytes.first_chunk::<4>(),
            bytes.last_chunk::<4>(),
            length < 8,
        ) {
            to.cast::<[u8; 4]>().write(*first);
            to.add(length - 4).cast::<[u8; 4]>().write(*last);
        } else {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, length);
        }
    }
}

#[inline]
fn put_text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(&(text.len() as u32).to_ne_bytes());
    body.extend_from_slice(text.as_bytes());
}

struct DebugShown<'a>(&'a dyn std::fmt::Debug);

impl std::fmt::Display for DebugShown<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Formats the program's own value; one that panics is left out.
fn put_shown(
    body: &mut Vec<u8>,
    key: &'static str,
    label: u8,
    limits: &Limits,
    value: &dyn std::fmt::Display,
) {
    let before = body.len();
    put_keyed(body, tag::STR | label, key, []);
    if !put_formatted(body, format_args!("{value}"), limits.text_bytes) {
        body.truncate(before);
    }
}

/// Appends a text that is formatted in place. False, with nothing said about the body, when the
/// program's formatting code panicked.
pub(crate) fn put_formatted(
    body: &mut Vec<u8>,
    text: std::fmt::Arguments<'_>,
    text_bytes: usize,
) -> bool {
    if let Some(text) = text.as_str() {
        put_text(body, cut(text, text_bytes));
        return true;
    }
    let length_at = body.len();
    body.extend_from_slice(&[0; 4]);
    let mut writer = Bounded {
        body,
        left: text_bytes.min(TEXT_BYTES_MAX),
    };
    // The writer fails on purpose when it is full, so the result says nothing.
    let format = AssertUnwindSafe(|| writer.write_fmt(text).is_ok());
    if suppressed(|| catch_unwind(format)).is_err() {
        return false;
    }
    let length = (body.len() - length_at - 4) as u32;
    body[length_at..length_at + 4].copy_from_slice(&length.to_ne_bytes());
    true
}

/// Writes until its bytes are used up.
struct Bounded<'a> {
    body: &'a mut Vec<u8>,
    left: usize,
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let kept = cut(text, self.left);
        self.body.extend_from_slice(kept.as_bytes());
        if kept.len() < text.len() {
            self.left = 0;
            return Err(std::fmt::Error);
        }
        self.left -= kept.len();
        Ok(())
    }
}

/// The longest beginning of a text that ends between characters and is within the limit.
#[inline]
fn cut(text: &str, bytes_max: usize) -> &str {
    let bytes_max = bytes_max.min(TEXT_BYTES_MAX);
    if text.len() <= bytes_max {
        text
    } else {
        &text[..text.floor_char_boundary(bytes_max)]
    }
}

/// Appends a new name; the last one counts.
pub(crate) fn put_name(body: &mut Vec<u8>, name: &str) {
    body.push(tag::NAME);
    put_text(body, cut(name, TEXT_BYTES_MAX));
}

/// Appends an error status; the last one counts.
pub(crate) fn put_status(
    body: &mut Vec<u8>,
    error_type: &str,
    description: &dyn std::fmt::Display,
) {
    let before = body.len();
    body.push(tag::STATUS);
    put_text(body, cut(error_type, TEXT_BYTES_MAX));
    let description_at = body.len();
    if !put_formatted(body, format_args!("{description}"), TEXT_BYTES_MAX) {
        body.truncate(description_at);
        put_text(body, "");
    }
    if body.len() > BODY_BYTES_MAX {
        body.truncate(before);
    }
}

/// Appends an event. False when it did not fit.
pub(crate) fn put_event(
    body: &mut Vec<u8>,
    ticks: u64,
    name: &str,
    attributes: &[Attribute<'_>],
    limits: &Limits,
) -> bool {
    let before = body.len();
    body.push(tag::EVENT);
    body.extend_from_slice(&ticks.to_ne_bytes());
    let length_at = body.len();
    body.extend_from_slice(&[0; 4]);
    put_text(body, cut(name, limits.text_bytes));
    let dropped = put_attributes(body, attributes, true, limits);
    if dropped > 0 || body.len() > BODY_BYTES_MAX {
        body.truncate(before);
        return false;
    }
    let length = (body.len() - length_at - 4) as u32;
    body[length_at..length_at + 4].copy_from_slice(&length.to_ne_bytes());
    true
}

/// Appends a link. False when it did not fit.
pub(crate) fn put_link(body: &mut Vec<u8>, link: &LinkRecord) -> bool {
    if body.len() + 26 > BODY_BYTES_MAX {
        return false;
    }
    body.push(tag::LINK);
    body.extend_from_slice(&link.trace_id);
    body.extend_from_slice(&link.span_id);
    body.push(link.flags);
    true
}

/// Appends what a log record has before its attributes. False when its message panicked.
pub(crate) fn put_log(
    body: &mut Vec<u8>,
    target: &str,
    message: std::fmt::Arguments<'_>,
    limits: &Limits,
) -> bool {
    put_text(body, cut(target, limits.text_bytes));
    put_formatted(body, message, limits.text_bytes)
}

/// A decoded record.
pub(crate) enum Decoded<'a> {
    Span(SpanRecord<'a>),
    /// Spans that were counted; the record is what they have in common, without ids and times.
    Counted(SpanRecord<'a>, Counted<'a>),
    Log(LogRecord<'a>),
}

/// Allocations that one record leaves to the next.
#[derive(Default)]
pub(crate) struct Scratch {
    record: Vec<u8>,
    attributes: Vec<RecordAttribute<'static>>,
}

/// The allocation without what is in it, which is of another record.
fn emptied<'a>(mut attributes: Vec<RecordAttribute<'_>>) -> Vec<RecordAttribute<'a>> {
    attributes.clear();
    // The standard library collects in place.
    attributes
        .into_iter()
        .map(|attribute| RecordAttribute {
            key: "",
            value: AttributeValue::Bool(false),
            label: attribute.label,
        })
        .collect()
}

/// Empties the process's rings, and returns how many spans and logs were dropped meanwhile.
pub(crate) fn drain(
    consumer: &mut Consumer<'static>,
    scratch: &mut Scratch,
    calibration: &Calibration,
    limits: &Limits,
    take: &mut dyn FnMut(&Decoded<'_>),
) -> (u64, u64) {
    let Scratch { record, attributes } = scratch;
    consumer.drain(record, &mut |taken| {
        let empty = emptied(std::mem::take(attributes));
        // SAFETY: a static registry is the process's own, and into its rings and tallies go only
        // headers and bodies made by this module.
        let decoded = unsafe {
            match taken {
                Taken::Record(bytes) => decode(bytes, empty, calibration, limits),
                Taken::Tally(tally) => decode_tally(tally, empty, calibration, limits),
            }
        };
        let Some(decoded) = decoded else {
            debug_assert!(false, "a record was damaged");
            return;
        };
        take(&decoded);
        *attributes = emptied(match decoded {
            Decoded::Span(span) | Decoded::Counted(span, _) => span.attributes,
            Decoded::Log(log) => log.attributes,
        });
    })
}

/// Decodes one record of a ring; none only if it were damaged.
///
/// # Safety
/// The bytes were made by this module's functions in this process.
unsafe fn decode<'a>(
    bytes: &'a [u8],
    attributes: Vec<RecordAttribute<'a>>,
    calibration: &Calibration,
    limits: &Limits,
) -> Option<Decoded<'a>> {
    let mut reader = Reader { bytes };
    // SAFETY: by the caller's promise a record begins with a header.
    let header = unsafe { Header::decode(&mut reader)? };
    let trace_state = reader.text_of(usize::from(header.trace_state_length))?;
    if let Some(site) = header.site {
        // SAFETY: by the caller's promise a span's body follows its header.
        let span = unsafe {
            decode_span(
                &header,
                site,
                trace_state,
                attributes,
                reader,
                calibration,
                limits,
            )
        };
        span.map(Decoded::Span)
    } else {
        // SAFETY: as above, for a log record.
        unsafe { decode_log(&header, attributes, reader, calibration) }.map(Decoded::Log)
    }
}

/// Decodes what counted spans have in common.
///
/// # Safety
/// As for [`decode`], of the tally's key.
unsafe fn decode_tally<'a>(
    tally: &'a Tally<'a>,
    attributes: Vec<RecordAttribute<'a>>,
    calibration: &Calibration,
    limits: &Limits,
) -> Option<Decoded<'a>> {
    // SAFETY: by the caller's promise it is the address of a site.
    let site = unsafe { Reader::site(tally.key.site as usize)? };
    let header = Header {
        detail: tally.key.detail,
        ..Header::empty(calibration.anchor_ticks())
    };
    let reader = Reader {
        bytes: tally.key.body,
    };
    // SAFETY: by the caller's promise.
    let span = unsafe { decode_span(&header, site, "", attributes, reader, calibration, limits)? };
    let counted = Counted {
        counts: &tally.counts,
        seconds: calibration.seconds(tally.ticks),
    };
    Some(Decoded::Counted(span, counted))
}

unsafe fn decode_span<'a>(
    header: &Header,
    site: &'static Site,
    trace_state: &'a str,
    attributes: Vec<RecordAttribute<'a>>,
    mut reader: Reader<'a>,
    calibration: &Calibration,
    limits: &Limits,
) -> Option<SpanRecord<'a>> {
    let start_unix_ns = calibration.unix_ns(header.start_ticks);
    let mut span = SpanRecord {
        site,
        name: site.name,
        trace_id: header.trace_id,
        span_id: header.span_id,
        parent_span_id: header.parent_span_id,
        parent_is_remote: header.parent_is_remote,
        flags: header.flags,
        trace_state,
        start_unix_ns,
        end_unix_ns: calibration.unix_ns(header.end_ticks).max(start_unix_ns),
        status: StatusRecord::Unset,
        error_type: "",
        outcome: outcome(header.detail),
        attributes,
        events: Vec::new(),
        links: Vec::new(),
        dropped_attributes: u32::from(header.dropped_attributes),
        dropped_events: u32::from(header.dropped_events),
        dropped_links: u32::from(header.dropped_links),
    };
    while let Some(tag) = reader.byte() {
        match tag {
            tag::NAME => span.name = reader.text()?,
            tag::STATUS => {
                span.error_type = reader.text()?;
                span.status = StatusRecord::Error(reader.text()?);
            }
            // SAFETY: as for the attributes below.
            tag::EVENT => span.events.push(unsafe { reader.event(calibration)? }),
            tag::LINK => span.links.push(LinkRecord {
                trace_id: reader.array()?,
                span_id: reader.array()?,
                flags: reader.byte()?,
            }),
            tag => {
                // SAFETY: the caller promises a body that this module made.
                let attribute = unsafe { reader.attribute(tag)? };
                if !put_last(&mut span.attributes, attribute, limits.attributes) {
                    span.dropped_attributes += 1;
                }
            }
        }
    }
    name_error_type(&mut span);
    Some(span)
}

/// The error's class is an attribute as well, and a label of metrics.
fn name_error_type(span: &mut SpanRecord<'_>) {
    const ERROR_TYPE: &str = "error.type";
    if span.error_type.is_empty() {
        let recorded = span
            .attributes
            .iter()
            .find(|attribute| attribute.key == ERROR_TYPE);
        if let Some(AttributeValue::Str(value)) = recorded.map(|attribute| attribute.value) {
            span.error_type = value;
        }
        return;
    }
    let attribute = RecordAttribute {
        key: ERROR_TYPE,
        value: AttributeValue::Str(span.error_type),
        label: true,
    };
    put_last(&mut span.attributes, attribute, usize::MAX);
}

/// Adds an attribute, or replaces the one of its key. False when there are too many.
fn put_last<'a>(
    attributes: &mut Vec<RecordAttribute<'a>>,
    attribute: RecordAttribute<'a>,
    attributes_max: usize,
) -> bool {
    if let Some(former) = attributes
        .iter()
        .position(|former| former.key == attribute.key)
    {
        attributes.remove(former);
    } else if attributes.len() >= attributes_max {
        return false;
    }
    attributes.push(attribute);
    true
}

fn outcome(detail: u8) -> Outcome {
    match detail {
        1 => Outcome::Cancelled,
        2 => Outcome::Unwound,
        _ => Outcome::Completed,
    }
}

unsafe fn decode_log<'a>(
    header: &Header,
    mut attributes: Vec<RecordAttribute<'a>>,
    mut reader: Reader<'a>,
    calibration: &Calibration,
) -> Option<LogRecord<'a>> {
    let (target, body) = (reader.text()?, reader.text()?);
    while let Some(tag) = reader.byte() {
        // SAFETY: the caller promises a body that this module made.
        put_last(
            &mut attributes,
            unsafe { reader.attribute(tag)? },
            usize::MAX,
        );
    }
    Some(LogRecord {
        time_unix_ns: calibration.unix_ns(header.start_ticks),
        severity: header.detail,
        target,
        body,
        attributes,
        trace_id: header.trace_id,
        span_id: header.span_id,
        flags: header.flags,
    })
}

/// Takes a record apart.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn address(&mut self) -> Option<usize> {
        self.array().map(|bytes| u64::from_ne_bytes(bytes) as usize)
    }

    fn length(&mut self) -> Option<usize> {
        self.array().map(|bytes| u32::from_ne_bytes(bytes) as usize)
    }

    fn text_of(&mut self, length: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        self.text_of(length)
    }

    /// # Safety
    /// The address is null or that of a static site.
    unsafe fn site(address: usize) -> Option<&'static Site> {
        // SAFETY: by the caller's promise.
        unsafe { std::ptr::with_exposed_provenance::<Site>(address).as_ref() }
    }

    /// # Safety
    /// The next bytes were made by `put_keyed`.
    unsafe fn key(&mut self) -> Option<&'static str> {
        let start = std::ptr::with_exposed_provenance::<u8>(self.address()?);
        let length = self.length()?;
        // SAFETY: by the caller's promise these are the address and length of a static text.
        Some(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(start, length)) })
    }

    /// # Safety
    /// The next bytes are an attribute whose tag was `tag`.
    unsafe fn attribute(&mut self, tag: u8) -> Option<RecordAttribute<'a>> {
        // SAFETY: every attribute begins with its key.
        let key = unsafe { self.key()? };
        let value = match tag & !LABEL {
            tag::STR => AttributeValue::Str(self.text()?),
            tag::INT => AttributeValue::Int(i64::from_ne_bytes(self.array()?)),
            tag::FLOAT => AttributeValue::Float(f64::from_ne_bytes(self.array()?)),
            tag::BOOL => AttributeValue::Bool(self.byte()? != 0),
            _ => return None,
        };
        Some(RecordAttribute {
            key,
            value,
            label: tag & LABEL != 0,
        })
    }

    /// # Safety
    /// The next bytes are an event without its tag.
    unsafe fn event(&mut self, calibration: &Calibration) -> Option<EventRecord<'a>> {
        let time_unix_ns = calibration.unix_ns(u64::from_ne_bytes(self.array()?));
        let length = self.length()?;
        let mut inner = Reader {
            bytes: self.take(length)?,
        };
        let name = inner.text()?;
        let mut attributes = Vec::new();
        while let Some(tag) = inner.byte() {
            // SAFETY: an event's name is followed by attributes.
            attributes.push(unsafe { inner.attribute(tag)? });
        }
        Some(EventRecord {
            name,
            time_unix_ns,
            attributes,
        })
    }
}
