//! Each claim, right and wrong.

use genops::approval::Invalid;
use genops::gate::Approvals;
use serde_json::{Value, json};

use crate::notary::{
    EDDSA, HOUR_S, HS256, START_S, approvals, claims, grant, header, token, verify, verify_at,
};

#[test]
fn both_algorithms_give_the_same_claims() {
    let changes = json!({
        "delegation": ["cfo", "head of search"], "uses": 3, "attribution": {"team": "search"}, "model": "gpt-4o*",
        "iat": START_S,
    });
    let [signed, mac] = [EDDSA, HS256].map(|kid| verify(&grant(kid, changes.clone())).unwrap());
    assert_eq!(signed.claims(), mac.claims());
    let claims = signed.claims();
    assert_eq!((&*claims.id, &*claims.approver, claims.uses), ("g-1", "alice", 3));
    assert_eq!(claims.chain(), "cfo > head of search > alice");
    assert_eq!((signed.kid(), mac.kid()), (EDDSA, HS256));
    assert_eq!(verify(&grant(EDDSA, json!({}))).unwrap().claims().uses, 1, "one use unless stated");
}

#[test]
fn a_claim_that_is_wrong_refuses_the_grant_and_is_named() {
    let long = "x".repeat(129);
    let many: Vec<String> = (0..9).map(|n| format!("p{n}")).collect();
    let cases: Vec<(&str, Vec<Value>)> = vec![
        ("jti", vec![Value::Null, json!(""), json!("a b"), json!("x".repeat(65)), json!(7)]),
        (
            "approver",
            vec![Value::Null, json!(""), json!("unknown"), json!("a > b"), json!("a\nb"), json!(&long)],
        ),
        ("delegation", vec![json!("cfo"), json!(["cfo", 1]), json!(["a>b"]), json!([""]), json!(many)]),
        ("nbf", vec![Value::Null, json!(-1), json!(1.5), json!("1"), json!(u64::MAX)]),
        ("exp", vec![Value::Null, json!(START_S), json!(START_S - 1), json!(1e9), json!("never")]),
        ("iat", vec![json!("now"), json!(1.5)]),
        ("uses", vec![json!(0), json!(-1), json!(1_000_001), json!("1"), json!(1.0)]),
        ("aud", vec![json!([]), json!(""), json!(7), json!([7])]),
        (
            "attribution",
            vec![json!([]), json!({"team": 1}), json!({"teem": "a"}), json!({"team": " search"})],
        ),
        ("model", vec![json!(1), json!("*-mini"), json!("")]),
        (
            "ceiling",
            vec![
                Value::Null,
                json!({}),
                json!({"usd": "1"}),
                json!({"USD": "-1"}),
                json!({"tokens": "1.5"}),
                json!({"tokens": "+5"}),
                json!({"USD": true}),
            ],
        ),
    ];
    for (claim, values) in cases {
        for value in values {
            let token = grant(EDDSA, json!({claim: value}));
            assert_eq!(verify(&token), Err(Invalid::Claim(claim)), "{claim}: {value}");
        }
    }
}

#[test]
fn a_restriction_that_is_misspelt_does_not_widen_the_grant() {
    for stranger in ["modell", "sub", "iss", "ceilings", ""] {
        let refused = verify(&grant(EDDSA, json!({stranger: "x"})));
        assert_eq!(refused, Err(Invalid::Claim("one of them is not known")), "{stranger}");
    }
}

#[test]
fn members_that_stand_twice_have_no_meaning() {
    let plain = claims(json!({})).to_string();
    for twice in
        [r#""uses":1,"uses":9,"#, r#""approver":"alice","#, r#""attribution":{"team":"a","team":"b"},"#]
    {
        let payload = plain.replacen('{', &format!("{{{twice}"), 1);
        let refused = verify(&token(&header("EdDSA", EDDSA).to_string(), &payload, EDDSA));
        assert_eq!(refused, Err(Invalid::Claim("payload")), "{twice}");
    }
    let header = r#"{"alg":"HS256","alg":"EdDSA","kid":"ops","typ":"genops-grant+jwt"}"#;
    assert_eq!(verify(&token(header, &plain, EDDSA)), Err(Invalid::Malformed));
}

#[test]
fn time_is_judged_to_the_second() {
    let token = grant(EDDSA, json!({}));
    let moments = [
        (START_S - 1, Err(Invalid::NotYet)),
        (START_S, Ok(())),
        (START_S + HOUR_S - 1, Ok(())),
        (START_S + HOUR_S, Err(Invalid::Expired)),
        (0, Err(Invalid::NotYet)),
        (u64::MAX, Err(Invalid::Expired)),
    ];
    for (at_s, verdict) in moments {
        assert_eq!(verify_at(&token, &approvals(), at_s).map(|_| ()), verdict, "{at_s}");
    }
    let short = |max_lifetime_ms| Approvals { max_lifetime_ms, ..approvals() };
    assert!(verify_at(&token, &short(HOUR_S * 1_000), START_S).is_ok());
    assert_eq!(verify_at(&token, &short(HOUR_S * 1_000 - 1), START_S), Err(Invalid::TooLong));
}

#[test]
fn a_grant_is_for_the_gateways_it_names_and_a_gateway_with_a_name_takes_no_other() {
    let named = |name: &str| Approvals { audience: Some(name.into()), ..approvals() };
    let one = grant(EDDSA, json!({"aud": "edge"}));
    let two = grant(EDDSA, json!({"aud": ["lab", "edge"]}));
    let none = grant(EDDSA, json!({}));
    let cases = [
        (&one, named("edge"), true),
        (&two, named("edge"), true),
        (&none, approvals(), true),
        (&one, named("lab"), false),
        (&none, named("edge"), false),
        (&one, approvals(), false),
    ];
    for (number, (token, approvals, taken)) in cases.into_iter().enumerate() {
        let expected = if taken { Ok(()) } else { Err(Invalid::Audience) };
        assert_eq!(verify_at(token, &approvals, START_S).map(|_| ()), expected, "case {number}");
    }
}
