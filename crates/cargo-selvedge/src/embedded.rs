//! What this binary carries: the sources of hooks and agent, and the integrations.

/// One folder under `integrations/`.
pub(crate) struct Embedded {
    /// The folder's name.
    pub(crate) folder: &'static str,
    /// Text of `aspects.toml`.
    pub(crate) aspects: &'static str,
    /// The `.rs` files next to it, by name.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

mod generated {
    use super::Embedded;
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// Files of `selvedge-hooks/src`, by relative path.
pub(crate) fn hooks() -> &'static [(&'static str, &'static str)] {
    generated::HOOKS
}

/// Files of `selvedge-agent/src`, by relative path.
pub(crate) fn agent() -> &'static [(&'static str, &'static str)] {
    generated::AGENT
}

/// The agent's stand-alone `Cargo.toml`.
pub(crate) fn agent_manifest() -> &'static str {
    generated::AGENT_MANIFEST
}

/// The agent's `Cargo.lock`.
pub(crate) fn agent_lock() -> &'static str {
    generated::AGENT_LOCK
}

/// All integrations, in the order of their folders' names.
pub(crate) fn integrations() -> &'static [Embedded] {
    generated::INTEGRATIONS
}

/// The integrations that have aspects for a package.
pub(crate) fn integrations_of(package: &str) -> impl Iterator<Item = &'static Embedded> + use<> {
    let found = generated::PACKAGES.binary_search_by(|(name, _)| (*name).cmp(package));
    let indices = found.map_or(&[][..], |index| generated::PACKAGES[index].1);
    indices.iter().map(|index| &generated::INTEGRATIONS[*index])
}

/// Names this tool and everything in it; part of what cargo sees as the compiler's version.
pub(crate) fn tool_hash() -> &'static str {
    generated::TOOL_HASH
}
