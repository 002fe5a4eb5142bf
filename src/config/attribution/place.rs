//! One source: exactly one key that says where the value stands, and whether it is trusted.

use serde_json::Value;

use super::constant_value;
use super::model::{ApiKey, HostProperty, Part, Place, Source};
use crate::awu::Attribute;
use crate::config::section::Section;

/// The keys of which a source has exactly one.
const KINDS: [&str; 14] = [
    "header",
    "baggage",
    "jwt_claim",
    "metadata",
    "filter_state",
    "mtls",
    "istio_peer",
    "istio_peer_label",
    "route_metadata",
    "virtual_host_metadata",
    "cluster_metadata",
    "node_metadata",
    "api_key",
    "constant",
];

/// Where `jwt_authn` puts a payload.
const JWT_AUTHN: &str = "envoy.filters.http.jwt_authn";

/// Envoy's name of a certificate's part, and which part of that.
const CERTIFICATE: [(&str, (&str, Part)); 8] = [
    ("uri_san", ("uri_san_peer_certificate", Part::Scalar)),
    ("dns_san", ("dns_san_peer_certificate", Part::Scalar)),
    ("common_name", ("subject_peer_certificate", Part::Subject("CN"))),
    ("organizational_unit", ("subject_peer_certificate", Part::Subject("OU"))),
    ("organization", ("subject_peer_certificate", Part::Subject("O"))),
    ("spiffe_trust_domain", ("uri_san_peer_certificate", Part::SpiffeTrustDomain)),
    ("spiffe_namespace", ("uri_san_peer_certificate", Part::SpiffeNamespace)),
    ("spiffe_service_account", ("uri_san_peer_certificate", Part::SpiffeServiceAccount)),
];

/// Istio's name of what it knows of a workload, and which part of that.
const PEER: [(&str, (&str, Part)); 8] = [
    ("namespace", ("namespace", Part::Scalar)),
    ("workload", ("workload", Part::Scalar)),
    ("service", ("service", Part::Scalar)),
    ("revision", ("revision", Part::Scalar)),
    ("app", ("app", Part::Scalar)),
    ("version", ("version", Part::Scalar)),
    ("cluster", ("cluster", Part::Scalar)),
    ("service_account", ("identity", Part::SpiffeServiceAccount)),
];

/// Turns sources into what a call reads, and remembers what of it is shared.
pub(super) struct Compiler {
    pub(super) properties: Vec<HostProperty>,
    pub(super) api_keys: Vec<ApiKey>,
}

impl Compiler {
    /// Reads one source.
    pub(super) fn source(&mut self, section: Section<'_>) -> Option<Source> {
        let stated: Vec<&str> = KINDS.into_iter().filter(|kind| section.get(kind).is_some()).collect();
        let known = KINDS.join(", ");
        let place = match *stated.as_slice() {
            [kind] => self.place(&section, kind),
            [] => {
                section.problems().add(section.path(), format!("states no source, expected one of {known}"));
                None
            }
            [..] => {
                let message = format!("expected one source, got {}", stated.join(" and "));
                section.problems().add(section.path(), message);
                None
            }
        };
        if section.get("payload").is_some() && !stated.contains(&"jwt_claim") {
            section.problem("payload", "says where claims are, and has a meaning beside jwt_claim only");
        }
        let trusted = section.boolean("trusted");
        section.finish();
        let trusted = trusted.unwrap_or(stated.first().is_some_and(|kind| trusted_unless_stated(kind)));
        Some(Source { place: place?, trusted })
    }

    fn place(&mut self, section: &Section<'_>, kind: &str) -> Option<Place> {
        match kind {
            "header" => header(section),
            "baggage" => baggage(section),
            "jwt_claim" => self.jwt_claim(section),
            "metadata" => self.metadata(section, "metadata", &["metadata"], "metadata"),
            "route_metadata" => {
                self.metadata(section, "route_metadata", &["xds", "route_metadata"], "route metadata")
            }
            "virtual_host_metadata" => {
                let root = ["xds", "virtual_host_metadata"];
                self.metadata(section, "virtual_host_metadata", &root, "virtual host metadata")
            }
            "cluster_metadata" => {
                self.metadata(section, "cluster_metadata", &["xds", "cluster_metadata"], "cluster metadata")
            }
            "node_metadata" => {
                let path = path(section, "node_metadata", 1)?;
                Some(self.property(&["xds", "node", "metadata"], &path, Part::Scalar, true, "node metadata"))
            }
            "filter_state" => {
                let path = path(section, "filter_state", 1)?;
                Some(self.property(&["filter_state"], &path, Part::Scalar, false, "filter state"))
            }
            "mtls" => {
                let (name, part) = section.one_of("mtls", &CERTIFICATE)?;
                let described = format!("client certificate {}", section.string("mtls")?);
                Some(self.shared(["connection", name].join("\0"), part, false, described))
            }
            "istio_peer" => {
                let (field, part) = section.one_of("istio_peer", &PEER)?;
                let described = format!("Istio peer {}", section.string("istio_peer")?);
                Some(self.shared(
                    ["filter_state", "downstream_peer", field].join("\0"),
                    part,
                    false,
                    described,
                ))
            }
            "istio_peer_label" => {
                let label = [section.read("istio_peer_label", "a name", segment)?];
                let root = ["filter_state", "downstream_peer", "labels"];
                Some(self.property(&root, &label, Part::Scalar, false, "Istio peer label"))
            }
            "api_key" => self.api_key(section),
            _ => constant_value(section, "constant", section.string("constant")?).map(Place::Constant),
        }
    }

