//! Timed builds: clean, unchanged, edited, toggled.

use std::path::{Path, PathBuf};

use report::{Profile, Project, Samples, Weaving, interleave};

use crate::rows::Figure;

/// The file that is edited: of the user's own code, in the middle of the service.
const EDITED_FILE: &str = "store.rs";

/// One project with the command that builds it.
pub(crate) struct Contender {
    kind: Kind,
    project: Project,
    weaving: Weaving,
    seconds: Samples,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Woven,
    ByHand,
}

/// The contenders. Plain and woven builds share one project, each with its own target folder,
/// as on a user's machine.
pub(crate) struct Builds {
    contenders: Vec<Contender>,
}

impl Builds {
    pub(crate) fn new(scratch: &Path, with_woven: bool) -> Result<Self, String> {
        let service = Project::copy("service", scratch)?;
        let by_hand = Project::copy("service-by-hand", scratch)?;
        let mut contenders = vec![Contender::new(Kind::Plain, &service, Weaving::Plain)];
        if with_woven {
            contenders.push(Contender::new(Kind::Woven, &service, Weaving::Woven));
        }
        contenders.push(Contender::new(Kind::ByHand, &by_hand, Weaving::Plain));
        Ok(Self { contenders })
    }

    /// Wall time from nothing but the fetched dependencies and the agent's cache.
    pub(crate) fn clean(&mut self, profile: Profile, rounds: usize) -> Result<Figure, String> {
        self.timed(rounds, profile, |contender, _| {
            contender.project.clean(contender.weaving)
        })
    }

    /// Wall time when there is nothing to do.
    pub(crate) fn unchanged(&mut self, profile: Profile, rounds: usize) -> Result<Figure, String> {
        self.timed(rounds, profile, |_, _| Ok(()))
    }

    /// Wall time after a change in one file of the user's.
    pub(crate) fn edited(&mut self, profile: Profile, rounds: usize) -> Result<Figure, String> {
        self.timed(rounds, profile, |contender, round| {
            let line = format!(
                "const _: &str = \"{profile:?} {:?} {round}\";",
                contender.kind
            );
            contender.project.edit(EDITED_FILE, &line)
        })
    }

    fn timed(
        &mut self,
        rounds: usize,
        profile: Profile,
        prepare: impl Fn(&Contender, usize) -> Result<(), String>,
    ) -> Result<Figure, String> {
        for contender in &mut self.contenders {
            contender.seconds = Samples::default();
        }
        interleave(&mut self.contenders, rounds, |contender, round| {
            prepare(contender, round)?;
            let build = contender.project.build(contender.weaving, profile)?;
            contender.seconds.push(build.seconds);
            eprintln!(
                "{:?}, {profile:?}: {:.2} s, {} crates compiled",
                contender.kind, build.seconds, build.compiled
            );
            Ok::<(), String>(())
        })?;
        self.figure(|contender| Ok(contender.seconds.clone()))
    }

    /// Crates that are compiled again when plain and woven builds alternate.
    pub(crate) fn toggled(&mut self, profile: Profile) -> Result<Figure, String> {
        // An edit of the other's source is not what is measured: both are made fresh first.
        for contender in &self.contenders {
            contender.project.build(contender.weaving, profile)?;
        }
        self.figure(|contender| {
            let build = contender.project.build(contender.weaving, profile)?;
            Ok([build.compiled as f64].into_iter().collect())
        })
    }

    /// Asks each contender for one figure.
    pub(crate) fn figure(
        &self,
        ask: impl Fn(&Contender) -> Result<Samples, String>,
    ) -> Result<Figure, String> {
        let mut figure = Figure::default();
        for contender in &self.contenders {
            let samples = ask(contender)?;
            match contender.kind {
                Kind::Plain => figure.plain = samples,
                Kind::Woven => figure.woven = Some(samples),
                Kind::ByHand => figure.by_hand = Some(samples),
            }
        }
        Ok(figure)
    }
}

impl Contender {
    fn new(kind: Kind, project: &Project, weaving: Weaving) -> Self {
        Self {
            kind,
            project: project.clone(),
            weaving,
            seconds: Samples::default(),
        }
    }

    /// The program, built now unless it is fresh.
    pub(crate) fn binary(&self, profile: Profile) -> Result<PathBuf, String> {
        Ok(self.project.build(self.weaving, profile)?.binary)
    }
}
