//! The configuration's contract: every problem at once, each with its path and what to do.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use genops::amount::{Amount, Unit};
use genops::awu::Attribute;
use genops::budget::{Enforcement, Key, OnExpiry};
use genops::call::ServiceTier;
use genops::catalogue::{Api, Provider};
use genops::config::{FailMode, OnMissing, Rate, Source, Upgrade, parse, parse_bytes};
use genops::price::Charge;
use genops::rate_limit::Algorithm;
use genops::upstream::{Authority, IncludeUsage};
use genops::window::Period;

/// A complete, valid configuration with every key.
const COMPLETE: &str = r#"{
  "attribution": {
    "team": {"sources": [{"header": "X-Team"}, {"header": "x-genops-team"}], "on_missing": "refuse"},
    "project": {"on_missing": {"constant": "chatbot"}},
    "environment": {"sources": [], "on_missing": {"constant": "production"}},
    "customer_id": {"on_missing": "omit"}
  },
  "forward_attribution": true,
  "max_request_bytes": 1048576,
  "prices": [{"model": "gpt-4o*", "currency": "USD", "input_per_million": 2.5, "output_per_million": 10,
              "cached_input_per_million": 1.25, "cache_write_per_million": 3.125}],
  "budgets": [
    {"name": "team", "per": ["team", "model"], "unit": "tokens", "limit": 1e6, "limits": {"a|m": 5},
     "window": "day", "mode": "warn", "debt": "carry", "capacity": 500, "on_full": "shared_account"},
    {"name": "money", "unit": "USD", "limit": 12.5,
     "window": {"period": "month", "starts_on_day": 15, "utc_offset_minutes": -60}}
  ],
  "estimation": {"bytes_per_token": 2.5, "overhead_tokens": 1, "tokens_per_image": 2, "tokens_per_audio_part": 3,
                 "default_output_tokens": 4, "models": [{"model": "gpt-4o", "max_output_tokens": 16384}]},
  "reservation": {"ttl_ms": 30000, "on_expiry": "release"},
  "failure": {"unreadable_request": "pass", "ledger_unavailable": "pass", "unpriced_model": "pass",
              "unrecognised": "refuse", "upgrade": {"reserve": 5000}},
  "upstreams": [{"match": {"authority": "*.LLM.corp:8443", "route": "r", "cluster": "c", "path_prefix": "/g/"},
                 "provider": "azure.ai.openai", "api": "chat_completions", "region": "eu", "model": "gpt-4o",
                 "include_usage": "keep"}],
  "sla": [{"tier": "gold", "match": {"team": "a", "model": ["gpt-4o*", "o3"]}, "latency_target_ms": 500,
           "on_predicted": "refuse", "deviations": 2, "min_observations": 3, "probe_interval_ms": 40}],
  "breakers": [{"name": "b", "match": {"provider": ["openai"], "operation": "chat"}, "failures": ["5xx", 408],
                "rate_limited": "open", "rate": {"percent": 40, "window_ms": 8000, "min_calls": 7}, "open_ms": 50,
                "max_open_ms": 60, "probes": 2, "close_after": 3, "probe_ttl_ms": 1000, "mode": "shadow"}],
  "telemetry": {"service_name": "edge", "otlp": {"cluster": "otel", "authority": "collector", "path": "/v1/logs",
                "flush_interval_ms": 100, "timeout_ms": 200, "max_queue_bytes": 65536}}
}"#;

#[test]
fn a_section_that_stands_twice_is_a_problem_and_not_the_last_one_that_counts() {
    let text =
        r#"{"budgets": [{"name": "a", "unit": "tokens", "limit": 1, "window": "day"}], "budgets": []}"#;
    let told = parse(text).unwrap_err().to_string();
    assert!(told.contains("the key \"budgets\" stands twice in one object at line 1"), "{told}");
    assert_eq!(parse_bytes(text.as_bytes()).unwrap_err().to_string(), told);
}

