//! The statement that starts the agent in a woven `main`.

use std::fmt::Write as _;

use selvedge_weave::Rules;

/// What is known of the program when it is compiled.
pub(crate) struct Program<'a> {
    /// Service name where `selvedge.toml` has none.
    pub(crate) name: &'a str,
    /// The package's version.
    pub(crate) version: &'a str,
    /// The manifest between its marks.
    pub(crate) manifest: &'a str,
}

/// One line of Rust; strings are written with `Debug`, whose escapes are Rust's.
pub(crate) fn statement(program: &Program<'_>, rules: &Rules) -> String {
    let name = rules.service.name.as_deref().unwrap_or(program.name);
    let mut sampling = String::new();
    for environment in &rules.sampling {
        write!(
            sampling,
            "::selvedge_agent::EnvironmentSampling {{ environment: {:?}, parent_based_ratio: {:?}, traces_per_second: {} }}, ",
            environment.environment, environment.parent_based_ratio, environment.traces_per_second,
        )
        .expect("writing to a string");
    }
    let mut resource = String::new();
    for (key, value) in &rules.resource {
        write!(resource, "({key:?}, {value:?}), ").expect("writing to a string");
    }
    format!(
        "let _selvedge = ::selvedge_agent::start({{ static BAKED: ::selvedge_agent::Baked = ::selvedge_agent::Baked {{ \
         service_name: {name:?}, service_version: {:?}, sampling: &[{sampling}], resource: &[{resource}], manifest: {:?}, panic_aborts: cfg!(panic = \"abort\") }}; &BAKED }});",
        program.version, program.manifest,
    )
}
