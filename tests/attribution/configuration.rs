//! What a source may say in the configuration, and the words for what it may not.

use genops::config::{Invalid, parse};

use crate::surroundings::SHA256_OF_SK_ONE;

/// The problems of a configuration in which the team has this one source.
fn problems_of(source: &str) -> Vec<String> {
    problems(&format!(r#"{{"attribution": {{"team": {{"sources": [{{{source}}}]}}}}}}"#))
}

fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(Invalid(problems)) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn each_problem_of_a_source_says_where_it_is_and_what_is_expected() {
    let at = "attribution.team.sources[0]";
    for (source, expected) in [
        (
            r#""header": "x", "jwt_claim": "y""#,
            format!("{at}: expected one source, got header and jwt_claim"),
        ),
        (r#""header": "a b""#, format!(r#"{at}.header: expected a header name, got "a b""#)),
        (r#""baggage": "a,b""#, format!(r#"{at}.baggage: expected the key of a baggage member, got "a,b""#)),
        (
            r#""jwt_claim": []"#,
            format!("{at}.jwt_claim: expected a name, or a list of names from the outermost in, got a list"),
        ),
        (
            r#""jwt_claim": ["a", ""]"#,
            format!("{at}.jwt_claim: expected a name, or a list of names from the outermost in, got a list"),
        ),
        (
            r#""node_metadata": 5"#,
            format!("{at}.node_metadata: expected a name, or a list of names from the outermost in, got 5"),
        ),
        (
            r#""metadata": ["namespace alone"]"#,
            format!(
                "{at}.metadata: expected a list of at least 2 names: the namespace, then from the outermost in, got a list"
            ),
        ),
        (
            r#""route_metadata": "team""#,
            format!(
                r#"{at}.route_metadata: expected a list of at least 2 names: the namespace, then from the outermost in, got "team""#
            ),
        ),
        (
            r#""metadata": ["a", "b\u0000c"]"#,
            format!(
                "{at}.metadata: expected a list of at least 2 names: the namespace, then from the outermost in, got a list"
            ),
        ),
        (
            r#""mtls": "spiffe_namspace""#,
            format!(
                r#"{at}.mtls: expected one of uri_san, dns_san, common_name, organizational_unit, organization, spiffe_trust_domain, spiffe_namespace, spiffe_service_account, got "spiffe_namspace", did you mean "spiffe_namespace"?"#
            ),
        ),
        (
            r#""api_key": "team""#,
            format!(r#"{at}.api_key: needs "api_keys": there is no key whose holder is known"#),
        ),
        (r#""header": "x", "trusted": "yes""#, format!(r#"{at}.trusted: expected true or false, got "yes""#)),
        (
            r#""header": "x", "payload": "p""#,
            format!("{at}.payload: says where claims are, and has a meaning beside jwt_claim only"),
        ),
    ] {
        assert_eq!(problems_of(source), [expected], "{source}");
    }
    let constant = problems_of(r#""constant": "unknown""#);
    assert!(
        constant[0].starts_with(&format!(r#"{at}.constant: "unknown" is no meaningful value"#)),
        "{constant:?}"
    );
}

#[test]
fn keys_are_listed_by_digest_once_each_and_what_is_no_digest_is_not_repeated() {
    let keys = |keys: &str| problems(&format!(r#"{{"api_keys": [{keys}]}}"#));
    let good = format!(r#"{{"sha256": "{SHA256_OF_SK_ONE}", "attributes": {{"team": "a"}}}}"#);
    assert_eq!(keys(&good), Vec::<String>::new());
    let upper = good.replace(SHA256_OF_SK_ONE, &SHA256_OF_SK_ONE.to_uppercase());
    assert_eq!(keys(&format!("{good},{upper}")), ["api_keys[1].sha256: is the digest of an earlier key"]);
    let pasted = keys(r#"{"sha256": "sk-live-0123456789", "attributes": {"team": "a"}}"#);
    let expected = "api_keys[0].sha256: expected the SHA-256 of a key, 64 hexadecimal digits; what is there is not shown, since it may be the key";
    assert_eq!(pasted, [expected]);
    let nothing = format!(r#"{{"sha256": "{SHA256_OF_SK_ONE}", "attributes": {{}}}}"#);
    assert_eq!(keys(&nothing), ["api_keys[0].attributes: states no attribute"]);
    let wrong =
        format!(r#"{{"sha256": "{SHA256_OF_SK_ONE}", "attributes": {{"taem": "a", "team": "n/a"}}}}"#);
    let wrong = keys(&wrong);
    assert!(wrong.iter().any(|problem| problem.contains(r#"did you mean "team"?"#)), "{wrong:?}");
    assert!(wrong.iter().any(|problem| problem.contains(r#""n/a" is no meaningful value"#)), "{wrong:?}");
    assert_eq!(keys(""), Vec::<String>::new());
    assert!(keys("{}").contains(&"api_keys[0].sha256: is required".to_owned()));
}
