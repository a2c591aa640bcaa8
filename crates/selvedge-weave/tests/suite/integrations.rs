//! Every integration of this repository against the packages that cargo has at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use selvedge_weave::{
    Edition, FileInput, FileOutput, Integration, Plan, Role, Rules, Unit, finish, weave_file,
};

use crate::registry::packages;

type Glued = (Integration, BTreeMap<String, String>);

fn integrations() -> Vec<Glued> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integrations");
    let mut found = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let directory = entry.path();
        let Ok(text) = fs::read_to_string(directory.join("aspects.toml")) else {
            continue;
        };
        let integration = Integration::parse(&text)
            .unwrap_or_else(|problems| panic!("{}: {problems:#?}", directory.display()));
        let glue = fs::read_dir(&directory).into_iter().flatten().flatten();
        let glue = glue
            .filter(|file| {
                file.path()
                    .extension()
                    .is_some_and(|extension| extension == "rs")
            })
            .map(|file| {
                let text = fs::read_to_string(file.path()).expect("glue is text");
                (file.file_name().to_string_lossy().into_owned(), text)
            });
        found.push((integration, glue.collect()));
    }
    found
}

#[test]
fn every_integration_finds_its_join_points_in_the_packages_at_hand() {
    let integrations = integrations();
    assert!(!integrations.is_empty(), "there are integrations");
    let mut failures = Vec::new();
    for package in packages() {
        let Some(unit) = unit_of(&package) else {
            continue;
        };
        let known = |(integration, _): &&Glued| {
            integration
                .packages
                .iter()
                .any(|known| known.name == unit.package)
        };
        if !integrations.iter().any(|integration| known(&integration)) {
            continue;
        }
        let plan = Plan::new(&integrations, &Rules::default(), &unit);
        let outputs = walk(&plan, &package.join("src/lib.rs"));
        let outputs: Vec<_> = outputs
            .iter()
            .map(|(module, output)| (module.clone(), output))
            .collect();
        for dropped in finish(&plan, &outputs).dropped {
            failures.push(format!("{} {}: {dropped:#?}", unit.package, unit.version));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The library of a package with all of its features.
fn unit_of(package: &Path) -> Option<Unit> {
    let manifest = fs::read_to_string(package.join("Cargo.toml")).ok()?;
    let manifest: toml::Table = manifest.parse().ok()?;
    let about = manifest.get("package")?.as_table()?;
    let name = about.get("name")?.as_str()?;
    let features = manifest.get("features").and_then(toml::Value::as_table);
    Some(Unit {
        crate_name: name.replace('-', "_"),
        package: name.to_owned(),
        version: about.get("version")?.as_str()?.parse().ok()?,
        edition: Edition::E2021,
        features: features
            .into_iter()
            .flat_map(toml::Table::keys)
            .cloned()
            .collect(),
        is_workspace: false,
        role: Role::Library,
        baked: None,
    })
}

/// Weaves a library, module by module.
fn walk(plan: &Plan, root: &Path) -> Vec<(String, FileOutput)> {
    let mut outputs = Vec::new();
    let mut seen = BTreeSet::new();
    let mut pending: Vec<(PathBuf, String, bool)> = vec![(root.to_path_buf(), String::new(), true)];
    while let Some((path, module, mod_rs_like)) = pending.pop() {
        // A module that two configurations declare is one module.
        if !plan.wants_module(&module) || !seen.insert((path.clone(), module.clone())) {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let display_path = path.to_string_lossy();
        let file = FileInput {
            text: &text,
            module: &module,
            display_path: &display_path,
        };
        let Ok(output) = weave_file(plan, &file) else {
            continue;
        };
        for declared in &output.modules {
            for candidate in declared.candidates(&path, mod_rs_like) {
                let mod_rs_like = declared.is_mod_rs_like(&candidate);
                pending.push((candidate, declared.path.clone(), mod_rs_like));
            }
        }
        outputs.push((module, output));
    }
    outputs
}
