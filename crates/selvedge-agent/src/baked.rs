//! What the weaver bakes into a binary: the argument of [`crate::start`].

/// Values from `selvedge.toml` and the manifest of the build; the environment wins over all.
pub struct Baked {
    /// `service.name`: from `selvedge.toml`, else the binary's name.
    pub service_name: &'static str,
    /// `service.version`: the package's version.
    pub service_version: &'static str,
    /// `[sampling.<environment>]` tables.
    pub sampling: &'static [EnvironmentSampling],
    /// `[resource]` attributes.
    pub resource: &'static [(&'static str, &'static str)],
    /// The program is built with `panic = "abort"`, whatever the agent was built with.
    pub panic_aborts: bool,
    /// JSON, between the marks that `cargo selvedge inspect` looks for. Kept alive by the agent.
    pub manifest: &'static str,
}

/// The sampler of one environment.
pub struct EnvironmentSampling {
    /// Name as in `SELVEDGE_ENV` or `deployment.environment.name`; `default` for all others.
    pub environment: &'static str,
    /// Ratio of root traces that are sampled, 0 to 1; children follow their parent.
    pub parent_based_ratio: f64,
    /// At most so many sampled root traces a second; 0 for no cap.
    pub traces_per_second: u32,
}
