//! Which traces are recorded.
//!
//! Ratios follow the OpenTelemetry specification, trace/tracestate-probability-sampling.md: the
//! last 56 bits of the trace id (or `rv`) against a rejection threshold, so that every
//! participant decides alike for one trace id; the threshold travels as `ot=th:…`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::model::TraceId;
use crate::settings::SamplerChoice;

/// Bits of randomness in a trace id, and one more than the greatest threshold.
const RANDOMNESS: u64 = 1 << 56;
/// Significant hexadecimal digits of a threshold beyond its leading `f`s, the specification's default.
const PRECISION_DIGITS: u32 = 4;

/// Decides for a span whose parent, if any, is of another process or decided elsewhere.
pub(crate) struct Sampler {
    parent_based: bool,
    root: Root,
    cap: Option<Cap>,
    trace_state: Box<str>,
}

enum Root {
    On,
    Off,
    Threshold(u64),
}

/// What the decision is made from.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) trace_id: TraceId,
    /// Whether the parent is sampled; none for a root.
    pub(crate) parent: Option<bool>,
    /// W3C tracestate of the parent.
    pub(crate) trace_state: &'a str,
}

impl Sampler {
    pub(crate) fn new(choice: SamplerChoice, traces_per_second: u32) -> Self {
        let (parent_based, root) = match choice {
            SamplerChoice::AlwaysOn => (false, Root::On),
            SamplerChoice::AlwaysOff => (false, Root::Off),
            SamplerChoice::Ratio(ratio) => (false, Root::of_ratio(ratio)),
            SamplerChoice::ParentBasedAlwaysOn => (true, Root::On),
            SamplerChoice::ParentBasedAlwaysOff => (true, Root::Off),
            SamplerChoice::ParentBasedRatio(ratio) => (true, Root::of_ratio(ratio)),
        };
        let cap = (traces_per_second > 0).then(|| Cap::new(traces_per_second));
        // Under a cap the probability is unknown, and then no threshold may be told.
        let trace_state = match root {
            Root::Threshold(threshold) if cap.is_none() => format!("ot=th:{}", hex(threshold)),
            _ => String::new(),
        };
        Self {
            parent_based,
            root,
            cap,
            trace_state: trace_state.into(),
        }
    }

    /// The tracestate of sampled roots; empty for none.
    pub(crate) fn root_trace_state(&self) -> &str {
        &self.trace_state
    }

    /// True when the span is recorded and exported.
    #[inline]
    pub(crate) fn decide(&self, candidate: &Candidate<'_>) -> bool {
        match candidate.parent {
            Some(sampled) if self.parent_based => sampled,
            parent => {
                let chosen = match self.root {
                    Root::On => true,
                    Root::Off => false,
                    Root::Threshold(threshold) => randomness(candidate) >= threshold,
                };
                // The cap is for roots: a cut in the middle would leave traces in pieces.
                chosen && (parent.is_some() || self.cap.as_ref().is_none_or(Cap::admit))
            }
        }
    }
}

impl Root {
    fn of_ratio(ratio: f64) -> Self {
        match threshold(ratio) {
            RANDOMNESS => Root::Off,
            threshold => Root::Threshold(threshold),
        }
    }
}

/// The rejection threshold of a ratio, rounded to the default precision.
fn threshold(ratio: f64) -> u64 {
    if ratio.is_nan() || ratio < 1.0 / RANDOMNESS as f64 {
        return RANDOMNESS;
    }
    let exact = ((1.0 - ratio.min(1.0)) * RANDOMNESS as f64) as u64;
    let leading = (exact << 8 | 0xff).leading_ones() / 4;
    let kept_bits = 4 * (leading + PRECISION_DIGITS);
    if kept_bits >= 56 {
        return exact;
    }
    let step = 1_u64 << (56 - kept_bits);
    let rounded = (exact + step / 2) / step * step;
    if rounded >= RANDOMNESS {
        exact
    } else {
        rounded
    }
}

/// A threshold as `th` has it: 14 digits without the zeros at the end.
fn hex(threshold: u64) -> String {
    let digits = format!("{threshold:014x}");
    let trimmed = digits.trim_end_matches('0');
    if trimmed.is_empty() {
        "0".to_owned()
    } else {
        trimmed.to_owned()
    }
}

