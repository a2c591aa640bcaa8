//! Who produces the telemetry: attributes of the service, process, host, container and pod.
//!
//! The command line is left out on purpose: arguments carry secrets.

use std::fs;
use std::hash::{BuildHasher, RandomState};

use crate::baked::Baked;
use crate::model::AttributeValue;
use crate::settings::Settings;

/// Version of the agent, also the version of its instrumentation scopes.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A resource attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum ResourceValue {
    /// Text.
    Str(String),
    /// A number.
    Int(i64),
}

/// The attributes, each key once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    attributes: Vec<(String, ResourceValue)>,
}

impl Resource {
    /// Detects what can be detected. `OTEL_RESOURCE_ATTRIBUTES` stands over the baked attributes,
    /// and those over what is detected; the service's name is the settings'.
    pub fn detect(
        baked: &Baked,
        settings: &Settings,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let mut resource = Self::default();
        resource.sdk();
        resource.put("service.version", baked.service_version);
        resource.put("service.instance.id", &random_uuid());
        resource.process();
        resource.host(environment);
        resource.container();
        resource.kubernetes(environment);
        if !settings.environment.is_empty() {
            resource.put("deployment.environment.name", &settings.environment);
        }
        for (key, value) in baked.resource {
            resource.put(key, value);
        }
        for (key, value) in &settings.resource_attributes {
            resource.put(key, value);
        }
        resource.put("service.name", &settings.service_name);
        resource
    }

    /// The attributes in order of detection.
    pub fn iter(&self) -> impl Iterator<Item = (&str, AttributeValue<'_>)> {
        self.attributes.iter().map(|(key, value)| {
            let value = match value {
                ResourceValue::Str(text) => AttributeValue::Str(text),
                ResourceValue::Int(number) => AttributeValue::Int(*number),
            };
            (key.as_str(), value)
        })
    }

    /// Sets an attribute; an empty value is not worth sending.
    pub fn put(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.put_value(key, ResourceValue::Str(value.to_owned()));
        }
    }

    fn put_value(&mut self, key: &str, value: ResourceValue) {
        match self.attributes.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = value,
            None => self.attributes.push((key.to_owned(), value)),
        }
    }

    fn sdk(&mut self) {
        self.put("telemetry.sdk.name", "selvedge");
        self.put("telemetry.sdk.language", "rust");
        self.put("telemetry.sdk.version", VERSION);
        self.put("telemetry.distro.name", "selvedge");
        self.put("telemetry.distro.version", VERSION);
    }

    fn process(&mut self) {
        self.put_value(
            "process.pid",
            ResourceValue::Int(i64::from(std::process::id())),
        );
        self.put("process.runtime.name", "rust");
        let Ok(path) = std::env::current_exe() else {
            return;
        };
        if let Some(name) = path.file_name() {
            self.put("process.executable.name", &name.to_string_lossy());
        }
        self.put("process.executable.path", &path.to_string_lossy());
    }

    fn host(&mut self, environment: &dyn Fn(&str) -> Option<String>) {
        let name = read("/proc/sys/kernel/hostname");
        let name = name
            .or_else(|| environment("HOSTNAME"))
            .or_else(|| environment("COMPUTERNAME"));
        self.put("host.name", &name.unwrap_or_default());
        self.put("host.arch", host_arch());
        self.put("host.id", &read("/etc/machine-id").unwrap_or_default());
        self.put(
            "os.type",
            if cfg!(target_os = "macos") {
                "darwin"
            } else {
                std::env::consts::OS
            },
        );
        let release = read("/etc/os-release").unwrap_or_default();
        self.put("os.name", release_field(&release, "NAME"));
        self.put("os.version", release_field(&release, "VERSION_ID"));
        self.put("os.description", release_field(&release, "PRETTY_NAME"));
    }

    fn container(&mut self) {
        let id = read("/proc/self/cgroup").and_then(|text| container_id(&text));
        // With cgroup v2 the id shows only where the container's files are mounted from.
        let id = id.or_else(|| {
            let mounts = read("/proc/self/mountinfo")?;
            let hostname = mounts.lines().find(|line| line.contains("/etc/hostname"))?;
            container_id(hostname)
        });
        self.put("container.id", &id.unwrap_or_default());
    }

    /// From the variables that a pod's downward API is customarily given.
    fn kubernetes(&mut self, environment: &dyn Fn(&str) -> Option<String>) {
        const NAMES: [(&str, &[&str]); 8] = [
            ("k8s.pod.name", &["K8S_POD_NAME", "POD_NAME"]),
            ("k8s.pod.uid", &["K8S_POD_UID", "POD_UID"]),
            ("k8s.pod.ip", &["K8S_POD_IP", "POD_IP"]),
            (
                "k8s.namespace.name",
                &["K8S_NAMESPACE_NAME", "K8S_NAMESPACE", "POD_NAMESPACE"],
            ),
            ("k8s.node.name", &["K8S_NODE_NAME", "NODE_NAME"]),
            (
                "k8s.container.name",
                &["K8S_CONTAINER_NAME", "CONTAINER_NAME"],
            ),
            ("k8s.deployment.name", &["K8S_DEPLOYMENT_NAME"]),
            ("k8s.cluster.name", &["K8S_CLUSTER_NAME"]),
        ];
        if environment("KUBERNETES_SERVICE_HOST").is_some() {
            // A pod's host name is its name unless its specification says otherwise.
            self.put("k8s.pod.name", &environment("HOSTNAME").unwrap_or_default());
            let namespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
            self.put("k8s.namespace.name", &read(namespace).unwrap_or_default());
        }
        for (key, variables) in NAMES {
            let value = variables.iter().find_map(|name| environment(name));
            self.put(key, &value.unwrap_or_default());
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

/// The convention's name of the architecture.
fn host_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

/// A field of os-release(5), without its quotes.
fn release_field<'a>(release: &'a str, name: &str) -> &'a str {
    let field = |line: &'a str| line.strip_prefix(name)?.strip_prefix('=');
    let value = release.lines().find_map(field).unwrap_or_default();
    value.trim_matches(['"', '\''])
}

