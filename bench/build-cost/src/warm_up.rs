//! A woven build of next to nothing, so that the agent is in the cache before anything is timed.

use std::fs;
use std::path::{Path, PathBuf};

use report::{Profile, Project, Weaving};

const MANIFEST: &str =
    "[package]\nname = \"warm-up\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";
const MAIN: &str = "fn main() {}\n";
/// Build scripts see the environment that cargo gives the wrapper.
const BUILD_SCRIPT: &str = "fn main() {
    let session = std::env::var(\"SELVEDGE_SESSION\").unwrap_or_default();
    std::fs::write(\"session\", session).expect(\"the package's folder can be written\");
}
";

/// What a call of the wrapper needs to know to be one of a real build.
pub(crate) struct WarmUp {
    /// The value of `SELVEDGE_SESSION`.
    pub(crate) session: String,
    /// Where cargo would have the compiler write.
    pub(crate) out_dir: PathBuf,
}

/// Builds it in both profiles.
pub(crate) fn build(scratch: &Path) -> Result<WarmUp, String> {
    let files = [
        ("Cargo.toml", MANIFEST),
        ("src/main.rs", MAIN),
        ("build.rs", BUILD_SCRIPT),
    ];
    let project = Project::write("warm-up", scratch, &files)?;
    project.clean(Weaving::Woven)?;
    project.build(Weaving::Woven, Profile::Release)?;
    let build = project.build(Weaving::Woven, Profile::Dev)?;
    let session = fs::read_to_string(project.root().join("session"));
    Ok(WarmUp {
        session: session.map_err(|error| format!("the build script left no session: {error}"))?,
        out_dir: build.binary.with_file_name("deps"),
    })
}