fn randomness(candidate: &Candidate<'_>) -> u64 {
    explicit_randomness(candidate.trace_state).unwrap_or_else(|| {
        let id = u128::from_be_bytes(candidate.trace_id);
        id as u64 & (RANDOMNESS - 1)
    })
}

/// `rv` of the `ot` member, exactly 14 digits.
fn explicit_randomness(trace_state: &str) -> Option<u64> {
    let member = trace_state
        .split(',')
        .find_map(|member| member.trim().strip_prefix("ot="))?;
    let digits = member
        .split(';')
        .find_map(|pair| pair.strip_prefix("rv:"))?;
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// At most so many a second.
struct Cap {
    per_second: u32,
    origin: Instant,
    /// Second since the origin in the upper half, admitted in it in the lower half.
    window: AtomicU64,
}

impl Cap {
    fn new(per_second: u32) -> Self {
        Self {
            per_second,
            origin: Instant::now(),
            window: AtomicU64::new(0),
        }
    }

    fn admit(&self) -> bool {
        self.admit_in(self.origin.elapsed().as_secs() as u32)
    }

    fn admit_in(&self, second: u32) -> bool {
        self.window
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |window| {
                let admitted = if (window >> 32) as u32 == second {
                    window as u32
                } else {
                    0
                };
                (admitted < self.per_second)
                    .then(|| u64::from(second) << 32 | u64::from(admitted + 1))
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_randomness(randomness: u64) -> Candidate<'static> {
        let mut trace_id = [0xab; 16];
        trace_id[9..].copy_from_slice(&randomness.to_be_bytes()[1..]);
        Candidate {
            trace_id,
            parent: None,
            trace_state: "",
        }
    }

    #[test]
    fn thresholds_are_written_as_the_specification_does() {
        let written = [1.0, 0.5, 0.25, 0.1, 0.01, 0.15, 1.0 / 3.0]
            .map(|ratio| hex(threshold(ratio)))
            .join(" ");
        assert_eq!(written, "0 8 c e666 fd70a d99a aaab");
    }

    #[test]
    fn a_ratio_keeps_ids_from_its_threshold_on() {
        let sampler = Sampler::new(SamplerChoice::ParentBasedRatio(0.25), 0);
        let limit = 0x00c0_0000_0000_0000;
        assert!(sampler.decide(&with_randomness(limit)));
        assert!(!sampler.decide(&with_randomness(limit - 1)));
        assert_eq!(sampler.root_trace_state(), "ot=th:c");
    }

    #[test]
    fn explicit_randomness_wins_over_the_trace_id() {
        let sampler = Sampler::new(SamplerChoice::Ratio(0.25), 0);
        let low_id = with_randomness(0);
        assert!(sampler.decide(&Candidate {
            trace_state: "a=b,ot=th:c;rv:ff000000000000",
            ..low_id
        }));
        assert!(!sampler.decide(&Candidate {
            trace_state: "ot=rv:ff",
            ..low_id
        }));
    }

    #[test]
    fn children_follow_their_parent() {
        let sampler = Sampler::new(SamplerChoice::ParentBasedAlwaysOff, 0);
        assert!(sampler.decide(&Candidate {
            parent: Some(true),
            ..with_randomness(0)
        }));
        assert!(!sampler.decide(&with_randomness(RANDOMNESS - 1)));
    }

    #[test]
    fn the_smallest_and_no_ratio_are_told_apart() {
        assert_eq!(threshold(0.0), RANDOMNESS);
        assert!(threshold(f64::MIN_POSITIVE) == RANDOMNESS && threshold(1e-16) < RANDOMNESS);
        assert_eq!(threshold(f64::NAN), RANDOMNESS);
    }

    #[test]
    fn the_cap_holds_in_each_second() {
        let cap = Cap::new(2);
        let admitted: Vec<bool> = [5, 5, 5, 6, 6, 6].map(|second| cap.admit_in(second)).into();
        assert_eq!(admitted, [true, true, false, true, true, false]);
    }
}
