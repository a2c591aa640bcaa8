//! The integrations of this checkout.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use report::bench_root;
use selvedge_weave::Integration;

/// All of them, with the texts of their glue by file name.
pub(crate) struct Integrations(pub(crate) Vec<(Integration, BTreeMap<String, String>)>);

/// Reads `integrations/*/aspects.toml`.
pub(crate) fn all() -> Result<Integrations, String> {
    let folder = bench_root().join("../integrations");
    let failed = |error| format!("failed to list {}: {error}", folder.display());
    let mut integrations = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let Ok(aspects) = fs::read_to_string(path.join("aspects.toml")) {
            let integration = Integration::parse(&aspects);
            let integration =
                integration.map_err(|problems| format!("{}: {problems:?}", path.display()))?;
            integrations.push((integration, glue(&path)?));
        }
    }
    Ok(Integrations(integrations))
}

/// The Rust files beside `aspects.toml`.
fn glue(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let failed = |error| format!("failed to read {}: {error}", folder.display());
    let mut texts = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            texts.insert(name, fs::read_to_string(&path).map_err(failed)?);
        }
    }
    Ok(texts)
}

impl Integrations {
    /// True when an integration names this package.
    pub(crate) fn know(&self, package: &str) -> bool {
        let mut packages = self
            .0
            .iter()
            .flat_map(|(integration, _)| &integration.packages);
        packages.any(|known| known.name == package)
    }
}
