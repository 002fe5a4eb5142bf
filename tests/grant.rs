//! `genops grant` as an approver meets it: keys, grants, and the way from a refusal to one.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod command;

use std::path::{Path, PathBuf};

use command::Ran;
use serde_json::{Value, json};

/// Runs `genops grant` with an environment that holds `key`, if any.
fn grant(arguments: &[&str], key: Option<&str>, input: &str) -> Ran {
    let mut command = command::genops();
    command.arg("grant").args(arguments).env_remove("GENOPS_GRANT_KEY");
    if let Some(key) = key {
        command.env("GENOPS_GRANT_KEY", key);
    }
    command::run(&mut command, input.as_bytes())
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("grant").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A new key: its file, and a configuration that takes it.
fn keygen(folder: &Path, algorithm: &str) -> (String, String) {
    let file = folder.join("key.json").to_str().unwrap().to_owned();
    let ran = grant(&["keygen", "--kid", "ops", "--out", &file, "--algorithm", algorithm], None, "");
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let entry: Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((&entry["kid"], &entry["algorithm"]), (&json!("ops"), &json!(algorithm)));
    let config = folder.join("genops.json");
    let gates = json!([{"name": "large", "unit": "tokens", "above": 300}]);
    std::fs::write(
        &config,
        json!({"approvals": {"keys": [entry], "gates": gates, "audience": "edge"}}).to_string(),
    )
    .unwrap();
    (file, config.to_str().unwrap().to_owned())
}

fn request() -> Value {
    json!({
        "attribution": {"environment": "production", "team": "search", "session_id": "s-1"}, "audience": "edge",
        "models": ["gpt-4o"], "provider": "openai",
        "needs": [
            {"gate": "a", "unit": "tokens", "above": "300", "estimated": "364"},
            {"gate": "b", "unit": "tokens", "above": "100", "estimated": "364"},
            {"gate": "c", "unit": "USD", "above": "0.01", "estimated": "0.75"},
        ],
    })
}

#[test]
fn a_key_signs_what_its_configuration_takes_and_nobody_else_can_read_it() {
    for algorithm in ["EdDSA", "HS256"] {
        let folder = folder(algorithm);
        let (key, config) = keygen(&folder, algorithm);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let arguments = ["new", "--approver", "alice", "--ceiling", "USD=2.50", "--audience", "edge"];
        let from_file = grant(&[&arguments[..], &["--key", &key]].concat(), None, "");
        let from_environment = grant(&arguments, Some(&std::fs::read_to_string(&key).unwrap()), "");
        for ran in [from_file, from_environment] {
            assert_eq!(ran.code, 0, "{}", ran.errors);
            assert!(
                ran.errors.contains("approver     alice") && ran.errors.contains("2.50 USD at most"),
                "{}",
                ran.errors
            );
            let seen = grant(&["inspect", "-", "--config", &config], None, &ran.output);
            assert_eq!(seen.code, 0, "{}", seen.output);
            assert!(seen.output.contains("\nvalid: signed by a configured key"), "{}", seen.output);
        }
        let again = grant(&["keygen", "--kid", "ops", "--out", &key], None, "");
        assert_eq!(again.code, 2, "a key was overwritten");
    }
}

#[test]
fn a_refusal_becomes_a_grant_whatever_the_dialect_and_however_it_was_kept() {
    let (key, _) = keygen(&folder("from"), "EdDSA");
    let request = request();
    let google = json!({"error": {"code": 403, "details": [{"reason": "x_approval_required"},
        {"@type": "type.googleapis.com/google.protobuf.Struct", "value": {"approval_request": request}}]}});
    let kept = [
        request.to_string(),
        json!({"error": {"approval_request": request, "code": "x_approval_required"}}).to_string(),
        google.to_string(),
        json!({"message": "no", "approval_request": request}).to_string(),
        format!("HTTP/1.1 403 Forbidden\r\nX-GenOps-Approval-Request: {request}\r\n\r\nno JSON {{"),
        format!("HTTP/2 403\r\ndate: {{today}}\r\nx-genops-approval-request: {request}\r\n\r\n"),
        format!("> POST /\n< HTTP/1.1 403\n< x-genops-approval-request: {request}\n"),
    ];
    for refusal in kept {
        let ran = grant(
            &["new", "--approver", "alice", "--key", &key, "--from", "-", "--any", "session_id"],
            None,
            &refusal,
        );
        assert_eq!(ran.code, 0, "{refusal}: {}", ran.errors);
        let claims = claims(&ran.output);
        assert_eq!(claims["attribution"], json!({"environment": "production", "team": "search"}));
        assert_eq!(claims["ceiling"], json!({"tokens": "364", "USD": "0.75"}));
        assert_eq!(
            (&claims["model"], &claims["aud"], &claims["uses"]),
            (&json!("gpt-4o"), &json!("edge"), &json!(1))
        );
    }
}

/// A token's claims, read without the product's code.
fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap())
        .unwrap()
}