#[test]
fn a_complete_configuration_is_read_as_it_is_written() {
    let config = parse(COMPLETE).unwrap();
    let team = &config.attribution.rules[0];
    assert_eq!(team.attribute, Attribute::Team);
    assert_eq!(team.sources, ["x-team", "x-genops-team"].map(Source::header));
    assert_eq!(config.attribution.rules[1].on_missing, OnMissing::Constant("chatbot".to_owned()));
    assert_eq!(config.attribution.rules[3].sources, [Source::header("x-genops-customer-id")]);
    let [tokens, money] = config.budgets.as_slice() else { panic!("two budgets") };
    assert_eq!(tokens.per, [Key::Attribute(Attribute::Team), Key::Model]);
    assert_eq!((tokens.limit, tokens.limit_of("a|m")), (Amount::new(1_000_000), Amount::new(5)));
    assert_eq!((tokens.enforcement, tokens.on_expiry), (Enforcement::Warn, OnExpiry::Release));
    assert!(matches!(money.unit, Unit::Money(_)));
    assert_eq!(money.limit, Amount::new(12_500_000_000));
    assert_eq!(money.window.period, Period::Month { starts_on_day: 15 });
    assert_eq!(money.window.utc_offset_minutes, -60);
    let tariff = config.prices.tariff("openai", Some("gpt-4o-mini"));
    let rate = tariff.first().and_then(|price| price.rate(Charge::CacheWrite, ServiceTier::Standard, 0));
    assert_eq!(rate, Some(Amount::new(3_125_000_000)), "the operator's price before the catalogue's");
    assert_eq!(config.failure.unrecognised, FailMode::Refuse);
    assert_eq!(config.failure.upgrade, Upgrade::Reserve(5_000));
    let gold = &config.sla[0];
    assert_eq!((gold.latency_target_ms, gold.deviations, gold.min_observations), (500, 2, 3));
    let breaker = &config.breakers[0];
    assert_eq!(breaker.rate, Some(Rate { percent: 40, window_ms: 8_000, min_calls: 7 }));
    assert_eq!((breaker.consecutive, breaker.enforcement), (None, Enforcement::Shadow));
    assert!(breaker.failures.server_errors && !breaker.failures.reset && breaker.failures.statuses == [408]);
    assert_eq!(config.telemetry.otlp.unwrap().authority, "collector");
    let upstream = &config.upstreams[0];
    assert_eq!(upstream.matches.authority, Authority::parse("*.llm.corp:8443"));
    assert_eq!(upstream.matches.route.as_deref(), Some("r"));
    assert_eq!(upstream.matches.cluster.as_deref(), Some("c"));
    assert_eq!(upstream.matches.path_prefix.as_deref(), Some("/g/"));
    assert_eq!((upstream.provider, upstream.api), (Some(Provider::AzureOpenAi), Some(Api::ChatCompletions)));
    assert_eq!((upstream.region.as_deref(), upstream.model.as_deref()), (Some("eu"), Some("gpt-4o")));
    assert_eq!(upstream.include_usage, Some(IncludeUsage::Keep));
}

#[test]
fn the_empty_configuration_is_valid_and_fails_closed() {
    let config = parse("{}").unwrap();
    assert_eq!(config.attribution.rules[0].on_missing, OnMissing::Refuse);
    assert_eq!(config.attribution.rules[0].sources, [Source::header("x-genops-team")]);
    assert_eq!(config.failure.unreadable_request, FailMode::Refuse);
    assert_eq!(config.failure.ledger_unavailable, FailMode::Refuse);
    assert_eq!(config.failure.unrecognised, FailMode::Pass);
}

