//! Whose work a call is, by everything that real Envoy knows of it: tokens, certificates, metadata, keys, baggage.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod identity;
#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use identity::jwt::Issuer;
use identity::tls::Authority;
use lab::{Answer, wait};
use serde_json::{Value, json};
use support::calls::{RESULT, chat, seen};
use support::config::{LIMIT, tokens};
use support::telemetry::{awu_id, text};
use support::{Setup, Stage};

/// The usual configuration with these sources of the team, and a constant project.
fn team_from(sources: Value) -> Value {
    let mut config = tokens();
    config["attribution"]["team"] = json!({"sources": sources});
    config
}

/// The team that a call was attributed to, by its span.
async fn team(stage: &Stage, answer: &Answer) -> Option<String> {
    let span = stage.span_of(&awu_id(answer)).await;
    text(&span, "genops.team").map(str::to_owned)
}

async fn allowed(stage: &Stage, headers: &[(&str, &str)]) -> Answer {
    let answer = stage.http1().chat(headers, &chat(50)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

#[tokio::test]
async fn a_verified_token_names_the_team_against_every_header_and_a_forged_one_names_nobody() {
    let issuer = Issuer::new();
    let mut config = team_from(json!([{"header": "x-genops-team"}, {"jwt_claim": ["org", "team"]}]));
    config["attribution"]["customer_id"] = json!({"sources": [{"jwt_claim": "customer"}]});
    config["attribution"]["feature"] = json!({"sources": [{"jwt_claim": ["groups", "1"]}]});
    config["attribution"]["session_id"] = json!({"sources": [{"jwt_claim": "https://example.com/session"}]});
    config["attribution"]["cost_center"] =
        json!({"sources": [{"jwt_claim": "org"}, {"jwt_claim": "groups"}]});
    let mut setup = Setup::new(config).await;
    setup.options.filters_before = vec![issuer.jwt_authn()];
    let stage = setup.start().await;
    let claims = json!({
        "org": {"team": "payments"}, "customer": 4711, "groups": ["staff", "platform"],
        "https://example.com/session": "büro 7",
    });
    let token = issuer.bearer(&claims);
    let answer = allowed(&stage, &[("authorization", &token), ("x-genops-team", "ads")]).await;
    let span = stage.span_of(&awu_id(&answer)).await;
    assert_eq!(text(&span, "genops.team"), Some("payments"));
    assert_eq!(text(&span, "genops.customer_id"), Some("4711"), "a figure");
    assert_eq!(text(&span, "genops.feature"), Some("platform"), "an element of a list");
    assert_eq!(text(&span, "genops.session_id"), Some("büro 7"), "a claim that is named by a URL");
    assert_eq!(text(&span, "genops.cost_center"), None, "neither an object nor a list is a value");
    stage.settles_at("ads", LIMIT).await;
    stage.counts("genops_attribution_conflicts_total{}", 1.0).await;
    // Signed by somebody else, changed, or not at all: then the header is all there is.
    let foreign = Issuer::new().bearer(&claims);
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let (header, _) = head.rsplit_once('.').expect("three parts");
    let unsigned = format!("{header}.{}.", "eyJvcmciOnsidGVhbSI6InBheW1lbnRzIn19");
    let changed = format!("{header}.eyJvcmciOnsidGVhbSI6InBheW1lbnRzIn19.{signature}");
    for forged in [foreign.as_str(), &unsigned, &changed] {
        let answer = allowed(&stage, &[("authorization", forged), ("x-genops-team", "ads")]).await;
        assert_eq!(team(&stage, &answer).await.as_deref(), Some("ads"));
        let refused = stage.http1().chat(&[("authorization", forged)], &chat(50)).await;
        assert_eq!(
            (refused.status, refused.header("x-genops-reason-code")),
            (403, Some("x_attribution_missing"))
        );
        assert!(!refused.text().contains("payments"), "{}", refused.text());
    }
}

#[tokio::test]
async fn metadata_of_filters_routes_hosts_clusters_and_the_node_and_filter_state_are_read() {
    let mut config = team_from(json!([{"metadata": ["authz", "org", "team"]}]));
    config["attribution"]["project"] = json!({"sources": [{"route_metadata": ["genops", "project"]}]});
    config["attribution"]["environment"] = json!({"sources": [{"node_metadata": ["labels", "env"]}]});
    config["attribution"]["customer_id"] =
        json!({"sources": [{"virtual_host_metadata": ["genops", "customer"]}]});
    config["attribution"]["feature"] = json!({"sources": [{"cluster_metadata": ["genops", "feature"]}]});
    config["attribution"]["session_id"] = json!({"sources": [{"filter_state": "session"}]});
    config["attribution"]["cost_center"] = json!({"sources": [{"metadata": ["authz", "level"]}]});
    config["attribution"]["operation_name"] = json!({"sources": [{"header": "x-operation"}]});
    let mut setup = Setup::new(config).await;
    setup.options.filters_before = vec![
        json!({"name": "envoy.filters.http.set_metadata", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config",
            "metadata": [{"metadata_namespace": "authz", "value": {"org": {"team": "search"}, "level": 7}}],
        }}),
        json!({"name": "envoy.filters.http.set_filter_state", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [{
                "object_key": "session", "factory_key": "envoy.string",
                "format_string": {"text_format_source": {"inline_string": "s-42"}},
            }],
        }}),
    ];
    setup.options.route_metadata = Some(json!({"genops": {"project": "chatbot"}}));
    let stage = setup
        .start_edited(|bootstrap| {
            bootstrap["node"]["metadata"] = json!({"labels": {"env": "staging"}});
            let resources = &mut bootstrap["static_resources"];
            let manager = &mut resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
            let host = &mut manager["route_config"]["virtual_hosts"][0];
            host["metadata"] = json!({"filter_metadata": {"genops": {"customer": "acme"}}});
            resources["clusters"][0]["metadata"] =
                json!({"filter_metadata": {"genops": {"feature": "search-box"}}});
        })
        .await;
    // Twice: what the node says is kept from the first call on.
    for _ in 0..2 {
        let forged =
            [("x-operation", "summarise"), ("x-genops-project", "forged"), ("x-genops-session-id", "forged")];
        let answer = allowed(&stage, &forged).await;
        let span = stage.span_of(&awu_id(&answer)).await;
        for (attribute, value) in [
            ("team", "search"),
            ("project", "chatbot"),
            ("environment", "staging"),
            ("customer_id", "acme"),
            ("feature", "search-box"),
            ("session_id", "s-42"),
            ("cost_center", "7"),
            ("operation.name", "summarise"),
        ] {
            assert_eq!(text(&span, &format!("genops.{attribute}")), Some(value), "{attribute}");
        }
    }
}

