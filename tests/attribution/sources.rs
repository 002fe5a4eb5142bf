//! Each kind of source: which property of the host it is, and whether it is trusted unless stated.

use genops::awu::Attribute;
use genops::config::Source;

use crate::surroundings::{Surroundings, team_rules};

/// Each source as configured, the property that it reads with what stands there, the team that results, trusted or not.
const PROPERTIES: [(&str, &str, &str, &str, bool); 21] = [
    (
        r#""jwt_claim": "team""#,
        "metadata/filter_metadata/envoy.filters.http.jwt_authn/jwt_payload/team",
        "a",
        "a",
        true,
    ),
    (
        r#""jwt_claim": ["o", "t"]"#,
        "metadata/filter_metadata/envoy.filters.http.jwt_authn/jwt_payload/o/t",
        "a",
        "a",
        true,
    ),
    (
        r#""jwt_claim": "team", "payload": "payload""#,
        "metadata/filter_metadata/envoy.filters.http.jwt_authn/payload/team",
        "a",
        "a",
        true,
    ),
    (r#""metadata": ["ext_authz", "t"]"#, "metadata/filter_metadata/ext_authz/t", "a", "a", true),
    (r#""filter_state": "team""#, "filter_state/team", "a", "a", true),
    (r#""filter_state": ["peer", "x"]"#, "filter_state/peer/x", "a", "a", true),
    (r#""mtls": "uri_san""#, "connection/uri_san_peer_certificate", "urn:x", "urn:x", true),
    (r#""mtls": "dns_san""#, "connection/dns_san_peer_certificate", "a.example", "a.example", true),
    (r#""mtls": "common_name""#, "connection/subject_peer_certificate", "CN=a,OU=b,O=c", "a", true),
    (r#""mtls": "organizational_unit""#, "connection/subject_peer_certificate", "CN=a,OU=b,O=c", "b", true),
    (r#""mtls": "organization""#, "connection/subject_peer_certificate", "CN=a,OU=b,O=c", "c", true),
    (r#""mtls": "spiffe_trust_domain""#, "connection/uri_san_peer_certificate", SPIFFE, "mesh", true),
    (r#""mtls": "spiffe_namespace""#, "connection/uri_san_peer_certificate", SPIFFE, "shop", true),
    (r#""mtls": "spiffe_service_account""#, "connection/uri_san_peer_certificate", SPIFFE, "cart", true),
    (r#""istio_peer": "workload""#, "filter_state/downstream_peer/workload", "a", "a", false),
    (r#""istio_peer": "service_account""#, "filter_state/downstream_peer/identity", SPIFFE, "cart", false),
    (r#""istio_peer_label": "team""#, "filter_state/downstream_peer/labels/team", "a", "a", false),
    (r#""route_metadata": ["g", "t"]"#, "xds/route_metadata/filter_metadata/g/t", "a", "a", true),
    (
        r#""virtual_host_metadata": ["g", "t"]"#,
        "xds/virtual_host_metadata/filter_metadata/g/t",
        "a",
        "a",
        true,
    ),
    (r#""cluster_metadata": ["g", "t"]"#, "xds/cluster_metadata/filter_metadata/g/t", "a", "a", true),
    (r#""node_metadata": "TEAM""#, "xds/node/metadata/TEAM", "a", "a", true),
];

const SPIFFE: &str = "spiffe://mesh/ns/shop/sa/cart";

fn source(text: &str) -> Source {
    team_rules(&format!("[{{{text}}}]")).rules[0].sources[0].clone()
}

#[test]
fn every_kind_of_source_reads_its_property_and_has_its_own_trust() {
    for (text, path, stands, expected, trusted) in PROPERTIES {
        let rules = team_rules(&format!("[{{{text}}}]"));
        let host = Surroundings::knowing(&[(path, stands)]);
        let resolved = host.resolve(&rules, &[]);
        assert_eq!(resolved.attribution.get(Attribute::Team), Some(expected), "{text}");
        assert_eq!(host.take_asked(), [path], "{text}");
        assert_eq!(source(text).trusted, trusted, "{text}");
        // Rules of their own: those above may have kept what the node said.
        let rules = team_rules(&format!("[{{{text}}}]"));
        let missing = Surroundings::default().resolve(&rules, &[]).missing.expect("nothing is known");
        assert_eq!(missing.tried.len(), 1, "{text}");
    }
    for (text, trusted) in [
        (r#""header": "x""#, false),
        (r#""baggage": "x""#, false),
        (r#""api_key": "team""#, true),
        (r#""constant": "x""#, false),
    ] {
        assert_eq!(source(text).trusted, trusted, "{text}");
        for stated in [true, false] {
            assert_eq!(source(&format!(r#"{text}, "trusted": {stated}"#)).trusted, stated, "{text}");
        }
    }
}

#[test]
fn two_attributes_of_one_property_ask_for_it_once_and_headers_alone_ask_for_nothing() {
    let text = r#"{"attribution": {
        "team": {"sources": [{"mtls": "spiffe_namespace"}]},
        "project": {"sources": [{"mtls": "spiffe_service_account"}, {"mtls": "uri_san"}]},
        "environment": {"sources": [{"header": "x-environment"}]}}}"#;
    let rules = genops::config::parse(text).unwrap().attribution;
    let host = Surroundings::knowing(&[("connection/uri_san_peer_certificate", SPIFFE)]);
    let resolved = host.resolve(&rules, &[("x-environment", "test")]);
    let values: Vec<&str> = resolved.attribution.iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["shop", "cart", "test"]);
    assert_eq!(host.take_asked().len(), 1);
    let headers_alone = genops::config::parse("{}").unwrap().attribution;
    host.resolve(&headers_alone, &[("x-genops-team", "a")]);
    assert!(host.take_asked().is_empty());
}

#[test]
fn node_metadata_is_read_once_for_all_calls_as_soon_as_it_is_there() {
    let rules = team_rules(r#"[{"node_metadata": "TEAM"}]"#);
    let host = Surroundings::default();
    assert!(host.resolve(&rules, &[]).missing.is_some());
    host.learn("xds/node/metadata/TEAM", b"edge");
    assert!(host.resolve(&rules, &[]).missing.is_none());
    assert_eq!(host.take_asked().len(), 2);
    host.forget("xds/node/metadata/TEAM");
    let resolved = host.resolve(&rules, &[]);
    assert_eq!(resolved.attribution.get(Attribute::Team), Some("edge"));
    assert!(host.take_asked().is_empty());
}

#[test]
fn a_key_gives_what_its_entry_says_and_is_in_no_outcome() {
    let rules = team_rules(r#"[{"api_key": "team"}, {"header": "x-team"}]"#);
    let host = Surroundings::default();
    let known = host.resolve(&rules, &[("authorization", "Bearer sk-one"), ("x-team", "forged")]);
    assert_eq!(known.attribution.get(Attribute::Team), Some("one"));
    assert_eq!(known.conflicts.len(), 1);
    assert!(!format!("{known:?}").contains("sk-one"));
    let unknown = host.resolve(&rules, &[("x-api-key", "sk-unlisted-secret")]);
    let missing = format!("{unknown:?}");
    assert!(missing.contains("API key's team") && !missing.contains("sk-"), "{missing}");
}