    fn jwt_claim(&mut self, section: &Section<'_>) -> Option<Place> {
        let claim = path(section, "jwt_claim", 1);
        let payload = section.read("payload", "a name", |value| segment(value));
        let root = ["metadata", "filter_metadata", JWT_AUTHN, payload.unwrap_or("jwt_payload")];
        Some(self.property(&root, &claim?, Part::Scalar, false, "JWT claim"))
    }

    fn metadata(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        root: &[&str],
        described: &str,
    ) -> Option<Place> {
        let path = path(section, key, 2)?;
        let root: Vec<&str> = root.iter().copied().chain(["filter_metadata"]).collect();
        Some(self.property(&root, &path, Part::Scalar, false, described))
    }

    fn property(
        &mut self,
        root: &[&str],
        path: &[&str],
        part: Part,
        lasting: bool,
        described: &str,
    ) -> Place {
        let described = format!("{described} {}", path.join("/"));
        let path: Vec<&str> = root.iter().chain(path).copied().collect();
        self.shared(path.join("\0"), part, lasting, described)
    }

    /// The same property is asked for once, whoever reads it.
    fn shared(&mut self, path: String, part: Part, lasting: bool, described: String) -> Place {
        let known = self.properties.iter().position(|property| property.path == path);
        let position = known.unwrap_or_else(|| {
            self.properties.push(HostProperty { path, kept: lasting.then(Default::default) });
            self.properties.len().saturating_sub(1)
        });
        Place::Property { position, part, described }
    }

    fn api_key(&self, section: &Section<'_>) -> Option<Place> {
        let choices = Attribute::ALL.map(|attribute| (attribute.as_str(), attribute));
        let attribute = section.one_of("api_key", &choices)?;
        if self.api_keys.is_empty() {
            section.problem("api_key", "needs \"api_keys\": there is no key whose holder is known");
            return None;
        }
        Some(Place::ApiKey(attribute))
    }
}

/// What Envoy has verified or was configured with is trusted; what a client can write is not. Istio's peer is what the
/// peer says of itself, unless it comes from a certificate. A constant is what is left when nobody says anything.
fn trusted_unless_stated(kind: &str) -> bool {
    !matches!(kind, "header" | "baggage" | "istio_peer" | "istio_peer_label" | "constant")
}

fn header(section: &Section<'_>) -> Option<Place> {
    let name = section.string("header")?.to_ascii_lowercase();
    if !is_token(&name) {
        section.problem("header", format!("expected a header name, got {name:?}"));
        return None;
    }
    Some(Place::Header(name))
}

fn baggage(section: &Section<'_>) -> Option<Place> {
    let key = section.string("baggage")?;
    if !is_token(key) {
        section.problem("baggage", format!("expected the key of a baggage member, got {key:?}"));
        return None;
    }
    Some(Place::Baggage(key.to_owned()))
}

/// RFC 9110's `token`, which names headers and baggage members.
fn is_token(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&b))
}

/// A path: one string, or a list of at least `least` strings.
fn path<'a>(section: &Section<'a>, key: &'static str, least: usize) -> Option<Vec<&'a str>> {
    let expected = match least {
        1 => "a name, or a list of names from the outermost in".to_owned(),
        _ => format!("a list of at least {least} names: the namespace, then from the outermost in"),
    };
    section.read(key, &expected, |value| {
        let names: Vec<&str> = match value {
            Value::Array(names) => names.iter().map(segment).collect::<Option<_>>()?,
            name => vec![segment(name)?],
        };
        (names.len() >= least).then_some(names)
    })
}

/// A NUL would end a name too early in the host's eyes.
fn segment(value: &Value) -> Option<&str> {
    value.as_str().filter(|name| !name.is_empty() && !name.contains('\0'))
}