#[tokio::test]
async fn a_client_certificate_names_its_holder_and_a_foreign_one_gets_nowhere() {
    let authority = Authority::new();
    let mut config = team_from(json!([{"header": "x-genops-team"}, {"mtls": "spiffe_namespace"}]));
    config["attribution"]["team"]["on_conflict"] = json!("refuse");
    config["attribution"]["project"] = json!({"sources": [{"mtls": "spiffe_service_account"}]});
    config["attribution"]["environment"] = json!({"sources": [{"mtls": "spiffe_trust_domain"}]});
    config["attribution"]["customer_id"] = json!({"sources": [{"mtls": "common_name"}]});
    config["attribution"]["feature"] = json!({"sources": [{"mtls": "dns_san"}]});
    config["attribution"]["session_id"] = json!({"sources": [{"mtls": "organizational_unit"}]});
    config["attribution"]["cost_center"] = json!({"sources": [{"mtls": "uri_san"}]});
    let setup = Setup::new(config).await;
    let stage = setup
        .start_edited(|bootstrap| {
            let chain = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0];
            chain["transport_socket"] = authority.downstream();
        })
        .await;
    let id = "spiffe://mesh.example/ns/shop/sa/checkout";
    let client = authority.client(id, "Acme, Inc.", "R+D");
    let answer = authority.chat(stage.addr, Some(&client), &[], &chat(50)).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let span = stage.span_of(&awu_id(&answer)).await;
    for (attribute, value) in [
        ("team", "shop"),
        ("project", "checkout"),
        ("environment", "mesh.example"),
        ("customer_id", "Acme, Inc."),
        ("feature", "client.example"),
        ("session_id", "R+D"),
        ("cost_center", id),
    ] {
        assert_eq!(text(&span, &format!("genops.{attribute}")), Some(value), "{attribute}");
    }
    // A header that says otherwise is refused here; one that agrees is none of anybody's business.
    let claims = [("ads", 403, Some("x_attribution_conflict")), ("shop", 200, None)];
    for (claim, status, code) in claims {
        let headers = [("x-genops-team", claim)];
        let answer = authority.chat(stage.addr, Some(&client), &headers, &chat(50)).await.expect("an answer");
        assert_eq!((answer.status, answer.header("x-genops-reason-code")), (status, code), "{claim}");
    }
    let nobody =
        authority.chat(stage.addr, None, &[("x-genops-team", "shop")], &chat(50)).await.expect("an answer");
    assert_eq!(seen(&nobody, &RESULT), [Some("BLOCKED"), Some("x_attribution_missing")]);
    let foreign = Authority::new().client(id, "Acme, Inc.", "R+D");
    assert!(authority.chat(stage.addr, Some(&foreign), &[], &chat(50)).await.is_err(), "Envoy hangs up");
}

