//! Prints a span tree on the console and how long the agent takes to start.

use std::time::Instant;

use selvedge_agent::Baked;
use selvedge_hooks::{Attribute, Convention, Kind, Site, Span};

static BAKED: Baked = Baked {
    service_name: "first-look",
    service_version: "0.1.0",
    sampling: &[],
    resource: &[],
    panic_aborts: false,
    manifest: "{}",
};
static SERVER: Site = Site::new("hyper", "GET /users/{id}", Kind::Server, Convention::Http);
static QUERY: Site = Site::new("sqlx", "SELECT users", Kind::Client, Convention::Database);

fn main() {
    let before = Instant::now();
    let running = selvedge_agent::start(&BAKED);
    eprintln!("started in {:?}", before.elapsed());
    {
        let _server = Span::start(&SERVER).enter();
        let query = Span::start_with(&QUERY, &[Attribute::new("db.system.name", "postgresql")]);
        query.fail("timeout", &"after 5 s");
    }
    drop(running);
}