#[test]
fn arguments_win_over_the_refusal() {
    let (key, _) = keygen(&folder("arguments"), "HS256");
    let arguments = [
        "new",
        "--key",
        &key,
        "--from",
        "-",
        "--approver",
        "alice",
        "--delegated-by",
        "cfo",
        "--delegated-by",
        "head",
        "--attribute",
        "team=ads",
        "--ceiling",
        "tokens=500",
        "--model",
        "gpt-4o*",
        "--audience",
        "lab",
        "--uses",
        "3",
        "--id",
        "req-1",
        "--not-before",
        "1771243200",
        "--ttl",
        "2h",
    ];
    let ran = grant(&arguments, None, &request().to_string());
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let expected = json!({
        "jti": "req-1", "approver": "alice", "delegation": ["cfo", "head"], "aud": "lab", "uses": 3, "model": "gpt-4o*",
        "attribution": {"environment": "production", "session_id": "s-1", "team": "ads"},
        "ceiling": {"tokens": "500"}, "nbf": 1_771_243_200, "exp": 1_771_250_400,
    });
    assert_eq!(claims(&ran.output), expected);
    assert!(
        ran.errors.contains("delegated by cfo > head") && ran.errors.contains("2026-02-16 14:00:00 UTC"),
        "{}",
        ran.errors
    );
}

#[test]
fn what_the_caller_wrote_cannot_widen_a_grant() {
    let (key, _) = keygen(&folder("widen"), "EdDSA");
    let adopt = |change: Value| {
        let mut request = request();
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        grant(&["new", "--approver", "alice", "--key", &key, "--from", "-"], None, &request.to_string())
    };
    for (change, problem) in [
        (json!({"models": ["gpt-4*"]}), "the model's name is a pattern"),
        (json!({"models": ["a", "b"]}), "several models may serve the call"),
        (json!({"attribution": {"role": "root"}}), "\"role\" is no attribute"),
        (
            json!({"needs": [{"gate": "g", "unit": "tokens", "estimated": "-1"}]}),
            "a need without its estimate",
        ),
        (json!({"needs": []}), "up to what?"),
        (json!({"attribution": {"team": "a\u{1b}[2J"}}), "its claims cannot be accepted: attribution"),
    ] {
        let ran = adopt(change.clone());
        assert_eq!((ran.code, ran.output.as_str()), (2, ""), "{change}");
        assert!(ran.errors.contains(problem), "{change}: {}", ran.errors);
    }
}

#[test]
fn what_cannot_be_signed_is_said_and_nothing_is_printed() {
    let folder = folder("errors");
    let (key, _) = keygen(&folder, "EdDSA");
    let jwk: Value = serde_json::from_str(&std::fs::read_to_string(&key).unwrap()).unwrap();
    let secret = jwk["d"].as_str().unwrap();
    let broken = json!({"kty": "OKP", "crv": "Ed25519", "kid": "ops", "d": format!("{secret}A")}).to_string();
    let mismatched =
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "ops", "d": secret, "x": secret}).to_string();
    let sound = ["new", "--approver", "alice", "--ceiling", "tokens=5"];
    let cases: [(&[&str], Option<&str>, &str); 12] = [
        (&sound, None, "which key?"),
        (&sound, Some("{}"), "GENOPS_GRANT_KEY: a key without kid"),
        (&sound, Some(&broken), "d is no 32 bytes"),
        (&sound, Some(&mismatched), "x does not belong to its d"),
        (&["new", "--ceiling", "tokens=5", "--key", &key], None, "who approves?"),
        (&["new", "--approver", "alice", "--key", &key], None, "up to what?"),
        (&["new", "--approver", "unknown", "--ceiling", "tokens=5", "--key", &key], None, "approver"),
        (&["new", "--ceiling", "usd=5"], None, "tokens or an ISO 4217 code"),
        (&["new", "--ceiling", "USD=-5"], None, "is no amount of USD"),
        (&["new", "--ttl", "soon"], None, "a duration such as 15m"),
        (&["new", "--secret", "x"], None, "--secret"),
        (&["inspect", "/nowhere"], None, "/nowhere"),
    ];
    for (arguments, key, problem) in cases {
        let ran = grant(arguments, key, "");
        assert_eq!((ran.code, ran.output.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.errors.contains(problem), "{arguments:?}: {}", ran.errors);
        assert!(!ran.errors.contains(secret), "{arguments:?}");
    }
}

#[test]
fn inspect_says_why_a_grant_is_none() {
    let (key, config) = keygen(&folder("inspect"), "EdDSA");
    let other = keygen(&folder("inspect-other"), "EdDSA").1;
    let new =
        ["new", "--approver", "alice", "--ceiling", "tokens=5", "--key", &key, "--not-before", "1771243200"];
    let named = grant(&[&new[..], &["--audience", "edge"]].concat(), None, "").output;
    let unnamed = grant(&new, None, "").output;
    for (token, config, at, verdict) in [
        (&named, &config, "1771243200", "\nvalid: "),
        (&named, &config, "1771244100", "\nnot valid: it has expired"),
        (&named, &config, "1771243199", "\nnot valid: it is not valid yet"),
        (&named, &other, "1771243200", "\nnot valid: no configured key verifies it"),
        (&unnamed, &config, "1771243200", "\nnot valid: it is for another gateway"),
    ] {
        let seen = grant(&["inspect", "-", "--config", config, "--at", at], None, token);
        assert!(seen.output.contains(verdict), "{}", seen.output);
        assert_eq!(seen.code == 0, verdict == "\nvalid: ");
    }
    let unverified = grant(&["inspect", "-"], None, &named);
    assert!(unverified.output.ends_with("not verified: name the filter's configuration with --config\n"));
    assert_eq!(grant(&["inspect", "-"], None, "nonsense").code, 2);
}