/// `printf %s KEY | sha256sum`, for these two keys.
const KEYS: [(&str, &str, &str); 2] = [
    (
        "sk-test-of-search-0123456789",
        "b0c56cd18556464dfef2e28d72a0d378926d958fbe185d1e5eef680bb0f034e2",
        "search",
    ),
    ("sk-test-of-ads-0123456789", "2f1ebebcbc599ae4c21de3604e20274ace42b88d40e8953943ab41c2311ab73e", "ads"),
];

#[tokio::test]
async fn a_key_names_its_holder_in_every_sdks_header_and_appears_nowhere() {
    let mut config = team_from(json!([{"api_key": "team"}]));
    let entry =
        |(_, sha256, team): (&str, &str, &str)| json!({"sha256": sha256, "attributes": {"team": team}});
    config["api_keys"] = json!(KEYS.map(entry));
    let mut setup = Setup::new(config).await;
    setup.launch.wasm_log_level = "debug";
    let stage = setup.start().await;
    let [(search, ..), (ads, ..)] = KEYS;
    let bearer = format!("Bearer {search}");
    for (header, value, holder) in [
        ("authorization", bearer.as_str(), "search"),
        ("x-api-key", ads, "ads"),
        ("api-key", search, "search"),
        ("x-goog-api-key", ads, "ads"),
    ] {
        let answer = allowed(&stage, &[(header, value), ("x-genops-team", "forged")]).await;
        assert_eq!(team(&stage, &answer).await.as_deref(), Some(holder), "{header}");
        assert_eq!(stage.simulator.received().last().expect("it").header(header), Some(value), "it goes on");
    }
    for strange in [
        &[("authorization", "Bearer sk-test-of-nobody")][..],
        &[("authorization", &bearer), ("x-api-key", ads)],
        &[("authorization", search)],
        &[],
    ] {
        let refused = stage.http1().chat(strange, &chat(50)).await;
        assert_eq!(
            (refused.status, refused.header("x-genops-reason-code")),
            (403, Some("x_attribution_missing"))
        );
        assert!(!refused.text().contains("sk-test"), "{}", refused.text());
    }
    // Telemetry and log know the holder, and that it was the key that said so.
    stage.envoy.wait_log("genops: team is what the trusted API key's team says").await;
    let log = stage.envoy.log();
    let told = format!("{log}{:?}{:?}", stage.otlp.logs(), stage.otlp.spans());
    assert!(told.contains("search") && !told.contains("sk-test"), "a key was told");
}

