//! What is decided once, at start-up, and read by every span.

use std::sync::OnceLock;

use crate::metrics;
use crate::record::Limits;
use crate::ring::Registry;
use crate::sampler::Sampler;
use crate::settings::{Propagator, Settings};

static RUNTIME: OnceLock<Runtime> = OnceLock::new();
/// All rings; there from the beginning, because threads join whenever they first record.
#[cfg(not(loom))]
pub(crate) static REGISTRY: Registry = Registry::new();
/// Loom's types are made at run time.
#[cfg(loom)]
pub(crate) static REGISTRY: std::sync::LazyLock<Registry> = std::sync::LazyLock::new(Registry::new);

/// All metrics of the process.
pub(crate) static METRICS: metrics::Registry = metrics::Registry::new();

/// The settings in the form that the hot paths use.
pub(crate) struct Runtime {
    pub(crate) sampler: Sampler,
    pub(crate) propagators: Box<[Propagator]>,
    pub(crate) limits: Limits,
    pub(crate) disabled_integrations: Box<[String]>,
    pub(crate) buffer_bytes_per_thread: usize,
    /// Unsampled spans are wanted for their metrics only, not one by one.
    pub(crate) counts_unsampled: bool,
    /// Log records go somewhere.
    pub(crate) logs_enabled: bool,
}

/// What the sink has a use for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) logs: bool,
    /// Also those that are not sampled.
    pub(crate) every_span: bool,
}

impl Runtime {
    fn new(settings: &Settings, wanted: Wanted) -> Self {
        Self {
            sampler: Sampler::new(settings.sampler, settings.traces_per_second),
            propagators: settings.propagators.clone().into(),
            limits: Limits {
                attributes: settings.attribute_count_limit as usize,
                text_bytes: settings.attribute_length_limit,
                events: u16::try_from(settings.event_count_limit).unwrap_or(u16::MAX),
                links: u16::try_from(settings.link_count_limit).unwrap_or(u16::MAX),
            },
            disabled_integrations: settings.disabled_integrations.clone().into(),
            buffer_bytes_per_thread: settings.buffer_bytes_per_thread,
            counts_unsampled: !wanted.every_span,
            logs_enabled: wanted.logs,
        }
    }
}

/// Fixes the settings for the life of the process. The first ones stay.
pub(crate) fn set(settings: &Settings, wanted: Wanted) {
    RUNTIME.get_or_init(|| Runtime::new(settings, wanted));
}

/// The settings; none before the start.
#[inline]
pub(crate) fn get() -> Option<&'static Runtime> {
    RUNTIME.get()
}
