//! The engine from the outside.

mod cases;
mod documents;
mod forms;
mod integrations;
mod lexing;
mod registry;
mod schema;
mod support;
mod texts;
