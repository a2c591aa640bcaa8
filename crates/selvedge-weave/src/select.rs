//! Which aspects and rules apply to one unit.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use semver::Version;

use crate::aspect::{Aspect, EVERY_MEMBER, Integration, JoinPoint};
use crate::rules::{Rule, Rules};

/// The edition of a crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edition {
    /// 2015.
    E2015,
    /// 2018.
    E2018,
    /// 2021.
    E2021,
    /// 2024.
    E2024,
}

/// What a unit is compiled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A library.
    Library,
    /// A program.
    Binary,
    /// A crate's tests.
    TestHarness,
    /// An example.
    Example,
    /// A benchmark.
    Benchmark,
    /// A procedural macro.
    ProcMacro,
    /// A build script.
    BuildScript,
}

/// One call of rustc.
#[derive(Clone, Debug)]
pub struct Unit {
    /// `--crate-name`.
    pub crate_name: String,
    /// Name of the package.
    pub package: String,
    /// Version of the package.
    pub version: Version,
    /// Edition of the crate.
    pub edition: Edition,
    /// Features that are on.
    pub features: Vec<String>,
    /// Whether the user wrote it: rules and `*` packages apply.
    pub is_workspace: bool,
    /// What it becomes.
    pub role: Role,
    /// Rust text that becomes the first statement of `main`, for binaries: one line.
    pub baked: Option<String>,
}

impl Unit {
    /// True for a package's library and its own tests: integrations know no other of its crates.
    fn is_of_library(&self) -> bool {
        let is_named_after_package = || self.crate_name == self.package.replace('-', "_");
        match self.role {
            Role::Library => true,
            Role::TestHarness => is_named_after_package(),
            _ => false,
        }
    }
}

/// What applies to one unit.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) unit: Unit,
    pub(crate) integrations: Vec<PlannedIntegration>,
    pub(crate) rules: Vec<(usize, Rule)>,
    unsupported: Vec<UnsupportedVersion>,
}

/// The part of an integration that applies to one unit.
#[derive(Clone, Debug)]
pub(crate) struct PlannedIntegration {
    pub(crate) name: String,
    pub(crate) aspects: Vec<Aspect>,
    pub(crate) glue: Option<String>,
}

/// A package that an integration knows, in a version that it does not.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct UnsupportedVersion {
    /// The integration's name.
    pub integration: String,
    /// The package's name.
    pub package: String,
    /// The version in use.
    pub version: String,
    /// The versions known.
    pub supported: String,
}

impl Plan {
    /// Picks what applies to a unit. The texts of glue modules come by file name.
    pub fn new(
        integrations: &[(Integration, BTreeMap<String, String>)],
        rules: &Rules,
        unit: &Unit,
    ) -> Plan {
        let mut plan = Plan {
            unit: unit.clone(),
            integrations: Vec::new(),
            rules: Vec::new(),
            unsupported: Vec::new(),
        };
        if matches!(unit.role, Role::ProcMacro | Role::BuildScript) {
            plan.unit.baked = None;
            return plan;
        }
        for (integration, glue) in integrations {
            if rules.enables(&integration.name) {
                plan.add_integration(integration, glue);
            }
        }
        if unit.is_workspace {
            for (index, rule) in rules.rules.iter().enumerate() {
                plan.rules.extend(
                    rule.function
                        .within_crate(&unit.crate_name)
                        .map(|function| {
                            (
                                index,
                                Rule {
                                    function,
                                    ..rule.clone()
                                },
                            )
                        }),
                );
            }
        }
        plan
    }

    fn add_integration(&mut self, integration: &Integration, glue: &BTreeMap<String, String>) {
        let unit = &self.unit;
        let mut known = integration
            .packages
            .iter()
            .filter(|package| {
                package.name == unit.package && unit.is_of_library()
                    || package.name == EVERY_MEMBER && unit.is_workspace
            })
            .peekable();
        if known.peek().is_none() {
            return;
        }
        let supported: Vec<&String> = known.clone().map(|package| &package.name).collect();
        let Some(package) = known
            .clone()
            .find(|package| package.versions.matches(&unit.version))
        else {
            self.unsupported.push(UnsupportedVersion {
                integration: integration.name.clone(),
                package: unit.package.clone(),
                version: unit.version.to_string(),
                supported: known
                    .map(|package| package.versions.to_string())
                    .collect::<Vec<_>>()
                    .join(" or "),
            });
            return;
        };
        let aspects: Vec<Aspect> = integration
            .aspects
            .iter()
            .filter(|aspect| supported.contains(&&aspect.package) && applies(aspect, unit))
            .cloned()
            .collect();
        if !aspects.is_empty() {
            self.integrations.push(PlannedIntegration {
                name: integration.name.clone(),
                aspects,
                glue: package
                    .glue
                    .as_ref()
                    .and_then(|file| glue.get(file))
                    .cloned(),
            });
        }
    }

    /// True when the unit is to be compiled as it is.
    pub fn is_empty(&self) -> bool {
        self.integrations.is_empty() && self.rules.is_empty() && self.unit.baked.is_none()
    }

    /// Whether the file of module `a::b` (`""` for the root) must be woven, or one below it.
    pub fn wants_module(&self, path: &str) -> bool {
        if path.is_empty() {
            return !self.is_empty();
        }
        let aspects = self
            .integrations
            .iter()
            .flat_map(|integration| &integration.aspects);
        aspects.into_iter().any(|aspect| match &aspect.at {
            JoinPoint::Function { path: pattern, .. } | JoinPoint::Struct { path: pattern, .. } => {
                pattern.may_match_below(path)
            }
            JoinPoint::Module(module) => module
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
            JoinPoint::Main => false,
        }) || self
            .rules
            .iter()
            .any(|(_, rule)| rule.function.may_match_below(path))
    }

    /// Integrations that know the package but not this version of it.
    pub fn unsupported(&self) -> &[UnsupportedVersion] {
        &self.unsupported
    }

    /// Names of the integrations that apply.
    pub fn integrations(&self) -> impl Iterator<Item = &str> {
        self.integrations
            .iter()
            .map(|integration| integration.name.as_str())
    }

    /// A hash of all that decides how the unit is woven. The same for the same plan and version of
    /// this crate, whatever the machine.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        write!(hash, "{self:?}").expect("hashing does not fail");
        hash.0
    }

    /// Path of an integration's glue module.
    pub(crate) fn glue_path(name: &str) -> String {
        format!("crate::{}", Self::glue_module(name))
    }

    /// Name of an integration's glue module.
    pub(crate) fn glue_module(name: &str) -> String {
        format!("__selvedge_{}", name.replace('-', "_"))
    }
}

fn applies(aspect: &Aspect, unit: &Unit) -> bool {
    aspect
        .versions
        .as_ref()
        .is_none_or(|versions| versions.matches(&unit.version))
        && aspect
            .features
            .iter()
            .all(|feature| unit.features.contains(feature))
}

/// FNV-1a.
struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
