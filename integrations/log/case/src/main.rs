//! Lines of `env_logger`, in a span and outside of one.

fn main() {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Info)
        .format_timestamp(None)
        .target(env_logger::Target::Stdout)
        .init();
    log::info!("started");
    order(7, "Ada Lovelace");
    log::info!("done");
}

fn order(id: u32, customer: &str) {
    log::warn!("only {} left", 3);
    log::debug!("{id} for {customer}: below the program's level");
}
