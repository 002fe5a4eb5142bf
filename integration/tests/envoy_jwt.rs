//! Tokens that Envoy's own `jwt_authn` verifies, of both kinds of keys that issuers use: what their claims say counts, and
//! what a token says that is forged or out of date counts for nothing.
//!
//! Needs `GENOPS_ENVOY`, `GENOPS_WASM` and `GENOPS_PYTHON`.
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
use serde_json::{Value, json};
use support::calls::{INPUT, chat};
use support::config::{LIMIT, tokens};
use support::telemetry::{awu_id, text};
use support::{Setup, Stage};

/// Where each attribute stands among the claims. A header is what is left where no token speaks.
fn config() -> Value {
    let mut config = tokens();
    let claim = |path: Value| json!({"sources": [{"jwt_claim": path}]});
    config["attribution"] = json!({
        "team": {"sources": [{"header": "x-genops-team"}, {"jwt_claim": ["org", "unit", "team"]}]},
        "project": {"sources": [{"jwt_claim": "project"}, {"header": "x-genops-project"}],
            "on_missing": {"constant": "assistant"}},
        "environment": {"sources": [{"jwt_claim": ["stages", "1", "name"]}],
            "on_missing": {"constant": "production"}},
        "customer_id": claim(json!("customer")),
        "feature": claim(json!(["groups", "1"])),
        "session_id": claim(json!("https://example.com/session")),
        "cost_center": {"sources": [{"jwt_claim": "org"}, {"jwt_claim": "groups"}, {"jwt_claim": "admin"},
            {"jwt_claim": "share"}, {"jwt_claim": ["groups", "2"]}]},
    });
    config
}

fn claims() -> Value {
    json!({
        "org": {"unit": {"team": "payments"}}, "project": "checkout", "customer": 70_368_744_177_663_u64,
        "groups": ["staff", "platform"], "stages": [{"name": "dev"}, {"name": "staging"}], "admin": true, "share": 0.5,
        "https://example.com/session": "büro 7", "sub": "alice",
    })
}

async fn stage(filter: Value) -> Stage {
    let mut setup = Setup::new(config()).await;
    setup.options.filters_before = vec![filter];
    setup.start().await
}

/// A token's header, claims and signature.
fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().expect("three parts")
}

/// Tokens that claim `payments` and prove nothing, each with what is wrong with it. `foreign` is another issuer's key.
fn worthless(issuer: &Issuer, foreign: &Issuer) -> Vec<(&'static str, String)> {
    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        issuer.bearer(&claims)
    };
    let token = issuer.bearer(&claims());
    let [header, payload, signature] = parts(&token);
    let other = changed("project", json!("stolen"));
    let mut flipped = signature.to_owned();
    let first = if flipped.starts_with('A') { "B" } else { "A" };
    flipped.replace_range(..1, first);
    vec![
        ("expired", changed("exp", json!(1_700_000_000))),
        ("not valid yet", changed("nbf", json!(4_102_444_000_u64))),
        ("another issuer's name", changed("iss", json!("https://evil.example"))),
        ("another issuer's key", foreign.bearer(&claims())),
        ("another token's claims", format!("{header}.{}.{signature}", parts(&other)[1])),
        ("a signature with a bit changed", format!("{header}.{payload}.{flipped}")),
        ("no signature", format!("{header}.{payload}.")),
        ("the algorithm none", format!("Bearer eyJhbGciOiJub25lIn0.{payload}.")),
        ("the public key for a secret", issuer.confused(&claims())),
    ]
}

async fn claims_count(issuer: Issuer) {
    let stage = stage(issuer.jwt_authn()).await;
    let token = issuer.bearer(&claims());
    let headers =
        [("authorization", token.as_str()), ("x-genops-team", "ads"), ("x-genops-project", "forged")];
    let answer = stage.http1().chat(&headers, &chat(50)).await;
    assert_eq!(answer.status, 200, "{}: {}", issuer.algorithm(), answer.text());
    let span = stage.span_of(&awu_id(&answer)).await;
    for (attribute, value) in [
        ("team", Some("payments")),
        ("project", Some("checkout")),
        ("environment", Some("staging")),
        ("customer_id", Some("70368744177663")),
        ("feature", Some("platform")),
        ("session_id", Some("büro 7")),
        // Neither an object, a list, a truth value, a fraction nor an element that is not there is a value.
        ("cost_center", None),
    ] {
        assert_eq!(text(&span, &format!("genops.{attribute}")), value, "{}: {attribute}", issuer.algorithm());
    }
    stage.settles_at("ads", LIMIT).await;
    stage.never_died().await;
}