#[tokio::test]
async fn baggage_is_read_as_the_w3c_writes_it_and_yields_to_what_is_trusted() {
    let mut config = team_from(json!([{"baggage": "genops.team"}, {"header": "x-genops-team"}]));
    config["attribution"]["project"] = json!({"sources": [{"baggage": "genops.project"}, {"route_metadata": ["genops", "project"]}], "on_conflict": "warn"});
    let mut setup = Setup::new(config).await;
    setup.options.route_metadata = Some(json!({"genops": {"project": "chatbot"}}));
    let stage = setup.start().await;
    for (baggage, header, expected) in [
        ("userId=alice, genops.team = b%C3%BCro%201 ;ttl=60", "ads", "büro 1"),
        ("genops.team=a,genops.team=b", "ads", "ads"),
        ("genops.team=%zz", "ads", "ads"),
        ("genops.team=unknown", "ads", "ads"),
    ] {
        let answer = allowed(&stage, &[("baggage", baggage), ("x-genops-team", header)]).await;
        assert_eq!(team(&stage, &answer).await.as_deref(), Some(expected), "{baggage}");
        assert_eq!(seen(&answer, &RESULT), [Some("ALLOWED"), None]);
    }
    let two_fields = [("baggage", "a=b"), ("baggage", "genops.team=search,genops.project=other")];
    let answer = allowed(&stage, &two_fields).await;
    assert_eq!(seen(&answer, &RESULT), [Some("WARNING"), Some("x_attribution_conflict")]);
    let span = stage.span_of(&awu_id(&answer)).await;
    assert_eq!(
        (text(&span, "genops.team"), text(&span, "genops.project")),
        (Some("search"), Some("chatbot"))
    );
    assert_eq!(text(&span, "genops.policy.warnings"), Some("x_attribution_conflict"));
}

#[tokio::test]
async fn the_provider_is_told_what_was_resolved_and_nothing_that_the_caller_invented() {
    let issuer = Issuer::new();
    let mut config = team_from(json!([{"header": "x-genops-team"}, {"jwt_claim": "team"}]));
    config["forward_attribution"] = json!(true);
    config["attribution"]["feature"] = json!({"sources": []});
    let mut setup = Setup::new(config).await;
    setup.options.filters_before = vec![issuer.jwt_authn()];
    let stage = setup.start().await;
    let token = issuer.bearer(&json!({"team": "payments"}));
    let headers = [
        ("authorization", token.as_str()),
        ("x-genops-team", "ads"),
        ("X-GenOps-Team", "search"),
        ("x-genops-feature", "forged"),
        ("x-genops-budget-name", "mine"),
        ("x-genops-customer-id", "acme"),
    ];
    allowed(&stage, &headers).await;
    let received = stage.simulator.only_request();
    let mut own: Vec<(&str, &str)> = received
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| name.starts_with("x-genops-"))
        .collect();
    own.sort_unstable();
    let resolved = [
        ("x-genops-customer-id", "acme"),
        ("x-genops-environment", "production"),
        ("x-genops-project", "assistant"),
        ("x-genops-team", "payments"),
    ];
    assert_eq!(own, resolved);
}

#[tokio::test]
async fn the_log_says_where_a_value_came_from_as_soon_as_somebody_wants_to_know() {
    let stage = Stage::start(tokens()).await;
    let header = [("x-genops-team", "search")];
    allowed(&stage, &header).await;
    assert!(!stage.envoy.log().contains("is what"), "nobody wanted to know");
    stage.envoy.admin_post("/logging?wasm=debug").await;
    let logged = wait::until(wait::DEADLINE, async || {
        let answer = allowed(&stage, &header).await;
        let awu = format!("genops: AWU {} is attributed", awu_id(&answer));
        let log = stage.envoy.log();
        (log.contains("genops: team is what the untrusted header x-genops-team says")
            && log.contains("genops: environment is what on_missing says")
            && log.contains(&awu))
        .then_some(())
    });
    assert!(logged.await.is_some(), "{}", stage.envoy.log_tail(20));
}
