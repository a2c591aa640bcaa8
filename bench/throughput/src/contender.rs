//! The programs that are compared, and one turn of each.

use std::path::{Path, PathBuf};

use report::{Profile, Project, Samples, Weaving, cargo_selvedge};

use crate::WARM_UP_SECONDS;
use crate::load::Load;
use crate::service::Service;
use crate::sink::Sink;

const ALL: &[(&str, &str)] = &[("OTEL_TRACES_SAMPLER", "parentbased_always_on")];
const ONE_PERCENT: &[(&str, &str)] = &[
    ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
    ("OTEL_TRACES_SAMPLER_ARG", "0.01"),
];

/// One program in one configuration, with what was measured of it, one sample a round.
pub(crate) struct Contender {
    pub(crate) title: &'static str,
    binary: PathBuf,
    database: PathBuf,
    environment: &'static [(&'static str, &'static str)],
    /// Requests a second.
    pub(crate) rate: Samples,
    pub(crate) p50_ms: Samples,
    pub(crate) p99_ms: Samples,
    /// CPU time of the service's process for one request.
    pub(crate) cpu_us: Samples,
    pub(crate) peak_rss_mb: Samples,
    /// Spans that arrived for one request, the warm-up's included.
    pub(crate) spans: Samples,
    /// Requests that failed, in all rounds.
    pub(crate) failed: u64,
}

/// Builds the programs. Without the command there is no woven contender.
pub(crate) fn all(scratch: &Path) -> Result<Vec<Contender>, String> {
    let build = |service: &str, weaving| {
        eprintln!("building {service} ({weaving:?})");
        let build = Project::copy(service, scratch)?.build(weaving, Profile::Release)?;
        Ok::<PathBuf, String>(build.binary)
    };
    let plain = build("service", Weaving::Plain)?;
    let mut contenders = vec![Contender::new("plain", &plain, &[])];
    match cargo_selvedge().and_then(|_| build("service", Weaving::Woven)) {
        Ok(woven) => {
            contenders.push(Contender::new("woven, all sampled", &woven, ALL));
            contenders.push(Contender::new("woven, 1 %", &woven, ONE_PERCENT));
        }
        Err(error) => eprintln!("throughput: nothing woven is measured: {error}"),
    }
    let by_hand = build("service-by-hand", Weaving::Plain)?;
    contenders.push(Contender::new("by hand, all sampled", &by_hand, ALL));
    contenders.push(Contender::new("by hand, 1 %", &by_hand, ONE_PERCENT));
    Ok(contenders
        .into_iter()
        .map(|contender| contender.with_database(scratch))
        .collect())
}

impl Contender {
    fn new(
        title: &'static str,
        binary: &Path,
        environment: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            title,
            binary: binary.to_owned(),
            database: PathBuf::new(),
            environment,
            rate: Samples::default(),
            p50_ms: Samples::default(),
            p99_ms: Samples::default(),
            cpu_us: Samples::default(),
            peak_rss_mb: Samples::default(),
            spans: Samples::default(),
            failed: 0,
        }
    }

    /// All contenders read the same file: none writes under this load.
    fn with_database(self, scratch: &Path) -> Self {
        Self {
            database: scratch.join("accounts.sqlite"),
            ..self
        }
    }

    pub(crate) fn is_sampled_whole(&self) -> bool {
        self.environment == ALL
    }

    pub(crate) fn is_woven(&self) -> bool {
        self.title.starts_with("woven")
    }

    /// Starts the service, loads it, stops it.
    pub(crate) fn turn(&mut self, load: &Load, sink: &mut Sink) -> Result<(), String> {
        sink.take()?;
        let service = Service::start(
            &self.binary,
            &self.database,
            self.environment,
            &sink.endpoint,
        )?;
        let warm_up = Load {
            seconds: WARM_UP_SECONDS,
        }
        .run(&service.address)?;
        let before = service.cpu_seconds()?;
        let result = load.run(&service.address)?;
        let cpu_seconds = service.cpu_seconds()? - before;
        let peak_rss_mb = service.peak_rss_mb()?;
        service.stop()?;
        let spans = sink.take()?.spans;
        let requests = result.requests as f64;
        self.rate.push(requests / result.seconds);
        self.p50_ms.push(result.p50_ms);
        self.p99_ms.push(result.p99_ms);
        self.cpu_us.push(cpu_seconds * 1e6 / requests);
        self.peak_rss_mb.push(peak_rss_mb);
        self.spans
            .push(spans as f64 / (requests + warm_up.requests as f64));
        self.failed += result.failed + warm_up.failed;
        Ok(())
    }

    /// One line on the newest round, for whoever waits.
    pub(crate) fn last(&self) -> String {
        let last = |samples: &Samples| samples.last().unwrap_or(f64::NAN);
        format!(
            "{}: {:.0} requests/s, {:.1} µs CPU each",
            self.title,
            last(&self.rate),
            last(&self.cpu_us)
        )
    }
}