#[tokio::test]
async fn claims_of_every_shape_name_the_work_whatever_key_signed_them() {
    claims_count(Issuer::new()).await;
    claims_count(Issuer::rsa()).await;
}

async fn worthless_tokens_are_refused(issuer: Issuer, foreign: Issuer) {
    let stage = stage(issuer.strict_jwt_authn()).await;
    let algorithm = issuer.algorithm();
    for (wrong, token) in worthless(&issuer, &foreign) {
        let answer =
            stage.http1().chat(&[("authorization", &token), ("x-genops-team", "ads")], &chat(50)).await;
        assert_eq!(answer.status, 401, "{algorithm}, {wrong}: {}", answer.text());
        let own = answer.headers.keys().find(|name| name.as_str().starts_with("x-genops-"));
        assert_eq!(own, None, "{algorithm}, {wrong}: there is no AWU");
    }
    assert!(stage.simulator.received().is_empty(), "{algorithm}: something went upstream");
    // A good one shows that it was the tokens; what the refused ones were told of came before it.
    let token = issuer.bearer(&claims());
    let answer = stage.http1().chat(&[("authorization", &token)], &chat(50)).await;
    assert_eq!(answer.status, 200, "{algorithm}: {}", answer.text());
    let span = stage.span_of(&awu_id(&answer)).await;
    assert_eq!(text(&span, "genops.team"), Some("payments"));
    let attributed = stage.otlp.spans().iter().filter(|span| text(span, "genops.team").is_some()).count();
    assert_eq!(attributed, 1, "{algorithm}: a refused call was attributed");
    let refused = stage.envoy.stat("http.ingress.jwt_authn.denied").await;
    assert_eq!(refused, Some(worthless(&issuer, &foreign).len() as u64), "{algorithm}");
}

#[tokio::test]
async fn a_forged_or_outdated_token_is_refused_by_envoy_and_attributes_nothing() {
    worthless_tokens_are_refused(Issuer::new(), Issuer::new()).await;
    worthless_tokens_are_refused(Issuer::rsa(), Issuer::rsa()).await;
}

async fn worthless_tokens_say_nothing(issuer: Issuer, foreign: Issuer) {
    let stage = stage(issuer.jwt_authn()).await;
    let algorithm = issuer.algorithm();
    let all = worthless(&issuer, &foreign);
    for (wrong, token) in &all {
        let answer =
            stage.http1().chat(&[("authorization", token), ("x-genops-team", "ads")], &chat(1)).await;
        assert_eq!(answer.status, 200, "{algorithm}, {wrong}: {}", answer.text());
        let span = stage.span_of(&awu_id(&answer)).await;
        for (attribute, value) in [
            ("team", Some("ads")),
            ("project", Some("assistant")),
            ("environment", Some("production")),
            ("customer_id", None),
            ("feature", None),
            ("session_id", None),
        ] {
            let name = format!("genops.{attribute}");
            assert_eq!(text(&span, &name), value, "{algorithm}, {wrong}: {attribute}");
        }
        let nobody = stage.http1().chat(&[("authorization", token)], &chat(1)).await;
        let code = nobody.header("x-genops-reason-code");
        assert_eq!((nobody.status, code), (403, Some("x_attribution_missing")), "{algorithm}, {wrong}");
    }
    stage.settles_at("payments", LIMIT).await;
    stage.settles_at("ads", LIMIT - all.len() as u64 * (INPUT + 1)).await;
}

#[tokio::test]
async fn a_forged_or_outdated_token_that_envoy_lets_pass_says_nothing() {
    worthless_tokens_say_nothing(Issuer::new(), Issuer::new()).await;
    worthless_tokens_say_nothing(Issuer::rsa(), Issuer::rsa()).await;
}
