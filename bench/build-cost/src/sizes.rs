//! Sizes of the programs without symbols.

use std::fs;
use std::process::Command;

use report::{Profile, run};

use crate::builds::Builds;
use crate::rows::Figure;

/// Bytes of each contender's program after `strip`.
pub(crate) fn stripped(builds: &Builds, profile: Profile) -> Result<Figure, String> {
    builds.figure(|contender| {
        let binary = contender.binary(profile)?;
        let stripped = binary.with_extension("stripped");
        run(Command::new("strip").arg("-o").arg(&stripped).arg(&binary))?;
        let metadata = fs::metadata(&stripped);
        let metadata = metadata.map_err(|error| format!("{}: {error}", stripped.display()))?;
        Ok([metadata.len() as f64].into_iter().collect())
    })
}
