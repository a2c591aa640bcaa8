//! The `cargo selvedge` command.
fn main() {}
