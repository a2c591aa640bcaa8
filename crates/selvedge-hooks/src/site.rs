//! The static description of one woven place.

use core::sync::atomic::AtomicU32;

/// The role of a span in its trace (OpenTelemetry specification, trace/api.md, "SpanKind").
/// The discriminants are OTLP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Work inside the program.
    Internal = 1,
    /// The handling of a remote request.
    Server = 2,
    /// A request to a remote service.
    Client = 3,
    /// A message put on its way.
    Producer = 4,
    /// A message taken and worked on.
    Consumer = 5,
}

/// The semantic convention that a span follows.
///
/// The agent derives the span's RED metric from it, and uses it to suppress a second span for
/// the same operation: a `Client` span under a span of the same convention and kind in the same
/// process is not started (reqwest over hyper-util over hyper is one request, so one span).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Convention {
    /// None: a business span.
    None = 0,
    /// HTTP, stable: `http.server.request.duration`, `http.client.request.duration`.
    Http = 1,
    /// Databases, stable: `db.client.operation.duration`.
    Database = 2,
    /// RPC: `rpc.server.duration`, `rpc.client.duration`.
    Rpc = 3,
    /// Messaging: `messaging.client.operation.duration`, `messaging.process.duration`.
    Messaging = 4,
}

/// One woven place: made by the compiler as a `static`, so it costs nothing to refer to.
pub struct Site {
    /// Instrumentation scope: the integration's name, or `selvedge.rules` for a user's rule.
    pub scope: &'static str,
    /// The span's name unless the start or a rename gives another one.
    pub name: &'static str,
    /// The span's kind.
    pub kind: Kind,
    /// The semantic convention that the span follows.
    pub convention: Convention,
    /// `code.function.name`: path of the woven function; empty for integrations.
    pub function: &'static str,
    /// `code.file.path`; empty for integrations.
    pub file: &'static str,
    /// `code.line.number`; 0 for integrations.
    pub line: u32,
    /// The agent's own mark: 0 until the agent first sees this site.
    #[doc(hidden)]
    pub state: AtomicU32,
}

impl Site {
    /// A site of an integration.
    pub const fn new(
        scope: &'static str,
        name: &'static str,
        kind: Kind,
        convention: Convention,
    ) -> Self {
        Self {
            scope,
            name,
            kind,
            convention,
            function: "",
            file: "",
            line: 0,
            state: AtomicU32::new(0),
        }
    }

    /// A site of a user's rule, which also says where the woven function stands.
    pub const fn rule(
        name: &'static str,
        kind: Kind,
        function: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            scope: "selvedge.rules",
            name,
            kind,
            convention: Convention::None,
            function,
            file,
            line,
            state: AtomicU32::new(0),
        }
    }
}