/// Each configuration, and every problem it has, in full.
#[test]
fn each_problem_names_its_path_the_value_and_what_is_allowed() {
    let budget = |rest: &str| {
        format!(r#"{{"budgets": [{{"name": "b", "unit": "tokens", "limit": 1, "window": "day"{rest}}}]}}"#)
    };
    let cases: Vec<(String, Vec<&str>)> = vec![
        ("[]".into(), vec!["expected an object, got a list"]),
        (r#"{"budget": []}"#.into(), vec![r#"budget: unknown key, did you mean "budgets"?"#]),
        (r#"{"budgets": {}}"#.into(), vec!["budgets: expected a list, got an object"]),
        (
            r#"{"budgets": [{}]}"#.into(),
            vec!["budgets[0].name: is required", "budgets[0].unit: is required", "budgets[0].limit: is required", "budgets[0].window: is required"],
        ),
        (
            r#"{"budgets": [{"name": "b", "unit": "tokens", "limit": -1, "window": "dya"}]}"#.into(),
            vec![
                "budgets[0].limit: expected a whole number of tokens, 0 or more, got -1",
                r#"budgets[0].window: expected one of minute, hour, day, week, month, total, got "dya", did you mean "day"?"#,
            ],
        ),
        (
            r#"{"budgets": [{"name": "b", "unit": "EUR", "limit": 1, "window": "day"}]}"#.into(),
            vec![r#"budgets[0].unit: no price is in EUR; add prices with "currency": "EUR""#],
        ),
        (
            r#"{"budgets": [{"name": "b", "unit": "usd", "limit": 1, "window": "day"}]}"#.into(),
            vec![r#"budgets[0].unit: expected "tokens", "requests", "compute_seconds", an ISO 4217 code such as "USD", or {"tokens": {…weights}}, got "usd""#],
        ),
        (budget(r#", "per": ["team", "team"]"#), vec!["budgets[0].per[1]: is in the list already"]),
        (
            budget(r#", "per": ["tema"]"#),
            vec![r#"budgets[0].per[0]: expected one of team, project, environment, customer_id, feature, session_id, cost_center, operation_name, model, provider, got "tema""#],
        ),
        (budget(r#", "limits": {"a": 1}"#), vec![r#"budgets[0].limits: needs "per": without keys there is one account only"#]),
        (
            budget(r#", "per": ["team"], "limits": {"a": 1.5}"#),
            vec!["budgets[0].limits.a: expected a whole number of tokens, 0 or more, got 1.5"],
        ),
        (
            r#"{"budgets": [{"name": "b", "unit": "tokens", "limit": 1, "window": {"period": "week", "starts_on": "mon"}}]}"#.into(),
            vec![r#"budgets[0].window.starts_on: expected one of monday, tuesday, wednesday, thursday, friday, saturday, sunday, got "mon""#],
        ),
        (
            r#"{"sla": [{"tier": "unknown", "latency_target_ms": 0, "match": 5}]}"#.into(),
            vec![
                r#"sla[0].tier: "unknown" is no meaningful value: 1 to 128 bytes without control, invisible or disguised characters, and no placeholder such as "unknown" or "n/a""#,
                "sla[0].match: expected an object, got 5",
                "sla[0].latency_target_ms: expected a whole number from 1 to 3600000, got 0",
            ],
        ),
        (
            r#"{"breakers": [{"name": "b", "failures": ["5xx", 429, 200, "slow"], "rate": {}}, {"name": "b"}]}"#.into(),
            vec![
                "breakers[0].rate.percent: is required",
                r#"breakers[0].failures[1]: 429 has a key of its own: "rate_limited""#,
                "breakers[0].failures[2]: expected 5xx, connect, reset, timeout, stream_error or a status from 400 to 599, got 200",
                r#"breakers[0].failures[3]: expected 5xx, connect, reset, timeout, stream_error or a status from 400 to 599, got "slow""#,
                r#"breakers[1].name: "b" is taken by an earlier breaker"#,
            ],
        ),
        (
            r#"{"failure": {"upgrade": {"reserve": 0}}}"#.into(),
            vec!["failure.upgrade.reserve: expected a whole number from 1 to 1000000000, got 0"],
        ),
        (
            r#"{"attribution": {"team": {"on_missing": {"constant": "unknown"}}}}"#.into(),
            vec![r#"attribution.team.on_missing.constant: "unknown" is no meaningful value (§9.1): 1 to 128 bytes without control, invisible or disguised characters, and no placeholder such as "unknown" or "n/a""#],
        ),
        (
            r#"{"attribution": {"team": {"on_missing": "omit"}, "project": {"sources": [{"heder": "x"}]}}}"#.into(),
            vec![
                r#"attribution.team.on_missing: expected "refuse", or {"constant": "…"}, got "omit""#,
                "attribution.project.sources[0]: states no source, expected one of header, baggage, jwt_claim, metadata, filter_state, mtls, istio_peer, istio_peer_label, route_metadata, virtual_host_metadata, cluster_metadata, node_metadata, api_key, constant",
                r#"attribution.project.sources[0].heder: unknown key, did you mean "header"?; known keys here: api_key, baggage, cluster_metadata, constant, filter_state, header, istio_peer, istio_peer_label, jwt_claim, metadata, mtls, node_metadata, payload, route_metadata, trusted, virtual_host_metadata"#,
            ],
        ),
        (
            r#"{"attribution": {"team": {"sources": []}}}"#.into(),
            vec!["attribution.team.on_missing: with no sources every call would be refused; add a source or a constant"],
        ),
        (
            r#"{"prices": [{"model": "a*b", "currency": "USD", "input_per_million": -1, "output_per_million": 0.0000000001}]}"#.into(),
            vec![
                r#"prices[0].model: expected a model name, with "*" at the end at most, got "a*b""#,
                "prices[0].input_per_million: expected a price per million tokens, 0 or more, got -1",
                "prices[0].output_per_million: expected a price per million tokens, 0 or more, got 1e-10",
            ],
        ),
        (r#"{"telemetry": {"otlp": {}}}"#.into(), vec!["telemetry.otlp.cluster: is required"]),
        (r#"{"reservation": {"ttl_ms": 5}}"#.into(), vec!["reservation.ttl_ms: expected a whole number from 1000 to 86400000, got 5"]),
        (
            r#"{"upstreams": [{"match": {"authority": "https://llm.corp", "path_prefix": "v1", "host": "x"}, "provider": "unknown", "api": "openai"}]}"#.into(),
            vec![
                r#"upstreams[0].match.authority: expected a host such as "llm.corp" or "llm.corp:8443", or a domain such as "*.llm.corp", got "https://llm.corp""#,
                r#"upstreams[0].match.path_prefix: expected a path that begins with "/", got "v1""#,
                "upstreams[0].match.host: unknown key; known keys here: authority, cluster, path_prefix, route",
                r#"upstreams[0].provider: expected the name of a provider, got "unknown""#,
                "upstreams[0].api: expected one of chat_completions, ",
            ],
        ),
        (
            r#"{"upstreams": [{"provider": "grok", "include_usage": true}]}"#.into(),
            vec![
                r#"upstreams[0].provider: expected the name of a provider, got "grok", did you mean "groq"?"#,
                "upstreams[0].include_usage: expected one of keep, inject, got true",
            ],
        ),
        (r#"{"failure": {"unrecognised": true}}"#.into(), vec!["failure.unrecognised: expected one of refuse, pass, got true"]),
    ];
    for (text, expected) in cases {
        let problems: Vec<String> = parse(&text).unwrap_err().0.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), expected.len(), "{text}\n{problems:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{text}\n  got      {problem}\n  expected {expected}");
        }
    }
}

#[test]
fn two_budgets_of_one_name_would_share_their_accounts() {
    let one = r#"{"name": "b", "unit": "tokens", "limit": 1, "window": "day"}"#;
    let problems = parse(&format!(r#"{{"budgets": [{one}, {one}]}}"#)).unwrap_err();
    assert_eq!(problems.0[0].to_string(), r#"budgets[1].name: "b" is taken by an earlier budget"#);
}

#[test]
fn limits_are_read_as_they_are_written_and_their_problems_are_precise() {
    let config = parse(
        r#"{"rate_limits": [
            {"name": "rpm", "per": ["team"], "unit": "requests", "amount": 60, "period": "minute", "burst": 5,
             "limits": {"a": 120}, "mode": "shadow", "capacity": 7, "on_full": "shared_account"},
            {"name": "tpm", "unit": "tokens", "amount": 1e6, "period": 1500, "algorithm": "fixed"}],
            "rate_limit_headers": false,
            "concurrency_limits": [{"name": "rpm", "per": ["model"], "max": 3, "limits": {"m": 1}, "ttl_ms": 5000,
             "retry_after_ms": 10}]}"#,
    )
    .unwrap();
    let [smooth, fixed] = config.rate_limits.as_slice() else { panic!("two limits") };
    assert_eq!(
        (smooth.period_ms, smooth.algorithm, smooth.burst),
        (60_000, Algorithm::Smooth, Amount::new(5))
    );
    assert_eq!(smooth.quota_of("a").amount, Amount::new(120));
    assert_eq!((smooth.enforcement, smooth.capacity), (Enforcement::Shadow, 7));
    assert_eq!((fixed.period_ms, fixed.algorithm, fixed.unit), (1_500, Algorithm::Fixed, Unit::Tokens));
    assert!(!config.rate_limit_headers);
    let slots = &config.concurrency_limits[0].slots;
    assert_eq!((slots.limit, slots.limit_of("m"), slots.ttl_ms), (Amount::new(3), Amount::new(1), 5_000));
    assert_eq!((slots.on_expiry, config.concurrency_limits[0].retry_after_ms), (OnExpiry::Release, 10));

    let limit = |rest: &str| format!(r#"{{"rate_limits": [{{"name": "r", "unit": "requests", {rest}}}]}}"#);
    let cases: [(String, &[&str]); 6] = [
        (r#"{"rate_limits": [{}]}"#.into(), &[
            "rate_limits[0].name: is required",
            "rate_limits[0].unit: is required",
            "rate_limits[0].amount: is required",
            "rate_limits[0].period: is required",
        ]),
        (limit(r#""amount": -1, "period": "month""#), &[
            "rate_limits[0].amount: expected a whole number from 0 to 1000000000000, got -1",
            r#"rate_limits[0].period: expected second, minute, hour, day, or milliseconds from 1 to 2678400000, got "month""#,
        ]),
        (limit(r#""amount": 1, "period": 0"#), &["rate_limits[0].period: expected second, minute, hour, day, or milliseconds from 1 to 2678400000, got 0"]),
        (limit(r#""amount": 1, "period": "day", "algorithm": "fixed", "burst": 2, "limits": {"a": 1}, "capacity": 261121"#), &[
            r#"rate_limits[0].limits: needs "per": without keys there is one account only"#,
            "rate_limits[0].burst: a fixed window has no burst: its amount can be taken at once",
            "rate_limits[0].capacity: expected a whole number from 1 to 261120, got 261121",
        ]),
        (r#"{"concurrency_limits": [{"name": "c", "max": 1, "per": ["tem"]}, {"name": "c", "max": 1}]}"#.into(), &[
            "concurrency_limits[0].per[0]: expected one of team",
            r#"concurrency_limits[1].name: "c" is taken by an earlier concurrency limit"#,
        ]),
        (r#"{"budgets": [{"name": "b", "unit": "tokens", "limit": 1, "window": "day", "alert_at": [0.5, 0.5, 0.0001, 11, "x"]}]}"#.into(), &[
            "budgets[0].alert_at[1]: is in the list already",
            "budgets[0].alert_at[2]: expected a part of the limit from 0.001 to 10 with at most three decimals, got 0.0001",
            "budgets[0].alert_at[3]: expected a part of the limit",
            "budgets[0].alert_at[4]: expected a part of the limit",
        ]),
    ];
    for (text, expected) in cases {
        let problems: Vec<String> = parse(&text).unwrap_err().0.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), expected.len(), "{text}\n{problems:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{text}\n  got      {problem}\n  expected {expected}");
        }
    }
}

#[test]
fn limits_of_a_model_hold_for_its_name_in_any_case_and_are_not_stated_twice() {
    let sections = [
        ("budgets", r#""unit": "tokens", "limit": 9, "window": "day""#),
        ("rate_limits", r#""unit": "requests", "amount": 9, "period": "day""#),
        ("concurrency_limits", r#""max": 9"#),
    ];
    for (section, rest) in sections {
        let read = |per: &str, limits: &str| {
            parse(&format!(
                r#"{{"{section}": [{{"name": "n", "per": [{per}], "limits": {{{limits}}}, {rest}}}]}}"#
            ))
        };
        let config =
            read(r#""team", "model""#, r#""Ads|GPT-4o": 3, "ads|gpt-4o": 4, "Ads|B\\|C": 5"#).unwrap();
        let limit_of = |key: &str| match section {
            "budgets" => config.budgets[0].limit_of(key).get(),
            "rate_limits" => config.rate_limits[0].quota_of(key).amount.get(),
            _ => config.concurrency_limits[0].slots.limit_of(key).get(),
        };
        let limits = ["Ads|gpt-4o", "ads|gpt-4o", "Ads|b\\|c", "Ads|GPT-4o"].map(limit_of);
        assert_eq!(limits, [3, 4, 5, 9], "{section}: attributes differ by case, models do not");
        let problems = read(r#""model""#, r#""GPT-4o": 3, "gpt-4O": 4"#).unwrap_err();
        let expected = r#"[0].limits.gpt-4O: is "gpt-4o" once more: models are alike in any case of letters"#;
        assert_eq!(
            problems.0.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!("{section}{expected}")]
        );
        assert!(read(r#""team""#, r#""Ads": 3, "ads": 4"#).is_ok(), "{section}");
    }
}

#[test]
fn text_that_is_no_json_says_where() {
    let problems = parse("{\"budgets\": [}").unwrap_err();
    assert!(problems.to_string().contains("line 1 column"), "{problems}");
}
