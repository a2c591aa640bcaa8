//! Two clocks: ticks, which cost a few nanoseconds and are read by every span, and the
//! calibration by which the drain thread turns ticks into Unix time.
//!
//! Start and end of one span are converted by one calibration, so a step of the system clock
//! never gives a negative duration.
#![expect(unsafe_code, reason = "reads the processor's counter")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock may leave the calibration by so much before the calibration follows it.
const WALL_DRIFT_NS_MAX: u64 = 10_000;

/// The clock has to run for so long before a tick's length is told.
const MEASURED_NS_MIN: u64 = 20_000_000;

static COUNTER: AtomicBool = AtomicBool::new(false);
/// Bits of an `f64`; 0 while it is unknown.
static SECONDS_PER_TICK: AtomicU64 = AtomicU64::new(0);
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// Picks the clock. Called once, before the first [`ticks`].
pub(crate) fn start() {
    ORIGIN.get_or_init(Instant::now);
    COUNTER.store(counter_is_steady(), Ordering::Relaxed);
}

/// The current time in ticks of a unit that only [`Calibration`] knows.
#[inline]
pub(crate) fn ticks() -> u64 {
    if COUNTER.load(Ordering::Relaxed) {
        counter()
    } else {
        monotonic_ns()
    }
}

/// A tick's length, once it is known well enough to sort durations into buckets.
#[inline]
pub(crate) fn seconds_per_tick() -> Option<f64> {
    let bits = SECONDS_PER_TICK.load(Ordering::Relaxed);
    (bits != 0).then(|| f64::from_bits(bits))
}

/// Nanoseconds since [`start`].
pub(crate) fn monotonic_ns() -> u64 {
    ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; it touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
#[inline]
fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: user space may read the virtual counter; it touches no memory.
    unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn counter() -> u64 {
    monotonic_ns()
}

/// True when the counter runs at one rate on all cores, whatever their power state.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn counter_is_steady() -> bool {
    const EXTENDED_MAX: u32 = 0x8000_0000;
    const POWER: u32 = 0x8000_0007;
    const INVARIANT_TSC: u32 = 1 << 8;
    if core::arch::x86_64::__cpuid(EXTENDED_MAX).eax < POWER
        || core::arch::x86_64::__cpuid(POWER).edx & INVARIANT_TSC == 0
    {
        return false;
    }
    // Linux measures the counters against each other and leaves them when they disagree.
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    !std::fs::read_to_string(source).is_ok_and(|name| {
        matches!(
            name.trim(),
            "hpet" | "acpi_pm" | "jiffies" | "refined-jiffies"
        )
    })
}

#[cfg(any(miri, not(target_arch = "x86_64")))]
fn counter_is_steady() -> bool {
    cfg!(all(target_arch = "aarch64", not(miri)))
}

/// One moment on all clocks.
#[derive(Clone, Copy)]
struct Moment {
    ticks: u64,
    monotonic_ns: u64,
    unix_ns: u64,
}

impl Moment {
    fn now() -> Self {
        let before = ticks();
        let monotonic_ns = monotonic_ns();
        let unix_ns = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as u64);
        let after = ticks();
        Self {
            ticks: before + after.saturating_sub(before) / 2,
            monotonic_ns,
            unix_ns,
        }
    }
}

/// Turns ticks into Unix time. The longer it is kept, the better it knows the tick's length.
pub(crate) struct Calibration {
    first: Moment,
    anchor: Moment,
    ns_per_tick: f64,
}

impl Calibration {
    pub(crate) fn new() -> Self {
        let now = Moment::now();
        Self {
            first: now,
            anchor: now,
            ns_per_tick: 1.0,
        }
    }

    /// Measures once more. Called before each round of conversions.
    pub(crate) fn refresh(&mut self) {
        let now = Moment::now();
        self.adjust(now);
        if now.monotonic_ns.saturating_sub(self.first.monotonic_ns) >= MEASURED_NS_MIN {
            SECONDS_PER_TICK.store(self.seconds(1).to_bits(), Ordering::Relaxed);
        }
    }

    /// Some moment that is near the current time.
    pub(crate) fn anchor_ticks(&self) -> u64 {
        self.anchor.ticks
    }

    /// The length of many ticks.
    pub(crate) fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 * (self.ns_per_tick / 1e9)
    }

    fn adjust(&mut self, now: Moment) {
        // The counter starts anew when a machine wakes from a deep sleep.
        if now.ticks < self.anchor.ticks {
            (self.first, self.anchor) = (now, now);
            return;
        }
        let ticks = now.ticks - self.first.ticks;
        if ticks > 0 {
            let elapsed_ns = now.monotonic_ns.saturating_sub(self.first.monotonic_ns);
            self.ns_per_tick = elapsed_ns as f64 / ticks as f64;
        }
        // A far anchor would turn an error of the rate into an error of the time.
        if self.unix_ns(now.ticks).abs_diff(now.unix_ns) > WALL_DRIFT_NS_MAX {
            self.anchor = now;
        }
    }

    /// A moment in nanoseconds since the Unix epoch.
    pub(crate) fn unix_ns(&self, ticks: u64) -> u64 {
        if ticks >= self.anchor.ticks {
            self.anchor
                .unix_ns
                .saturating_add(self.nanoseconds(ticks - self.anchor.ticks))
        } else {
            self.anchor
                .unix_ns
                .saturating_sub(self.nanoseconds(self.anchor.ticks - ticks))
        }
    }

    fn nanoseconds(&self, ticks: u64) -> u64 {
        (ticks as f64 * self.ns_per_tick) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64, wall_offset: u64) -> Moment {
        Moment {
            ticks: seconds * 3 * SECOND,
            monotonic_ns: seconds * SECOND,
            unix_ns: seconds * SECOND + wall_offset,
        }
    }

    #[test]
    fn the_rate_is_learnt_from_the_monotonic_clock() {
        let mut calibration = Calibration {
            first: at(10, 0),
            anchor: at(10, 0),
            ns_per_tick: 1.0,
        };
        calibration.adjust(at(20, 0));
        assert_eq!(calibration.unix_ns(3 * 15 * SECOND), 15 * SECOND);
    }

    #[test]
    fn a_step_of_the_wall_clock_moves_both_ends_of_a_span() {
        let mut calibration = Calibration {
            first: at(10, 100 * SECOND),
            anchor: at(10, 100 * SECOND),
            ns_per_tick: 1.0,
        };
        calibration.adjust(at(20, 40 * SECOND));
        let (start, end) = (
            calibration.unix_ns(3 * 12 * SECOND),
            calibration.unix_ns(3 * 14 * SECOND),
        );
        assert_eq!((start, end), (52 * SECOND, 54 * SECOND));
    }

    #[test]
    fn the_current_time_is_the_wall_clocks() {
        start();
        let mut calibration = Calibration::new();
        std::hint::black_box(
            (0..200_000).fold(0_u64, |sum, item| sum ^ std::hint::black_box(item)),
        );
        calibration.refresh();
        let now = Moment::now();
        assert!(calibration.unix_ns(now.ticks).abs_diff(now.unix_ns) < 20_000_000);
    }
}
