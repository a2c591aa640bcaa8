//! OTLP endpoints: URLs, headers, time-outs (OpenTelemetry specification, protocol/exporter.md).

use std::time::Duration;

use crate::settings::Source;

/// Where a signal is posted to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// None when the signal cannot be exported by this build; a warning has said why.
    pub url: Option<Url>,
    /// True when nothing names the URL.
    pub is_default: bool,
    /// Further request headers.
    pub headers: Vec<(String, String)>,
    /// The longest one attempt may take.
    pub timeout: Duration,
    /// True when bodies are compressed with gzip.
    pub gzip: bool,
    /// PEM file of the certificates to trust instead of the system's; empty for none.
    pub certificate: String,
    /// PEM file of the certificates to show the server; empty for none.
    pub client_certificate: String,
    /// PEM file of the key to the first of them.
    pub client_key: String,
}

/// An `http` or `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// True for `https`.
    pub tls: bool,
    /// Host name or address, without the brackets of IPv6.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query.
    pub path: String,
}

impl Url {
    /// Parses an absolute URL; none when it is not `http` or `https` or has no host.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(authority_end);
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = split_port(authority)?;
        let safe = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || !safe(host) || !safe(path) {
            return None;
        }
        let port = match port {
            "" => {
                if tls {
                    443
                } else {
                    80
                }
            }
            port => port.parse().ok()?,
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(Self {
            tls,
            host: host.to_owned(),
            port,
            path: format!("{slash}{path}"),
        })
    }

    /// The URL of a signal below this base URL.
    fn join(mut self, signal_path: &str) -> Self {
        let kept = self.path.trim_end_matches('/').len();
        self.path.truncate(kept);
        self.path.push_str(signal_path);
        self
    }

    /// Value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        format!("{open}{}{close}:{}", self.host, self.port)
    }
}

fn split_port(authority: &str) -> Option<(&str, &str)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return Some((host, rest.strip_prefix(':').unwrap_or(rest)));
    }
    Some(authority.split_once(':').unwrap_or((authority, "")))
}

/// Reads the endpoint of a signal (`TRACES`, `METRICS`, `LOGS`). The signal's own variables stand
/// over the general ones; `timeout_name` is a further bound on the time of one export.
pub(crate) fn load(source: &mut Source<'_>, signal: &str, timeout_name: &str) -> Endpoint {
    let own_or_general = |name: &str| {
        let own = format!("OTEL_EXPORTER_OTLP_{signal}_{name}");
        let name = if source.get(&own).is_some() {
            own
        } else {
            format!("OTEL_EXPORTER_OTLP_{name}")
        };
        (source.get(&name), name)
    };
    let protocol = own_or_general("PROTOCOL");
    let headers = own_or_general("HEADERS").1;
    let timeout = own_or_general("TIMEOUT").1;
    let compression = own_or_general("COMPRESSION");
    let file = |name| own_or_general(name).0.unwrap_or_default();
    let certificate = file("CERTIFICATE");
    let (client_certificate, client_key) = (file("CLIENT_CERTIFICATE"), file("CLIENT_KEY"));
    check_protocol(source, protocol);
    let attempt = source.milliseconds(&timeout, 10_000);
    let export = source.milliseconds(timeout_name, 30_000);
    let (url, is_default) = load_url(source, signal);
    Endpoint {
        url,
        is_default,
        headers: source
            .parse(&headers, "a list of key=value", parse_pairs)
            .unwrap_or_default()
            .into_iter()
            .filter(|(name, value)| is_header(name, value))
            .collect(),
        timeout: attempt.min(export).max(Duration::from_millis(1)),
        gzip: wants_gzip(source, compression),
        certificate,
        client_certificate,
        client_key,
    }
}

/// The URL, and whether it is the default.
fn load_url(source: &mut Source<'_>, signal: &str) -> (Option<Url>, bool) {
    let path = format!("/v1/{}", signal.to_ascii_lowercase());
    let own = source.parse(
        &format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"),
        "a URL",
        Url::parse,
    );
    let named = own.or_else(|| {
        let general = source.parse("OTEL_EXPORTER_OTLP_ENDPOINT", "a URL", Url::parse);
        general.map(|url| url.join(&path))
    });
    let is_default = named.is_none();
    let url = named.unwrap_or_else(|| default_url().join(&path));
    if url.tls && !cfg!(feature = "tls") {
        source.warn(format!(
            "https endpoint for {}: this program was built without TLS; set `[agent] features = [\"tls\"]` in selvedge.toml and build it anew; this signal is not exported",
            signal.to_ascii_lowercase()
        ));
        return (None, is_default);
    }
    (Some(url), is_default)
}

fn default_url() -> Url {
    Url {
        tls: false,
        host: "localhost".to_owned(),
        port: 4318,
        path: "/".to_owned(),
    }
}

fn check_protocol(source: &mut Source<'_>, (protocol, name): (Option<String>, String)) {
    match protocol.as_deref() {
        None | Some("http/protobuf") => {}
        Some(other @ ("grpc" | "http/json")) => source.warn(format!(
            "{name}: this build does not speak {other}; http/protobuf is used"
        )),
        Some(other) => {
            source.warn(format!(
                "{name}: \"{other}\" is not a protocol; http/protobuf is used"
            ));
        }
    }
}

fn wants_gzip(source: &mut Source<'_>, (compression, name): (Option<String>, String)) -> bool {
    match compression.as_deref() {
        None | Some("none") => false,
        Some("gzip") if cfg!(feature = "gzip") => true,
        Some("gzip") => {
            source.warn(format!(
                "{name}: this program was built without the agent's feature \"gzip\" (`[agent]` in selvedge.toml); not compressed"
            ));
            false
        }
        Some(other) => {
            source.warn(format!(
                "{name}: \"{other}\" is not a known compression; not compressed"
            ));
            false
        }
    }
}

/// `key=value,key=value` with percent-encoded keys and values; none when a pair has no `=`, an
/// empty key or a broken encoding.
pub(crate) fn parse_pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split(',')
        .filter(|pair| !pair.trim().is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let key = percent_decode(key.trim())?;
            (!key.is_empty()).then_some((key, percent_decode(value.trim())?))
        })
        .collect()
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Keeps line breaks and other controls out of the request head.
fn is_header(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    name.bytes().all(token) && !value.bytes().any(|byte| byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(bool, &str, u16, &str)>) {
        let url = Url::parse(text);
        let found = url
            .as_ref()
            .map(|url| (url.tls, url.host.as_str(), url.port, url.path.as_str()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn urls_are_split_into_their_parts() {
        check(
            "http://localhost:4318",
            Some((false, "localhost", 4318, "/")),
        );
        check(
            "https://user:pw@host/a/b?c=d#e",
            Some((true, "host", 443, "/a/b?c=d")),
        );
        check("http://[::1]:80/x", Some((false, "::1", 80, "/x")));
        check("HTTP://h?q", Some((false, "h", 80, "/?q")));
        check("localhost:4318", None);
        check("ftp://host", None);
        check("http://", None);
        check("http://host:port/", None);
        check("http://host/a b", None);
        check("http://ho\r\nst/", None);
    }

    #[test]
    fn pairs_are_percent_decoded_and_broken_ones_void_the_list() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            parse_pairs(" a = b%20c ,d=e=f,"),
            Some(vec![pair("a", "b c"), pair("d", "e=f")])
        );
        for broken in ["a", "=b", "a=%4", "a=%zz", "a=%ff", "a=b,c"] {
            assert_eq!(parse_pairs(broken), None, "{broken}");
        }
    }
}
