//! The laws of the trust ladder, for any sources in any order and any surroundings, against a naive model.

use std::collections::BTreeSet;

use genops::awu::Attribute;
use genops::config::Attributing;
use genops::headers::{HeaderPairs, Headers};
use proptest::prelude::*;

use crate::surroundings::{Surroundings, team_rules};

/// A source of the team, by what makes it: the model's view.
#[derive(Clone, Debug)]
struct Source {
    kind: Kind,
    trusted: bool,
    /// What stands there: an index into [`VALUES`].
    value: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Header,
    Baggage,
    Claim,
    Route,
    Constant,
}

/// What may stand somewhere; only the first four mean something.
const VALUES: [Option<&str>; 8] = [
    Some("search"),
    Some("ads"),
    Some("büro"),
    Some("payments"),
    None,
    Some("unknown"),
    Some("a\u{200b}b"),
    Some("s\u{435}arch"),
];

impl Source {
    /// A constant has to mean something, or the configuration is refused.
    fn text(&self) -> Option<&'static str> {
        if self.kind == Kind::Constant { VALUES[self.value % 4] } else { VALUES[self.value] }
    }

    fn meaningful(&self) -> Option<&'static str> {
        self.text().filter(|text| VALUES[..4].contains(&Some(*text)))
    }

    fn configured(&self, number: usize) -> String {
        let place = match self.kind {
            Kind::Header => format!(r#""header": "x-{number}""#),
            Kind::Baggage => format!(r#""baggage": "b{number}""#),
            Kind::Claim => format!(r#""jwt_claim": "c{number}""#),
            Kind::Route => format!(r#""route_metadata": ["genops", "r{number}"]"#),
            Kind::Constant => format!(r#""constant": "{}""#, self.text().unwrap()),
        };
        format!(r#"{{{place}, "trusted": {}}}"#, self.trusted)
    }

    fn property(&self, number: usize) -> Option<String> {
        match self.kind {
            Kind::Claim => {
                Some(format!("metadata/filter_metadata/envoy.filters.http.jwt_authn/jwt_payload/c{number}"))
            }
            Kind::Route => Some(format!("xds/route_metadata/filter_metadata/genops/r{number}")),
            Kind::Header | Kind::Baggage | Kind::Constant => None,
        }
    }
}

/// A world in which each source says what the model says, the headers in some order.
struct Case {
    rules: Attributing,
    host: Surroundings,
    headers: Vec<(String, String)>,
}

impl Case {
    fn of(sources: &[Source]) -> Self {
        let configured: Vec<String> =
            sources.iter().enumerate().map(|(number, source)| source.configured(number)).collect();
        let rules = team_rules(&format!("[{}]", configured.join(",")));
        let host = Surroundings::default();
        let mut headers = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let Some(text) = source.text() else { continue };
            match source.kind {
                Kind::Header => headers.push((format!("x-{number}"), text.to_owned())),
                Kind::Baggage => headers.push(("baggage".to_owned(), format!("b{number}={}", encoded(text)))),
                Kind::Claim | Kind::Route => host.learn(&source.property(number).unwrap(), text.as_bytes()),
                Kind::Constant => {}
            }
        }
        Self { rules, host, headers }
    }

    fn team(&self) -> (Option<String>, usize) {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let resolved = self.host.resolve(&self.rules, &headers);
        (resolved.attribution.get(Attribute::Team).map(str::to_owned), resolved.conflicts.len())
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn sources() -> impl Strategy<Value = Vec<Source>> {
    let kinds = [Kind::Header, Kind::Baggage, Kind::Claim, Kind::Route, Kind::Constant];
    let source = (0..kinds.len(), any::<bool>(), 0..VALUES.len())
        .prop_map(move |(kind, trusted, value)| Source { kind: kinds[kind], trusted, value });
    prop::collection::vec(source, 1..7)
}

/// The naive model: everybody who says something, trusted ones first.
fn expected(sources: &[Source]) -> Option<&'static str> {
    let of =
        |trusted: bool| sources.iter().filter(move |s| s.trusted == trusted).find_map(Source::meaningful);
    of(true).or_else(|| of(false))
}

proptest! {
    #[test]
    fn no_untrusted_source_ever_wins_over_a_trusted_one(sources in sources()) {
        let (team, conflicts) = Case::of(&sources).team();
        prop_assert_eq!(team.as_deref(), expected(&sources));
        let trusted: Vec<_> = sources.iter().filter(|s| s.trusted).filter_map(Source::meaningful).collect();
        let claims = sources.iter().filter(|s| !s.trusted && s.kind != Kind::Constant).filter_map(Source::meaningful);
        if let (Some(team), false) = (team.as_deref(), trusted.is_empty()) {
            prop_assert!(trusted.contains(&team));
            prop_assert_eq!(conflicts, claims.filter(|claim| *claim != team).count());
        } else {
            prop_assert_eq!(conflicts, 0);
        }
    }

    #[test]
    fn what_untrusted_sources_say_changes_nothing_where_a_trusted_one_speaks(
        sources in sources(),
        lies in prop::collection::vec(0..VALUES.len(), 7),
    ) {
        prop_assume!(sources.iter().any(|s| s.trusted && s.meaningful().is_some()));
        let lied: Vec<Source> = sources
            .iter()
            .zip(lies)
            .map(|(source, lie)| Source { value: if source.trusted { source.value } else { lie }, ..source.clone() })
            .collect();
        prop_assert_eq!(Case::of(&sources).team().0, Case::of(&lied).team().0);
    }

    #[test]
    fn the_same_inputs_give_the_same_values_whatever_the_order_of_headers(sources in sources(), turn in 0..7_usize) {
        let mut case = Case::of(&sources);
        let first = case.team();
        prop_assert_eq!(&first, &case.team());
        let turn = turn.min(case.headers.len());
        case.headers.rotate_left(turn);
        prop_assert_eq!(&first, &case.team());
        case.headers.reverse();
        prop_assert_eq!(&first, &case.team());
    }

    #[test]
    fn the_host_is_asked_only_for_what_a_source_names_and_each_once(sources in sources()) {
        let case = Case::of(&sources);
        case.team();
        let asked = case.host.take_asked();
        let distinct: BTreeSet<&String> = asked.iter().collect();
        prop_assert_eq!(distinct.len(), asked.len());
        let named: BTreeSet<String> =
            sources.iter().enumerate().filter_map(|(number, source)| source.property(number)).collect();
        prop_assert!(asked.iter().all(|path| named.contains(path)), "{asked:?} {named:?}");
    }

    #[test]
    fn whatever_stands_in_headers_and_properties_only_meaningful_values_come_out(
        header in prop::collection::vec(any::<u8>(), 0..200),
        baggage in "[a-b=;,% \\t\\PC]{0,60}",
        property in prop::collection::vec(any::<u8>(), 0..40),
        subject in r"(CN|OU|O|=|,|\+|\\|[a-c0-9 ]){0,20}",
    ) {
        let text = r#"{"attribution": {
            "team": {"sources": [{"header": "x"}]}, "project": {"sources": [{"baggage": "a"}]},
            "environment": {"sources": [{"jwt_claim": "c"}]}, "customer_id": {"sources": [{"mtls": "common_name"}]},
            "feature": {"sources": [{"mtls": "spiffe_namespace"}]}, "session_id": {"sources": [{"api_key": "team"}]}},
            "api_keys": [{"sha256": "0000000000000000000000000000000000000000000000000000000000000000",
                          "attributes": {"team": "a"}}]}"#;
        let rules = genops::config::parse(text).unwrap().attribution;
        let host = Surroundings::knowing(&[("connection/subject_peer_certificate", &subject)]);
        host.learn("metadata/filter_metadata/envoy.filters.http.jwt_authn/jwt_payload/c", &property);
        host.learn("connection/uri_san_peer_certificate", &header);
        let pairs: [(&[u8], &[u8]); 3] =
            [(b"x", &header), (b"baggage", baggage.as_bytes()), (b"authorization", &header)];
        let resolved = genops::attribution::resolve(&rules, Headers::of(&HeaderPairs::new(&pairs)), &host);
        for (attribute, value) in resolved.attribution.iter() {
            let meaningful = genops::attribute_value::meaningful(value);
            prop_assert_eq!(meaningful, Some(value), "{}", attribute.as_str());
        }
    }
}