/// A run of exactly 64 lower-case hexadecimal digits, which container runtimes name cgroups and
/// directories by. The last one: outer ones belong to the containers around.
fn container_id(text: &str) -> Option<String> {
    let hex = |byte: char| byte.is_ascii_digit() || ('a'..='f').contains(&byte);
    let mut runs = text.split(|character| !hex(character));
    runs.rfind(|run| run.len() == 64).map(str::to_owned)
}

/// A random UUID, version 4. The standard library seeds its hash tables from the system's
/// randomness, which is enough to tell instances apart.
fn random_uuid() -> String {
    let high = RandomState::new().hash_one("instance");
    let low = RandomState::new().hash_one("id");
    let bits = (u128::from(high) << 64) | u128::from(low);
    let bits = bits & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_id_is_found_under_every_runtime() {
        let id = "0123456789abcdef".repeat(4);
        for text in [
            format!("12:cpu:/docker/{id}\n"),
            format!("0::/kubepods/besteffort/pod1/cri-containerd-{id}.scope"),
            format!("700 600 /var/lib/docker/containers/{id}/hostname /etc/hostname rw"),
        ] {
            assert_eq!(container_id(&text), Some(id.clone()), "{text}");
        }
        assert_eq!(container_id("0::/"), None);
        assert_eq!(container_id(&format!("{id}0")), None);
    }

    #[test]
    fn an_instance_id_is_a_uuid_of_version_4() {
        let id = random_uuid();
        assert_eq!(id.len(), 36, "{id}");
        assert_eq!(&id[14..15], "4", "{id}");
        assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        assert_ne!(id, random_uuid());
    }

    #[test]
    fn os_release_fields_lose_their_quotes() {
        let release = "PRETTY_NAME=\"Debian 13\"\nNAME=Debian\nVERSION_ID='13'\n";
        assert_eq!(release_field(release, "NAME"), "Debian");
        assert_eq!(release_field(release, "VERSION_ID"), "13");
        assert_eq!(release_field(release, "PRETTY_NAME"), "Debian 13");
        assert_eq!(release_field(release, "BUILD_ID"), "");
    }
}
