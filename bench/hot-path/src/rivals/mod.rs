//! The libraries that a service would otherwise be instrumented with, used as their own
//! documentation shows, with exporters that count and drop.

pub(crate) mod fastrace;
pub(crate) mod sdk;
pub(crate) mod tracing;
